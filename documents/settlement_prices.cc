// By which prices each capture was rated, for the sale and, where the center has prices of its own, for the center: what a
// center's administrator holds beside his own tariff. In files alone: it is too wide for paper.
#include <fmt/format.h>

#include "documents/settlement_tables.h"

namespace bourse::documents {

using statement::Line;
using statement::Rated;
using statement::Statement;

namespace {

// "above 3600000: 0.03; above 7200000: 0.02".
std::string tiers_of(const Rated& rated) {
  std::string out;
  for (const pricing::Tier& tier : rated.tiers) out += fmt::format("{}above {}: {}", out.empty() ? "" : "; ", tier.above, to_text(tier.price));
  return out;
}

// "mon-tue 08:00-22:00"; days that are all are left out.
std::string windows_of(const Rated& rated) {
  static constexpr std::string_view kDays[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
  std::string out;
  for (const pricing::WeeklyWindow& window : rated.windows) {
    std::string days;
    for (std::size_t day = 0; day < std::size(kDays) && window.days != 0x7f; ++day)
      if ((window.days >> day & 1U) != 0) days += std::string(days.empty() ? "" : ",") + std::string(kDays[day]);
    out += fmt::format("{}{}{}{:02}:{:02}-{:02}:{:02}", out.empty() ? "" : "; ", days, days.empty() ? "" : " ", window.from / 60, window.from % 60,
                       window.until / 60, window.until % 60);
  }
  return out.empty() ? out : out + " " + (rated.zone.empty() ? "UTC" : rated.zone);
}

template <class T>
Cell unless_zero(T value) {
  return value == 0 ? Cell{} : Cell{static_cast<std::int64_t>(value)};
}

std::vector<Cell> row_of(const Statement& s, const Line& line, const Rated& rated, bool sale) {
  const bool strategy = rated.strategy != pricing::Strategy::per_meter;
  return {to_text(line.job), to_text(line.attempt), static_cast<std::int64_t>(line.revision), std::string(sale ? "sale" : "settlement"), to_text(rated.row),
          std::string(name(rated.meter)), to_text(rated.price), rated.per, std::string(name(rated.strategy)), strategy ? Cell{static_cast<std::int64_t>(rated.places)} : Cell{},
          rated.minimum.is_zero() ? Cell{} : Cell{Money{rated.minimum, s.unit}}, unless_zero(rated.free),
          rated.tiers.empty() ? Cell{} : Cell{std::string(rated.mode == pricing::TierMode::volume ? "volume" : "graduated")}, tiers_of(rated),
          rated.discount.is_nil() ? Cell{} : Cell{to_text(rated.discount)}, unless_zero(rated.discount_bps), windows_of(rated), rated.quantity,
          Money{rated.amount, s.unit}, unless_zero(line.pool.cores), unless_zero(line.pool.gpus), unless_zero(line.pool.mem_mib)};
}

}  // namespace

Table prices_of(const Statement& s, Language l) {
  const auto column = [&](const char* key, std::string_view english, std::string_view chinese, Kind kind) {
    return Column{key, std::string(say(l, english, chinese)), kind};
  };
  Table table{.key = "prices", .title = std::string(say(l, "Prices of the captures", "扣款价目")),
              .columns = {column("job", "Job", "作业", Kind::text),
                          column("attempt", "Attempt", "调度", Kind::text),
                          column("revision", "Revision", "修订", Kind::integer),
                          column("side", "Side (key)", "方向（代码）", Kind::text),
                          column("price_row", "Price row", "价目编号", Kind::text),
                          column("meter", "Meter", "计量项", Kind::text),
                          column("price", "Price", "单价", Kind::text),
                          column("per", "For so many of the meter", "计价数量", Kind::integer),
                          column("strategy", "Strategy", "计价策略", Kind::text),
                          column("places", "Decimal places", "小数位", Kind::integer),
                          column("minimum", "At least", "最低收费", Kind::money),
                          column("free", "Free quantity", "免费额度", Kind::integer),
                          column("tier_mode", "Tiers (key)", "阶梯方式（代码）", Kind::text),
                          column("tiers", "Prices of further tiers", "后续阶梯价", Kind::text),
                          column("discount", "Discount", "折扣编号", Kind::text),
                          column("discount_bps", "Discount, 1/10000", "折扣（万分之）", Kind::integer),
                          column("windows", "Holds at", "适用时段", Kind::text),
                          column("quantity", "Quantity, cumulative", "数量（累计）", Kind::integer),
                          column("amount", "Amount, cumulative", "金额（累计）", Kind::money),
                          column("pool_cores", "Pool's cores", "资源池核数", Kind::integer),
                          column("pool_gpus", "Pool's cards", "资源池卡数", Kind::integer),
                          column("pool_mem_mib", "Pool's memory, MiB", "资源池内存 MiB", Kind::integer)},
              .printed = false};
  for (const Line& line : s.lines) {
    for (const Rated& rated : line.rated) table.rows.push_back(row_of(s, line, rated, true));
    for (const Rated& rated : line.settled) table.rows.push_back(row_of(s, line, rated, false));
  }
  return table;
}

}  // namespace bourse::documents
