#include "broker/domain/routing/sale_rules.h"

#include <algorithm>

#include "base/assert.h"

namespace bourse::broker::routing {
namespace {

void add(pricing::Allocation& to, const pricing::Allocation& more, std::int64_t sign) {
  to.cores = saturated_add(to.cores, sign * more.cores);
  to.gpus = saturated_add(to.gpus, sign * more.gpus);
  to.nodes = saturated_add(to.nodes, sign * more.nodes);
  to.mem_mib = saturated_add(to.mem_mib, sign * more.mem_mib);
}

void look(SaleRules::Ruled::Rule& entry, Instant now) {
  if (now < entry.opening.from || now >= entry.opening.until) entry.opening = pricing::opening_at(*entry.rule, now);
}

bool above(std::int64_t most, std::int64_t held, std::int64_t asked) { return most > 0 && saturated_add(held, asked) > most; }

}  // namespace

void SaleRules::set(CenterId center, const std::vector<PoolRule>& rules) {
  ++version_;
  if (rules.empty()) of_.erase(center);
  else of_[center] = rules;
}

void SaleRules::take(CenterId center, std::string_view pool, const pricing::Allocation& allocation) {
  auto& pools = held_[center];
  auto at = pools.find(pool);
  if (at == pools.end()) at = pools.emplace(pool, pricing::Allocation{}).first;
  add(at->second, allocation, 1);
  if (const auto place = place_.find({center, at->first}); place != place_.end()) ruled_[place->second].held = at->second;
}

void SaleRules::give_back(CenterId center, std::string_view pool, const pricing::Allocation& allocation) {
  auto& pools = held_[center];
  const auto at = pools.find(pool);
  BOURSE_ASSERT(at != pools.end());
  add(at->second, allocation, -1);
  if (const auto place = place_.find({center, at->first}); place != place_.end()) ruled_[place->second].held = at->second;
}

pricing::Allocation SaleRules::held(CenterId center, std::string_view pool) const {
  const auto pools = held_.find(center);
  if (pools == held_.end()) return {};
  const auto at = pools->second.find(pool);
  return at == pools->second.end() ? pricing::Allocation{} : at->second;
}

SaleRules::Ruled* SaleRules::find(const PoolTable& pools, CenterId center, const std::string& pool) {
  std::vector<Ruled>& all = ruled(pools);
  const auto place = place_.find({center, pool});
  return place == place_.end() ? nullptr : &all[place->second];
}

std::vector<SaleRules::Ruled>& SaleRules::ruled(const PoolTable& pools) {
  if (laid_version_ == version_ && laid_shape_ == pools.shape()) return ruled_;
  laid_version_ = version_;
  laid_shape_ = pools.shape();
  ruled_.clear();
  place_.clear();
  for (std::uint32_t i = 0; i < pools.size(); ++i) {
    const Pool& pool = pools.pools()[i];
    Ruled entry{.pool = i, .rules = {}, .held = {}};
    if (pool.rule) entry.rules.push_back({&*pool.rule});
    if (const auto set = of_.find(pool.center); set != of_.end())
      for (const PoolRule& one : set->second)
        if (one.pool.empty() || one.pool == pool.name) entry.rules.push_back({&one.rule});
    if (entry.rules.empty()) continue;
    entry.held = held(pool.center, pool.name);
    place_[{pool.center, pool.name}] = static_cast<std::uint32_t>(ruled_.size());
    ruled_.push_back(std::move(entry));
  }
  return ruled_;
}

Refusal refusal_of(SaleRules::Ruled& ruled, const pricing::Allocation& asked, Duration walltime, Duration wait, Instant now) {
  for (SaleRules::Ruled::Rule& entry : ruled.rules) {
    const pricing::SellingRule& rule = *entry.rule;
    if (rule.paused) return Refusal::paused;
    if (rule.max_walltime.ms > 0 && walltime > rule.max_walltime) return Refusal::walltime;
    look(entry, now);
    if (!entry.opening.ends || *entry.opening.ends - now < wait + walltime) return Refusal::closed;
    if (above(rule.nodes, ruled.held.nodes, asked.nodes) || above(rule.cores, ruled.held.cores, asked.cores) || above(rule.gpus, ruled.held.gpus, asked.gpus))
      return Refusal::sold_out;
  }
  return Refusal::none;
}

Instant closes_at(SaleRules::Ruled& ruled, Instant now) {
  Instant first{INT64_MAX};
  for (SaleRules::Ruled::Rule& entry : ruled.rules) {
    look(entry, now);
    first = std::min(first, entry.opening.ends.value_or(now));
  }
  return first.unix_ms == INT64_MAX ? Instant{} : first;
}

}  // namespace bourse::broker::routing
