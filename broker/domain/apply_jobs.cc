// Events of quotes, jobs and attempts.
#include <algorithm>

#include "base/assert.h"
#include "broker/domain/applier.h"
#include "broker/domain/renewal.h"

namespace bourse::broker {

Job& Applier::job(JobId id) const {
  const auto it = market.jobs_.find(id);
  BOURSE_ASSERT(it != market.jobs_.end());
  return *it->second;
}

bool Applier::in_money(const Job& job) const {
  return market.unit_of(job) == account(job.account).unit;
}

Attempt& Applier::newest_attempt(Job& job, AttemptId id) const {
  BOURSE_ASSERT(!job.attempts.empty() && job.attempt().id == id);
  return job.attempt();
}

void Applier::operator()(const QuoteIssued& event) const {
  auto quote = std::make_unique<Quote>(
      Quote{event.quote, event.account, event.user, event.spec, event.decision, event.valid_until});
  const auto [it, fresh] = market.quotes_.try_emplace(event.quote, std::move(quote));
  BOURSE_ASSERT(fresh);
  market.index(*it->second);
}

void Applier::operator()(const QuoteDropped& event) const {
  const auto it = market.quotes_.find(event.quote);
  BOURSE_ASSERT(it != market.quotes_.end());
  market.quote_expiry_.erase({it->second->valid_until, event.quote});
  market.quotes_.erase(it);
}

void Applier::operator()(const JobSubmitted& event) const {
  auto fresh_job = std::make_unique<Job>();
  fresh_job->id = event.job;
  fresh_job->account = event.account;
  fresh_job->tenant = event.tenant;
  fresh_job->user = event.user;
  fresh_job->quote = event.quote;
  fresh_job->spec = event.spec;
  fresh_job->decision = event.decision;
  fresh_job->hold = event.hold;
  fresh_job->submitted_at = event.at;
  fresh_job->covered = event.spec.held_first();
  const bool fresh = market.jobs_.try_emplace(event.job, std::move(fresh_job)).second;
  BOURSE_ASSERT(fresh);
  ++market.live_jobs_;
  Job& of = job(event.job);
  of.worth = event.worth;
  of.gate = event.gate;
  if (event.spec.element.array.is_nil())  // an array's were counted with it
    spending(event.account, event.user).held += in_money(of) ? market.ledger_.hold(event.hold)->amount : of.worth;
  wait(of, event.wait_until);
}

void Applier::operator()(const AttemptOrdered& event) const {
  Job& of = job(event.job);
  BOURSE_ASSERT(event.fence == of.attempts.size() + 1 && event.plan < of.decision.plans.size());
  BOURSE_ASSERT(of.attempts.empty() || of.attempt().closed);
  go(of);
  of.attempts.push_back({.id = event.attempt,
                         .fence = event.fence,
                         .plan = event.plan,
                         .center = of.decision.plans[event.plan].center,
                         .ordered_at = event.at,
                         .not_after = event.not_after,
                         .end_before = event.end_before});
  of.state = JobState::routed;
  market.index(of);
}

namespace {

void close_if_done(Attempt& attempt) {
  switch (attempt.happened.value_or(Happening::unknown)) {
    case Happening::rejected:
    case Happening::never_submitted:
      attempt.closed = true;
      break;
    case Happening::cancelled:
      attempt.closed = attempt.usage_final || !attempt.started_at;
      break;
    case Happening::ended:
      attempt.closed = attempt.usage_final;
      break;
    default:
      break;
  }
}

JobState state_after(Happening happening, JobState before) {
  switch (happening) {
    case Happening::accepted:
      return JobState::ordered;
    case Happening::queued:
      return JobState::queued;
    case Happening::started:
      return JobState::running;
    case Happening::ended:
    case Happening::cancelled:
      return JobState::ending;
    default:
      return before;
  }
}

// A report may come late: it never takes an attempt back to where it was before.
bool moves(const Attempt& attempt, Happening happening) {
  if (happening >= Happening::unknown) return false;
  return !attempt.happened || happening > *attempt.happened;
}

// Since it was measured last it ran on, or stood still.
void measure(Attempt& attempt, bool paused, Instant at) {
  if (!attempt.paused && at > attempt.measured_at) attempt.ran = attempt.ran + (at - attempt.measured_at);
  attempt.measured_at = std::max(attempt.measured_at, at);
  attempt.paused = paused;
}

}  // namespace

void Applier::operator()(const AttemptReported& event) const {
  Job& of = job(event.job);
  Attempt& attempt = newest_attempt(of, event.attempt);
  if (attempt.order_hash.is_zero()) attempt.order_hash = event.order_hash;
  if (!event.scheduler_job.empty()) attempt.scheduler_job = event.scheduler_job;
  if (event.happening == Happening::started && !attempt.started_at) {
    attempt.started_at = attempt.measured_at = event.at;
    count_start(of);
  }
  if (event.happening == Happening::paused || event.happening == Happening::resumed)
    measure(attempt, event.happening == Happening::paused, event.at);
  if (moves(attempt, event.happening)) {
    attempt.happened = event.happening;
    of.state = state_after(event.happening, of.state);
    if (event.happening >= Happening::ended) {
      attempt.ended_at = event.at;
      of.exit_code = event.exit_code;
      of.reason = event.reason;
    }
    close_if_done(attempt);
  }
  market.index(of);
}

void Applier::operator()(const UsageCaptured& event) const {
  Job& of = job(event.job);
  Attempt& attempt = newest_attempt(of, event.attempt);
  attempt.usage = event.reported;
  attempt.usage_revision = event.revision;
  attempt.usage_final = event.final;
  attempt.charged = event.unit == Unit{} ? attempt.charged + event.gross : event.rated;
  attempt.money += event.gross;
  attempt.windowed = event.windowed;
  attempt.ran = running_time(of.plan().allocation, event.charged);
  attempt.measured_at = std::max(attempt.measured_at, event.end);
  for (const LotPart& part : event.lots) pay(attempt, part);
  close_if_done(attempt);
  const auto [day, month] = market.calendar(account(of.account), event.at);
  MemberSpending& by = spending(of.account, of.user);
  if (!in_money(of)) {  // its packages may cost more than was reckoned, or less
    const Amount held = std::min(of.worth, event.gross);
    of.worth -= held;
    by.held += event.gross - held;
  }
  by.spend(event.gross, day, month);
  Period& booked = period(event.period);
  BOURSE_ASSERT(booked.state == PeriodState::open);
  ++booked.captures;
  booked.gross += event.gross;
  booked.center_share += event.center_share;
  booked.margin += event.margin;
  booked.tax += event.tax;
  note_day(attempt.center, event);
  market.index(of);
}

void Applier::operator()(const HoldRenewed& event) const {
  Job& of = job(event.job);
  of.covered = event.covered;
  of.worth += event.worth;
  spending(of.account, of.user).held += event.worth;
  of.shortage.reset();
  market.index(of);
}

void Applier::operator()(const RenewalRefused& event) const {
  job(event.job).shortage = event.shortage;
}

void Applier::operator()(const PauseRequested& event) const {
  Job& of = job(event.job);
  of.pause_wanted = event.paused;
  of.pause_wanted_at = event.at;
  market.index(of);
}

void Applier::operator()(const CancelRequested& event) const {
  Job& of = job(event.job);
  of.cancel_requested = true;
  if (of.reason.empty()) of.reason = event.reason;
  market.index(of);
}

void Applier::operator()(const JobClosed& event) const {
  Job& of = job(event.job);
  BOURSE_ASSERT(!is_final(of.state) && is_final(event.state) && (of.attempts.empty() || of.attempt().closed));
  const bool waited = of.waits();
  of.state = event.state;
  of.exit_code = event.exit_code;
  of.reason = event.reason;
  of.ended_at = event.at;
  count_end(of, waited);
  market.index(of);
  --market.live_jobs_;
  market.ended_jobs_.push_back(event.job);
  if (market.ended_jobs_.size() <= market.limits_.ended_jobs) return;
  market.jobs_.erase(market.ended_jobs_.front());
  market.ended_jobs_.pop_front();
}

void Market::index(const Quote& quote) {
  quote_expiry_.emplace(quote.valid_until, quote.id);
}

// Puts the job where its attempt's center has something to be told, and nowhere else.
void Market::index(const Job& job) {
  if (job.attempts.empty()) return;
  const Attempt& attempt = job.attempt();
  Due& due = due_[attempt.center];
  const bool may_run = !attempt.closed && !is_final(job.state);
  if (may_run) {
    if (due.running.insert(job.id).second) router_.take(attempt.center, job.plan().pool, job.plan().allocation);
  } else if (due.running.erase(job.id) > 0) {
    router_.give_back(attempt.center, job.plan().pool, job.plan().allocation);
  }
  if (may_run && !attempt.happened)
    due.orders.insert(job.id);
  else
    due.orders.erase(job.id);
  if (may_run && job.cancel_requested && attempt.happened.value_or(Happening::accepted) < Happening::ended)
    due.cancels.insert(job.id);
  else
    due.cancels.erase(job.id);
  if (runs(job) && job.pause_wanted != attempt.paused)
    due.pauses.insert(job.id);
  else
    due.pauses.erase(job.id);
  for (const Plan& plan : job.decision.plans) {
    if (plan.reservation.is_nil()) continue;
    if (&plan == &job.plan() && !is_final(job.state))
      carried_[plan.reservation].insert(job.id);
    else if (const auto it = carried_.find(plan.reservation); it != carried_.end() && it->second.erase(job.id) > 0 && it->second.empty())
      carried_.erase(it);
  }
  look_again(job, next_look(job));
}

}  // namespace bourse::broker
