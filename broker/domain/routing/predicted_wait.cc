#include <algorithm>

#include "broker/domain/routing/pool_table.h"
#include "broker/domain/routing/router.h"

namespace bourse::broker::routing {

// A queue of known work, served by the whole pool at once, is empty after work / width: that is exact for jobs that fill
// the pool and optimistic for wide ones, which wait for a gap. What runs now and when it ends isn't reported, so a full
// pool with an empty queue is given one scheduling interval: the least that anything not startable at once can wait.
Duration queue_wait(std::int64_t queued_core_ms, std::int64_t width_cores) {
  const std::int64_t drained_ms = queued_core_ms / std::max<std::int64_t>(width_cores, 1);
  return {std::clamp(drained_ms, kSchedulingInterval.ms, kMaxWait.ms)};
}

std::int64_t saturated_add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return b < 0 ? INT64_MIN : INT64_MAX;
  return sum;
}

std::int64_t saturated_multiply(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
  return product;
}

Duration predicted_wait(const Pool& pool, const pricing::Allocation& need, std::int64_t promised_core_ms,
                        std::int64_t promised_cores, std::int64_t promised_gpus) {
  const bool fits_now = need.cores <= saturated_add(pool.free_cores, -promised_cores) &&
                        need.gpus <= saturated_add(pool.free_gpus, -promised_gpus);
  if (fits_now) return {};
  return queue_wait(saturated_add(pool.pending_core_ms, promised_core_ms),
                    saturated_multiply(pool.nodes, pool.cores_per_node));
}

}  // namespace bourse::broker::routing
