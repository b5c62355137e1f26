#include "connectors/kubernetes/testing/routes.h"

#include <cstdlib>

namespace bourse::kubernetes::testing {
namespace {

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%' || i + 2 >= text.size()) {
      out += text[i];
      continue;
    }
    out += static_cast<char>(std::strtol(std::string(text.substr(i + 1, 2)).c_str(), nullptr, 16));
    i += 2;
  }
  return out;
}

struct Place {
  std::string group;  // "core" or "batch"
  std::string name_space, resource, name, part;  // part: "log", "status"
  std::map<std::string, std::string> query;
};

std::optional<Place> parse(const std::string& target) {
  const std::size_t mark = target.find('?');
  std::vector<std::string> parts;
  std::string rest = target.substr(1, mark == std::string::npos ? std::string::npos : mark - 1);
  for (std::size_t at = 0; at <= rest.size();) {
    const std::size_t end = std::min(rest.find('/', at), rest.size());
    parts.push_back(decoded(rest.substr(at, end - at)));
    at = end + 1;
  }
  Place place;
  if (mark != std::string::npos)
    for (std::string query = target.substr(mark + 1); !query.empty();) {
      const std::string pair = query.substr(0, query.find('&'));
      query = query.size() > pair.size() ? query.substr(pair.size() + 1) : "";
      const std::size_t equals = pair.find('=');
      place.query[decoded(pair.substr(0, equals))] = equals == std::string::npos ? "" : decoded(pair.substr(equals + 1));
    }
  std::size_t at = 0;
  if (parts.size() >= 2 && parts[0] == "api" && parts[1] == "v1") place.group = "core", at = 2;
  else if (parts.size() >= 3 && parts[0] == "apis" && parts[1] == "batch" && parts[2] == "v1") place.group = "batch", at = 3;
  else return std::nullopt;
  if (at + 1 < parts.size() && parts[at] == "namespaces") place.name_space = parts[at + 1], at += 2;
  for (std::string* field : {&place.resource, &place.name, &place.part})
    if (at < parts.size()) *field = parts[at++];
  const bool known = place.group == "batch" ? place.resource == "jobs" || place.resource.empty()
                                            : place.resource == "pods" || place.resource == "secrets" || place.resource == "nodes";
  if (!known || at < parts.size()) return std::nullopt;
  return place;
}

Collection collection_of(const Place& place) {
  Collection which{.resource = place.resource, .name_space = place.name_space, .labels = {}, .fields_not = {}};
  const auto split = [](const std::string& text, const std::string& by, const auto& use) {
    for (std::string rest = text; !rest.empty();) {
      const std::string one = rest.substr(0, rest.find(','));
      rest = rest.size() > one.size() ? rest.substr(one.size() + 1) : "";
      if (const std::size_t at = one.find(by); at != std::string::npos) use(one.substr(0, at), one.substr(at + by.size()));
    }
  };
  if (const auto labels = place.query.find("labelSelector"); labels != place.query.end())
    split(labels->second, "=", [&](const std::string& key, const std::string& value) { which.labels[key] = value; });
  if (const auto fields = place.query.find("fieldSelector"); fields != place.query.end())
    split(fields->second, "!=", [&](const std::string& key, const std::string& value) { which.fields_not.emplace_back(key, value); });
  return which;
}

std::string verb_of(const Asked& asked, const Place& place) {
  if (asked.method == "POST") return "create";
  if (asked.method == "PATCH") return "patch";
  if (asked.method == "DELETE") return "delete";
  if (place.query.contains("watch")) return "watch";
  return place.name.empty() ? "list" : "get";
}

Response versions(int minor) {
  return {.status = 200, .body = {{"major", "1"}, {"minor", std::to_string(minor)}, {"gitVersion", "v1." + std::to_string(minor) + ".2-double"}}, .text = {}};
}

Response discovery() {
  return {.status = 200,
          .body = {{"kind", "APIResourceList"}, {"apiVersion", "v1"}, {"groupVersion", "batch/v1"},
                   {"resources", json::array({{{"name", "jobs"}, {"namespaced", true}, {"kind", "Job"}}, {{"name", "jobs/status"}, {"namespaced", true}, {"kind", "Job"}}})}},
          .text = {}};
}

Response change(Cluster& cluster, const Asked& asked, const Place& place) {
  json body = json::parse(asked.body.empty() ? "{}" : asked.body, nullptr, false);
  if (body.is_discarded()) return status_object(400, "BadRequest", "the object provided is unrecognized");
  const bool patch = asked.method == "PATCH";
  const std::string wanted = patch ? "application/merge-patch+json" : "application/json";
  if (!asked.body.empty() && asked.content_type != wanted)
    return status_object(415, "UnsupportedMediaType", "the body of the request was in an unknown format - accepted media types include: " + wanted);
  if (asked.method == "POST") return cluster.create(place.resource, place.name_space, std::move(body));
  if (patch) return cluster.merge(place.resource, place.name_space, place.name, body, place.part == "status");
  return cluster.remove(place.resource, place.name_space, place.name, body);
}

std::optional<Response> refused(Cluster& cluster, const std::string& verb, const Place& place) {
  const std::string what = verb + " " + place.resource + (place.part.empty() ? "" : "/" + place.part);
  return cluster.with([&]() -> std::optional<Response> {
    Cluster::Habits& habits = cluster.habits;
    const bool everywhere = place.name_space.empty() && place.resource != "nodes";
    if (habits.forbidden.contains(what) || (everywhere && habits.forbidden.contains(what + "/all"))) {
      Response r = status_object(403, "Forbidden", place.resource + " is forbidden: User \"system:serviceaccount:market:bourse\" cannot " + verb +
                                                       " resource \"" + place.resource + "\" in API group \"\"");
      r.body["details"] = {{"name", place.name}, {"kind", place.resource}};
      return r;
    }
    const auto broken = habits.broken.find(what);
    if (broken == habits.broken.end()) return std::nullopt;
    const int code = broken->second;
    habits.broken.erase(broken);
    return status_object(code, code == 429 ? "TooManyRequests" : code == 503 ? "ServiceUnavailable" : "InternalError", "an order of the test");
  });
}

}  // namespace

Routed route(Cluster& cluster, const Asked& asked) {
  const auto [token, minor] = cluster.with([&] { return std::pair{cluster.habits.token, cluster.habits.minor}; });
  if (!token.empty() && asked.authorization != "Bearer " + token) return {.response = status_object(401, "Unauthorized", "Unauthorized")};
  if (asked.target == "/version") return {.response = versions(minor)};
  if (asked.target == "/apis/batch/v1") return {.response = discovery()};
  const auto place = parse(asked.target);
  if (!place || place->resource.empty()) return {.response = status_object(404, "NotFound", "the server could not find the requested resource")};
  const std::string verb = verb_of(asked, *place);
  if (auto no = refused(cluster, verb, *place)) return {.response = std::move(*no)};
  const auto number = [&](const char* name) {
    const auto found = place->query.find(name);
    return found == place->query.end() ? 0ULL : std::strtoull(found->second.c_str(), nullptr, 10);
  };
  Routed routed;
  if (verb == "watch") {
    routed.watch = {.which = collection_of(*place), .version = number("resourceVersion"), .bookmarks = place->query.contains("allowWatchBookmarks"),
                    .timeout_s = static_cast<int>(number("timeoutSeconds"))};
    return routed;
  }
  if (verb == "list") {
    const auto token_of = place->query.find("continue");
    routed.response = cluster.list(collection_of(*place), number("limit"), token_of == place->query.end() ? "" : token_of->second);
  } else if (verb == "get") {
    routed.response = place->part == "log" ? cluster.log(place->name_space, place->name, number("limitBytes"))
                                           : cluster.get(place->resource, place->name_space, place->name);
  } else {
    routed.response = change(cluster, asked, *place);
  }
  routed.swallow = cluster.with([&] { return cluster.habits.swallowed.erase(verb + " " + place->resource) > 0; });
  return routed;
}

}  // namespace bourse::kubernetes::testing
