// What we read of the API's objects. Everything in them is untrusted: texts are cut, figures are checked, and an object that
// isn't one of ours reads as nothing. Pure.
//
// Source of the shapes: the Kubernetes API reference, batch/v1 and core/v1, as of 1.20 and unchanged since.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "connectors/core/driver.h"

namespace bourse::kubernetes {

struct JobView {
  std::string name, uid, pool;
  std::string marker;                      // empty: not ours
  std::string stopped;                     // see kStopped; empty = nobody asked for its end
  std::string condition, reason;           // "Complete" or "Failed", and why; empty while it lives
  std::int64_t walltime_s = 0;
  std::int64_t nodes = 1;                  // spec.parallelism
  std::int64_t cpu_milli = 0;              // asked for, on all nodes
  std::optional<std::int64_t> deadline_s;  // spec.activeDeadlineSeconds
  bool deleting = false;
  std::optional<Instant> created, started, finished;  // started: the controller saw it; finished: the condition's time
  std::string raw;                         // compact JSON of its status
};

struct PodView {
  std::string name, uid, node, phase;
  std::string job;                         // the Job's name
  std::string pool;
  std::string reason;                      // of the pod: "Evicted", "DeadlineExceeded", "NodeLost"
  bool deleting = false;
  std::optional<Instant> bound;            // when it got its node
  std::string waiting;                     // why its container doesn't run yet: "ImagePullBackOff"
  std::optional<Instant> started, finished;
  std::optional<std::int32_t> exit_code;   // its container has ended
  std::string container_reason;            // "OOMKilled", "Error"
  connector::Allocation allocation;        // its requests; one node
  std::string raw;
  bool over() const { return exit_code || phase == "Succeeded" || phase == "Failed"; }
};

// A pod of anybody, for the figures of pools.
struct PodUse {
  std::string node, pool, phase;           // pool: our label; empty of others
  std::string job;                         // our Job's name; of others their own name if a Job made them, else empty
  bool system = false;                     // a DaemonSet's or the node's own
  std::int64_t cpu_milli = 0, mem_bytes = 0;
  std::map<std::string, std::int64_t> devices;  // whole ones, by resource
  std::int64_t walltime_s = 0;
  std::map<std::string, std::string> node_selector;
};

struct Taint {
  std::string key, value, effect;
};

struct NodeView {
  std::string name, arch;
  std::map<std::string, std::string> labels;
  std::vector<Taint> taints;
  bool ready = false;
  std::int64_t cpu_milli = 0, mem_bytes = 0;
  std::map<std::string, std::int64_t> devices;  // by resource
};

// Nothing: without name or uid.
std::optional<JobView> read_job(const nlohmann::json& object);
std::optional<PodView> read_pod(const nlohmann::json& object);
std::optional<PodUse> read_pod_use(const nlohmann::json& object);
std::optional<NodeView> read_node(const nlohmann::json& object);

// JSON from the API: at most 64 levels deep. Errors: unavailable.
Result<nlohmann::json> parse_answer(std::string_view text);
// The texts at a path of names, "" where there is no text.
std::string text_at(const nlohmann::json& object, std::initializer_list<std::string_view> path);
// Null where there is nothing.
const nlohmann::json& value_at(const nlohmann::json& object, std::initializer_list<std::string_view> path);

}  // namespace bourse::kubernetes
