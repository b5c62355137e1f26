// Completeness: what a center says of each of its days, what we booked of it, and whether the two agree (docs/adr/0011).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/id.h"
#include "base/time.h"
#include "evidence/day.h"

namespace bourse::broker {

// How sure a closed period is to hold all that its center metered.
enum class Completeness : std::uint8_t {
  not_offered = 0,  // its center never said anything of a day
  complete = 1,     // both agreed on every day that ended in it
  incomplete = 2,   // closed all the same: by a person's word, or after the schedule had waited
};
std::string_view name(Completeness completeness);  // "not_offered"

// A center's word on a day, as a record of its report.
struct DayRecord {
  evidence::Day day = 0;
  std::uint32_t revision = 0;    // from 1
  evidence::DaySum said;
  evidence::DayReadings entries;  // all of it, or its first kMaxDayEntries attempts; empty = only the sum is said
};

// Our answer: the countersignature when `agreed`. `booked` is what had been booked of the day by then.
struct DayAnswered {
  CenterId center;
  evidence::Day day = 0;
  std::uint32_t revision = 0;
  bool agreed = false;
  evidence::DaySum said, booked;
  std::vector<evidence::DayDifference> differences;  // at most kMaxDayDifferences, once entries were given
  Hash256 report;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.center, self.day, self.revision, self.agreed, self.said, self.booked, self.differences, self.report, self.at);
  }
};

// A day as a period was closed with it.
struct ClosedDay {
  evidence::Day day = 0;
  std::uint32_t revision = 0;  // 0 = the center hasn't said it
  bool agreed = false;
  evidence::DaySum said, booked;
  Hash256 report;  // that said it
  bool operator==(const ClosedDay&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.day, self.revision, self.agreed, self.said, self.booked, self.report);
  }
};

// A day as it stands.
struct DayState {
  std::uint32_t revision = 0;  // newest said; 0 = none
  bool agreed = false;         // on that; false again when usage of the day was booked since
  evidence::DaySum said, booked;  // when it was said
  std::vector<evidence::DayDifference> differences;
  Hash256 report;
  Instant at;                      // of our answer
  evidence::DayReadings readings;  // booked up to now
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.revision, self.agreed, self.said, self.booked, self.differences, self.report, self.at, self.readings);
  }
};

struct CenterDays {
  CenterId center;
  std::optional<evidence::Day> since;  // the first day that it said anything of
  std::map<evidence::Day, DayState> days;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.center, self.since, self.days); }
};

// Usage that is older is set aside (decide_report.cc), so what is booked of such days can't change any more.
inline constexpr evidence::Day kDaysKept = 40;
inline constexpr Duration kCompletenessPatience = hours(24 * 7);  // how long a schedule waits for days

}  // namespace bourse::broker
