// Schedule: when something is due again, as cron writes it, on the wall clock of a time zone.
//
// Source of the form: crontab(5) of Vixie cron. Five fields, blanks between: minute 0-59, hour 0-23, day of month 1-31, month
// 1-12, day of week 0-7 (0 and 7 are Sunday); each "*" or a list of numbers, ranges and steps: "1,15", "9-17", "*/15". If both
// days are restricted, either will do. "@hourly", "@daily", "@weekly", "@monthly" and "@yearly" stand for theirs. One addition:
// "L" as the day of month is its last one.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "base/zone.h"

namespace bourse::broker {

// A value; immutable, so safe from any thread.
class Schedule {
 public:
  // Errors: invalid_argument, naming the field (bad number or form, unknown zone, a day that no month has).
  static Result<Schedule> parse(std::string_view text, std::string_view zone);

  // The first due instant after `after`. A time that the clock skips is due at the jump; one that it shows twice, the first
  // time. Nothing if none comes within nine years (29 February may be eight years off).
  std::optional<Instant> next(Instant after) const;

 private:
  explicit Schedule(Zone zone) : zone_(std::move(zone)) {}
  bool on_day(std::int64_t day) const;

  Zone zone_;
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;
  std::bitset<13> months_;
  std::bitset<7> weekdays_;  // 0 = Sunday
  bool last_day_ = false;
  bool any_day_ = false, any_weekday_ = false;  // written "*"
};

}  // namespace bourse::broker
