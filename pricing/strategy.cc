#include "pricing/strategy.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

namespace bourse::pricing {
namespace {

using Exact = __int128;

constexpr std::array<std::string_view, 5> kStrategyNames = {"per-meter", "scow:cpusAlloc", "scow:gpu", "scow:max-cpusAlloc-mem",
                                                    "scow:max-gpu-cpusAlloc"};
constexpr int kHourPlaces = 20;
// So large that no job reaches it, and that products stay inside 128 bits: 10^7 × 10^9 s / 3600 × 10^20 < 2^127.
constexpr std::int64_t kMostAmount = 10'000'000, kMostSeconds = 1'000'000'000;

constexpr Exact power_of_ten(int exponent) {
  Exact power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

Exact divided_up(Exact value, Exact by) { return (value + by - 1) / by; }

}  // namespace

AllReadings readings_of(const Usage& usage) {
  AllReadings all = usage.counted;
  std::ranges::copy(readings_of(usage.allocation, usage.running).values, all.values.begin());
  return all;
}

std::string_view name(Strategy strategy) { return kStrategyNames.at(static_cast<std::size_t>(strategy)); }

std::optional<Strategy> strategy_named(std::string_view text) {
  const auto found = std::ranges::find(kStrategyNames, text);
  if (found == kStrategyNames.end()) return std::nullopt;
  return static_cast<Strategy>(found - kStrategyNames.begin());
}

Result<std::int64_t> scow_amount(Strategy strategy, const Allocation& allocation, const PoolTotals& pool) {
  for (const std::int64_t n : {allocation.cores, allocation.gpus, allocation.mem_mib, pool.cores, pool.gpus, pool.mem_mib})
    if (n < 0) return fail(ErrorCode::invalid_argument, "a negative number of cores, cards or mebibytes");
  const auto needs = [strategy](std::string_view what) {
    return fail(ErrorCode::invalid_argument, std::string(name(strategy)) + " needs the pool's total " + std::string(what));
  };
  Exact amount = 0;
  switch (strategy) {
    case Strategy::per_meter: return fail(ErrorCode::invalid_argument, "not a scow strategy");
    case Strategy::scow_cpus: return allocation.cores;
    case Strategy::scow_gpu: return allocation.gpus;
    case Strategy::scow_max_cpus_mem:
      if (pool.cores == 0) return needs("cores");
      if (pool.mem_mib == 0) return needs("memory");
      amount = std::max<Exact>(allocation.cores, divided_up(Exact{allocation.mem_mib} * pool.cores, pool.mem_mib));
      break;
    case Strategy::scow_max_gpu_cpus:
      if (pool.cores == 0) return needs("cores");
      amount = std::max<Exact>(allocation.gpus, divided_up(Exact{allocation.cores} * pool.gpus, pool.cores));
      break;
  }
  return static_cast<std::int64_t>(std::min<Exact>(amount, std::numeric_limits<std::int64_t>::max()));
}

Result<ScowCharge> scow_charge(std::int64_t amount, std::int64_t seconds, const ScowTariff& tariff) {
  if (amount < 0 || amount > kMostAmount) return fail(ErrorCode::invalid_argument, "the amount is not from 0 to 10^7");
  if (seconds > kMostSeconds) return fail(ErrorCode::invalid_argument, "the job ran for more than 10^9 seconds");
  if (tariff.places > kMaxScowPlaces) return fail(ErrorCode::invalid_argument, "a scow price has at most 4 places");
  if (tariff.price.coefficient <= 0 || seconds <= 0) return ScowCharge{};
  const Exact hours = divide_half_away(Exact{seconds} * power_of_ten(kHourPlaces), 3600);
  const Exact quantity = Exact{amount} * hours / power_of_ten(kHourPlaces - tariff.places);
  Exact product = 0;  // of scale places + price.scale
  if (__builtin_mul_overflow(quantity, Exact{tariff.price.coefficient}, &product))
    return fail(ErrorCode::amount_overflow, "the charge");
  const Exact charge = divide_half_away(product, power_of_ten(tariff.price.scale));  // of scale places
  Exact micros = 0;
  if (__builtin_mul_overflow(charge, power_of_ten(Amount::kPlaces - tariff.places), &micros) ||
      micros > std::numeric_limits<std::int64_t>::max())
    return fail(ErrorCode::amount_overflow, "the charge");
  // The unrounded product decides whether the minimum holds: product / 10^(scale + places) > minimum.
  Exact least = 0;
  const bool beyond = __builtin_mul_overflow(Exact{tariff.minimum.micros}, power_of_ten(tariff.price.scale + tariff.places), &least);
  Exact scaled = 0;
  const bool above = __builtin_mul_overflow(product, power_of_ten(Amount::kPlaces), &scaled) || (!beyond && scaled > least);
  return ScowCharge{static_cast<std::int64_t>(quantity), above ? Amount{static_cast<std::int64_t>(micros)} : tariff.minimum};
}

}  // namespace bourse::pricing
