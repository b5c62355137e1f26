// Renewing the holds of running jobs, and what follows when that fails.
#include <algorithm>
#include <vector>

#include "broker/domain/decider.h"
#include "broker/domain/renewal.h"
#include "broker/domain/text.h"

namespace bourse::broker {
namespace {

constexpr std::size_t kMaxLooks = 1'000;  // a tick

}  // namespace

void Decider::renew_holds() {
  std::vector<JobId> due;
  for (const auto& [at, job] : market_.looks_) {
    if (at > now_ || due.size() == kMaxLooks) break;
    due.push_back(job);
  }
  for (const JobId id : due) look_at(*market_.job(id));
}

void Decider::look_at(const Job& job) {
  const Duration ran = ran_at_most(job, now_);
  const Duration left = job.covered - ran;
  if (!job.pause_wanted && left > renewal_lead(job.spec.hold_window)) return market_.look_again(job, next_look(job));
  const Status renewed = renew(job, ran);
  if (renewed) {
    if (job.pause_wanted) want_pause(job, false, "There is money for it again.");
    return;
  }
  if (!job.shortage) {
    const auto price = price_for(job.plan(), std::min(job.covered + job.spec.hold_window, job.spec.walltime));
    const ledger::Hold* hold = market_.ledger_.hold(job.hold);
    const Amount needed = price && hold != nullptr ? *price - hold->amount : Amount{};
    emit(RenewalRefused{job.id, {renewed.error().code, shown(renewed.error().detail), needed, now_, now_ + left}});
  }
  follow_policy(job, left);
  if (!job.cancel_requested) market_.look_again(job, now_ + kRenewalRetry);
}

Status Decider::renew(const Job& job, Duration ran) {
  const Duration covered = std::min(std::max(job.covered, ran) + job.spec.hold_window, job.spec.walltime);
  if (covered <= job.covered) {
    if (ran < job.covered) return {};
    return fail(ErrorCode::failed_precondition, "The walltime is over.");
  }
  const ledger::Hold* hold = market_.ledger_.hold(job.hold);
  if (hold == nullptr || hold->ended) return fail(ErrorCode::hold_closed, to_text(job.hold));
  TRY(const Amount price, price_for(job.plan(), covered));
  const Amount extra = std::max(price - hold->amount, Amount{});
  if (job.spec.budget && hold->amount + extra > *job.spec.budget)
    return fail(ErrorCode::budget_too_small, "The job's budget is " + to_text(*job.spec.budget) + ".");
  const BillingAccount& account = *market_.account(job.account);
  const Unit unit = market_.unit_of(job);
  const bool packages = unit != account.unit;
  const Amount worth = packages ? worth_of(account, extra) : Amount{};
  if (extra.is_positive())
    CHECK_OK(check_spending(account, job.user, packages ? worth : extra, packages ? job.worth + job.attempt().money : hold->amount));
  expire_lots(account, unit);  // what is added does not count on them
  TRY(auto extended, market_.ledger_.extend({.hold = job.hold,
                                             .extra = extra,
                                             .expires_at = now_ + job.spec.walltime + market_.limits_.hold_slack}));
  emit(extended);
  emit(HoldRenewed{job.id, covered, extra, now_, worth});
  return {};
}

void Decider::follow_policy(const Job& job, Duration left) {
  const Duration margin = stop_margin(job.spec.hold_window);
  if (left > margin || job.cancel_requested) return;
  const BillingAccount& account = *market_.account(job.account);
  const Duration limit = account.pause_limit.ms > 0 ? account.pause_limit : kPauseLimit;
  const std::string why = job.shortage ? job.shortage->detail : std::string{};
  if (account.when_empty == WhenEmpty::pause) {
    if (!job.pause_wanted) return want_pause(job, true, why);
    const bool held = job.attempt().paused ? now_ < job.pause_wanted_at + limit : left > Duration{margin.ms / 2};
    if (held) return;
  }
  emit(CancelRequested{job.id, {}, now_, shown("Stopped, since its money ran out. " + why)});
}

void Decider::want_pause(const Job& job, bool paused, std::string reason) {
  emit(PauseRequested{job.id, paused, std::move(reason), now_});
}

}  // namespace bourse::broker
