// How a price row turns what a job had into an amount: by its meter's reading, or as SCOW's centers bill.
//
// Source of the scow strategies: SCOW's charging of jobs (AmountStrategy and job price of its management server, 1.6.x), as
// those centers know it. One price for the whole job:
//   hours = seconds / 3600, rounded half up to 20 places
//   quantity = amount × hours, cut off after `places`
//   charge = 0 if the price or the seconds are not above 0; else quantity × price rounded half up to `places` if that
//            product is above the minimum, else the minimum (so a job without cards pays it at scow:gpu too)
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/amount.h"
#include "base/decimal.h"
#include "pricing/meter.h"

namespace bourse::pricing {

// Journaled: append only. The amount of a scow strategy is a whole number:
enum class Strategy : std::uint8_t {
  per_meter = 0,          // no scow strategy: the cumulative reading of the row's meter
  scow_cpus = 1,          // "scow:cpusAlloc": cores
  scow_gpu = 2,           // "scow:gpu": cards
  scow_max_cpus_mem = 3,  // "scow:max-cpusAlloc-mem": cores, or memory in units of the pool's memory per core, rounded up
  scow_max_gpu_cpus = 4,  // "scow:max-gpu-cpusAlloc": cards, or cores in units of the pool's cores per card, rounded up
};
std::string_view name(Strategy strategy);  // "per-meter", "scow:cpusAlloc"
std::optional<Strategy> strategy_named(std::string_view name);

// All that a pool has. Recorded with the usage, or with the plan that it was sold by (docs/adr/0006), because a later change of
// the pool must not change what was billed.
struct PoolTotals {
  std::int64_t cores = 0;
  std::int64_t gpus = 0;
  std::int64_t mem_mib = 0;
  bool operator==(const PoolTotals&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.cores, self.gpus, self.mem_mib); }
};

// Whether the amount of `strategy` depends on the pool's totals.
constexpr bool uses_totals(Strategy strategy) {
  return strategy == Strategy::scow_max_cpus_mem || strategy == Strategy::scow_max_gpu_cpus;
}

// What a job had, for how long (suspension excluded), in which pool.
struct Usage {
  Allocation allocation;
  Duration running;
  PoolTotals pool;
  AllReadings counted{};  // of the meters that aren't held; the others are 0
};
// Of all meters, at its end.
AllReadings readings_of(const Usage& usage);

// Of a scow strategy. Errors: invalid_argument (the pool's totals that it needs are missing, a negative number).
Result<std::int64_t> scow_amount(Strategy strategy, const Allocation& allocation, const PoolTotals& pool);

struct ScowTariff {
  Decimal price;            // per amount-hour
  std::uint8_t places = 2;  // SCOW allows 0 to 4
  Amount minimum;
};
inline constexpr std::uint8_t kMaxScowPlaces = 4;

struct ScowCharge {
  std::int64_t quantity = 0;  // amount-hours × 10^places
  Amount amount;
};
// Whole seconds count. Errors: amount_overflow, invalid_argument (amount or seconds beyond any real job, places).
Result<ScowCharge> scow_charge(std::int64_t amount, std::int64_t seconds, const ScowTariff& tariff);

}  // namespace bourse::pricing
