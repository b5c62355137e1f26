// Pools out of nodes and pods. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "connectors/core/driver.h"
#include "connectors/kubernetes/job_object.h"
#include "connectors/kubernetes/objects.h"

namespace bourse::kubernetes {

// A pool's figures, and what its cards are called there.
struct PoolFigures {
  connector::PoolInfo info;
  std::string gpu_resource;  // empty: its nodes have none
};

// A pool's nodes are those that have all labels of its selector; usable are the ready ones whose taints its tolerations bear. What a node
// can sell is what its DaemonSets leave. Figures of a node are the least over the pool's.
std::vector<PoolFigures> pools_from(const std::vector<NodeView>& nodes, const std::vector<PodUse>& pods,
                                    const std::vector<PoolConfig>& pools, Duration max_walltime);

}  // namespace bourse::kubernetes
