// A run's files: none is submitted before its inputs lie there, and none is forgotten before its outputs were handed over.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "bourse/federation/v1/federation.pb.h"
#include "connectors/core/runs.h"
#include "federation-proto/fields.h"

namespace bourse::connector {

Status Runs::check_files(const federation::v1::DispatchOrder& order) const {
  if (order.manifest_sha256().empty()) return {};
  if (!federation::hash_of(order.manifest_sha256(), "manifest_sha256")) return fail(ErrorCode::invalid_argument, "the list of the job's files has no SHA-256");
  if (stager_ == nullptr || !driver_.capabilities().files) return fail(ErrorCode::failed_precondition, "this center can't take a job's files");
  return {};
}

Staging Runs::staging_of(const Run& run) {
  return {.job = run.job, .attempt = run.attempt, .manifest = run.manifest, .user = run.user, .workdir = run.workdir};
}

// True: it may be submitted. Else it waits for files, or was refused for the lack of them.
Result<bool> Runs::brought_in(Run& run) {
  if (run.manifest.is_zero() || run.cancel) return true;
  if (stager_ == nullptr) return true;
  const Stager::Progress progress = stager_->bring_in(staging_of(run));
  if (progress.state == Stager::State::done) return true;
  if (progress.state == Stager::State::failed) {
    CHECK_OK(refuse(run, true, progress.reason));
  } else if (clock_.now() > run.not_after) {
    CHECK_OK(refuse(run, true, "the order's time was over before the job's files had come" + (progress.reason.empty() ? "" : ": " + progress.reason)));
  }
  return false;
}

Status Runs::deliver() {
  if (stager_ == nullptr) return {};
  for (const AttemptId attempt : std::set(owing_)) {
    Run* run = table_.find(attempt);
    if (run != nullptr && !run->handed_over) {
      if (stager_->hand_over(staging_of(*run)).state == Stager::State::busy) continue;
      run->handed_over = true;
      CHECK_OK(table_.save(attempt));
    }
    owing_.erase(attempt);
    stager_->forget(attempt);
  }
  return {};
}

}  // namespace bourse::connector
