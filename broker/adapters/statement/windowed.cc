// Lines of prices with weekly windows: where they begin, and what fell to each row.
#include <fmt/format.h>

#include <algorithm>

#include "broker/adapters/statement/checks.h"

namespace bourse::statement {

std::optional<std::vector<std::int64_t>> fallen_to(const Line& line, std::string_view field, const std::vector<std::int64_t>& before,
                                                   const std::vector<pricing::PriceRow>& rows, const std::string& place, Differences& out) {
  if (!line.windowed) {
    if (line.charged != pricing::Readings{}) out.add(place + ".windowed", "missing, though a row has windows");
    return std::vector<std::int64_t>(rows.size());
  }
  const Windowed& from = *line.windowed;
  const std::string named = fmt::format("{}.windowed.{}", place, field);
  const auto other = [&] { return out.add(named, "not what was charged before"), std::nullopt; };
  pricing::Readings fallen;
  if (before.size() != rows.size()) return other();
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (__builtin_add_overflow(fallen[rows[i].meter], before[i], &fallen[rows[i].meter])) return other();
  for (const pricing::PriceRow& row : rows)
    if (fallen[row.meter] != from.before[row.meter]) return other();
  const auto within = [&line](pricing::Readings readings) {
    for (const pricing::Meter meter : pricing::kHeldMeters) readings[meter] = std::min(readings[meter], line.caps[meter]);
    return readings;
  };
  std::vector<pricing::ReadingAt> taken;
  for (const pricing::ReadingAt& one : from.readings) taken.push_back({one.at, within(one.cumulative)});
  taken.push_back({std::max(from.since, line.end), line.charged});
  const auto on = pricing::spread_on({from.since, from.before, before}, taken, rows);
  if (on) return on->quantities;
  out.add(place + ".windowed", on.error().message());
  return std::nullopt;
}

// Where a windowed line begins: where the attempt's line before it ended.
void check_windowed(const Line& line, const Line* before, const std::string& place, Differences& out) {
  const bool windows = std::ranges::any_of(line.rated, [](const Rated& one) { return !one.windows.empty(); }) ||
                       std::ranges::any_of(line.settled, [](const Rated& one) { return !one.windows.empty(); });
  if (!line.windowed) return;
  if (!windows) return out.add(place + ".windowed", "no price needs it");
  if (before == nullptr && line.revision != 1) return;  // an earlier period's
  const Windowed& from = *line.windowed;
  const auto quantities = [](const std::vector<Rated>& rows) {
    std::vector<std::int64_t> all;
    for (const Rated& one : rows) all.push_back(one.quantity);
    return all;
  };
  const bool first = before == nullptr || !before->windowed;
  const auto same = [&](const char* field, const std::vector<std::int64_t>& value, const std::vector<Rated>& rows) {
    if (value.empty()) return;
    if (value != (first ? std::vector<std::int64_t>(value.size()) : quantities(rows)))
      out.add(place + ".windowed." + field, "not what the attempt's record before came to");
  };
  if (from.since != (first ? line.start : std::max(before->windowed->since, before->end)))
    out.add(place + ".windowed.since", "not where the attempt's record before ended");
  if (from.before != (first ? pricing::Readings{} : before->charged)) out.add(place + ".windowed.before", "not what the attempt's record before charged");
  same("rated", from.sold, first ? line.rated : before->rated);
  same("settled", from.settled, first ? line.settled : before->settled);
}

}  // namespace bourse::statement
