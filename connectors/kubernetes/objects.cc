#include "connectors/kubernetes/objects.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>

#include "connectors/kubernetes/names.h"
#include "connectors/kubernetes/quantity.h"
#include "connectors/host/text.h"

namespace bourse::kubernetes {

using nlohmann::json;

namespace {

constexpr std::size_t kMaxText = 253;
constexpr int kMostDepth = 64;
constexpr std::size_t kMostLabels = 256;

struct TooDeep {};

std::int64_t number_at(const json& object, std::initializer_list<std::string_view> path) {
  const json& value = value_at(object, path);
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

std::optional<Instant> instant_at(const json& object, std::initializer_list<std::string_view> path) {
  const auto read = parse_instant(text_at(object, path));
  return read ? std::optional(*read) : std::nullopt;
}

// Annotations are texts; a figure in one is ours or nonsense.
std::int64_t count_of(const std::string& text) { return host::parse_count(text).value_or(0); }

std::map<std::string, std::string> texts_of(const json& object) {
  std::map<std::string, std::string> result;
  if (!object.is_object()) return result;
  for (const auto& [key, value] : object.items())
    if (value.is_string() && result.size() < kMostLabels) result[key] = value.get<std::string>().substr(0, kMaxText);
  return result;
}

struct Amounts {
  std::int64_t cpu_milli = 0, mem_bytes = 0;
  std::map<std::string, std::int64_t> devices;
};

void add(std::int64_t& sum, std::int64_t more) { sum = saturating_add(sum, more); }

Amounts amounts_of(const json& list) {
  Amounts result;
  if (!list.is_object()) return result;
  for (const auto& [resource, value] : list.items()) {
    const std::string text = value.is_string() ? value.get<std::string>() : value.is_number_integer() ? value.dump() : "";
    const auto milli = parse_milli(text);
    if (!milli) continue;
    if (resource == "cpu") result.cpu_milli = *milli;
    else if (resource == "memory") result.mem_bytes = *milli / 1000;
    else if (resource.contains('/') && result.devices.size() < 64) result.devices[resource] = *milli / 1000;
  }
  return result;
}

// What its containers ask for together; what an init container asks for above that is not counted.
Amounts requests_of(const json& pod) {
  Amounts sum;
  const json& containers = value_at(pod, {"spec", "containers"});
  if (!containers.is_array()) return sum;
  for (const json& container : containers) {
    const Amounts one = amounts_of(value_at(container, {"resources", "requests"}));
    add(sum.cpu_milli, one.cpu_milli);
    add(sum.mem_bytes, one.mem_bytes);
    for (const auto& [device, count] : one.devices) add(sum.devices[device], count);
  }
  return sum;
}

const json* condition_of(const json& object, std::string_view type) {
  const json& conditions = value_at(object, {"status", "conditions"});
  if (!conditions.is_array()) return nullptr;
  for (const json& condition : conditions)
    if (text_at(condition, {"type"}) == type && text_at(condition, {"status"}) == "True") return &condition;
  return nullptr;
}

const json* container_of(const json& pod) {
  const json& all = value_at(pod, {"status", "containerStatuses"});
  if (!all.is_array()) return nullptr;
  for (const json& status : all)
    if (text_at(status, {"name"}) == kContainer) return &status;
  return nullptr;
}

std::int64_t whole(std::int64_t part, std::int64_t of) { return part / of + (part % of != 0); }

// A state has what the kubelet says, of which people may write "message" at any length.
json short_state(const json& status) {
  json state = value_at(status, {"state"});
  if (!state.is_object()) return json::object();
  json kept = json::object();
  for (const char* kind : {"waiting", "running", "terminated"}) {
    if (!value_at(state, {kind}).is_object()) continue;
    for (const char* field : {"reason", "startedAt", "finishedAt"})
      if (const std::string text = text_at(state, {kind, field}); !text.empty()) kept[kind][field] = text;
    for (const char* field : {"exitCode", "signal"})
      if (value_at(state, {kind, field}).is_number_integer()) kept[kind][field] = number_at(state, {kind, field});
  }
  return kept;
}

std::string compact(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

void read_container(const json& status, PodView& pod) {
  pod.waiting = text_at(status, {"state", "waiting", "reason"});
  if (value_at(status, {"state", "running"}).is_object()) pod.started = instant_at(status, {"state", "running", "startedAt"});
  if (!value_at(status, {"state", "terminated"}).is_object()) return;
  pod.started = instant_at(status, {"state", "terminated", "startedAt"});
  // A container that never ran is told with times of year 1 or 1970.
  if (pod.started && pod.started->unix_ms <= 0) pod.started.reset();
  pod.finished = instant_at(status, {"state", "terminated", "finishedAt"});
  pod.exit_code = static_cast<std::int32_t>(std::clamp<std::int64_t>(number_at(status, {"state", "terminated", "exitCode"}), 0, 255));
  const std::int64_t signal = number_at(status, {"state", "terminated", "signal"});
  if (*pod.exit_code == 0 && signal > 0) pod.exit_code = static_cast<std::int32_t>(128 + std::min<std::int64_t>(signal, 64));
  pod.container_reason = text_at(status, {"state", "terminated", "reason"});
}

}  // namespace

const json& value_at(const json& object, std::initializer_list<std::string_view> path) {
  static const json kNothing;
  const json* at = &object;
  for (const std::string_view name : path) {
    if (!at->is_object()) return kNothing;
    const auto found = at->find(name);
    if (found == at->end()) return kNothing;
    at = &*found;
  }
  return *at;
}

std::string text_at(const json& object, std::initializer_list<std::string_view> path) {
  const json& value = value_at(object, path);
  return value.is_string() ? host::shown(value.get_ref<const std::string&>()).substr(0, kMaxText) : std::string();
}

Result<json> parse_answer(std::string_view text) {
  int open = 0;
  const auto watch = [&](int, json::parse_event_t event, json&) {
    if (event == json::parse_event_t::object_start || event == json::parse_event_t::array_start) {
      if (++open > kMostDepth) throw TooDeep{};
    } else if (event == json::parse_event_t::object_end || event == json::parse_event_t::array_end) {
      --open;
    }
    return true;
  };
  try {
    return json::parse(text, watch);
  } catch (const TooDeep&) {
    return fail(ErrorCode::unavailable, "the API server's answer is nested too deeply");
  } catch (const json::exception&) {
    return fail(ErrorCode::unavailable, "the API server's answer is not JSON");
  }
}

std::optional<JobView> read_job(const json& object) {
  const json& annotations = value_at(object, {"metadata", "annotations"});
  JobView job{.name = text_at(object, {"metadata", "name"}), .uid = text_at(object, {"metadata", "uid"}),
              .pool = text_at(object, {"metadata", "labels", kPoolLabel}), .marker = text_at(annotations, {kMarker}),
              .stopped = text_at(annotations, {kStopped})};
  if (job.name.empty() || job.uid.empty()) return std::nullopt;
  job.walltime_s = count_of(text_at(annotations, {kWalltime}));
  if (value_at(object, {"spec", "activeDeadlineSeconds"}).is_number_integer())
    job.deadline_s = number_at(object, {"spec", "activeDeadlineSeconds"});
  job.nodes = std::clamp<std::int64_t>(number_at(object, {"spec", "parallelism"}), 1, host::kMaxCount);
  const std::int64_t each = requests_of(value_at(object, {"spec", "template"})).cpu_milli;
  job.cpu_milli = std::min(each, host::kMaxCount) * job.nodes;
  job.deleting = value_at(object, {"metadata", "deletionTimestamp"}).is_string();
  job.created = instant_at(object, {"metadata", "creationTimestamp"});
  job.started = instant_at(object, {"status", "startTime"});
  json kept = {{"name", job.name}, {"uid", job.uid}};
  for (const char* type : {"Complete", "Failed"}) {
    const json* condition = condition_of(object, type);
    if (condition == nullptr) continue;
    job.condition = type;
    job.reason = text_at(*condition, {"reason"});
    job.finished = instant_at(*condition, {"lastTransitionTime"});
    if (const auto done = instant_at(object, {"status", "completionTime"}); done && !job.finished) job.finished = done;
    kept["condition"] = {{"type", type}, {"reason", job.reason}, {"time", text_at(*condition, {"lastTransitionTime"})}};
  }
  for (const char* field : {"active", "succeeded", "failed"})
    if (const std::int64_t count = number_at(object, {"status", field}); count != 0) kept[field] = count;
  if (job.started) kept["startTime"] = text_at(object, {"status", "startTime"});
  if (!job.stopped.empty()) kept["stopped"] = job.stopped;
  job.raw = compact(kept);
  return job;
}

std::optional<PodView> read_pod(const json& object) {
  PodView pod{.name = text_at(object, {"metadata", "name"}), .uid = text_at(object, {"metadata", "uid"}),
              .node = text_at(object, {"spec", "nodeName"}), .phase = text_at(object, {"status", "phase"}),
              .job = text_at(object, {"metadata", "labels", kJobLabel}), .pool = text_at(object, {"metadata", "labels", kPoolLabel}),
              .reason = text_at(object, {"status", "reason"})};
  if (pod.name.empty() || pod.uid.empty() || pod.job.empty()) return std::nullopt;
  pod.deleting = value_at(object, {"metadata", "deletionTimestamp"}).is_string();
  if (const json* scheduled = condition_of(object, "PodScheduled")) pod.bound = instant_at(*scheduled, {"lastTransitionTime"});
  if (!pod.bound && !pod.node.empty()) pod.bound = instant_at(object, {"status", "startTime"});
  const Amounts asked = requests_of(object);
  pod.allocation = {.cores = whole(asked.cpu_milli, 1000), .gpus = 0, .nodes = 1, .mem_mib = whole(asked.mem_bytes, 1 << 20)};
  for (const auto& [device, count] : asked.devices) add(pod.allocation.gpus, count);
  json kept = {{"name", pod.name}, {"uid", pod.uid}, {"phase", pod.phase}, {"node", pod.node}};
  if (!pod.reason.empty()) kept["reason"] = pod.reason;
  kept["requests"] = {{"cpu_milli", asked.cpu_milli}, {"memory_bytes", asked.mem_bytes}};
  for (const auto& [device, count] : asked.devices) kept["requests"][device] = count;
  if (const json* status = container_of(object)) {
    read_container(*status, pod);
    kept["state"] = short_state(*status);
  }
  pod.raw = compact(kept);
  return pod;
}

std::optional<PodUse> read_pod_use(const json& object) {
  PodUse use{.node = text_at(object, {"spec", "nodeName"}), .pool = {}, .phase = text_at(object, {"status", "phase"}),
             .job = text_at(object, {"metadata", "labels", kJobLabel})};
  const std::string name = text_at(object, {"metadata", "name"});
  if (name.empty()) return std::nullopt;
  if (!use.job.empty()) use.pool = text_at(object, {"metadata", "labels", kPoolLabel});
  if (const json& owners = value_at(object, {"metadata", "ownerReferences"}); owners.is_array())
    for (const json& owner : owners) {
      const std::string kind = text_at(owner, {"kind"});
      if (kind == "DaemonSet" || kind == "Node") use.system = true;
      if (kind == "Job" && use.job.empty()) use.job = text_at(object, {"metadata", "namespace"}) + "/" + text_at(owner, {"name"});
    }
  Amounts asked = requests_of(object);
  use.cpu_milli = asked.cpu_milli, use.mem_bytes = asked.mem_bytes, use.devices = std::move(asked.devices);
  use.walltime_s = count_of(text_at(object, {"metadata", "annotations", kWalltime}));
  if (use.walltime_s == 0) use.walltime_s = std::clamp<std::int64_t>(number_at(object, {"spec", "activeDeadlineSeconds"}), 0, host::kMaxCount);
  use.node_selector = texts_of(value_at(object, {"spec", "nodeSelector"}));
  return use;
}

std::optional<NodeView> read_node(const json& object) {
  NodeView node{.name = text_at(object, {"metadata", "name"}), .arch = {}, .labels = texts_of(value_at(object, {"metadata", "labels"}))};
  if (node.name.empty()) return std::nullopt;
  const json* ready = condition_of(object, "Ready");
  const json& cordoned = value_at(object, {"spec", "unschedulable"});
  node.ready = ready != nullptr && !(cordoned.is_boolean() && cordoned.get<bool>());
  if (const json& taints = value_at(object, {"spec", "taints"}); taints.is_array())
    for (const json& taint : taints)
      if (node.taints.size() < kMostLabels)
        node.taints.push_back({text_at(taint, {"key"}), text_at(taint, {"value"}), text_at(taint, {"effect"})});
  Amounts has = amounts_of(value_at(object, {"status", "allocatable"}));
  node.cpu_milli = has.cpu_milli, node.mem_bytes = has.mem_bytes, node.devices = std::move(has.devices);
  const auto arch = node.labels.find("kubernetes.io/arch");
  if (arch != node.labels.end()) node.arch = arch->second == "amd64" ? "x86_64" : arch->second == "arm64" ? "aarch64" : arch->second;
  return node;
}

}  // namespace bourse::kubernetes
