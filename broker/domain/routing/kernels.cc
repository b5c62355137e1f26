#include "broker/domain/routing/kernels.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace bourse::broker::routing {
namespace {

using pricing::kHeldMeterCount;

constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max();

// Compiled for AVX-512, for AVX2 and for every x86-64; the loader picks. Sanitizers can't run before the loader has.
#if defined(__x86_64__) && !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer) && \
    !__has_feature(undefined_behavior_sanitizer)
#define BOURSE_VECTORISED __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define BOURSE_VECTORISED
#endif

std::int32_t share(std::int64_t total, std::int64_t nodes) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>((total + nodes - 1) / nodes, 0, kMost));
}

constexpr std::int32_t code_of(Refusal refusal) { return static_cast<std::int32_t>(refusal); }

}  // namespace

Shape shape_of(const JobSpec& spec, const PoolTable& pools) {
  const std::int64_t nodes = std::max<std::int64_t>(spec.need.nodes, 1);
  return {.arch = pools.interned(spec.arch),
          .gpu_model = spec.need.gpus > 0 ? pools.interned(spec.gpu_model) : 0,
          .nodes = static_cast<std::int32_t>(std::min<std::int64_t>(nodes, kMost)),
          .cores = share(spec.need.cores, nodes),
          .gpus = share(spec.need.gpus, nodes),
          .mem_mib = share(spec.need.mem_mib, nodes),
          .walltime_s = static_cast<std::int32_t>(std::clamp<std::int64_t>((spec.walltime.ms + 999) / 1000, 0, kMost - 1)),
          .total_cores = share(spec.need.cores, 1),
          .total_gpus = share(spec.need.gpus, 1)};
}

BOURSE_VECTORISED
void fit(const Columns& pools, const std::int32_t* unsellable, const Shape& job, std::size_t begin, std::size_t end,
         std::int32_t* code) {
  const std::int32_t* arch = pools.arch.data();
  const std::int32_t* gpu_model = pools.gpu_model.data();
  const std::int32_t* nodes = pools.nodes.data();
  const std::int32_t* cores = pools.cores.data();
  const std::int32_t* gpus = pools.gpus.data();
  const std::int32_t* mem_mib = pools.mem_mib.data();
  const std::int32_t* walltime_s = pools.walltime_s.data();
  const std::int32_t* standing = pools.standing.data();
  const Shape need = job;
  // What can never run there goes before what can't run there now, so the last assignment is the first reason.
#pragma clang loop vectorize(assume_safety)
  for (std::size_t i = begin; i < end; ++i) {
    std::int32_t reason = unsellable[i];
    reason = standing[i] != 0 ? standing[i] : reason;
    reason = walltime_s[i] < need.walltime_s ? code_of(Refusal::walltime) : reason;
    reason = mem_mib[i] < need.mem_mib ? code_of(Refusal::memory) : reason;
    reason = cores[i] < need.cores ? code_of(Refusal::cores) : reason;
    reason = nodes[i] < need.nodes ? code_of(Refusal::nodes) : reason;
    reason = ((need.gpu_model != 0) & (gpu_model[i] != need.gpu_model)) ? code_of(Refusal::gpu_model) : reason;
    reason = gpus[i] < need.gpus ? code_of(Refusal::no_gpus) : reason;
    reason = ((need.arch != 0) & (arch[i] != need.arch)) ? code_of(Refusal::architecture) : reason;
    code[i] = reason;
  }
}

BOURSE_VECTORISED
void predict(const Columns& pools, const Shape& job, const std::int64_t* duration_ms, std::size_t begin, std::size_t end,
             std::int64_t* ends) {
  const std::int32_t* whole = pools.whole_nodes.data();
  const std::int32_t* free_share = pools.free_share.data();
  const std::int32_t* free_gpus = pools.free_gpus.data();
  const std::int64_t* busy_wait_ms = pools.busy_wait_ms.data();
  const std::uint32_t* speed = pools.speed.data();
  const Shape need = job;
#pragma clang loop vectorize(assume_safety)
  for (std::size_t i = begin; i < end; ++i) {
    const std::int32_t share_wanted = whole[i] != 0 ? need.nodes : need.total_cores;
    const std::int32_t gpus_wanted = whole[i] != 0 ? 0 : need.total_gpus;
    const bool fits_now = (share_wanted <= free_share[i]) & (gpus_wanted <= free_gpus[i]);
    ends[i] = (fits_now ? 0 : busy_wait_ms[i]) + duration_ms[speed[i]];
  }
}

std::int64_t CostScale::of_micros(unsigned __int128 micros, int further) const {
  using Wide = unsigned __int128;
  constexpr auto kTop = static_cast<Wide>(kRefused - 1);
  const int by = exponent + further;
  if (by < 0) {
    const Wide down = -by > 127 ? 0 : micros >> -by;
    return static_cast<std::int64_t>(std::min(down + 1, kTop));
  }
  if (micros == 0) return 0;
  if (by > 62 || micros > kTop >> by) return kRefused - 1;
  return static_cast<std::int64_t>(micros << by);
}

unsigned __int128 CostScale::wide_of(Amount amount) const {
  const auto micros = static_cast<unsigned __int128>(amount.micros);
  return exponent < 0 ? (-exponent > 127 ? 0 : micros >> -exponent) : micros << std::min(exponent, 64);
}

CostScale scale_of(const PriceTable& table, const pricing::Allocation& need, Duration walltime) {
  constexpr std::uint64_t kMaxWeight = std::numeric_limits<std::uint32_t>::max();
  const std::int64_t counts[kHeldMeterCount] = {need.cores, need.gpus, need.nodes, need.mem_mib};
  CostScale scale;
  int least = std::numeric_limits<int>::max();
  for (std::size_t m = 0; m < kHeldMeterCount; ++m)
    if (counts[m] > 0 && table.highest[m] > 0) least = std::min(least, table.exponent[m]);
  if (least == std::numeric_limits<int>::max()) least = 0;
  std::uint64_t highest = 0, error = 0;
  for (std::size_t m = 0; m < kHeldMeterCount; ++m) {
    const auto count = static_cast<std::uint64_t>(std::max<std::int64_t>(counts[m], 0));
    if (count == 0 || table.highest[m] == 0) continue;
    // Two bits of room: four meters must not carry past the word.
    const int shift = table.exponent[m] - least + 2;
    if (count > kMaxWeight) error = 1ULL << 62;
    scale.weight[m] = static_cast<std::uint32_t>(std::min(count, kMaxWeight));
    scale.shift[m] = std::min(shift, 63);
    highest += scale.weight[m] * std::uint64_t{table.highest[m]} >> scale.shift[m];
    const unsigned __int128 missed = static_cast<unsigned __int128>(count) * table.slack[m] >> scale.shift[m];
    error += static_cast<std::uint64_t>(std::min<unsigned __int128>(missed, 1ULL << 60)) + 1;
  }
  scale.narrow = std::max(0, static_cast<int>(std::bit_width(highest)) - 31);
  scale.drop = std::max(0, static_cast<int>(std::bit_width(static_cast<std::uint64_t>(std::max<std::int64_t>(walltime.ms, 0)))) - 32);
  scale.exponent = least - 2 - scale.narrow - scale.drop;
  scale.rate_error = (error >> scale.narrow) + 2;
  // Half a micro-unit for each of at most four lines, and what the memory's reading lost.
  scale.slack = static_cast<std::uint64_t>(scale.of_micros(kHeldMeterCount / 2 + table.tick_micros));
  return scale;
}

BOURSE_VECTORISED
void price(const PriceTable& table, const CostScale& scale, std::size_t begin, std::size_t end, std::uint32_t* rate) {
  const std::uint32_t* r0 = table.rate[0].data();
  const std::uint32_t* r1 = table.rate[1].data();
  const std::uint32_t* r2 = table.rate[2].data();
  const std::uint32_t* r3 = table.rate[3].data();
  const std::uint64_t w0 = scale.weight[0], w1 = scale.weight[1], w2 = scale.weight[2], w3 = scale.weight[3];
  const int s0 = scale.shift[0], s1 = scale.shift[1], s2 = scale.shift[2], s3 = scale.shift[3];
  const int narrow = scale.narrow;
  if (w1 == 0) {  // most jobs have no cards
#pragma clang loop vectorize(assume_safety)
    for (std::size_t i = begin; i < end; ++i)
      rate[i] = static_cast<std::uint32_t>(((r0[i] * w0 >> s0) + (r2[i] * w2 >> s2) + (r3[i] * w3 >> s3)) >> narrow);
    return;
  }
#pragma clang loop vectorize(assume_safety)
  for (std::size_t i = begin; i < end; ++i)
    rate[i] = static_cast<std::uint32_t>(
        ((r0[i] * w0 >> s0) + (r1[i] * w1 >> s1) + (r2[i] * w2 >> s2) + (r3[i] * w3 >> s3)) >> narrow);
}

BOURSE_VECTORISED
void rank(Objective objective, const Priced& priced, std::size_t begin, std::size_t end, std::int64_t* key, std::int64_t* lowest) {
  const Priced p = priced;
  if (objective == Objective::cheapest) {
#pragma clang loop vectorize(assume_safety)
    for (std::size_t i = begin; i < end; ++i) key[i] = p.code[i] != 0 ? kRefused : p.bound(i);
  } else if (objective == Objective::fastest) {
#pragma clang loop vectorize(assume_safety)
    for (std::size_t i = begin; i < end; ++i) key[i] = p.code[i] != 0 ? kRefused : p.ends[i];
  } else {
#pragma clang loop vectorize(assume_safety)
    for (std::size_t i = begin; i < end; ++i) {
      const auto cost = static_cast<std::uint32_t>(p.bound(i) >> p.cost_shift);
      const auto late = static_cast<std::uint32_t>(p.ends[i] >> kEndShift);
      key[i] = p.code[i] != 0 ? kRefused : static_cast<std::int64_t>(std::uint64_t{cost} * late);
    }
  }
  std::size_t block = 0;
  for (std::size_t at = begin; at < end; at += kBlock, ++block) {
    const std::size_t stop = std::min(at + kBlock, end);
    std::int64_t least = kRefused;
#pragma clang loop vectorize(assume_safety)
    for (std::size_t i = at; i < stop; ++i) least = key[i] < least ? key[i] : least;
    lowest[block] = least;
  }
}

BOURSE_VECTORISED
void refuse_from(std::uint32_t from, const std::uint32_t* rate, std::size_t begin, std::size_t end, std::int32_t* code) {
#pragma clang loop vectorize(assume_safety)
  for (std::size_t i = begin; i < end; ++i)
    code[i] = ((rate[i] >= from) & (code[i] == 0)) ? code_of(Refusal::over_budget) : code[i];
}

BOURSE_VECTORISED
std::uint32_t count_fitting(const std::int32_t* code, std::size_t begin, std::size_t end) {
  std::uint32_t fitting = 0;
#pragma clang loop vectorize(assume_safety)
  for (std::size_t i = begin; i < end; ++i) fitting += code[i] == 0 ? 1U : 0U;
  return fitting;
}

}  // namespace bourse::broker::routing
