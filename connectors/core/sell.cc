#include "connectors/core/sell.h"

#include <algorithm>

#include "federation-proto/envelope.h"

namespace bourse::connector {
namespace {

bool sensible(const PoolInfo& pool) {
  return !pool.name.empty() && pool.name.size() <= 64 && pool.nodes > 0 && pool.cores_per_node > 0 &&
         pool.mem_mib_per_node >= 0 && pool.gpus_per_node >= 0;
}

}  // namespace

std::map<std::string, Offered> offered(const std::vector<PoolInfo>& pools, const SellConfig& sell) {
  std::map<std::string, Offered> result;
  for (const PoolInfo& pool : pools) {
    const auto terms = sell.pools.find(pool.name);
    if (!sensible(pool) || (!sell.pools.empty() && terms == sell.pools.end())) continue;
    if (result.size() >= federation::kMaxPools) break;
    Offered& offer = result[pool.name];
    offer.info = pool;
    PoolInfo& info = offer.info;
    for (std::int64_t* live : {&info.free_cores, &info.free_gpus, &info.pending_jobs, &info.running_jobs, &info.pending_core_ms})
      *live = std::max<std::int64_t>(*live, 0);
    if (terms == sell.pools.end()) continue;
    const PoolTerms& t = terms->second;
    offer.speed_milli = t.speed_milli;
    if (!t.gpu_model.empty() && info.gpus_per_node > 0) info.gpu_model = t.gpu_model;
    offer.rule = t.rule;
    if (t.rule.max_walltime.ms > 0 && (info.max_walltime.ms == 0 || t.rule.max_walltime < info.max_walltime)) info.max_walltime = t.rule.max_walltime;
    if (t.rule.paused) info.accepting = false;
    if (t.rule.nodes > 0 && t.rule.nodes < info.nodes) {
      info.nodes = t.rule.nodes;
      info.free_cores = std::min(info.free_cores, info.nodes * info.cores_per_node);
      info.free_gpus = std::min(info.free_gpus, info.nodes * info.gpus_per_node);
    }
  }
  return result;
}

}  // namespace bourse::connector
