// A market for routing's tests and benchmark: centers, pools, prices and contracts, made by hand or from a seed.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/rng.h"
#include "broker/domain/routing/router.h"

namespace bourse::broker::routing::fixture {

inline constexpr Instant kNow{1'800'000'000'000};

inline CenterId center_id(std::uint64_t n) { return CenterId{{.high = 0x0190'0000'0000'7000, .low = n + 1}}; }

struct World {
  Router router;
  pricing::PriceBook prices;
  std::map<CenterId, std::vector<Pool>> pools;
  std::map<CenterId, TermsAt> contracts;
  std::map<CenterId, std::vector<pricing::PriceRow>> settlements;  // by rows, where a center has them
  std::uint64_t rows = 0;

  TermsLookup terms() {
    return [this](CenterId center, Instant) -> std::optional<TermsAt> {
      const auto at = contracts.find(center);
      if (at == contracts.end()) return std::nullopt;
      TermsAt found = at->second;
      if (const auto settled = settlements.find(center); settled != settlements.end()) found.settlement = &settled->second;
      return found;
    };
  }
  // A price per hour (memory: per GiB-hour) of a pool; an empty scope is everybody's default.
  PriceRowId sell(pricing::Meter meter, const char* price, pricing::Scope scope = {}, Instant from = Instant{1},
                  Instant until = {}) {
    static constexpr const char* kPer[] = {"core-hour", "gpu-hour", "node-hour", "gib-hour"};
    const PriceRowId id{{.high = 0x0190'0000'0001'7000, .low = ++rows}};
    prices.add({.id = id, .scope = std::move(scope), .meter = meter, .price = *parse_decimal(price),
                .per = *pricing::ticks_per(meter, kPer[static_cast<int>(meter)]), .valid_from = from, .valid_until = until});
    router.prices_changed();
    return id;
  }
  void sell(pricing::PriceRow row) {
    prices.add(std::move(row));
    router.prices_changed();
  }
  void sell_all(const char* core, const char* gpu = "10", const char* node = "0", const char* mem = "0", pricing::Scope scope = {}) {
    sell(pricing::Meter::core_ms, core, scope);
    sell(pricing::Meter::gpu_ms, gpu, scope);
    sell(pricing::Meter::node_ms, node, scope);
    sell(pricing::Meter::mem_mib_s, mem, scope);
  }
  Pool& add(std::uint64_t center, std::string name) {
    const CenterId id = center_id(center);
    contracts.try_emplace(id, TermsAt{.contract = ContractId{{1, center + 1}}});
    return pools[id].emplace_back(Pool{.center = id, .name = std::move(name), .arch = "x86_64", .nodes = 10, .cores_per_node = 64,
                                       .mem_mib_per_node = 256 * 1024, .free_cores = 640, .online = true});
  }
  void observe() {
    for (const auto& [id, list] : pools) router.observe(id, list);
  }
  Decision decide(const JobSpec& spec, TenantId tenant = {}, Instant now = kNow) {
    return router.decide({.spec = &spec, .tenant = tenant, .now = now}, prices, terms());
  }
};

inline JobSpec job(std::int64_t cores = 4, Duration walltime = hours(1)) {
  return {.name = "job", .need = {.cores = cores, .nodes = 1, .mem_mib = 1024}, .walltime = walltime};
}

// `centers` × `per_center` pools with prices of their own, a third with cards, some whole-node, some busy.
inline void fill(World& world, std::uint64_t centers, std::uint64_t per_center, SeededRng& rng, bool few_prices = false) {
  const char* const models[] = {"a100", "h800", "910b"};
  const auto price = [&](std::uint64_t least, std::uint64_t range) {
    const std::uint64_t n = least + rng.below(few_prices ? 2 : range);
    return Decimal{static_cast<std::int64_t>(n), 4};
  };
  for (std::uint64_t c = 0; c < centers; ++c) {
    for (std::uint64_t i = 0; i < per_center; ++i) {
      Pool& pool = world.add(c, "p" + std::to_string(i));
      if (rng.below(8) == 0) pool.arch = "aarch64";
      pool.nodes = 1 + static_cast<std::int64_t>(rng.below(200));
      pool.cores_per_node = std::int64_t{16} << rng.below(4);
      pool.mem_mib_per_node = pool.cores_per_node * (std::int64_t{2048} << rng.below(3));
      if (rng.below(3) == 0) pool.gpus_per_node = std::int64_t{1} << rng.below(4), pool.gpu_model = models[rng.below(3)];
      pool.speed_milli = 500 + 50 * static_cast<std::int32_t>(rng.below(few_prices ? 2 : 60));
      pool.whole_nodes = rng.below(5) == 0;
      pool.max_walltime = hours(static_cast<std::int64_t>(1 + rng.below(200)));
      const bool busy = rng.below(2) == 0;
      pool.free_cores = busy ? 0 : pool.nodes * pool.cores_per_node;
      pool.free_gpus = busy ? 0 : pool.nodes * pool.gpus_per_node;
      pool.pending_core_ms = busy ? pool.nodes * pool.cores_per_node * static_cast<std::int64_t>(rng.below(7'200'000)) : 0;
      pool.accepting = rng.below(30) != 0;
      pool.online = rng.below(30) != 0;
      const pricing::Scope scope{.center = pool.center, .pool = pool.name};
      const Decimal prices[] = {price(200, 3000), price(20'000, 200'000), price(0, 3), price(10, 90)};
      for (const pricing::Meter meter : pricing::kHeldMeters)
        world.sell(meter, to_text(prices[static_cast<std::size_t>(meter)]).c_str(), scope);
    }
  }
  world.observe();
}

// A row of a kind that isn't plain, or plain: for `meter`, with a price of some 0.01 to 0.50 an hour times `dearer`.
inline pricing::PriceRow random_row(World& world, pricing::Meter meter, SeededRng& rng, std::int64_t dearer = 1) {
  static constexpr const char* kPer[] = {"core-hour", "gpu-hour", "node-hour", "gib-hour"};
  pricing::PriceRow row{.id = PriceRowId{{.high = 0x0190'0000'0001'7000, .low = ++world.rows}}, .meter = meter,
                        .price = {static_cast<std::int64_t>(10 + rng.below(500)) * dearer, 3},
                        .per = *pricing::ticks_per(meter, kPer[static_cast<int>(meter)]), .valid_from = Instant{2}};
  if (rng.below(3) == 0) row.minimum = Amount{static_cast<std::int64_t>(rng.below(2'000'000))};
  if (rng.below(3) == 0) row.free.ticks = static_cast<std::int64_t>(rng.below(40)) * row.per / 2;
  if (rng.below(3) == 0)
    for (std::int64_t step = 1; step <= 2; ++step)
      row.tiers.steps.push_back({step * row.per * static_cast<std::int64_t>(1 + rng.below(30)) * step, {static_cast<std::int64_t>(rng.below(400)), 3}});
  if (row.tiers.steps.size() == 2 && row.tiers.steps[0].above >= row.tiers.steps[1].above) row.tiers.steps.pop_back();
  return row;
}

inline pricing::PriceRow random_scow(World& world, SeededRng& rng, std::int64_t dearer = 1) {
  pricing::PriceRow row{.id = PriceRowId{{.high = 0x0190'0000'0001'7000, .low = ++world.rows}},
                        .price = {static_cast<std::int64_t>(10 + rng.below(200)) * dearer, 3}, .per = 3'600'000, .valid_from = Instant{2},
                        .strategy = static_cast<pricing::Strategy>(1 + rng.below(4)),
                        .places = static_cast<std::uint8_t>(rng.below(5))};
  if (rng.below(2) == 0) row.minimum = Amount::whole(static_cast<std::int64_t>(rng.below(2)));
  return row;
}

// Gives half the pools of a market prices that aren't plain, some of them a discount, and some centers settlement rows.
inline void vary(World& world, SeededRng& rng) {
  for (auto& [center, pools] : world.pools) {
    for (Pool& pool : pools) {
      const pricing::Scope scope{.center = center, .pool = pool.name};
      if (rng.below(8) == 0) pool.mem_mib_per_node = 0;  // not told: no price by memory
      const auto kind = rng.below(4);
      if (kind == 0) {
        pricing::PriceRow row = random_scow(world, rng);
        row.scope = scope;
        world.sell(std::move(row));
      }
      for (const pricing::Meter meter : pricing::kHeldMeters) {
        if (kind != 1 || rng.below(2) == 0) continue;
        pricing::PriceRow row = random_row(world, meter, rng);
        row.scope = scope;
        world.sell(std::move(row));
      }
      if (rng.below(6) == 0)
        world.prices.add(pricing::Discount{.id = PriceRowId{{.high = 0x0190'0000'0001'7000, .low = ++world.rows}}, .name = "spring",
                                           .scope = scope, .bps = static_cast<std::int32_t>(1 + rng.below(10'000)), .valid_from = Instant{1}});
    }
    TermsAt& terms = world.contracts[center];
    terms.terms.tax_bps = rng.below(2) == 0 ? 600 : 0;
    if (rng.below(2) == 0) continue;
    terms.may_subsidise = rng.below(4) == 0;
    auto& rows = world.settlements[center];
    if (rng.below(4) == 0) rows.push_back(random_scow(world, rng));
    for (const pricing::Meter meter : pricing::kHeldMeters) {
      if (rng.below(12) == 0) continue;
      rows.push_back(random_row(world, meter, rng));
      if (rng.below(3) != 0) rows.back().price.coefficient /= 20;
      if (rng.below(3) != 0) rows.back().minimum = {}, rows.back().tiers = {};
    }
    if (rows.empty()) world.settlements.erase(center);
  }
  world.observe();
  world.router.prices_changed();
}

inline JobSpec random_job(SeededRng& rng) {
  JobSpec spec = job(std::int64_t{1} << rng.below(6), minutes(static_cast<std::int64_t>(1 + rng.below(3000))));
  spec.need.nodes = rng.below(4) == 0 ? static_cast<std::int64_t>(1 + rng.below(8)) : 1;
  spec.need.cores = std::max(spec.need.cores, spec.need.nodes);
  spec.need.mem_mib = spec.need.cores * 1024 * static_cast<std::int64_t>(1 + rng.below(4));
  if (rng.below(4) == 0) spec.need.gpus = spec.need.nodes;
  if (spec.need.gpus > 0 && rng.below(2) == 0) spec.gpu_model = rng.below(2) == 0 ? "a100" : "910b";
  if (rng.below(3) != 0) spec.expected = {static_cast<std::int64_t>(1 + rng.below(static_cast<std::uint64_t>(spec.walltime.ms)))};
  spec.objective = static_cast<Objective>(rng.below(3));
  return spec;
}

}  // namespace bourse::broker::routing::fixture
