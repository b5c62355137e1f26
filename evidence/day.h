// A center's day, as both sides count it: what ended or was metered on it, by the signed usage records (docs/adr/0011).
//
// Of each attempt with a usage record whose end lies in the UTC day, the newest such record counts, with its cumulative
// meters. Pure; broker and connector use the same functions, and compare what they come to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/id.h"
#include "base/time.h"

namespace bourse::evidence {

using Day = std::int32_t;  // since 1970-01-01, UTC
inline constexpr std::int64_t kDayMs = 86'400'000;
constexpr Day day_of(Instant at) {
  const std::int64_t days = at.unix_ms / kDayMs - (at.unix_ms % kDayMs < 0 ? 1 : 0);
  return static_cast<Day>(days);
}
constexpr Instant start_of(Day day) { return {day * kDayMs}; }
constexpr Instant end_of(Day day) { return {(std::int64_t{day} + 1) * kDayMs}; }  // exclusive
std::string to_text(Day day);  // "2026-11-22"

struct DayReading {
  bool final = false;
  std::int64_t core_ms = 0, gpu_ms = 0, node_ms = 0, mem_mib_s = 0;
  bool operator==(const DayReading&) const = default;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.final, self.core_ms, self.gpu_ms, self.node_ms, self.mem_mib_s);
  }
};
using DayReadings = std::map<AttemptId, DayReading>;

struct DaySum {
  std::int64_t attempts = 0;
  std::int64_t finals = 0;  // of them, with their final record
  std::int64_t core_ms = 0, gpu_ms = 0, node_ms = 0, mem_mib_s = 0;  // sums; one that is too large stays at 2^63 - 1
  // SHA-256 over the readings, rising by attempt: its 16 bytes, 1 or 0 for final, each meter as 8 bytes, big-endian.
  Hash256 digest;
  bool operator==(const DaySum&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.attempts, self.finals, self.core_ms, self.gpu_ms, self.node_ms, self.mem_mib_s, self.digest);
  }
};
DaySum sum_of(const DayReadings& readings);

// An attempt that the two sides have otherwise, or that one of them doesn't have.
struct DayDifference {
  AttemptId attempt;
  std::optional<DayReading> center, broker;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.attempt, self.center, self.broker); }
};
// At most `most`, rising by attempt. When the center's list was cut (`whole` is false), nothing beyond its last attempt is compared.
std::vector<DayDifference> differences(const DayReadings& center, bool whole, const DayReadings& broker, std::size_t most);

inline constexpr std::size_t kMaxDayEntries = 10'000;    // that a center lists
inline constexpr std::size_t kMaxDayDifferences = 100;   // that the broker answers with

}  // namespace bourse::evidence
