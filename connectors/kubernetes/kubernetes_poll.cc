// What the cluster says of our Jobs, their logs, and their ends.
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <vector>

#include "connectors/kubernetes/kubernetes_driver.h"
#include "connectors/kubernetes/names.h"
#include "connectors/kubernetes/objects.h"

namespace bourse::kubernetes {

using connector::RunState;
using connector::RunStatus;

namespace {

constexpr std::size_t kMostQuestions = 32;       // about single Jobs, in one poll
constexpr std::size_t kMostPatches = 20;         // and so many changes, in one call
constexpr Duration kPatchAgain = seconds(15), kAbsentAgain = seconds(30);
constexpr std::int64_t kMostLog = 64LL << 20;
constexpr std::int64_t kLookAhead = 64 << 10;
constexpr std::int64_t kMostPiece = 1 << 20;

}  // namespace

// Jobs that are asked for and that the listings don't have: a watch may be a moment behind. One that isn't there is not asked for
// again for a while; if many aren't, one list tells of all.
Status KubernetesDriver::look_for(const std::map<std::string, std::string>& marker_by_id) {
  const Duration now = clock_.monotonic();
  std::erase_if(absent_, [&](const auto& entry) { return now - entry.second > kAbsentAgain; });
  std::vector<std::string> unknown;
  for (const auto& [id, marker] : marker_by_id)
    if (is_job_name(id) && cache_.find(id) == nullptr && !absent_.contains(id)) unknown.push_back(id);
  if (unknown.size() > kMostQuestions) {
    CHECK_OK(cache_.list_again(*client_));
    for (const std::string& id : unknown) absent_[id] = now;
    return {};
  }
  for (const std::string& id : unknown) {
    TRY(const bool there, cache_.ask_for(*client_, id));
    if (!there) absent_[id] = now;
  }
  return {};
}

Result<std::map<std::string, RunStatus>> KubernetesDriver::poll(const std::map<std::string, std::string>& marker_by_id) {
  begin();
  CHECK_OK(cache_.refresh(*client_));
  CHECK_OK(look_for(marker_by_id));
  if (!config_.only_look) grant(marker_by_id);
  std::map<std::string, RunStatus> result;
  std::set<std::string> asked_for, confirmed;
  std::size_t confirming = 0;
  for (const auto& [id, marker] : marker_by_id) {
    RunStatus& status = result[id];
    asked_for.insert(id);
    const KnownJob* job = cache_.find(id);
    if (job == nullptr || job->view.marker != marker) continue;
    status = status_of(*job, clock_.now(), config_.patience);
    if (status.state != RunState::ended && status.state != RunState::cancelled) continue;
    // The listing of pods may be behind that of Jobs: an end is believed once its pods were asked for after it.
    if (confirmed_.contains(job->view.uid)) {
      confirmed.insert(job->view.uid);
      continue;
    }
    const bool had_time = ++confirming <= kMostQuestions;
    if (had_time && cache_.ask_for_pods(*client_, id)) {
      confirmed.insert(job->view.uid);
      status = status_of(*job, clock_.now(), config_.patience);
      continue;
    }
    status.state = status.started ? RunState::running : RunState::queued;
    status.ended.reset();
  }
  cache_.keep_only(asked_for);
  confirmed_ = std::move(confirmed);
  return result;
}

// Gives running Jobs their deadline, and ends those that can't begin.
void KubernetesDriver::grant(const std::map<std::string, std::string>& marker_by_id) {
  const Duration now = clock_.monotonic();
  std::erase_if(asked_, [&](const auto& entry) { return now - entry.second > kPatchAgain; });
  std::size_t patches = 0;
  for (const auto& [id, marker] : marker_by_id) {
    const KnownJob* job = cache_.find(id);
    if (job == nullptr || job->view.marker != marker || asked_.contains(id)) continue;
    const Wish wish = wish_of(*job, clock_.now(), config_.patience);
    if (!wish.deadline_s && wish.stop.empty()) continue;
    if (++patches > kMostPatches) return;
    asked_[id] = now;
    if (!wish.stop.empty()) {
      if (const Status stopped = stop(id, wish.stop); !stopped) spdlog::warn("ending {} ({}): {}", id, wish.stop, stopped.error().message());
      continue;
    }
    const Answer answer = client_->call(Method::patch, jobs_path(config_.name_space) + "/" + id, deadline_patch(*wish.deadline_s));
    learn_job(answer);
    if (!answer.ok()) spdlog::warn("{}: its deadline: {}", id, failure("job", answer, true).message());
  }
}

// What a change made of a Job, ahead of the watch.
void KubernetesDriver::learn_job(const Answer& answer) {
  if (!answer.ok()) return;
  if (const auto job = parse_answer(answer.body)) cache_.learn(*job);
}

// The controller ends the pods of a Job that is past its deadline and keeps the Job. Where we may not change Jobs, it is deleted, and
// what was seen of it last is all that is known of it.
Status KubernetesDriver::stop(const std::string& name, const std::string& why) {
  const std::string path = jobs_path(config_.name_space) + "/" + name;
  Answer answer = client_->call(Method::patch, path, stop_patch(why));
  // grant() must not set a later deadline: the cache has this one, and while an older word of the watch may take that back, it holds still.
  learn_job(answer);
  asked_[name] = clock_.monotonic();
  if (answer.status == 403) answer = client_->call(Method::remove, path, delete_body());
  if (answer.ok() || answer.status == 404) return {};
  return std::unexpected(failure("job " + name, answer, true));
}

Status KubernetesDriver::cancel(const std::string& id, const connector::LocalUser&) {
  if (config_.only_look) return fail(ErrorCode::failed_precondition, "this driver was opened to look only");
  if (!is_job_name(id)) return {};
  begin();
  const Answer answer = client_->call(Method::get, jobs_path(config_.name_space) + "/" + id);
  if (answer.status == 404) return {};
  if (!answer.ok()) return std::unexpected(failure("job " + id, answer, false));
  TRY(const nlohmann::json object, parse_answer(answer.body));
  const auto job = read_job(object);
  if (!job || job->marker.empty()) return {};  // somebody else's
  if (!job->condition.empty() || (job->stopped == kCancelled && job->deadline_s == 1)) return {};
  return stop(id, kCancelled);
}

Status KubernetesDriver::set_paused(const std::string&, const connector::LocalUser&, bool) {
  return fail(ErrorCode::unavailable, "Kubernetes can't pause a job: suspending one ends its pods");
}

// Servers of 1.21 and later do so themselves.
void KubernetesDriver::remove_finished() {
  if (config_.only_look) return;
  std::size_t removed = 0;
  const Instant now = clock_.now();
  for (const auto& [name, job] : cache_.jobs()) {
    if (job.gone || job.view.condition.empty() || !job.view.finished || now - *job.view.finished <= config_.keep) continue;
    if (++removed > kMostPatches) return;
    const Answer answer = client_->call(Method::remove, jobs_path(config_.name_space) + "/" + name, delete_body(job.view.uid));
    if (!answer.ok() && answer.status != 404) {
      spdlog::warn("removing the ended job {}: {}", name, failure("job", answer, true).message());
      return;
    }
  }
}

Result<connector::LogPiece> KubernetesDriver::read_log(const std::string& id, const connector::LocalUser&, const std::string&,
                                                       std::int64_t offset, std::int64_t max_bytes) {
  const auto none = [] { return fail(ErrorCode::not_found, "there is no log yet"); };
  if (!is_job_name(id)) return none();
  const std::scoped_lock lock(log_mutex_);
  log_client_->begin(capabilities().call_deadline);
  std::string pod, created;
  const std::string selector = std::string(kJobLabel) + "=" + id;
  auto listed = list_all(*log_client_, pods_path(config_.name_space) + "?labelSelector=" + percent_encoded(selector), 20'000,
                         [&](const nlohmann::json& object) {
                           // Of several nodes the first one's; of one that was replaced the newest.
                           const std::string index = text_at(object, {"metadata", "annotations", "batch.kubernetes.io/job-completion-index"});
                           const std::string since = text_at(object, {"metadata", "creationTimestamp"});
                           if ((!index.empty() && index != "0") || since < created) return;
                           created = since;
                           pod = text_at(object, {"metadata", "name"});
                         });
  if (!listed) return fail(ErrorCode::unavailable, "pods: " + listed.error().detail);
  if (!is_dns_subdomain(pod)) return none();
  connector::LogPiece piece{.data = {}, .offset = std::max<std::int64_t>(offset, 0), .size = 0};
  const std::int64_t want = std::clamp<std::int64_t>(max_bytes, 0, kMostPiece);
  const std::int64_t most = std::min(saturating_add(piece.offset, want + kLookAhead), kMostLog);
  const Answer answer = log_client_->call(Method::get, pods_path(config_.name_space) + "/" + pod + "/log?container=" + kContainer +
                                                           "&limitBytes=" + std::to_string(most), {}, static_cast<std::size_t>(most));
  // 400: its container hasn't started.
  if (answer.status == 404 || answer.status == 400) return none();
  if (!answer.ok()) return fail(ErrorCode::unavailable, failure("log of " + pod, answer, false).detail);
  piece.size = static_cast<std::int64_t>(answer.body.size());
  if (piece.offset < piece.size) piece.data = answer.body.substr(static_cast<std::size_t>(piece.offset), static_cast<std::size_t>(want));
  return piece;
}

}  // namespace bourse::kubernetes
