#include "connectors/core/run.h"

#include <algorithm>
#include <limits>

namespace bourse::connector {
namespace {

std::int64_t product(std::int64_t amount, std::int64_t time) {
  const __int128 exact = static_cast<__int128>(std::max<std::int64_t>(amount, 0)) * std::max<std::int64_t>(time, 0);
  constexpr __int128 most = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::min(exact, most));
}

}  // namespace

Meters meters_of(const Allocation& allocation, Duration running) {
  const __int128 mib_ms = static_cast<__int128>(std::max<std::int64_t>(allocation.mem_mib, 0)) * std::max<std::int64_t>(running.ms, 0);
  constexpr __int128 most = std::numeric_limits<std::int64_t>::max();
  return {.core_ms = product(allocation.cores, running.ms),
          .gpu_ms = product(allocation.gpus, running.ms),
          .node_ms = product(allocation.nodes, running.ms),
          .mem_mib_s = static_cast<std::int64_t>(std::min(mib_ms / 1000, most))};
}

std::string marker_of(AttemptId attempt, std::uint32_t fence) {
  return "bourse-" + to_text(attempt) + "-" + std::to_string(fence);
}

}  // namespace bourse::connector
