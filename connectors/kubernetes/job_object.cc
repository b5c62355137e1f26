#include "connectors/kubernetes/job_object.h"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "connectors/core/job_environment.h"
#include "connectors/kubernetes/names.h"
#include "connectors/host/text.h"

namespace bourse::kubernetes {

using nlohmann::json;

const std::vector<std::string> kGpuResources = {"nvidia.com/gpu",     "amd.com/gpu",        "huawei.com/Ascend910", "huawei.com/Ascend310P",
                                                "cambricon.com/mlu", "hygon.com/dcu", "gpu.intel.com/i915"};

namespace {

constexpr std::int64_t kMaxSeconds = 86'400LL * 366;
constexpr std::size_t kMaxTitle = 200;
constexpr int kScriptMode = 0555;
constexpr const char* kScriptFolder = "/var/run/bourse";
// A pod's API has no umask. "$0" names this file; the script is beside it.
constexpr const char* kStart = "#!/bin/sh\numask 077\nexec \"${0%/*}/script\"\n";

bool is_marker(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

std::int64_t divided_up(std::int64_t value, std::int64_t by) { return (value + by - 1) / by; }
std::int64_t seconds_up(Duration d) { return divided_up(d.ms, 1000); }

Status check_figures(const connector::SubmitRequest& request) {
  const connector::Allocation& need = request.need;
  const auto sane = [](std::int64_t n) { return n >= 0 && n <= host::kMaxCount; };
  if (need.nodes < 1 || need.nodes > 10'000 || need.cores < need.nodes || !sane(need.cores) || !sane(need.gpus) || !sane(need.mem_mib))
    return fail(ErrorCode::invalid_argument, "nodes, cores, gpus or memory");
  if (need.cores % need.nodes != 0) return fail(ErrorCode::invalid_argument, "cores must be the same on every node");
  if (need.gpus % need.nodes != 0) return fail(ErrorCode::invalid_argument, "gpus must be the same on every node");
  if (request.walltime.ms <= 0 || request.walltime.ms / 1000 > kMaxSeconds) return fail(ErrorCode::invalid_argument, "walltime");
  return {};
}

// Of folders below the jobs' folder the claim has only the run's own mounted.
std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

json resources_of(const connector::SubmitRequest& request, const JobSettings& settings) {
  const connector::Allocation& need = request.need;
  json all = {{"cpu", std::to_string(need.cores / need.nodes)}};
  if (need.mem_mib > 0) all["memory"] = std::to_string(divided_up(need.mem_mib, need.nodes)) + "Mi";
  if (need.gpus > 0) all[settings.gpu_resource] = std::to_string(need.gpus / need.nodes);
  return all;
}

json container_of(const connector::SubmitRequest& request, const JobSettings& settings) {
  json environment = json::array();
  for (const auto& [name, value] : connector::job_environment(request)) {
    // An image knows where its programs are.
    if (name != "PATH") environment.push_back({{"name", name}, {"value", value}});
  }
  const json resources = resources_of(request, settings);
  json work = {{"name", "work"}, {"mountPath", request.workdir}};
  if (!settings.claim.empty()) work["subPath"] = last_part(request.workdir);
  return {{"name", kContainer},
          {"image", settings.pool.image.empty() ? settings.image : settings.pool.image},
          {"command", json::array({std::string(kScriptFolder) + "/start"})},
          {"workingDir", request.workdir},
          {"env", std::move(environment)},
          {"resources", {{"requests", resources}, {"limits", resources}}},
          {"securityContext",
           {{"allowPrivilegeEscalation", false}, {"privileged", false}, {"capabilities", {{"drop", json::array({"ALL"})}}}}},
          {"volumeMounts", json::array({{{"name", "script"}, {"mountPath", kScriptFolder}, {"readOnly", true}}, std::move(work)})}};
}

json volumes_of(const connector::SubmitRequest& request, const JobSettings& settings) {
  json work = {{"name", "work"}};
  if (settings.claim.empty()) work["emptyDir"] = {{"sizeLimit", std::to_string(settings.scratch_mib) + "Mi"}};
  else work["persistentVolumeClaim"] = {{"claimName", settings.claim}};
  return json::array({{{"name", "script"}, {"secret", {{"secretName", job_name(request.marker)}, {"defaultMode", kScriptMode}}}}, std::move(work)});
}

json tolerations_of(const PoolConfig& pool) {
  json all = json::array();
  for (const Toleration& t : pool.tolerations) {
    json one = {{"key", t.key}, {"operator", t.value.empty() ? "Exists" : "Equal"}};
    if (!t.value.empty()) one["value"] = t.value;
    if (!t.effect.empty()) one["effect"] = t.effect;
    all.push_back(std::move(one));
  }
  // A node that can't be reached runs what it ran; a pod evicted from there would be replaced by one that runs the script a second time.
  for (const char* key : {"node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"})
    all.push_back({{"key", key}, {"operator", "Exists"}, {"effect", "NoExecute"}});
  return all;
}

json pod_spec(const connector::SubmitRequest& request, const JobSettings& settings) {
  json spec = {{"restartPolicy", "Never"},
               {"activeDeadlineSeconds", seconds_up(request.walltime) + seconds_up(settings.start_allowance)},
               {"terminationGracePeriodSeconds", seconds_up(settings.kill_grace)},
               {"automountServiceAccountToken", false},
               {"enableServiceLinks", false},
               // As process 1 the script would not be ended by signals that it doesn't handle: SIGTERM, or its own kill $$.
               {"shareProcessNamespace", true},
               {"tolerations", tolerations_of(settings.pool)},
               {"securityContext",
                {{"runAsNonRoot", true}, {"runAsUser", request.user.uid}, {"runAsGroup", request.user.gid},
                 {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
               {"containers", json::array({container_of(request, settings)})},
               {"volumes", volumes_of(request, settings)}};
  if (!settings.pool.selector.empty()) spec["nodeSelector"] = settings.pool.selector;
  if (!settings.priority_class.empty()) spec["priorityClassName"] = settings.priority_class;
  const std::string& account = request.user.scheduler_account.empty() ? settings.service_account : request.user.scheduler_account;
  if (!account.empty()) spec["serviceAccountName"] = account;
  if (request.need.nodes > 1) {
    const json apart = {{"topologyKey", "kubernetes.io/hostname"},
                        {"labelSelector", {{"matchLabels", {{kJobLabel, job_name(request.marker)}}}}}};
    spec["affinity"] = {{"podAntiAffinity", {{"requiredDuringSchedulingIgnoredDuringExecution", json::array({apart})}}}};
  }
  return spec;
}

json labels_of(const connector::SubmitRequest& request, const JobSettings& settings) {
  return {{kManagedBy, "bourse"}, {kJobLabel, job_name(request.marker)}, {kPoolLabel, settings.pool.name}, {kUserLabel, request.user.name}};
}

json annotations_of(const connector::SubmitRequest& request) {
  return {{kMarker, request.marker}, {kWalltime, std::to_string(seconds_up(request.walltime))}};
}

std::string dumped(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 3; ++k) word = word << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0);
    for (std::size_t k = 0; k < 4; ++k) out += i + k <= bytes.size() ? kDigits[word >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

}  // namespace

Result<Toleration> parse_toleration(const std::string& text) {
  Toleration t;
  const std::size_t colon = text.find(':');
  std::string front = text.substr(0, colon);
  if (colon != std::string::npos) t.effect = text.substr(colon + 1);
  const std::size_t equals = front.find('=');
  t.key = front.substr(0, equals);
  if (equals != std::string::npos) t.value = front.substr(equals + 1);
  const bool known = t.effect.empty() || t.effect == "NoSchedule" || t.effect == "PreferNoSchedule" || t.effect == "NoExecute";
  if (!is_qualified_name(t.key) || !is_label_value(t.value) || !known || (colon != std::string::npos && t.effect.empty()))
    return fail(ErrorCode::invalid_argument, "a toleration is key=value:NoSchedule, key:NoExecute or key, not '" + host::shown(text) + "'");
  return t;
}

Status check_request(const connector::SubmitRequest& request, const JobSettings& settings) {
  if (!is_marker(request.marker)) return fail(ErrorCode::invalid_argument, "marker");
  if (!is_label_value(request.user.name) || request.user.name.empty())
    return fail(ErrorCode::invalid_argument, "the local user's name can't be a label");
  if (request.user.uid == 0 || request.user.gid == 0) return fail(ErrorCode::forbidden, "nothing runs as root or in root's group");
  if (!request.user.scheduler_account.empty() && !is_dns_subdomain(request.user.scheduler_account))
    return fail(ErrorCode::invalid_argument, "the scheduler account names a service account, which this can't be");
  if (!host::is_plain_path(request.workdir) || request.workdir.size() < 2 || request.workdir.ends_with('/'))
    return fail(ErrorCode::invalid_argument, "the workdir's path has odd characters");
  if (!request.user.home.empty() && !host::is_plain_path(request.user.home))
    return fail(ErrorCode::invalid_argument, "the local user's home has odd characters");
  CHECK_OK(check_figures(request));
  if (!request.script.starts_with("#!")) return fail(ErrorCode::invalid_argument, "the script must start with '#!'");
  if (request.script.size() > kMaxScript)
    return fail(ErrorCode::too_large, "the script is longer than " + std::to_string(kMaxScript) + " bytes, which is what a Secret takes");
  if (request.need.nodes > 1 && !settings.version.indexed_jobs())
    return fail(ErrorCode::failed_precondition, "this cluster (" + std::to_string(settings.version.major) + "." + std::to_string(settings.version.minor) +
                                                    ") has no Indexed Jobs, so a job has one node");
  if (request.need.gpus > 0 && settings.gpu_resource.empty()) return fail(ErrorCode::failed_precondition, "the pool has no cards");
  return {};
}

std::string job_body(const connector::SubmitRequest& request, const JobSettings& settings) {
  json annotations = annotations_of(request);
  annotations[kTitle] = host::shown(request.name).substr(0, kMaxTitle);
  json spec = {{"backoffLimit", 0},
               {"parallelism", request.need.nodes},
               {"completions", request.need.nodes},
               {"template",
                {{"metadata", {{"labels", labels_of(request, settings)}, {"annotations", annotations_of(request)}}},
                 {"spec", pod_spec(request, settings)}}}};
  if (request.need.nodes > 1) spec["completionMode"] = "Indexed";
  if (settings.version.removes_finished_jobs()) spec["ttlSecondsAfterFinished"] = seconds_up(settings.keep);
  return dumped({{"apiVersion", "batch/v1"},
                 {"kind", "Job"},
                 {"metadata",
                  {{"name", job_name(request.marker)},
                   {"namespace", settings.name_space},
                   {"labels", labels_of(request, settings)},
                   {"annotations", std::move(annotations)}}},
                 {"spec", std::move(spec)}});
}

std::string secret_body(const connector::SubmitRequest& request, const JobSettings& settings, const std::string& job_uid) {
  const std::string name = job_name(request.marker);
  return dumped({{"apiVersion", "v1"},
                 {"kind", "Secret"},
                 {"type", "Opaque"},
                 {"metadata",
                  {{"name", name},
                   {"namespace", settings.name_space},
                   {"labels", {{kManagedBy, "bourse"}, {kJobLabel, name}}},
                   {"ownerReferences", json::array({{{"apiVersion", "batch/v1"}, {"kind", "Job"}, {"name", name}, {"uid", job_uid}}})}}},
                 {"data", {{"start", base64(kStart)}, {"script", base64(request.script)}}}});
}

std::string delete_body(const std::string& uid) {
  json body = {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"propagationPolicy", "Background"}};
  if (!uid.empty()) body["preconditions"] = {{"uid", uid}};
  return dumped(body);
}

std::string stop_patch(const std::string& why) {
  return dumped({{"metadata", {{"annotations", {{kStopped, why}}}}}, {"spec", {{"activeDeadlineSeconds", 1}}}});
}

std::string deadline_patch(std::int64_t wanted) { return dumped({{"spec", {{"activeDeadlineSeconds", wanted}}}}); }

}  // namespace bourse::kubernetes
