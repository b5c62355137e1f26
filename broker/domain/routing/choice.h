// Choosing the best pools exactly, while rating only the few that can be among them. Internal to routing.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "broker/domain/routing/kernels.h"

namespace bourse::broker::routing {

struct Scored {
  std::uint32_t pool = 0;
  std::uint32_t center = 0;
  Amount total;
  Duration wait, duration;
  // Compared in this order; lower is better.
  unsigned __int128 primary = 0;
  std::int64_t secondary = 0;
  std::int64_t promised_core_ms = 0;
  std::uint64_t last_turn = 0;

  std::int64_t end_ms() const { return wait.ms + duration.ms; }
};

struct Field {
  Objective objective = Objective::cheapest;
  std::size_t begin = 0, end = 0;
  Priced priced;
  const std::int64_t* key = nullptr;     // from `rank`
  const std::int64_t* lowest = nullptr;  // from `rank`
  const CostScale* scale = nullptr;
  const PoolTable* pools = nullptr;
  std::span<const CenterSpan> centers;

  std::size_t blocks() const { return (end - begin + kBlock - 1) / kBlock; }
};
// Total, wait and duration of a pool; false when its price can't be told (it is left out).
using ScoreExactly = std::function<bool(std::uint32_t pool, Scored& scored)>;

// The best, best first; at most kMaxPlans, and kPlansPerCenter of one center where three or more centers fit.
std::vector<Scored> choose(const Field& field, const ScoreExactly& score_exactly);

}  // namespace bourse::broker::routing
