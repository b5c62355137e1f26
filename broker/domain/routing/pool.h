// What routing knows of a pool. Soft state: observed from connectors, never journaled, gone with the process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/id.h"
#include "base/time.h"
#include "pricing/selling.h"

namespace bourse::broker::routing {

struct Pool {
  CenterId center;
  std::string name;                // the partition at the center
  std::string arch;                // "x86_64"
  std::int64_t nodes = 0;
  std::int64_t cores_per_node = 0;
  std::int64_t mem_mib_per_node = 0;
  std::int64_t gpus_per_node = 0;
  std::string gpu_model;           // "a100"; empty without gpus
  std::int32_t speed_milli = 1000; // relative speed of a core (or card): 1000 = the reference
  Duration max_walltime;           // 0 = no limit
  bool whole_nodes = false;        // sells nodes, not cores
  bool accepting = true;           // drained or paused by the center: false
  bool files = false;              // takes jobs with input and output files
  std::optional<pricing::SellingRule> rule;  // of the center's own configuration

  // Live figures, as of the last heartbeat.
  std::int64_t free_cores = 0;
  std::int64_t free_gpus = 0;
  std::int64_t pending_jobs = 0;
  std::int64_t running_jobs = 0;
  std::int64_t pending_core_ms = 0;  // work in the queue: Σ cores × time limit
  Instant observed_at;
  bool online = false;             // the connector's stream is up
};

}  // namespace bourse::broker::routing
