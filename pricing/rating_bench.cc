// One core's rate of rated lines (aim: 1,000,000 a second) and of price lookups.
#include <benchmark/benchmark.h>

#include "base/rng.h"
#include "pricing/interval.h"

namespace bourse::pricing {
namespace {

constexpr Instant kNow{1'780'000'000'000};

PriceRow row(Rng& rng, Meter meter, Scope scope) {
  return {.id = PriceRowId::make(kNow, rng),
          .scope = std::move(scope),
          .meter = meter,
          .price = {static_cast<std::int64_t>(1 + rng.below(100'000)), 4},
          .per = 3'600'000,
          .unit = kCny,
          .valid_from = kNow,
          .valid_until = {}};
}

void rate_and_split(benchmark::State& state) {
  SeededRng rng(1);
  std::vector<PriceRow> rows;
  for (const Meter meter : kHeldMeters) rows.push_back(row(rng, meter, {}));
  Duration running;
  for (auto _ : state) {
    running = running + seconds(1);
    const auto rating = rate(readings_of({.cores = 64, .gpus = 8, .nodes = 1, .mem_mib = 262'144}, running), rows);
    benchmark::DoNotOptimize(split(rating->total, {600, 1'000}));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kHeldMeterCount));  // lines
}
BENCHMARK(rate_and_split);

// Prices of twelve places: products and divisors of more than 64 bits.
void rate_wide(benchmark::State& state) {
  SeededRng rng(1);
  std::vector<PriceRow> rows;
  for (const Meter meter : kHeldMeters) {
    rows.push_back(row(rng, meter, {}));
    rows.back().price = {123'456'789'012 + static_cast<std::int64_t>(rng.below(1'000)), 12};
  }
  Duration running = hours(1'000);
  for (auto _ : state) {
    running = running + seconds(1);
    benchmark::DoNotOptimize(rate(readings_of({.cores = 64, .gpus = 8, .nodes = 1, .mem_mib = 262'144}, running), rows));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kHeldMeterCount));
}
BENCHMARK(rate_wide);

// The same job at three tiers a row, with an allowance and a discount.
void rate_tiers(benchmark::State& state) {
  SeededRng rng(1);
  std::vector<PriceRow> rows;
  for (const Meter meter : kHeldMeters) {
    rows.push_back(row(rng, meter, {}));
    rows.back().tiers.steps = {{1'000'000'000, {500, 4}}, {100'000'000'000, {25, 3}}};
    rows.back().free = {3'600'000, Over::usage};
    rows.back().off = {PriceRowId::make(kNow, rng), "spring", 1'500};
  }
  Duration running;
  for (auto _ : state) {
    running = running + seconds(1);
    benchmark::DoNotOptimize(rate(readings_of({.cores = 64, .gpus = 8, .nodes = 1, .mem_mib = 262'144}, running), rows));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kHeldMeterCount));
}
BENCHMARK(rate_tiers);

// A day's job across four edges of a peak tariff; a line is a row's whole share.
void rate_windows(benchmark::State& state) {
  SeededRng rng(1);
  std::vector<PriceRow> rows;
  for (const Meter meter : kHeldMeters) {
    rows.push_back(row(rng, meter, {}));
    rows.back().windows = {{.days = 0x1f, .from = 480, .until = 720}, {.days = 0x1f, .from = 840, .until = 1320}};
    rows.back().zone = "Asia/Shanghai";
    rows.push_back(row(rng, meter, {}));
  }
  const Usage usage{.allocation = {.cores = 64, .gpus = 8, .nodes = 1, .mem_mib = 262'144}, .running = hours(24), .pool = {}};
  for (auto _ : state) benchmark::DoNotOptimize(rate_interval(usage, kNow, kNow + hours(24), rows, {}, {}));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(rows.size()));
}
BENCHMARK(rate_windows);

// 100 centers with 20 pools each, priced by pool, with a default for some and rows of one tenant.
void find_price(benchmark::State& state) {
  SeededRng rng(1);
  PriceBook book;
  const TenantId tenant = TenantId::make(kNow, rng);
  std::vector<Scope> pools;
  for (int c = 0; c < 100; ++c) {
    const CenterId center = CenterId::make(kNow, rng);
    book.add(row(rng, Meter::core_ms, {.tenant = tenant, .center = center, .pool = {}, .qos = {}}));
    for (int p = 0; p < 20; ++p) {
      pools.push_back({.tenant = {}, .center = center, .pool = "pool-" + std::to_string(p), .qos = {}});
      book.add(row(rng, Meter::core_ms, pools.back()));
    }
  }
  std::size_t n = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(book.find(pools[n], Meter::core_ms, kNow));
    n = (n + 1) % pools.size();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(find_price);

}  // namespace
}  // namespace bourse::pricing
