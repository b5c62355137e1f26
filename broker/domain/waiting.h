// Jobs that are not dispatched at once: those that wait for others, and the elements of arrays (docs/adr/0026).
//
// A condition is settled once, by what became of the job it is on: met, or never. The broker keeps which jobs wait on which,
// so that what a job's end costs does not grow with how many jobs there are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/index_ranges.h"
#include "base/result.h"
#include "base/time.h"

namespace bourse::broker {

inline constexpr std::size_t kMaxConditions = 500;       // of one job
inline constexpr Duration kLongestWait = hours(24 * 30);   // for its conditions, or for its array's turn; then it is cancelled

// Numbers are in the journal.
enum class After : std::uint8_t {
  started = 1,    // it began, or ended without that
  ended = 2,
  succeeded = 3,
  failed = 4,     // it ended, and not well
  singleton = 5,  // as `ended`; the market found the jobs
};
std::string_view name(After kind);  // "afterok"

// On a job or a whole array. Of an array: each of its elements; but `failed`: all have ended, and not all well.
struct Condition {
  After kind{};
  JobId on;
  auto operator<=>(const Condition&) const = default;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.kind, self.on); }
};

struct Dependency {
  std::vector<Condition> of;  // in a job: sorted by what they are on, each once
  bool any = false;           // one of them is enough
  bool operator==(const Dependency&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.of, self.any); }
};
// "afterok:JOB:JOB,afterany:JOB[_INDEX]", or with "?" between them, or "singleton" (whose job is nil). Errors: invalid_argument.
Result<Dependency> parse_dependency(std::string_view text);

std::string to_text(const Dependency& dependency);

enum class Met : std::uint8_t { open = 0, met = 1, never = 2 };
std::string_view name(Met met);  // "open"

// How a dependency stands: one entry a condition.
struct Gate {
  std::vector<Met> of;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.of); }
  // Of all of them: met = what waits may go, never = it can't any more.
  Met state(bool any) const;
};

// What an array asks for; no ranges = it is none.
struct ArraySpec {
  std::vector<IndexRange> ranges;
  std::uint32_t at_once = 0;  // elements that may run at once; 0 = all
  bool is_array() const { return !ranges.empty(); }
  std::string text() const;  // "0-99:2%10"
  bool operator==(const ArraySpec&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.ranges, self.at_once); }
};
// Which element of an array a job is; nil = of none.
struct ElementOf {
  JobId array;
  std::uint32_t index = 0;
  bool operator==(const ElementOf&) const = default;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.array, self.index); }
};
// An element's id follows from its array's and sorts with it. "job_…_7" is a way to write it.
JobId element_id(JobId array, std::uint32_t index);
std::uint32_t index_in(JobId element);
Result<JobId> parse_job_or_element(std::string_view text);

}  // namespace bourse::broker
