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

void see_running(Run& run, std::int64_t at_ms, std::int64_t running_ms, std::span<const std::int64_t> edges) {
  constexpr std::int64_t kRounding = seconds(5).ms;  // of both figures, and of when they were true
  if (run.started_ms == 0) {
    run.running_ms = std::max(run.running_ms, running_ms);
    return;
  }
  const bool first = run.seen_ms == 0;
  const RunningAt before{first ? run.started_ms : run.seen_ms, first ? 0 : run.running_ms};
  run.running_ms = std::max(run.running_ms, running_ms);
  // The scheduler's clock may be ahead of ours.
  run.seen_ms = std::max({at_ms, before.at_ms, run.started_ms + run.running_ms});
  const auto passed = std::ranges::upper_bound(edges, before.at_ms);
  const auto ahead = std::ranges::upper_bound(edges, run.seen_ms);
  if (passed >= ahead) return;
  const auto keep = [&run](RunningAt reading) {
    const std::int64_t newest = run.at_edges.empty() ? run.reported_ms : run.at_edges.back().at_ms;
    if (reading.at_ms > newest && run.at_edges.size() < kMostReadings) run.at_edges.push_back(reading);
  };
  const std::int64_t stood_still = (run.seen_ms - before.at_ms) - (run.running_ms - before.running_ms);
  if (stood_still > kRounding) {
    keep(before);
    keep({run.seen_ms, run.running_ms});
    return;
  }
  for (auto edge = passed; edge != ahead; ++edge)
    keep({*edge, std::min(run.running_ms, before.running_ms + (*edge - before.at_ms))});
}

}  // namespace bourse::connector
