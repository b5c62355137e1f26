#include "connectors/kubernetes/listing.h"

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include <utility>

#include "connectors/kubernetes/names.h"
#include "connectors/kubernetes/objects.h"

namespace bourse::kubernetes {
namespace {

constexpr int kPage = 500;
constexpr std::size_t kMaxToken = 16'384;
constexpr int kMostReconnects = 3;  // of a watch that ends at once, in one refresh

std::string with(const std::string& target, const std::string& query) { return target + (target.contains('?') ? "&" : "?") + query; }

}  // namespace

Result<std::string> list_all(ApiClient& client, const std::string& target, std::size_t most,
                             const std::function<void(const nlohmann::json&)>& each) {
  std::string next;
  std::size_t seen = 0;
  for (int page = 0; page < 10'000; ++page) {
    const std::string query = "limit=" + std::to_string(kPage) + (next.empty() ? "" : "&continue=" + percent_encoded(next));
    const Answer answer = client.call(Method::get, with(target, query));
    if (!answer.ok()) return std::unexpected(failure("list", answer, false));
    TRY(const nlohmann::json list, parse_answer(answer.body));
    const nlohmann::json& items = value_at(list, {"items"});
    if (!list.is_object() || (!items.is_array() && !items.is_null())) return fail(ErrorCode::unavailable, "a list without items");
    for (const nlohmann::json& item : items) {
      if (++seen > most) return fail(ErrorCode::unavailable, "a list of more than " + std::to_string(most) + " objects");
      each(item);
    }
    const nlohmann::json& token = value_at(list, {"metadata", "continue"});
    next = token.is_string() ? token.get<std::string>() : std::string();
    if (next.size() > kMaxToken) return fail(ErrorCode::unavailable, "a list whose continue token is too long");
    if (!next.empty()) continue;
    const std::string version = text_at(list, {"metadata", "resourceVersion"});
    if (version.empty()) return fail(ErrorCode::unavailable, "a list without a resourceVersion");
    return version;
  }
  return fail(ErrorCode::unavailable, "a list without an end");
}

Status Listing::list(ApiClient& client, const Clock& clock) {
  forget();
  ++lists_;
  events_.anew();
  auto version = list_all(client, target_, kMostListed, events_.there);
  if (!version) return std::unexpected(version.error());
  version_ = std::move(*version);
  events_.whole();
  heard_ = clock.monotonic();
  open_watch(client);
  return {};
}

void Listing::open_watch(ApiClient& client) {
  ++watches_;
  Answer refused;
  watch_ = client.watch(with(target_, "watch=true&allowWatchBookmarks=true&resourceVersion=" + percent_encoded(version_) +
                                          "&timeoutSeconds=" + std::to_string(limits_.longest_watch.ms / 1000)), refused);
  if (watch_) return;
  spdlog::debug("no watch of {}: {}", target_, failure("watch", refused, false).message());
  version_.clear();
}

bool Listing::take(const std::string& line) {
  const auto event = parse_answer(line);
  if (!event) return false;
  const std::string type = text_at(*event, {"type"});
  const nlohmann::json& object = value_at(*event, {"object"});
  if (type == "ERROR" || !object.is_object()) return false;  // 410 Gone comes so, too
  const std::string version = text_at(object, {"metadata", "resourceVersion"});
  if (version.empty()) return false;
  version_ = version;
  if (type == "ADDED" || type == "MODIFIED") events_.there(object);
  else if (type == "DELETED") events_.removed(object);
  else if (type != "BOOKMARK") return false;
  return true;
}

bool Listing::drain(const Clock& clock) {
  for (std::size_t taken = 0; taken < limits_.events; ++taken) {
    const auto line = watch_->next();
    if (!line) return watch_->state() != Watch::State::broken;
    if (line->empty()) continue;
    heard_ = clock.monotonic();
    if (!take(*line)) return false;
  }
  return true;
}

Status Listing::refresh(ApiClient& client, const Clock& clock) {
  if (version_.empty() || !watch_) return list(client, clock);
  for (int tries = 0; tries < kMostReconnects; ++tries) {
    if (!drain(clock) || clock.monotonic() - heard_ > limits_.silence) return list(client, clock);
    if (watch_->state() == Watch::State::open) return {};
    // The server ended it, as it was asked to; it goes on from where it was.
    open_watch(client);
    if (!watch_) return list(client, clock);
  }
  return list(client, clock);
}

}  // namespace bourse::kubernetes
