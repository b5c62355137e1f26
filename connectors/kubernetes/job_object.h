// The objects and patches that the driver sends: exactly what an API server of 1.20 takes, and of later ones what makes several
// nodes possible. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "connectors/core/driver.h"

namespace bourse::kubernetes {

// "key=value:NoSchedule", "key:NoExecute" (any value), "key=value" (any effect).
struct Toleration {
  std::string key, value, effect;  // empty value or effect: any
};
Result<Toleration> parse_toleration(const std::string& text);

struct PoolConfig {
  std::string name;                             // a label's value
  std::map<std::string, std::string> selector;  // labels of its nodes; empty = all nodes
  std::vector<Toleration> tolerations;
  std::string image;                            // empty = the driver's
  std::string gpu_resource;                     // empty = the first of kGpuResources that its nodes have
  std::string gpu_model;
  Duration max_walltime;                        // 0 = the driver's
};

// What the makers of device plugins call their cards.
extern const std::vector<std::string> kGpuResources;

struct Version {
  int major = 1, minor = 20;
  bool indexed_jobs() const { return major > 1 || minor >= 24; }
  bool removes_finished_jobs() const { return major > 1 || minor >= 21; }  // ttlSecondsAfterFinished is on
};

struct JobSettings {
  std::string name_space;
  PoolConfig pool;
  std::string image;
  std::string gpu_resource;
  std::string service_account;   // empty = the namespace's default
  std::string priority_class;    // empty = the cluster's default
  std::string claim;             // PersistentVolumeClaim of the jobs' folder; empty = an empty folder of the pod's own
  std::int64_t scratch_mib = 0;  // of that own folder
  Duration start_allowance;      // pulling the image; beyond the walltime
  Duration kill_grace;
  Duration keep;                 // a finished Job
  Version version;
};

// A script may be so long: a Secret takes 1 MiB in all.
inline constexpr std::size_t kMaxScript = (1 << 20) - 4096;

// Everything in `request` is checked. Errors: invalid_argument, too_large (the script), failed_precondition (several nodes at a server without
// Indexed Jobs).
Status check_request(const connector::SubmitRequest& request, const JobSettings& settings);
// JSON. `request` has passed check_request.
std::string job_body(const connector::SubmitRequest& request, const JobSettings& settings);
// The script, owned by the Job with this uid, so that it goes with it.
std::string secret_body(const connector::SubmitRequest& request, const JobSettings& settings, const std::string& job_uid);

// The Job and all that it owns; only the very one with `uid`, if given.
std::string delete_body(const std::string& uid = {});
// A merge patch: the job controller ends the Job's pods and keeps the Job, with `why` on it.
std::string stop_patch(const std::string& why);
// A merge patch: the controller ends the Job so long after it saw it first.
std::string deadline_patch(std::int64_t seconds);

}  // namespace bourse::kubernetes
