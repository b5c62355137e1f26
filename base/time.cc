#include "base/time.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>

namespace bourse {
namespace {

constexpr std::int64_t kMsPerDay = 86'400'000;
constexpr Instant kFirst{-62'135'596'800'000};  // 0001-01-01T00:00:00Z
constexpr Instant kLast{253'402'300'799'999};   // 9999-12-31T23:59:59.999Z

// Proleptic Gregorian, counted in eras of 400 years that begin on a 1 March, so that a leap day comes last in its year.
constexpr std::int64_t kDaysPerEra = 146'097;
constexpr std::int64_t kDaysToEpoch = 719'468;  // 0000-03-01 to 1970-01-01

struct Date {
  std::int64_t year;
  std::int64_t month;
  std::int64_t day;
};

constexpr std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

constexpr std::int64_t days_since_epoch(Date date) {
  const std::int64_t year = date.month <= 2 ? date.year - 1 : date.year;
  const std::int64_t era = floor_divide(year, 400);
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t month_from_march = (date.month + 9) % 12;
  const std::int64_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
  const std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * kDaysPerEra + day_of_era - kDaysToEpoch;
}

constexpr Date date_of(std::int64_t days) {
  days += kDaysToEpoch;
  const std::int64_t era = floor_divide(days, kDaysPerEra);
  const std::int64_t day_of_era = days - era * kDaysPerEra;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const std::int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  return {.year = year_of_era + era * 400 + (month <= 2 ? 1 : 0),
          .month = month,
          .day = day_of_year - (153 * month_from_march + 2) / 5 + 1};
}

constexpr std::int64_t days_in_month(std::int64_t year, std::int64_t month) {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static_assert(days_since_epoch({1970, 1, 1}) == 0 && days_since_epoch({2000, 3, 1}) == 11'017);

// Takes the fields of RFC 3339 off the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  // `width` digits whose value lies in [least, most].
  std::optional<std::int64_t> number(std::size_t width, std::int64_t least, std::int64_t most) {
    if (text_.size() < width) return std::nullopt;
    std::int64_t value = 0;
    for (const char c : text_.substr(0, width)) {
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + (c - '0');
    }
    if (value < least || value > most) return std::nullopt;
    text_.remove_prefix(width);
    return value;
  }
  bool one_of(std::string_view characters) {
    if (text_.empty() || !characters.contains(text_.front())) return false;
    text_.remove_prefix(1);
    return true;
  }
  // The digits of a fraction as milliseconds, the rest cut off; nothing without a digit.
  std::optional<std::int64_t> fraction_ms() {
    std::optional<std::int64_t> ms;
    std::int64_t place = 100;
    for (; !text_.empty() && text_.front() >= '0' && text_.front() <= '9'; text_.remove_prefix(1), place /= 10)
      ms = ms.value_or(0) + (text_.front() - '0') * place;
    return ms;
  }
  bool starts_with(char c) const { return text_.starts_with(c); }
  bool at_end() const { return text_.empty(); }

 private:
  std::string_view text_;
};

constexpr std::int64_t kMsPerMinute = 60'000;

// 'Z' or ±hh:mm; what must be subtracted from local time.
std::optional<std::int64_t> scan_offset_ms(Scanner& scanner) {
  if (scanner.one_of("Zz")) return 0;
  const bool west = scanner.starts_with('-');
  if (!scanner.one_of("+-")) return std::nullopt;
  const auto hour = scanner.number(2, 0, 23);
  if (!hour || !scanner.one_of(":")) return std::nullopt;
  const auto minute = scanner.number(2, 0, 59);
  if (!minute) return std::nullopt;
  const std::int64_t ms = (*hour * 60 + *minute) * kMsPerMinute;
  return west ? -ms : ms;
}

std::optional<Instant> scan_instant(Scanner& scanner) {
  const auto year = scanner.number(4, 1, 9999);
  if (!year || !scanner.one_of("-")) return std::nullopt;
  const auto month = scanner.number(2, 1, 12);
  if (!month || !scanner.one_of("-")) return std::nullopt;
  const auto day = scanner.number(2, 1, days_in_month(*year, *month));
  if (!day || !scanner.one_of("Tt")) return std::nullopt;
  const auto hour = scanner.number(2, 0, 23);
  if (!hour || !scanner.one_of(":")) return std::nullopt;
  const auto minute = scanner.number(2, 0, 59);
  if (!minute || !scanner.one_of(":")) return std::nullopt;
  const auto second = scanner.number(2, 0, 59);
  if (!second) return std::nullopt;
  std::int64_t ms = 0;
  if (scanner.one_of(".")) {
    const auto fraction = scanner.fraction_ms();
    if (!fraction) return std::nullopt;
    ms = *fraction;
  }
  const auto offset_ms = scan_offset_ms(scanner);
  if (!offset_ms || !scanner.at_end()) return std::nullopt;
  const std::int64_t in_day = ((*hour * 60 + *minute) * 60 + *second) * 1000 + ms;
  const Instant instant{days_since_epoch({*year, *month, *day}) * kMsPerDay + in_day - *offset_ms};
  if (instant < kFirst || instant > kLast) return std::nullopt;
  return instant;
}

}  // namespace

std::string to_text(Instant t) {
  const std::int64_t days = floor_divide(t.unix_ms, kMsPerDay);
  const std::int64_t in_day = (t.unix_ms % kMsPerDay + kMsPerDay) % kMsPerDay;
  const Date date = date_of(days);
  const bool plain = t >= kFirst && t <= kLast;
  std::string text = plain ? fmt::format("{:04}", date.year) : fmt::format("{:+07}", date.year);
  text += fmt::format("-{:02}-{:02}T{:02}:{:02}:{:02}", date.month, date.day, in_day / 3'600'000, in_day / 60'000 % 60,
                      in_day / 1000 % 60);
  if (in_day % 1000 != 0) text += fmt::format(".{:03}", in_day % 1000);
  return text + 'Z';
}

Result<Instant> parse_instant(std::string_view text) {
  Scanner scanner(text);
  if (const auto instant = scan_instant(scanner)) return *instant;
  return fail(ErrorCode::invalid_argument, "expected a time like 2026-11-21T08:30:00Z or 2026-11-21T16:30:00+08:00");
}

Instant SystemClock::now() const {
  return {std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count()};
}

Duration SystemClock::monotonic() const {
  return {std::chrono::floor<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count()};
}

}  // namespace bourse
