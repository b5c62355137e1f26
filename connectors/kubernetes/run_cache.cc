#include "connectors/kubernetes/run_cache.h"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "connectors/kubernetes/names.h"
#include "connectors/kubernetes/objects.h"

namespace bourse::kubernetes {
namespace {

constexpr std::size_t kMostOrphans = 100'000;

void keep_container(const PodView& before, PodView& now) {
  now.started = before.started;
  const nlohmann::json told = nlohmann::json::parse(before.raw, nullptr, false);
  nlohmann::json raw = nlohmann::json::parse(now.raw, nullptr, false);
  if (!told.is_object() || !raw.is_object() || !told.contains("state")) return;
  raw["state"] = told["state"];
  now.raw = raw.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string jobs_path(const std::string& name_space) { return "/apis/batch/v1/namespaces/" + name_space + "/jobs"; }
std::string pods_path(const std::string& name_space) { return "/api/v1/namespaces/" + name_space + "/pods"; }
std::string secrets_path(const std::string& name_space) { return "/api/v1/namespaces/" + name_space + "/secrets"; }

RunCache::RunCache(const std::string& name_space, Listing::Limits limits, const Clock& clock)
    : jobs_path_(jobs_path(name_space)), pods_path_(pods_path(name_space)), clock_(clock),
      job_listing_(jobs_path_ + "?labelSelector=" + percent_encoded(kOurs),
                   {.there = [this](const nlohmann::json& o) { see_job(o, false); },
                    .removed = [this](const nlohmann::json& o) { see_job(o, true); },
                    .anew = [this] { listed_.clear(); },
                    .whole = [this] { jobs_whole(); }}, limits),
      pod_listing_(pods_path_ + "?labelSelector=" + percent_encoded(kOurs),
                   {.there = [this](const nlohmann::json& o) { see_pod(o, false); },
                    .removed = [this](const nlohmann::json& o) { see_pod(o, true); },
                    .anew = [this] { listed_.clear(); },
                    .whole = [this] { pods_whole(); }}, limits) {}

Status RunCache::refresh(ApiClient& client) {
  CHECK_OK(job_listing_.refresh(client, clock_));
  return pod_listing_.refresh(client, clock_);
}

const KnownJob* RunCache::find(const std::string& name) const {
  const auto found = jobs_.find(name);
  return found == jobs_.end() ? nullptr : &found->second;
}

void RunCache::see_job(const nlohmann::json& object, bool removed) {
  auto view = read_job(object);
  if (!view || view->marker.empty()) return;
  listed_.insert(view->uid);
  const std::string name = view->name;
  KnownJob& job = jobs_[name];
  if (!job.view.uid.empty() && job.view.uid != view->uid) {
    // A late word of an older Job of this name says nothing about the one that took its place.
    if (removed) return;
    job.pods.clear();
  }
  job.view = std::move(*view);
  if (removed && !job.gone) job.gone = clock_.now();
  if (!removed) job.gone.reset();
  if (const auto waiting = orphans_.find(name); waiting != orphans_.end()) {
    job.pods.merge(waiting->second);
    orphans_.erase(waiting);
  }
}

void RunCache::see_pod(const nlohmann::json& object, bool removed) {
  auto view = read_pod(object);
  if (!view) return;
  listed_.insert(view->uid);
  const auto owner = jobs_.find(view->job);
  if (owner == jobs_.end() && orphans_.size() >= kMostOrphans) return;
  auto& pods = owner != jobs_.end() ? owner->second.pods : orphans_[view->job];
  KnownPod& pod = pods[view->uid];
  // An eviction replaces the status by one that says nothing of containers.
  if (pod.view.started && !view->started) keep_container(pod.view, *view);
  // Once its container's end is known, a last word without it takes nothing back.
  if (!(pod.view.exit_code && !view->exit_code)) pod.view = std::move(*view);
  if (removed && !pod.gone) pod.gone = clock_.now();
}

void RunCache::jobs_whole() {
  for (auto& [name, job] : jobs_)
    if (!listed_.contains(job.view.uid) && !job.gone) job.gone = clock_.now();
}

void RunCache::pods_whole() {
  const auto settle = [&](std::map<std::string, KnownPod>& pods) {
    for (auto& [uid, pod] : pods)
      if (!listed_.contains(uid) && !pod.gone) pod.gone = clock_.now();
  };
  for (auto& [name, job] : jobs_) settle(job.pods);
  for (auto& [name, pods] : orphans_) settle(pods);
}

Result<bool> RunCache::ask_for(ApiClient& client, const std::string& name) {
  const Answer answer = client.call(Method::get, jobs_path_ + "/" + name);
  if (answer.status == 404) {
    if (const auto known = jobs_.find(name); known != jobs_.end() && !known->second.gone) known->second.gone = clock_.now();
    return false;
  }
  if (!answer.ok()) return std::unexpected(failure("job " + name, answer, false));
  TRY(const nlohmann::json object, parse_answer(answer.body));
  see_job(object, false);
  return true;
}

Status RunCache::ask_for_pods(ApiClient& client, const std::string& name) {
  const std::string selector = std::string(kJobLabel) + "=" + name;
  listed_.clear();
  auto listed = list_all(client, pods_path_ + "?labelSelector=" + percent_encoded(selector), 20'000,
                         [&](const nlohmann::json& object) { see_pod(object, false); });
  if (!listed) return std::unexpected(listed.error());
  if (const auto job = jobs_.find(name); job != jobs_.end())
    for (auto& [uid, pod] : job->second.pods)
      if (!listed_.contains(uid) && !pod.gone) pod.gone = clock_.now();
  return {};
}

void RunCache::keep_only(const std::set<std::string>& names) {
  std::erase_if(jobs_, [&](const auto& entry) { return entry.second.gone && !names.contains(entry.first); });
  std::erase_if(orphans_, [](const auto& entry) { return std::ranges::all_of(entry.second, [](const auto& pod) { return pod.second.gone.has_value(); }); });
}

}  // namespace bourse::kubernetes
