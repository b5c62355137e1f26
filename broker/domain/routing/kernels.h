// The passes over all pools: integer arithmetic on arrays, written so that the compiler vectorises it. Internal to routing.
#pragma once

#include <cstdint>

#include "broker/domain/routing/price_table.h"

namespace bourse::broker::routing {

// A job in the kernels' terms: what it needs of each node.
struct Shape {
  std::int32_t arch = 0, gpu_model = 0;  // 0 = any
  std::int32_t nodes = 1, cores = 0, gpus = 0, mem_mib = 0;
  std::int32_t walltime_s = 0;
  std::int32_t total_cores = 0, total_gpus = 0;
};
Shape shape_of(const JobSpec& spec, const PoolTable& pools);

// code[i] = the first Refusal that applies to pool i, or none, for i in [begin, end).
void fit(const Columns& pools, const std::int32_t* unsellable, const Shape& job, std::size_t begin, std::size_t end,
         std::int32_t* code);

inline constexpr std::int64_t kRefused = INT64_MAX;  // the key of a pool that is out

// ends[i] = predicted wait + duration of pool i in ms. `duration_ms` by speed.
void predict(const Columns& pools, const Shape& job, const std::int64_t* duration_ms, std::size_t begin, std::size_t end,
             std::int64_t* ends);

// How one job's prices are scaled into 63-bit keys: cost in micro-units = key / 2^exponent.
struct CostScale {
  std::uint32_t weight[pricing::kHeldMeterCount] = {};
  int shift[pricing::kHeldMeterCount] = {};
  int narrow = 0;            // brings the sum of the meters to 31 bits
  int drop = 0;              // brings a duration in ms to 32 bits
  int exponent = 0;
  std::uint64_t slack = 0;   // in keys: what rounding a price may change
  std::uint64_t rate_error = 0;  // by how much a pool's rate may be below the true one

  std::int64_t of_micros(unsigned __int128 micros, int further = 0) const;   // rounded up; kRefused − 1 at most
  unsigned __int128 wide_of(Amount amount) const;                            // rounded down; amount >= 0
};
CostScale scale_of(const PriceTable& table, const pricing::Allocation& need, Duration walltime);

// rate[i] = the job's price at pool i for a millisecond, scaled, in 31 bits.
void price(const PriceTable& table, const CostScale& scale, std::size_t begin, std::size_t end, std::uint32_t* rate);

// What the passes left of a pool.
struct Priced {
  const std::int32_t* code = nullptr;
  const std::uint32_t* rate = nullptr;
  const std::uint32_t* speed = nullptr;
  const std::uint32_t* dropped_by_speed = nullptr;  // predicted durations
  const std::int64_t* ends = nullptr;               // not read for cheapest
  std::uint64_t slack = 0;
  int cost_shift = 0;  // brings a bound to 31 bits: the width of the longest dropped duration

  // A key that the exact price of the predicted duration is not below.
  std::int64_t bound(std::size_t i) const {
    const std::uint64_t key = std::uint64_t{rate[i]} * dropped_by_speed[speed[i]];
    return static_cast<std::int64_t>(key > slack ? key - slack : 0);
  }
};

// key[i] = kRefused, or no more than what pool i's exact score gives as a key. `lowest` has the least of every kBlock of
// them, from `begin` on, so that a search can leave out whole blocks.
inline constexpr std::size_t kBlock = 32;
inline constexpr int kEndShift = 5;  // brings an end in ms below 2^32: waits and durations are bounded by a year each
void rank(Objective objective, const Priced& priced, std::size_t begin, std::size_t end, std::int64_t* key, std::int64_t* lowest);

// Gives every running pool whose rate is at least `from` the code over_budget.
void refuse_from(std::uint32_t from, const std::uint32_t* rate, std::size_t begin, std::size_t end, std::int32_t* code);

std::uint32_t count_fitting(const std::int32_t* code, std::size_t begin, std::size_t end);

}  // namespace bourse::broker::routing
