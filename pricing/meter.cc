#include "pricing/meter.h"

#include <algorithm>
#include <limits>

namespace bourse::pricing {
namespace {

constexpr std::array<std::string_view, kMeterCount> kNames = {"core_ms",      "gpu_ms",    "node_ms",    "mem_mib_s",     "storage_mib_s",
                                                               "egress_bytes", "tokens_in", "tokens_out", "tokens_cached", "session_ms"};

std::int64_t saturated(__int128 value) {
  constexpr __int128 kMost = std::numeric_limits<std::int64_t>::max();
  constexpr __int128 kLeast = std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(std::clamp(value, kLeast, kMost));
}

}  // namespace

std::string_view name(Meter meter) {
  return kNames[static_cast<std::size_t>(meter)];
}

std::optional<Meter> meter_named(std::string_view name) {
  const auto* at = std::ranges::find(kNames, name);
  if (at == kNames.end()) return std::nullopt;
  return kMeters[static_cast<std::size_t>(at - kNames.begin())];
}

Readings readings_of(const Allocation& allocation, Duration running) {
  const __int128 ms = running.ms;
  Readings readings;
  readings[Meter::core_ms] = saturated(allocation.cores * ms);
  readings[Meter::gpu_ms] = saturated(allocation.gpus * ms);
  readings[Meter::node_ms] = saturated(allocation.nodes * ms);
  readings[Meter::mem_mib_s] = saturated(allocation.mem_mib * ms / 1000);
  return readings;
}

}  // namespace bourse::pricing
