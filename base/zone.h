// Zone: what the clock on the wall shows in an IANA time zone, and when it shows a given time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/time.h"

namespace bourse {

// A reading of the wall clock. Summer time makes some of them occur twice and others never.
struct LocalTime {
  std::int64_t day = 0;     // days since 1970-01-01 on the local calendar
  std::int32_t second = 0;  // of the day, as the clock shows it: 0 to 86'399

  constexpr auto operator<=>(const LocalTime&) const = default;
};

// 0 = Monday to 6 = Sunday.
constexpr int weekday(std::int64_t day) { return static_cast<int>(((day + 3) % 7 + 7) % 7); }  // 1970-01-01 was a Thursday

// Months since year 0 (12 × year + month − 1) of a local day, and a month's first day.
std::int32_t month_of(std::int64_t day);
std::int64_t first_day(std::int32_t month);

// A value; immutable, so safe from any thread. The rules come from the machine's time zone database and are read once a
// process: two machines agree on a future summer time only if their databases do.
class Zone {
 public:
  // "Asia/Shanghai", "UTC". Errors: invalid_argument (no such zone, or a name that is a path).
  static Result<Zone> named(std::string_view name);

  LocalTime local(Instant at) const;

  // When the wall clock shows `time` (whose second may be 86'400, the day's end): one instant; two where it is set back over
  // that time; where it is set forward over it, the instant of the jump.
  struct Moments {
    Instant first;
    Instant last;  // = first, but for a time that occurs twice
  };
  Moments moments(LocalTime time) const;

  // The first instant after `after` at which the wall clock is set; nothing when the rules know none.
  std::optional<Instant> next_jump(Instant after) const;

 private:
  struct Rules;
  explicit Zone(std::shared_ptr<const Rules> rules) : rules_(std::move(rules)) {}

  std::shared_ptr<const Rules> rules_;
};

}  // namespace bourse
