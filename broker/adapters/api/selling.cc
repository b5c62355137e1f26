// What a center sells of its pools: the rules set here, those of its connector, and what the market's jobs hold already.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "broker/adapters/api/api.h"
#include "pricing/selling.h"

namespace bourse::broker::api {
namespace {

Result<pricing::SellingRule> read_rule(const v1::SellingRule& in) {
  pricing::SellingRule rule{.paused = in.paused(), .nodes = in.max_nodes(), .cores = in.max_cores(), .gpus = in.max_cards(),
                            .max_walltime = milliseconds(in.max_walltime_ms()), .hours = {}, .zone = in.zone(), .closes = {in.closes_ms()}, .floor = {}};
  for (const std::string& text : in.hours()) {
    TRY(rule.hours.emplace_back(), pricing::parse_hours(text));
  }
  TRY(const Unit unit, parse_unit(in.currency().empty() ? kCny.text() : in.currency()));
  for (const v1::FloorPrice& floor : in.floor()) {
    const auto meter = std::ranges::find_if(pricing::kHeldMeters, [&](pricing::Meter m) { return pricing::ticks_per(m, floor.per()).has_value(); });
    if (meter == pricing::kHeldMeters.end()) return fail(ErrorCode::invalid_argument, "floor: per must be core-hour, gpu-hour, node-hour or gib-hour.");
    TRY(const Decimal price, parse_decimal(floor.price()));
    rule.floor.push_back({.meter = *meter, .price = price, .per = *pricing::ticks_per(*meter, floor.per()), .unit = unit});
  }
  CHECK_OK(pricing::check_rule(rule));
  return rule;
}

void fill(v1::SellingRule& out, const pricing::SellingRule& rule) {
  out.set_paused(rule.paused);
  out.set_max_nodes(rule.nodes);
  out.set_max_cores(rule.cores);
  out.set_max_cards(rule.gpus);
  out.set_max_walltime_ms(rule.max_walltime.ms);
  for (const pricing::WeeklyWindow& window : rule.hours) out.add_hours(pricing::hours_text(window));
  out.set_zone(rule.zone);
  out.set_closes_ms(rule.closes.unix_ms);
  for (const pricing::PriceRow& row : rule.floor) {
    v1::FloorPrice& to = *out.add_floor();
    to.set_price(to_text(row.price));
    to.set_per(pricing::quantity_of(row.meter, row.per));
    out.set_currency(std::string(row.unit.text()));
  }
}

v1::Selling selling_of(const Market& market, const Center& center) {
  std::map<std::string, v1::PoolSelling> pools;
  for (const PoolRule& set : center.selling) {
    v1::PoolSelling& to = pools[set.pool];
    fill(*to.mutable_rule(), set.rule);
    to.set_by(to_text(set.by));
    to.set_at_ms(set.at.unix_ms);
  }
  for (const routing::Pool& pool : market.router().pools()) {
    if (pool.center != center.id) continue;
    v1::PoolSelling& to = pools[pool.name];
    if (pool.rule) fill(*to.mutable_connector_rule(), *pool.rule);
  }
  v1::Selling out;
  out.set_center(to_text(center.id));
  out.set_center_name(center.name);
  for (auto& [name, pool] : pools) {
    const pricing::Allocation held = market.router().held(center.id, name);
    pool.set_pool(name);
    pool.set_nodes(held.nodes);
    pool.set_cores(held.cores);
    pool.set_cards(held.gpus);
    *out.add_pools() = std::move(pool);
  }
  return out;
}

}  // namespace

Result<v1::Selling> Api::get_selling(const v1::GetSellingRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const auto seen, centers_seen(caller, {Role::operator_}));
  TRY(const CenterId center, center_of(request.center()));
  CHECK_OK(check_seen(seen, center));
  return look([center](const Market& market) { return selling_of(market, *market.center(center)); });
}

Result<v1::Selling> Api::set_selling_rule(const v1::SetSellingRuleRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const auto seen, centers_seen(caller, {Role::operator_}));
  TRY(const CenterId center, center_of(request.center()));
  CHECK_OK(check_seen(seen, center));
  auto rule = read_rule(request.rule());
  if (!rule) return fail(rule.error().code, fmt::format("rule: {}.", rule.error().detail));
  CHECK_OK(run(caller, request.key(), fingerprint("SetSellingRule", request),
               SetSellingRule{.center = center, .pool = request.pool(), .rule = std::move(*rule), .by = caller.user}));
  return look([center](const Market& market) { return selling_of(market, *market.center(center)); });
}

}  // namespace bourse::broker::api
