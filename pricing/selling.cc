#include "pricing/selling.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace bourse::pricing {
namespace {

constexpr Instant kNever{std::numeric_limits<std::int64_t>::max()};
constexpr Duration kAhead = hours(24 * 8);  // weekly windows that are still open then are always open
constexpr std::array<std::string_view, 7> kDays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr int kMinutesADay = 24 * 60;

std::unexpected<Error> no_rule(std::string what) { return fail(ErrorCode::invalid_argument, std::move(what)); }

Result<int> day_named(std::string_view text) {
  const auto at = std::ranges::find(kDays, text);
  if (at == kDays.end()) return no_rule("hours: the days are mon, tue, wed, thu, fri, sat and sun, not '" + std::string(text) + "'");
  return static_cast<int>(at - kDays.begin());
}

// "mon-fri", "sat,sun", "fri-mon": bits as in WeeklyWindow::days.
Result<std::uint8_t> parse_days(std::string_view text) {
  unsigned days = 0;
  while (true) {
    const auto comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const auto dash = part.find('-');
    TRY(const int first, day_named(part.substr(0, dash)));
    TRY(const int last, dash == std::string_view::npos ? Result<int>(first) : day_named(part.substr(dash + 1)));
    for (int day = first;; day = (day + 1) % 7) {
      days |= 1U << static_cast<unsigned>(day);
      if (day == last) break;
    }
    if (comma == std::string_view::npos) return static_cast<std::uint8_t>(days);
    text.remove_prefix(comma + 1);
  }
}

Result<int> parse_time(std::string_view text) {
  int hour = -1, minute = -1;
  const auto two = [](std::string_view digits, int& out) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return digits.size() == 2 && error == std::errc{} && end == digits.data() + digits.size() && out >= 0;
  };
  const bool formed = text.size() == 5 && text[2] == ':' && two(text.substr(0, 2), hour) && two(text.substr(3), minute);
  if (!formed || minute > 59 || hour * 60 + minute > kMinutesADay) return no_rule("hours: a time of day is 00:00 to 24:00, not '" + std::string(text) + "'");
  return hour * 60 + minute;
}

}  // namespace

Status check_rule(const SellingRule& rule) {
  if (rule.nodes < 0 || rule.cores < 0 || rule.gpus < 0) return no_rule("what may be held at once is below zero");
  if (rule.max_walltime.ms < 0) return no_rule("the longest walltime is below zero");
  if (rule.closes.unix_ms < 0) return no_rule("it closes before 1970");
  CHECK_OK(check_windows(rule.hours));
  if (rule.hours.empty() && !rule.zone.empty()) return no_rule("a time zone is for hours");
  if (!rule.hours.empty()) CHECK_OK(Zone::named(rule.zone.empty() ? "UTC" : rule.zone));
  if (rule.floor.size() > kHeldMeterCount) return no_rule("a floor has one price a meter");
  std::uint32_t seen = 0;
  for (const PriceRow& row : rule.floor) {
    const std::string meter(name(row.meter));
    if (!is_held(row.meter)) return no_rule("floor: nobody sells by " + meter);
    if (row.price.coefficient < 0 || row.per < 1) return no_rule("floor: the price of " + meter + " is no price");
    if (row != PriceRow{.meter = row.meter, .price = row.price, .per = row.per, .unit = row.unit}) return no_rule("floor: a plain price a quantity, and no more");
    if (row.unit != rule.floor.front().unit) return no_rule("floor: prices are in one currency");
    const std::uint32_t bit = 1U << static_cast<unsigned>(row.meter);
    if ((seen & bit) != 0) return no_rule("floor: " + meter + " is priced twice");
    seen |= bit;
  }
  return {};
}

Opening opening_at(const SellingRule& rule, Instant at) {
  const Instant last = rule.closes.unix_ms == 0 ? kNever : rule.closes;
  if (at >= last) return {.from = last, .until = kNever, .ends = std::nullopt};
  if (rule.hours.empty()) return {.from = {}, .until = last, .ends = last};
  const auto zone = Zone::named(rule.zone.empty() ? "UTC" : rule.zone);
  if (!zone) return {.from = at, .until = kNever, .ends = std::nullopt};
  const bool open = in_windows(rule.hours, zone->local(at));
  // Windows may follow one another without a gap, so not every edge closes.
  for (const Instant edge : window_edges(rule.hours, *zone, at, at + kAhead)) {
    if (in_windows(rule.hours, zone->local(edge)) == open) continue;
    const Instant until = std::min(edge, last);
    return {.from = at, .until = until, .ends = open ? std::optional(until) : std::nullopt};
  }
  return {.from = at, .until = std::min(at + hours(24), last), .ends = open ? std::optional(last) : std::nullopt};
}

Result<WeeklyWindow> parse_hours(std::string_view text) {
  WeeklyWindow window;
  const auto space = text.find(' ');
  std::string_view times = space == std::string_view::npos ? text : text.substr(space + 1);
  const bool days_alone = space == std::string_view::npos && text.find(':') == std::string_view::npos;
  if (days_alone || space != std::string_view::npos) {
    TRY(window.days, parse_days(text.substr(0, space)));
  }
  if (days_alone) return window;
  const auto dash = times.find('-');
  if (dash == std::string_view::npos) return no_rule("hours are written as mon-fri 18:00-08:00, not '" + std::string(text) + "'");
  TRY(const int from, parse_time(times.substr(0, dash)));
  TRY(const int until, parse_time(times.substr(dash + 1)));
  if (from == kMinutesADay || until == 0) return no_rule("hours begin by 23:59 and end from 00:01 to 24:00");
  window.from = static_cast<std::uint16_t>(from);
  window.until = static_cast<std::uint16_t>(until);
  return window;
}

std::string hours_text(const WeeklyWindow& window) {
  std::string days;
  for (std::size_t day = 0; day < kDays.size(); ++day)
    if ((window.days >> day & 1) != 0) days.append(days.empty() ? "" : ",").append(kDays.at(day));
  const auto time = [](int minute) {
    const auto two = [](int n) { return std::string(n < 10 ? "0" : "") + std::to_string(n); };
    return two(minute / 60) + ":" + two(minute % 60);
  };
  return days + " " + time(window.from) + "-" + time(window.until);
}

}  // namespace bourse::pricing
