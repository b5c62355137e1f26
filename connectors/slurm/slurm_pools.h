// Pools out of what sinfo and squeue print. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "connectors/core/driver.h"

namespace bourse::slurm {

// sinfo, one line for each node of each partition; squeue, one for each waiting or running job.
inline constexpr std::string_view kNodeFields =
    "PartitionName:|,Available:|,Time:|,CPUs:|,Memory:|,Gres:|,GresUsed:|,CPUsState:|,StateLong:|,OverSubscribe:|";
inline constexpr std::string_view kQueueFields = "Partition:|,State:|,NumCPUs:|,TimeLimit:|";

// A pool a partition, in order of first appearance; per-node figures are the least of its usable nodes, so that what
// fits them fits any. Lines that can't be read are left out.
std::vector<connector::PoolInfo> pools_from(std::string_view nodes, std::string_view queue, const std::string& arch);

}  // namespace bourse::slurm
