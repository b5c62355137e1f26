// The job controller, the scheduler and the kubelet, a step at a time.
#include <algorithm>

#include "base/time.h"
#include "connectors/kubernetes/testing/cluster.h"
#include "connectors/kubernetes/testing/schema.h"

namespace bourse::kubernetes::testing {

class Controllers {
 public:
  explicit Controllers(Cluster& cluster) : c_(cluster) {}

  void jobs() {
    for (const auto& [key, job] : std::map(c_.objects_["jobs"])) {
      if (!job["status"].contains("conditions")) sync(job);
    }
  }

  void schedule() {
    for (const auto& [key, pod] : std::map(c_.objects_["pods"])) {
      if (pod["spec"].contains("nodeName") || pod["metadata"].contains("deletionTimestamp")) continue;
      for (const auto& [node_key, node] : c_.objects_["nodes"]) {
        if (!fits(pod, node)) continue;
        json bound = pod;
        bound["spec"]["nodeName"] = node_key.second;
        bound["status"]["conditions"] = json::array({{{"type", "PodScheduled"}, {"status", "True"}, {"lastTransitionTime", c_.stamp()}}});
        c_.put("pods", std::move(bound), "MODIFIED");
        break;
      }
    }
  }

  void kubelet() {
    if (!c_.runtime.start) return;
    for (const auto& [key, pod] : std::map(c_.objects_["pods"])) {
      if (!pod["spec"].contains("nodeName")) continue;
      const std::string phase = pod["status"].value("phase", "Pending");
      if (phase == "Pending" && !pod["status"].contains("startTime")) begin(key, pod);
      else if (phase == "Pending" || phase == "Running") look(pod);
      else if (pod["metadata"].contains("deletionTimestamp")) c_.drop("pods", key);
    }
  }

 private:
  using Key = Cluster::Key;

  void finish(json& job, const char* type, const std::string& reason) {
    json condition = {{"type", type}, {"status", "True"}, {"lastProbeTime", c_.stamp()}, {"lastTransitionTime", c_.stamp()}};
    if (!reason.empty()) condition["reason"] = reason;
    job["status"]["conditions"] = json::array({condition});
    if (reason.empty()) job["status"]["completionTime"] = c_.stamp();
  }

  void sync(json job) {
    const std::string uid = job["metadata"].value("uid", "");
    int active = 0, succeeded = 0, failed = 0;
    std::vector<Key> alive;
    for (const auto& [pod_key, pod] : c_.objects_["pods"]) {
      const json owners = pod["metadata"].value("ownerReferences", json::array());
      if (owners.empty() || owners[0].value("uid", "") != uid) continue;
      const std::string phase = pod["status"].value("phase", "Pending");
      if (phase == "Succeeded") ++succeeded;
      else if (phase == "Failed") ++failed;
      else if (!pod["metadata"].contains("deletionTimestamp")) ++active, alive.push_back(pod_key);
    }
    const json before = job;
    if (!job["status"].contains("startTime")) job["status"]["startTime"] = c_.stamp();
    const int completions = job["spec"].value("completions", 1);
    const std::int64_t started = started_s(job);
    const bool late = job["spec"].contains("activeDeadlineSeconds") && c_.now_s_() - started >= job["spec"]["activeDeadlineSeconds"].get<std::int64_t>();
    job["status"]["succeeded"] = succeeded, job["status"]["failed"] = failed;
    if (late || failed > job["spec"].value("backoffLimit", 6)) {
      for (const Key& pod : alive) c_.begin_removal("pods", pod);
      job["status"]["failed"] = failed + static_cast<int>(alive.size());
      finish(job, "Failed", late ? "DeadlineExceeded" : "BackoffLimitExceeded");
    } else if (succeeded >= completions) {
      finish(job, "Complete", "");
    } else {
      for (; active + succeeded + failed < completions; ++active) make_pod(job, active + succeeded + failed);
      job["status"]["active"] = active;
    }
    if (job != before) c_.put("jobs", std::move(job), "MODIFIED");
  }

  std::int64_t started_s(const json& job) const {
    const auto at = parse_instant(job["status"].value("startTime", ""));
    return at ? at->unix_ms / 1000 : c_.now_s_();
  }

  void make_pod(const json& job, int index) {
    const std::string name = job["metadata"].value("name", "");
    json pod = {{"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", job["spec"]["template"]["metadata"]}, {"spec", job["spec"]["template"]["spec"]}};
    pod["metadata"]["name"] = name + "-" + std::to_string(10'000 + ++c_.uids_);
    pod["metadata"]["namespace"] = job["metadata"]["namespace"];
    pod["metadata"]["uid"] = "pod-" + std::to_string(c_.uids_);
    pod["metadata"]["creationTimestamp"] = c_.stamp();
    pod["metadata"]["labels"]["job-name"] = name;
    pod["metadata"]["labels"]["controller-uid"] = job["metadata"]["uid"];
    if (job["spec"].value("completionMode", "") == "Indexed")
      pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"] = std::to_string(index);
    pod["metadata"]["ownerReferences"] = json::array({{{"apiVersion", "batch/v1"}, {"kind", "Job"}, {"name", name}, {"uid", job["metadata"]["uid"]}, {"controller", true}}});
    pod["status"] = {{"phase", "Pending"}};
    c_.put("pods", std::move(pod), "ADDED");
  }

  static std::int64_t asked(const json& pod, const std::string& resource) {
    std::int64_t sum = 0;
    for (const json& container : pod["spec"]["containers"]) {
      const json requests = container.value("resources", json::object()).value("requests", json::object());
      if (requests.contains(resource)) sum += quantity_milli(requests[resource].get<std::string>());
    }
    return sum;
  }

  bool fits(const json& pod, const json& node) {
    for (const auto& [label, value] : pod["spec"].value("nodeSelector", json::object()).items())
      if (node["metadata"]["labels"].value(label, "") != value.get<std::string>()) return false;
    for (const auto& [resource, has] : node["status"]["allocatable"].items()) {
      std::int64_t used = asked(pod, resource);
      for (const auto& [key, other] : c_.objects_["pods"]) {
        const std::string phase = other["status"].value("phase", "");
        if (other["spec"].value("nodeName", "") == node["metadata"].value("name", "?") && phase != "Succeeded" && phase != "Failed") used += asked(other, resource);
      }
      if (used > quantity_milli(has.get<std::string>())) return false;
    }
    return true;
  }

  json container(const char* state, const json& what) {
    return json::array({{{"name", "job"}, {"ready", std::string_view(state) == "running"}, {"restartCount", 0}, {"state", {{state, what}}}}});
  }

  void write(const json& pod, const json& status) {
    json next = pod;
    next["status"].merge_patch(status);
    if (next != pod) c_.put("pods", std::move(next), "MODIFIED");
  }

  void begin(const Key& key, const json& pod) {
    if (pod["metadata"].contains("deletionTimestamp")) return c_.drop("pods", key);
    const std::string secret_name = pod["spec"]["volumes"][0]["secret"].value("secretName", "");
    const json* secret = c_.find("secrets", {key.first, secret_name});
    if (secret == nullptr) return write(pod, {{"containerStatuses", container("waiting", {{"reason", "ContainerCreating"}})}});
    if (!c_.runtime.start(pod, *secret))
      return write(pod, {{"phase", "Failed"}, {"containerStatuses", container("terminated", {{"exitCode", 128}, {"reason", "ContainerCannotRun"}})}});
    // The runtime says when it has begun, and that never changes.
    write(pod, {{"startTime", c_.stamp()}, {"containerStatuses", container("waiting", {{"reason", "ContainerCreating"}})}});
  }

  void look(const json& pod) {
    const std::string uid = pod["metadata"].value("uid", "");
    const Runtime::Seen seen = c_.runtime.look(uid);
    if (!seen.running) {
      const std::string reason = !seen.reason.empty() ? seen.reason : seen.exit_code == 0 ? "Completed" : "Error";
      write(pod, {{"phase", seen.exit_code == 0 ? "Succeeded" : "Failed"},
                       {"containerStatuses", container("terminated", {{"exitCode", seen.exit_code}, {"reason", reason},
                                                                      {"startedAt", rfc3339(seen.started)}, {"finishedAt", rfc3339(seen.finished)}})}});
      return;
    }
    if (seen.started > 0) write(pod, {{"phase", "Running"}, {"containerStatuses", container("running", {{"startedAt", rfc3339(seen.started)}})}});
    if (pod["metadata"].contains("deletionTimestamp") && killed_.insert(uid).second) c_.runtime.kill(uid);
  }

  Cluster& c_;
  std::set<std::string> killed_;
};

void Cluster::step() {
  const std::scoped_lock lock(mutex_);
  Controllers controllers(*this);
  if (habits.controller) controllers.jobs();
  if (habits.kubelet) controllers.schedule(), controllers.kubelet();
}

}  // namespace bourse::kubernetes::testing
