// Orders, re-dispatch and the end of a job. An attempt is followed by another only when the center signed that it does
// not and will not run; silence never does that.
#include <algorithm>

#include "base/assert.h"
#include "broker/domain/decider.h"
#include "broker/domain/derive.h"

namespace bourse::broker {

// Whether the plan's center, its selling rules and the reservation that carries it let it be ordered now.
bool Decider::takes_work(const Plan& plan, Duration walltime) const {
  const Center* center = market_.center(plan.center);
  const Reservation* carrier = market_.reservation(plan.reservation);
  if (center == nullptr || center->state != CenterState::active) return false;
  if (!plan.reservation.is_nil() && (carrier == nullptr || !has_room(*carrier, plan.allocation, walltime))) return false;
  return market_.router_.refused_now(plan, walltime, now_) == Refusal::none;
}

std::optional<std::uint32_t> Decider::next_plan(const JobSpec& spec, const Decision& decision, const std::vector<Attempt>& tried,
                                                bool must_be_online) const {
  std::optional<std::uint32_t> offline;
  for (std::uint32_t i = 0; i < decision.plans.size(); ++i) {
    const bool was_tried = std::ranges::any_of(tried, [&](const Attempt& attempt) { return attempt.plan == i; });
    const Plan& plan = decision.plans[i];
    if (was_tried || !takes_work(plan, spec.walltime)) continue;
    if (market_.online(plan.center)) return i;
    if (!offline) offline = i;
  }
  return must_be_online ? std::nullopt : offline;
}

void Decider::order(JobId job, AttemptId attempt, std::uint32_t fence, std::uint32_t plan_index,
                    const Decision& decision) {
  const Plan& plan = decision.plans[plan_index];
  market_.router_.promise(plan.center, plan.pool, plan.allocation, plan.duration);
  const Job* known = market_.job(job);
  const bool staged = known != nullptr && !known->spec.manifest.is_zero();
  const Duration validity = staged ? market_.limits_.staged_order_validity : market_.limits_.order_validity;
  emit(AttemptOrdered{job, attempt, fence, plan_index, now_, now_ + validity, market_.router_.closes(plan.center, plan.pool, now_)});
}

void Decider::follow_up(const Job& job) {
  const Attempt& attempt = job.attempt();
  if (is_final(job.state) || !attempt.closed) return;
  switch (*attempt.happened) {
    case Happening::ended:
      if (job.exit_code == 0) return close(job, JobState::ended, job.reason);
      // A signal that our cancellation sent looks like a failure from there.
      return close(job, job.cancel_requested ? JobState::cancelled : JobState::failed,
                   job.reason.empty() ? "Exit code " + std::to_string(job.exit_code) + "." : job.reason);
    case Happening::cancelled:
      return close(job, JobState::cancelled, job.reason);
    case Happening::rejected:
    case Happening::never_submitted:
      break;
    default:
      BOURSE_ASSERT(false && "an attempt closes only by one of these");
  }
  if (job.cancel_requested) return close(job, JobState::cancelled, job.reason);
  const auto plan = next_plan(job.spec, job.decision, job.attempts, false);
  if (!plan)
    return close(job, JobState::failed, job.reason.empty() ? "No plan is left." : "No plan is left. " + job.reason);
  const std::uint32_t fence = attempt.fence + 1;
  order(job.id, derive_attempt(job.id, fence, now_), fence, *plan, job.decision);
}

void Decider::close(const Job& job, JobState state, std::string reason) {
  const ledger::Hold* hold = market_.ledger_.hold(job.hold);
  if (hold != nullptr && !hold->ended) {
    auto ended = market_.ledger_.release(job.hold, ledger::HoldEnd::released);
    BOURSE_ASSERT(ended.has_value());
    emit(std::move(*ended));
  }
  emit(JobClosed{job.id, state, job.exit_code, std::move(reason), now_});
}

}  // namespace bourse::broker
