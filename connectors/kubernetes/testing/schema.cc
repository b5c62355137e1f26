#include "connectors/kubernetes/testing/schema.h"

#include <regex>

namespace bourse::kubernetes::testing {
namespace {

using Fields = std::map<std::string, std::set<std::string>>;  // by path; array elements are "[]"

const Fields kJob = {
    {"", {"apiVersion", "kind", "metadata", "spec"}},
    {"/metadata", {"name", "namespace", "labels", "annotations", "ownerReferences"}},
    {"/spec", {"parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "selector", "manualSelector", "template", "ttlSecondsAfterFinished"}},
    {"/spec/template", {"metadata", "spec"}},
    {"/spec/template/metadata", {"labels", "annotations"}},
    {"/spec/template/spec",
     {"volumes", "containers", "restartPolicy", "terminationGracePeriodSeconds", "activeDeadlineSeconds", "nodeSelector", "serviceAccountName",
      "automountServiceAccountToken", "securityContext", "affinity", "tolerations", "priorityClassName", "enableServiceLinks", "shareProcessNamespace"}},
    {"/spec/template/spec/securityContext", {"runAsUser", "runAsGroup", "runAsNonRoot", "supplementalGroups", "fsGroup", "seccompProfile"}},
    {"/spec/template/spec/securityContext/seccompProfile", {"type"}},
    {"/spec/template/spec/containers/[]",
     {"name", "image", "command", "args", "workingDir", "env", "resources", "volumeMounts", "imagePullPolicy", "securityContext"}},
    {"/spec/template/spec/containers/[]/resources", {"limits", "requests"}},
    {"/spec/template/spec/containers/[]/env/[]", {"name", "value"}},
    {"/spec/template/spec/containers/[]/volumeMounts/[]", {"name", "mountPath", "readOnly", "subPath"}},
    {"/spec/template/spec/containers/[]/securityContext", {"allowPrivilegeEscalation", "privileged", "capabilities", "readOnlyRootFilesystem"}},
    {"/spec/template/spec/volumes/[]", {"name", "secret", "emptyDir", "persistentVolumeClaim"}},
    {"/spec/template/spec/volumes/[]/secret", {"secretName", "defaultMode"}},
    {"/spec/template/spec/volumes/[]/emptyDir", {"sizeLimit", "medium"}},
    {"/spec/template/spec/volumes/[]/persistentVolumeClaim", {"claimName", "readOnly"}},
    {"/spec/template/spec/tolerations/[]", {"key", "operator", "value", "effect", "tolerationSeconds"}},
    {"/spec/template/spec/affinity", {"podAntiAffinity"}},
};
const Fields kSecret = {{"", {"apiVersion", "kind", "metadata", "type", "data", "immutable"}},
                        {"/metadata", {"name", "namespace", "labels", "annotations", "ownerReferences"}},
                        {"/metadata/ownerReferences/[]", {"apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"}}};

const std::regex kName("[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?");
const std::regex kJobName("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?");
const std::regex kLabelKey("([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?");
const std::regex kLabelValue("([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?");
const std::regex kQuantity("([0-9]+(\\.[0-9]*)?)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?");

Response bad(const std::string& what) { return status_object(422, "Invalid", what); }

std::optional<std::string> unknown_field(const Fields& fields, const json& at, const std::string& path, const std::set<std::string>& more) {
  if (at.is_array()) {
    for (const json& element : at)
      if (auto found = unknown_field(fields, element, path + "/[]", more)) return found;
    return std::nullopt;
  }
  if (!at.is_object()) return std::nullopt;
  const auto known = fields.find(path);
  if (known == fields.end()) return std::nullopt;  // a table of free names
  for (const auto& [name, value] : at.items()) {
    if (!known->second.contains(name) && !more.contains(path + "/" + name)) return path + "/" + name;
    if (auto found = unknown_field(fields, value, path + "/" + name, more)) return found;
  }
  return std::nullopt;
}

std::optional<std::string> bad_labels(const json& metadata) {
  for (const auto& [key, value] : metadata.value("labels", json::object()).items())
    if (!std::regex_match(key, kLabelKey) || !value.is_string() || !std::regex_match(value.get<std::string>(), kLabelValue)) return "label " + key;
  for (const auto& [key, value] : metadata.value("annotations", json::object()).items())
    if (!std::regex_match(key, kLabelKey) || !value.is_string()) return "annotation " + key;
  return std::nullopt;
}

std::optional<std::string> bad_resources(const json& container) {
  const json resources = container.value("resources", json::object());
  for (const char* list : {"requests", "limits"})
    for (const auto& [name, value] : resources.value(list, json::object()).items()) {
      if (!value.is_string() || !std::regex_match(value.get<std::string>(), kQuantity)) return "quantity of " + name;
      if (name.find('/') != std::string::npos && resources["requests"][name] != resources["limits"][name]) return name + " must be requested as it is limited";
    }
  return std::nullopt;
}

std::optional<std::string> bad_pod(const json& pod) {
  if (pod.value("restartPolicy", "Always") == "Always") return "restartPolicy: Unsupported value: \"Always\"";
  std::set<std::string> volumes;
  for (const json& volume : pod.value("volumes", json::array())) volumes.insert(volume.value("name", ""));
  for (const json& container : pod.value("containers", json::array())) {
    if (container.value("image", "").empty()) return "image: Required value";
    if (!std::regex_match(container.value("name", ""), kJobName)) return "a container's name";
    if (auto wrong = bad_resources(container)) return wrong;
    std::set<std::string> places;
    for (const json& mount : container.value("volumeMounts", json::array()))
      if (!volumes.contains(mount.value("name", "")) || !places.insert(mount.value("mountPath", "")).second) return "volumeMounts";
    for (const json& variable : container.value("env", json::array()))
      if (variable.value("name", "").empty() || !variable["value"].is_string()) return "env";
  }
  for (const char* seconds : {"activeDeadlineSeconds", "terminationGracePeriodSeconds"})
    if (pod.contains(seconds) && !pod[seconds].is_number_integer()) return seconds;
  return pod.value("containers", json::array()).empty() ? std::optional<std::string>("containers: Required value") : std::nullopt;
}

std::optional<std::string> bad_job(const json& job, int minor) {
  const json& spec = job["spec"];
  if (!std::regex_match(job["metadata"].value("name", ""), kJobName)) return "name";
  for (const char* count : {"parallelism", "completions", "backoffLimit"})
    if (spec.contains(count) && (!spec[count].is_number_integer() || spec[count].get<int>() < 0)) return count;
  if (!spec.contains("template")) return "template: Required value";
  if (auto wrong = bad_labels(spec["template"].value("metadata", json::object()))) return wrong;
  std::set<std::string> more;
  if (minor >= 24) more.insert("/spec/completionMode");
  if (auto field = unknown_field(kJob, job, "", more)) return "unknown field " + *field;
  return bad_pod(spec["template"].value("spec", json::object()));
}

}  // namespace

std::int64_t quantity_milli(const std::string& text) {
  std::smatch match;
  if (!std::regex_match(text, match, kQuantity)) return -1;
  static const std::map<std::string, std::int64_t> kFactors = {{"", 1000}, {"m", 1}, {"k", 1'000'000}, {"M", 1'000'000'000}, {"Ki", 1'024'000},
                                                               {"Mi", 1'048'576'000}, {"Gi", 1'073'741'824'000}};
  const auto factor = kFactors.find(match[3].str());
  return factor == kFactors.end() ? -1 : std::stoll(match[1].str()) * factor->second;
}

std::optional<Response> invalid(const std::string& resource, const std::string& name_space, const json& object, int minor) {
  if (!object.is_object() || !object.contains("metadata") || !object["metadata"].is_object())
    return status_object(400, "BadRequest", "the object provided is unrecognized");
  const json& metadata = object["metadata"];
  const bool job = resource == "jobs";
  if (object.value("apiVersion", "") != (job ? "batch/v1" : "v1") || object.value("kind", "") != (job ? "Job" : resource == "secrets" ? "Secret" : "Pod"))
    return status_object(400, "BadRequest", "the API version in the data does not match the expected API version");
  if (metadata.contains("namespace") && metadata["namespace"] != name_space)
    return status_object(400, "BadRequest", "the namespace of the provided object does not match the namespace sent on the request");
  if (!std::regex_match(metadata.value("name", ""), kName)) return bad("metadata.name: Invalid value");
  if (auto wrong = bad_labels(metadata)) return bad(*wrong);
  if (resource == "secrets") {
    std::size_t size = 0;
    for (const auto& [name, value] : object.value("data", json::object()).items()) size += value.get<std::string>().size() * 3 / 4;
    if (size > 1 << 20) return bad("data: Too long: must have at most 1048576 bytes");
    if (auto field = unknown_field(kSecret, object, "", {})) return bad("unknown field " + *field);
  }
  if (job)
    if (auto wrong = bad_job(object, minor)) return bad("Job.batch \"" + metadata.value("name", "") + "\" is invalid: " + *wrong);
  return std::nullopt;
}

std::optional<Response> changes_fixed(const std::string& resource, const json& before, const json& after) {
  if (resource != "jobs") return std::nullopt;
  for (const char* field : {"completions", "selector", "template", "completionMode"})
    if (before["spec"].value(field, json()) != after["spec"].value(field, json())) return bad(std::string("spec.") + field + ": Invalid value: field is immutable");
  const json deadline = after["spec"].value("activeDeadlineSeconds", json());
  if (!deadline.is_null() && (!deadline.is_number_integer() || deadline.get<std::int64_t>() < 0)) return bad("spec.activeDeadlineSeconds: must be greater than or equal to 0");
  return std::nullopt;
}

}  // namespace bourse::kubernetes::testing
