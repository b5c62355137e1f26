// Pools from what an adapter says of its cluster. Pure.
#pragma once

#include <string>
#include <vector>

#include "connectors/core/driver.h"
#include "connectors/scow/scow_text.h"
#include "scow/config.pb.h"

namespace bourse::scow {

struct ClusterSaid {
  wire::GetClusterConfigResponse config;
  std::optional<wire::GetClusterInfoResponse> info;        // ≥ 1.4
  std::optional<wire::GetClusterNodesInfoResponse> nodes;  // ≥ 1.6
  std::vector<JobRow> queue;                               // what waits and runs, of everybody
};

// Partitions with a name that can be sent back. Figures of a node are the least of its usable nodes where nodes are told, else
// the partition's divided by its nodes. `max_walltime`: the interface has no limit of a partition's, so it is the driver's.
std::vector<connector::PoolInfo> pools_from(const ClusterSaid& said, const std::string& arch, Duration max_walltime);

}  // namespace bourse::scow
