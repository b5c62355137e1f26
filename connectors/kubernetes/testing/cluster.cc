#include "connectors/kubernetes/testing/cluster.h"

#include <algorithm>

#include "base/time.h"
#include "connectors/kubernetes/testing/schema.h"

namespace bourse::kubernetes::testing {
namespace {

std::string text(const json& object, const json::json_pointer& at) {
  return object.contains(at) && object.at(at).is_string() ? object.at(at).get<std::string>() : "";
}

std::string kind_of(const std::string& resource) {
  if (resource == "jobs") return "Job";
  if (resource == "pods") return "Pod";
  if (resource == "secrets") return "Secret";
  return "Node";
}

Response not_found(const std::string& resource, const std::string& name) {
  Response r = status_object(404, "NotFound", (resource == "jobs" ? "jobs.batch" : resource) + " \"" + name + "\" not found");
  r.body["details"] = {{"name", name}, {"kind", resource}};
  return r;
}

}  // namespace

std::string rfc3339(std::int64_t seconds_since_1970) { return to_text(Instant{seconds_since_1970 * 1000}); }

Response status_object(int code, const std::string& reason, const std::string& message) {
  return {.status = code,
          .body = {{"kind", "Status"}, {"apiVersion", "v1"}, {"metadata", json::object()}, {"status", code < 300 ? "Success" : "Failure"},
                   {"message", message}, {"reason", reason}, {"code", code}},
          .text = {}};
}

bool selects(const Collection& which, const json& object) {
  if (!which.name_space.empty() && text(object, "/metadata/namespace"_json_pointer) != which.name_space) return false;
  for (const auto& [key, value] : which.labels) {
    const auto labels = object["metadata"].find("labels");
    if (labels == object["metadata"].end() || labels->value(key, "") != value) return false;
  }
  return std::ranges::all_of(which.fields_not, [&](const auto& field) {
    std::string path = "/" + field.first;
    std::ranges::replace(path, '.', '/');
    return text(object, json::json_pointer(path)) != field.second;
  });
}

std::string Cluster::stamp() const { return rfc3339(now_s_()); }

json* Cluster::find(const std::string& resource, const Key& key) {
  auto& all = objects_[resource];
  const auto found = all.find(key);
  return found == all.end() ? nullptr : &found->second;
}

void Cluster::put(const std::string& resource, json object, const char* type) {
  object["metadata"]["resourceVersion"] = std::to_string(++version_);
  auto& events = history_[resource];
  events.push_back({version_, type, object});
  while (events.size() > habits.history) oldest_ = std::max(oldest_, events.front().version), events.pop_front();
  const Key key{text(object, "/metadata/namespace"_json_pointer), text(object, "/metadata/name"_json_pointer)};
  if (std::string_view(type) == "DELETED") objects_[resource].erase(key);
  else objects_[resource][key] = std::move(object);
  changed_.notify_all();
}

void Cluster::drop(const std::string& resource, const Key& key) {
  if (const json* object = find(resource, key)) {
    json last = *object;
    const std::string uid = text(last, "/metadata/uid"_json_pointer);
    put(resource, std::move(last), "DELETED");
    collect(uid);
  }
}

// Pods take their time; everything else goes at once.
void Cluster::begin_removal(const std::string& resource, const Key& key) {
  json* object = find(resource, key);
  if (object == nullptr) return;
  const bool started = resource == "pods" && !text(*object, "/spec/nodeName"_json_pointer).empty();
  const std::string phase = text(*object, "/status/phase"_json_pointer);
  if (!started || phase == "Succeeded" || phase == "Failed") return drop(resource, key);
  if (object->at("metadata").contains("deletionTimestamp")) return;
  json marked = *object;
  marked["metadata"]["deletionTimestamp"] = stamp();
  marked["metadata"]["deletionGracePeriodSeconds"] = marked["spec"].value("terminationGracePeriodSeconds", 30);
  put(resource, std::move(marked), "MODIFIED");
}

void Cluster::collect(const std::string& uid) {
  for (const char* resource : {"pods", "secrets"}) {
    std::vector<Key> owned;
    for (const auto& [key, object] : objects_[resource])
      for (const json& owner : object["metadata"].value("ownerReferences", json::array()))
        if (owner.value("uid", "") == uid) owned.push_back(key);
    for (const Key& key : owned) begin_removal(resource, key);
  }
}

Response Cluster::create(const std::string& resource, const std::string& name_space, json object) {
  const std::scoped_lock lock(mutex_);
  if (auto bad = invalid(resource, name_space, object, habits.minor)) return *bad;
  const std::string name = object["metadata"].value("name", "");
  if (find(resource, {name_space, name}) != nullptr) {
    Response r = status_object(409, "AlreadyExists", (resource == "jobs" ? "jobs.batch" : resource) + " \"" + name + "\" already exists");
    r.body["details"] = {{"name", name}, {"kind", resource}};
    return r;
  }
  object["metadata"]["namespace"] = name_space;
  object["metadata"]["uid"] = resource + "-" + std::to_string(++uids_);
  object["metadata"]["creationTimestamp"] = stamp();
  if (resource == "jobs") object["status"] = json::object();
  put(resource, std::move(object), "ADDED");
  return {.status = 201, .body = *find(resource, {name_space, name}), .text = {}};
}

Response Cluster::get(const std::string& resource, const std::string& name_space, const std::string& name) {
  const std::scoped_lock lock(mutex_);
  const json* object = find(resource, {name_space, name});
  return object == nullptr ? not_found(resource, name) : Response{.status = 200, .body = *object, .text = {}};
}

Response Cluster::list(const Collection& which, std::size_t limit, const std::string& token) {
  const std::scoped_lock lock(mutex_);
  // A token is "version:namespace/name", as opaque to clients as the real one.
  std::uint64_t at = version_;
  std::string after;
  if (!token.empty()) {
    at = std::strtoull(token.c_str(), nullptr, 10);
    after = token.substr(token.find(':') + 1);
    if (at < oldest_) {
      return status_object(410, "Expired", "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.");
    }
  }
  if (habits.page > 0) limit = limit == 0 ? habits.page : std::min(limit, habits.page);
  json items = json::array();
  std::string last, next;
  for (const auto& [key, object] : objects_[which.resource]) {
    const std::string place = key.first + "/" + key.second;
    if (place <= after || !selects(which, object)) continue;
    if (limit > 0 && items.size() == limit) {
      next = std::to_string(at) + ":" + last;
      break;
    }
    items.push_back(object);
    last = place;
  }
  json metadata = {{"resourceVersion", std::to_string(at)}};
  if (!next.empty()) metadata["continue"] = next;
  return {.status = 200,
          .body = {{"kind", kind_of(which.resource) + "List"}, {"apiVersion", which.resource == "jobs" ? "batch/v1" : "v1"},
                   {"metadata", std::move(metadata)}, {"items", std::move(items)}},
          .text = {}};
}

Response Cluster::merge(const std::string& resource, const std::string& name_space, const std::string& name, const json& patch, bool status) {
  const std::scoped_lock lock(mutex_);
  const json* object = find(resource, {name_space, name});
  if (object == nullptr) return not_found(resource, name);
  json next = *object;
  // A status is written by its own path only, and a spec never by that.
  if (status) next["status"].merge_patch(patch.value("status", json::object()));
  else {
    json rest = patch;
    rest.erase("status");
    next.merge_patch(rest);
    if (auto bad = changes_fixed(resource, *object, next)) return *bad;
  }
  if (next == *object) return {.status = 200, .body = *object, .text = {}};
  put(resource, std::move(next), "MODIFIED");
  return {.status = 200, .body = *find(resource, {name_space, name}), .text = {}};
}

Response Cluster::remove(const std::string& resource, const std::string& name_space, const std::string& name, const json& given) {
  const json options = given.is_object() ? given : json::object();
  const std::scoped_lock lock(mutex_);
  const json* object = find(resource, {name_space, name});
  if (object == nullptr) return not_found(resource, name);
  const std::string wanted = text(options, "/preconditions/uid"_json_pointer), uid = text(*object, "/metadata/uid"_json_pointer);
  if (!wanted.empty() && wanted != uid)
    return status_object(409, "Conflict", "Precondition failed: UID in precondition: " + wanted + ", UID in object meta: " + uid);
  const std::string policy = options.value("propagationPolicy", "Orphan");  // what batch/v1 Jobs have by default
  if (resource == "jobs" && policy == "Orphan") {
    // What it owned stays, and is nobody's.
    put(resource, json(*object), "DELETED");
  } else {
    begin_removal(resource, {name_space, name});
  }
  Response r = status_object(200, "", "");
  r.body["details"] = {{"name", name}, {"kind", resource}, {"uid", uid}};
  return r;
}

Response Cluster::log(const std::string& name_space, const std::string& name, std::size_t limit) {
  const std::scoped_lock lock(mutex_);
  const json* pod = find("pods", {name_space, name});
  if (pod == nullptr) return not_found("pods", name);
  const std::string phase = text(*pod, "/status/phase"_json_pointer);
  if (phase == "Pending")
    return status_object(400, "BadRequest", "container \"job\" in pod \"" + name + "\" is waiting to start: ContainerCreating");
  std::string all = runtime.log ? runtime.log(text(*pod, "/metadata/uid"_json_pointer)) : pod->value("x-log", "");
  if (limit > 0 && all.size() > limit) all.resize(limit);
  return {.status = 200, .body = {}, .text = std::move(all)};
}

std::optional<Cluster::Since> Cluster::since(const Collection& which, std::uint64_t version, bool open) {
  const std::scoped_lock lock(mutex_);
  if (!open && version < oldest_) return std::nullopt;
  Since result{.events = {}, .version = version_};
  for (const Event& event : history_[which.resource])
    if (event.version > version && selects(which, event.object)) result.events.push_back(event);
  return result;
}

void Cluster::wait(std::chrono::milliseconds most) {
  std::unique_lock lock(mutex_);
  const std::uint64_t seen = version_;
  changed_.wait_for(lock, most, [&] { return version_ != seen; });
}

std::uint64_t Cluster::version() { return with([&] { return version_; }); }

void Cluster::compact() {
  with([&] {
    oldest_ = ++version_;
    history_.clear();
    return 0;
  });
}

void Cluster::add_node(const std::string& name, const json& allocatable, const json& labels, const json& taints) {
  const std::scoped_lock lock(mutex_);
  json all = labels;
  all["kubernetes.io/hostname"] = name;
  all["kubernetes.io/arch"] = "amd64";
  put("nodes", {{"apiVersion", "v1"}, {"kind", "Node"},
                {"metadata", {{"name", name}, {"uid", "node-" + name}, {"labels", all}}},
                {"spec", {{"taints", taints}}},
                {"status", {{"allocatable", allocatable}, {"conditions", json::array({{{"type", "Ready"}, {"status", "True"}}})}}}}, "ADDED");
}

void Cluster::set_pod_status(const std::string& name_space, const std::string& name, const json& status) {
  (void)merge("pods", name_space, name, {{"status", status}}, true);
}

std::vector<json> Cluster::all(const std::string& resource) {
  const std::scoped_lock lock(mutex_);
  std::vector<json> result;
  for (const auto& [key, object] : objects_[resource]) result.push_back(object);
  return result;
}

}  // namespace bourse::kubernetes::testing
