#include "pricing/tariff.h"

#include <algorithm>

namespace bourse::pricing {
namespace {

constexpr std::int32_t kMinute = 60;
constexpr std::uint16_t kDayMinutes = 1440;

Status wrong(std::string what) { return fail(ErrorCode::invalid_argument, std::move(what)); }

void sort_once(std::vector<Instant>& edges) {
  std::ranges::sort(edges);
  const auto again = std::ranges::unique(edges);
  edges.erase(again.begin(), again.end());
}

}  // namespace

Status check_tiers(const Tiers& tiers) {
  if (tiers.mode > TierMode::volume || tiers.over > Over::month) return wrong("there is no such kind of tiers");
  if (tiers.steps.size() > kMaxTiers) return wrong("more than 64 tiers");
  std::int64_t below = 0;
  for (const Tier& tier : tiers.steps) {
    if (tier.above <= below || tier.above > kMaxReading) return wrong("the tiers don't rise from above zero");
    if (tier.price.coefficient < 0) return wrong("a tier's price is negative");
    if (tier.price.scale > Decimal::kMaxScale) return wrong("a tier's price has more than 12 places");
    below = tier.above;
  }
  return {};
}

Status check_windows(const std::vector<WeeklyWindow>& windows) {
  if (windows.size() > kMaxWindows) return wrong("more than 64 windows");
  for (const WeeklyWindow& window : windows) {
    if (window.days == 0 || window.days > 0x7f) return wrong("a window holds on no day of the week");
    if (window.from >= kDayMinutes || window.until == 0 || window.until > kDayMinutes)
      return wrong("a window's times are not from 00:00 to 24:00");
    if (window.from == window.until) return wrong("a window begins when it ends; a whole day is from 00:00 to 24:00");
  }
  return {};
}

Status check_factor(const DuFactor& factor) {
  if (factor.table.empty()) return factor == DuFactor{} ? Status() : wrong("the factor names no table");
  for (const std::string* text : {&factor.table, &factor.chip, &factor.precision})
    if (text->empty() || text->size() > kMaxTariffName) return wrong("the factor's table, chip or precision is empty or longer than 255 bytes");
  if (factor.value.coefficient <= 0 || factor.value.scale > Decimal::kMaxScale) return wrong("the factor is not above zero");
  if (factor.includes >> kMeterCount != 0) return wrong("the factor includes a meter that doesn't exist");
  return {};
}

bool in_windows(const std::vector<WeeklyWindow>& windows, const LocalTime& time) {
  if (windows.empty()) return true;
  const int today = weekday(time.day), yesterday = weekday(time.day - 1);
  return std::ranges::any_of(windows, [&](const WeeklyWindow& window) {
    const std::int32_t from = window.from * kMinute, until = window.until * kMinute;
    const bool begins_today = (window.days >> today & 1) != 0;
    if (from < until) return begins_today && from <= time.second && time.second < until;
    return (begins_today && from <= time.second) || ((window.days >> yesterday & 1) != 0 && time.second < until);
  });
}

std::vector<Instant> window_edges(const std::vector<WeeklyWindow>& windows, const Zone& zone, Instant from, Instant until) {
  std::vector<Instant> edges;
  if (windows.empty()) return edges;
  const auto add = [&](Instant t) {
    if (from < t && t < until) edges.push_back(t);
  };
  // All that can be an edge: a bound of a window whenever the clock shows it, and each jump of the clock…
  const std::int64_t last = zone.local(until).day;
  for (std::int64_t day = zone.local(from).day - 1; day <= last; ++day) {
    for (const WeeklyWindow& window : windows) {
      for (const std::uint16_t minute : {window.from, window.until}) {
        const Zone::Moments moments = zone.moments({day, minute * kMinute});
        add(moments.first);
        add(moments.last);
      }
    }
  }
  for (auto jump = zone.next_jump(from); jump && *jump < until; jump = zone.next_jump(*jump)) add(*jump);
  sort_once(edges);
  // …and of these, the ones that change something.
  std::erase_if(edges, [&](Instant t) {
    return in_windows(windows, zone.local(t - milliseconds(1))) == in_windows(windows, zone.local(t));
  });
  return edges;
}

std::vector<Instant> month_edges(const Zone& zone, Instant from, Instant until) {
  std::vector<Instant> edges;
  const std::int32_t last = month_of(zone.local(until).day);
  for (std::int32_t month = month_of(zone.local(from).day); month <= last; ++month) {
    // The first instant of the month, also where the clock is set back over its midnight.
    const Instant t = zone.moments({first_day(month), 0}).first;
    if (from < t && t < until) edges.push_back(t);
  }
  return edges;
}

}  // namespace bourse::pricing
