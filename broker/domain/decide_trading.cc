// Quote, submit, cancel.
#include <algorithm>
#include <limits>

#include "broker/domain/decider.h"
#include "broker/domain/text.h"

namespace bourse::broker {
namespace {

std::string money(Amount amount, Unit unit) {
  return to_text(amount) + " " + std::string(unit.text());
}

bool refused_for(const Decision& decision, Refusal reason) {
  return contains(decision.refused, reason, &Refused::reason);
}

// How many pools were looked at and, each once, why they are out.
std::string reasons(const Decision& decision) {
  std::string text =
      std::to_string(decision.considered) + (decision.considered == 1 ? " pool was" : " pools were") + " looked at.";
  std::vector<Refusal> told;
  for (const Refused& refused : decision.refused) {
    if (contains(told, refused.reason)) continue;
    told.push_back(refused.reason);
    text.append(" ").append(refused.pool).append(": ").append(sentence(refused.reason));
  }
  return text.substr(0, kMaxReason);
}

// The hold covers the dearest plan, so that re-routing inside the list never needs more. A free job holds one
// micro-unit: the chain from quote to capture has no gap for it either.
Amount hold_for(const Decision& decision) {
  Amount most = Amount::of_micros(1);
  for (const Plan& plan : decision.plans) most = std::max(most, plan.cap);
  return most;
}

}  // namespace

Error Decider::why_no_plan(const JobSpec& spec, Unit unit, const Decision& decision) const {
  if (spec.budget && decision.cheapest_cap > *spec.budget)
    return {ErrorCode::budget_too_small, "The cheapest fitting plan needs " + money(decision.cheapest_cap, unit) + "."};
  if (refused_for(decision, Refusal::past_deadline)) return {ErrorCode::deadline_unreachable, reasons(decision)};
  if (refused_for(decision, Refusal::no_price)) return {ErrorCode::no_price, reasons(decision)};
  if (refused_for(decision, Refusal::offline)) return {ErrorCode::center_unavailable, reasons(decision)};
  if (decision.considered == 0 && !market_.centers_.empty())
    return {ErrorCode::center_unavailable, "No center has shown its pools yet."};
  return {ErrorCode::no_fitting_pool, reasons(decision)};
}

Result<Decision> Decider::route(const JobSpec& spec, const BillingAccount& account) {
  CHECK_OK(validate(spec));
  const Unit unit = Market::unit_of(account, spec);
  if (unit != account.unit && unit != kDu)
    return fail(ErrorCode::invalid_argument, "pay_with must be DU or " + std::string(account.unit.text()));
  const routing::Request request{.spec = &spec, .tenant = account.tenant, .unit = unit, .settled_in = account.unit, .now = now_};
  Decision decision = decide_on(request);
  if (unit == account.unit) carry(spec, account, decision);  // who says that packages pay means it
  if (decision.plans.empty()) {
    Error error = why_no_plan(spec, unit, decision);
    return fail(error.code, std::move(error.detail));
  }
  return decision;
}

Decision Decider::decide_on(const routing::Request& request) {
  const auto terms = [this](CenterId id, Instant at) -> std::optional<routing::TermsAt> {
    const Center* center = market_.center(id);
    if (center == nullptr) return std::nullopt;
    const Contract* valid = contract_at(center->contracts, at);
    if (valid == nullptr) return std::nullopt;
    return routing::TermsAt{valid->id, valid->terms, valid->unit, &valid->settlement, valid->may_subsidise};
  };
  return market_.router_.decide(request, market_.prices_, terms);
}

Result<CommandResult> Decider::on(const IssueQuote& command) {
  TRY(const BillingAccount* account, usable_account(command.account, command.user));
  if (command.quote.is_nil() || market_.quote(command.quote) != nullptr)
    return fail(ErrorCode::invalid_argument, "the quote's id must be new");
  if (command.validity.ms <= 0 || command.validity > kMaxQuoteValidity)
    return fail(ErrorCode::invalid_argument, "validity must be between zero and 24 hours");
  if (market_.quotes_.size() >= market_.limits_.quotes) return fail(ErrorCode::overloaded, "too many quotes are open");
  TRY(Decision decision, route(command.spec, *account));
  emit(QuoteIssued{command.quote, command.account, command.user, command.spec, std::move(decision), now_,
                   now_ + command.validity});
  return made(command.quote.uuid);
}

Result<ledger::HoldPlaced> Decider::hold_for(const SubmitJob& command, const BillingAccount& account, JobSubmitted& submitted,
                                             std::int64_t elements) const {
  if (account.frozen) return fail(ErrorCode::account_frozen, account.frozen_reason);
  const Unit unit = Market::unit_of(account, submitted.spec);
  const Amount each = broker::hold_for(submitted.decision);
  if (each.micros > std::numeric_limits<std::int64_t>::max() / 4 / elements) return fail(ErrorCode::amount_overflow);
  const Amount all{each.micros * elements};
  if (unit != account.unit) submitted.worth = worth_of(account, each);
  const Amount counted = unit == account.unit ? all : Amount{submitted.worth.micros * elements};
  // The limit for a job is each element's, the others are for all of them.
  CHECK_OK(check_spending(account, command.user, counted, Amount{counted.micros / elements} - counted));
  const Duration waits = submitted.wait_until == Instant{} ? Duration{} : kLongestWait;
  auto placed = market_.ledger_.place({.hold = command.hold,
                                       .wallet = Market::wallet_of(account, unit),
                                       .holds = Market::platform_account(ledger::AccountCode::holds, unit),
                                       .amount = all,
                                       .expires_at = now_ + waits + submitted.spec.walltime + market_.limits_.hold_slack,
                                       .reference = command.job.uuid});
  const Amount available = market_.spendable(account, unit, now_);
  const bool nothing_bought = market_.ledger_.account(Market::wallet_of(account, unit)) == nullptr;
  if (!placed && !nothing_bought && placed.error().code != ErrorCode::insufficient_funds)
    return fail(placed.error().code, placed.error().detail);
  if (placed && all <= available) return *placed;
  std::string detail = "The hold is " + money(all, unit) + "; " + money(available, unit) + " is available";
  if (elements > 1)
    detail += ", enough for " + std::to_string(std::max<std::int64_t>(available.micros, 0) / each.micros) + " of " + std::to_string(elements) + " elements of " + money(each, unit);
  return fail(ErrorCode::insufficient_funds, detail + ".");
}

Result<CommandResult> Decider::on(const SubmitJob& command) {
  TRY(const BillingAccount* account, usable_account(command.account, command.user));
  if (command.job.is_nil() || command.attempt.is_nil() || market_.job(command.job) != nullptr || market_.array(command.job) != nullptr)
    return fail(ErrorCode::invalid_argument, "the job's and the attempt's ids must be new");

  JobSubmitted submitted{.job = command.job,
                         .account = account->id,
                         .tenant = account->tenant,
                         .user = command.user,
                         .quote = command.quote,
                         .hold = command.hold,
                         .at = now_};
  if (command.quote.is_nil()) {
    TRY(submitted.decision, route(command.spec, *account));
    submitted.spec = command.spec;
  } else {
    const Quote* quote = market_.quote(command.quote);
    if (quote != nullptr && quote->account != account->id)
      return fail(ErrorCode::not_found, "quote " + to_text(command.quote));
    if (quote == nullptr || quote->valid_until <= now_)
      return fail(ErrorCode::quote_expired, "It has expired, was accepted before, or never was.");
    submitted.decision = quote->decision;
    submitted.spec = quote->spec;
  }
  TRY(submitted.gate, gate_of(*account, command.user, submitted.spec));
  const bool waits = submitted.spec.array.is_array() || submitted.gate.state(submitted.spec.after.any) != Met::met;
  if (waits) submitted.wait_until = now_ + kLongestWait;
  if (submitted.spec.array.is_array()) return submit_array(command, *account, std::move(submitted));

  const auto plan = next_plan(submitted.spec, submitted.decision, {}, true);
  if (!plan && !waits && std::ranges::all_of(submitted.decision.plans, [](const Plan& p) { return !p.reservation.is_nil(); }))
    return fail(ErrorCode::failed_precondition, "Its reservation is over, or in use by other jobs by now. Ask for a new quote.");
  if (!plan && !waits) return fail(ErrorCode::center_unavailable, "No center of the plans takes work now.");
  TRY(auto placed, hold_for(command, *account, submitted, 1));
  if (!command.quote.is_nil()) emit(QuoteDropped{command.quote});
  expire_lots(*account, Market::unit_of(*account, submitted.spec));
  emit(std::move(placed));
  emit(std::move(submitted));
  const Job* job = market_.job(command.job);
  if (!waits) order(command.job, command.attempt, 1, *plan, job->decision);
  return made(command.job.uuid);
}

Result<CommandResult> Decider::on(const CancelJob& command) {
  if (const JobArray* array = market_.array(command.job)) return cancel_array(command, *array);
  const Job* job = market_.job(command.job);
  if (job == nullptr) return fail(ErrorCode::not_found, "job " + to_text(command.job));
  if (!command.elements.empty()) return fail(ErrorCode::invalid_argument, "The job is no array: it has no elements.");
  if (!command.by.is_nil() && !usable_account(job->account, command.by))
    return fail(ErrorCode::not_found, "job " + to_text(command.job));
  if (is_final(job->state)) return fail(ErrorCode::job_ended, "It is " + std::string(name(job->state)) + ".");
  if (!job->cancel_requested) emit(CancelRequested{command.job, command.by, now_, shown(command.reason)});
  if (job->waits()) close(*job, JobState::cancelled, job->reason);
  return made(command.job.uuid);
}

}  // namespace bourse::broker
