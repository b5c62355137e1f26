#include "evidence/day.h"

#include <algorithm>
#include <limits>

#include "base/sha256.h"

namespace bourse::evidence {
namespace {

void add(std::int64_t& sum, std::int64_t value) {
  if (__builtin_add_overflow(sum, value, &sum)) sum = std::numeric_limits<std::int64_t>::max();
}

void put(std::string& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift & 0xFF));
}

}  // namespace

std::string to_text(Day day) { return bourse::to_text(start_of(day)).substr(0, 10); }

DaySum sum_of(const DayReadings& readings) {
  DaySum sum;
  std::string bytes;
  bytes.reserve(readings.size() * 49);
  for (const auto& [attempt, reading] : readings) {
    ++sum.attempts;
    sum.finals += reading.final ? 1 : 0;
    add(sum.core_ms, reading.core_ms);
    add(sum.gpu_ms, reading.gpu_ms);
    add(sum.node_ms, reading.node_ms);
    add(sum.mem_mib_s, reading.mem_mib_s);
    put(bytes, attempt.uuid.high);
    put(bytes, attempt.uuid.low);
    bytes.push_back(reading.final ? '\1' : '\0');
    for (const std::int64_t meter : {reading.core_ms, reading.gpu_ms, reading.node_ms, reading.mem_mib_s})
      put(bytes, static_cast<std::uint64_t>(meter));
  }
  sum.digest = sha256(bytes);
  return sum;
}

std::vector<DayDifference> differences(const DayReadings& center, bool whole, const DayReadings& broker, std::size_t most) {
  std::vector<DayDifference> out;
  const auto end = whole || center.empty() ? broker.end() : broker.upper_bound(center.rbegin()->first);
  auto ours = broker.begin();
  const auto missing_before = [&](const AttemptId* attempt) {
    for (; ours != end && (attempt == nullptr || ours->first < *attempt) && out.size() < most; ++ours)
      out.push_back({ours->first, std::nullopt, ours->second});
  };
  for (const auto& [attempt, reading] : center) {
    missing_before(&attempt);
    if (out.size() >= most) return out;
    const bool both = ours != end && ours->first == attempt;
    if (!both) out.push_back({attempt, reading, std::nullopt});
    else if (ours->second != reading) out.push_back({attempt, reading, ours->second});
    if (both) ++ours;
  }
  missing_before(nullptr);
  return out;
}

}  // namespace bourse::evidence
