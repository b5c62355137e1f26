#include "broker/domain/schedule.h"

#include <array>
#include <charconv>
#include <string>
#include <vector>

namespace bourse::broker {
namespace {

constexpr std::int64_t kHorizonDays = 9 * 366;

std::unexpected<Error> invalid(std::string_view field, std::string_view text) {
  return fail(ErrorCode::invalid_argument,
              "schedule: '" + std::string(text) + "' is no " + std::string(field) + " (five fields as in cron, such as '0 2 1 * *')");
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t at = std::min(text.find(separator), text.size());
    if (at > 0 || separator != ' ') parts.push_back(text.substr(0, at));
    text.remove_prefix(std::min(at + 1, text.size()));
  }
  return parts;
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// One entry of a list: "*", "5", "1-5", any of them with "/step".
struct Range {
  int from = 0, to = 0, step = 1;
};
std::optional<Range> range_of(std::string_view text, int least, int most) {
  Range range;
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    const auto step = number(text.substr(slash + 1));
    if (!step || *step < 1) return std::nullopt;
    range.step = *step;
    text = text.substr(0, slash);
  }
  const std::size_t dash = text.find('-');
  const auto from = text == "*" ? std::optional(least) : number(text.substr(0, dash));
  const auto to = text == "*" ? std::optional(most) : dash == std::string_view::npos ? from : number(text.substr(dash + 1));
  if (!from || !to || *from < least || *to > most || *from > *to) return std::nullopt;
  range.from = *from;
  range.to = dash == std::string_view::npos && range.step > 1 && text != "*" ? most : *to;  // "5/10" goes on to the end
  return range;
}

template <std::size_t N>
bool fill(std::bitset<N>& bits, std::string_view text, int least, int most) {
  const auto entries = split(text, ',');
  if (entries.empty() || text.ends_with(',')) return false;
  for (const std::string_view entry : entries) {
    const auto range = range_of(entry, least, most);
    if (!range) return false;
    for (int value = range->from; value <= range->to; value += range->step) bits.set(static_cast<std::size_t>(value));
  }
  return true;
}

std::string_view expanded(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kNames = {{{"@hourly", "0 * * * *"},
                                                                                         {"@daily", "0 0 * * *"},
                                                                                         {"@weekly", "0 0 * * 0"},
                                                                                         {"@monthly", "0 0 1 * *"},
                                                                                         {"@yearly", "0 0 1 1 *"}}};
  for (const auto& [name, meaning] : kNames)
    if (text == name) return meaning;
  return text;
}

}  // namespace

Result<Schedule> Schedule::parse(std::string_view text, std::string_view zone_name) {
  TRY(Zone zone, Zone::named(zone_name.empty() ? "UTC" : zone_name));
  Schedule out(std::move(zone));
  const auto fields = split(expanded(text), ' ');
  if (text.size() > 200 || fields.size() != 5) return invalid("schedule", text.substr(0, 60));
  if (!fill(out.minutes_, fields[0], 0, 59)) return invalid("minute", fields[0]);
  if (!fill(out.hours_, fields[1], 0, 23)) return invalid("hour", fields[1]);
  out.last_day_ = fields[2] == "L";
  if (!out.last_day_ && !fill(out.days_, fields[2], 1, 31)) return invalid("day of month", fields[2]);
  if (!fill(out.months_, fields[3], 1, 12)) return invalid("month", fields[3]);
  std::bitset<8> week;
  if (!fill(week, fields[4], 0, 7)) return invalid("day of week", fields[4]);
  for (std::size_t day = 0; day < week.size(); ++day)
    if (week[day]) out.weekdays_.set(day % 7);
  out.any_day_ = fields[2] == "*";
  out.any_weekday_ = fields[4] == "*";
  if (!out.next(Instant{})) return invalid("day that comes", text);
  return out;
}

bool Schedule::on_day(std::int64_t day) const {
  const std::int32_t month = month_of(day);
  if (!months_[static_cast<std::size_t>(month % 12 + 1)]) return false;
  const bool by_day = last_day_ ? first_day(month + 1) - 1 == day : days_[static_cast<std::size_t>(day - first_day(month) + 1)];
  const bool by_weekday = weekdays_[static_cast<std::size_t>((weekday(day) + 1) % 7)];
  if (any_day_) return by_weekday;
  if (any_weekday_) return by_day;
  return by_day || by_weekday;
}

std::optional<Instant> Schedule::next(Instant after) const {
  const std::int64_t today = zone_.local(after).day;
  // From yesterday: where the clock is set back over midnight, yesterday's evening may come again.
  for (std::int64_t day = today - 1; day < today + kHorizonDays; ++day) {
    if (!on_day(day)) continue;
    for (std::size_t hour = 0; hour < hours_.size(); ++hour) {
      if (!hours_[hour]) continue;
      for (std::size_t minute = 0; minute < minutes_.size(); ++minute) {
        if (!minutes_[minute]) continue;
        const Instant due = zone_.moments({day, static_cast<std::int32_t>(hour * 3600 + minute * 60)}).first;
        if (due > after) return due;
      }
    }
  }
  return std::nullopt;
}

}  // namespace bourse::broker
