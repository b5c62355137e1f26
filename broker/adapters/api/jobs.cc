// Jobs and wallets as their owners see them: what the engine has while it lives there, else what the projections kept.
#include <fmt/format.h>

#include <algorithm>

#include "bank/claims.h"
#include "broker/adapters/api/api.h"
#include "broker/adapters/api/arrays.h"
#include "broker/domain/renewal.h"

namespace bourse::broker::api {
namespace {

constexpr int kMostListed = 200;
constexpr int kListed = 50;

std::optional<JobState> job_state_named(std::string_view text) {
  for (int n = static_cast<int>(JobState::routed); n <= static_cast<int>(JobState::waiting); ++n)
    if (name(static_cast<JobState>(n)) == text) return static_cast<JobState>(n);
  return std::nullopt;
}

// How far its hold reaches, and what stands in the way of more.
void fill_cover(v1::Job& out, const Job& job, Unit unit, Instant now) {
  if (job.spec.hold_window.ms == 0 || !runs(job)) return;
  v1::Cover& cover = *out.mutable_cover();
  cover.set_covered_ms(job.covered.ms);
  cover.set_paused(job.attempt().paused);
  if (!job.attempt().paused) cover.set_covered_until_ms((now + (job.covered - ran_at_most(job, now))).unix_ms);
  if (!job.shortage) return;
  cover.set_shortage(std::string(info(job.shortage->code).name));
  cover.set_detail(job.shortage->detail);
  fill(*cover.mutable_needed(), job.shortage->needed, unit);
  cover.set_warned_ms(job.shortage->since.unix_ms);
}

Amount charged_of(const Job& job) {
  Amount sum;
  for (const Attempt& attempt : job.attempts) sum += attempt.charged;
  return sum;
}

// Of a job that packages pay: what of their price it used.
void fill_worth(v1::Job& out, const Job& job, const Market& market) {
  const BillingAccount* account = market.account(job.account);
  if (account == nullptr || job.spec.pay_with == Unit{} || job.spec.pay_with == account->unit) return;
  Amount sum;
  for (const Attempt& attempt : job.attempts) sum += attempt.money;
  fill(*out.mutable_worth(), sum, account->unit);
}

void fill_forecast(v1::Forecast& out, const Forecast& forecast) {
  out.set_jobs(forecast.jobs);
  out.set_an_hour(to_text(forecast.an_hour));
  if (forecast.runs_out) out.set_runs_out_ms(forecast.runs_out->unix_ms);
}

// Its packages, once it bought one.
void fill_du(v1::Wallet& out, const Market& market, const BillingAccount& account, Instant now) {
  const ledger::Account* wallet = market.ledger().account(Market::wallet_of(account, kDu));
  if (wallet == nullptr) return;
  v1::DuWallet& to = *out.mutable_du();
  to.set_balance(to_text(wallet->balance()));
  to.set_held(to_text(wallet->debits_pending));
  to.set_available(to_text(market.spendable(account, kDu, now)));
  Amount deferred;
  const auto lots = market.lots(account, kDu);
  for (const Lot* lot : lots) deferred += lot->price_left;
  to.set_deferred(to_text(deferred));
  if (!lots.empty()) {
    to.set_next_expiry_ms(lots.front()->expires_at.unix_ms);
    to.set_expiring(to_text(lots.front()->left));
  }
  if (const Forecast forecast = market.forecast(account, kDu, now); forecast.jobs > 0) fill_forecast(*to.mutable_forecast(), forecast);
}

}  // namespace

void fill_summary(v1::Job& out, const Job& job, Amount held, Amount charged, Unit unit, const Market& market) {
  out.set_id(to_text(job.id));
  out.set_name(job.spec.name);
  out.set_account(to_text(job.account));
  out.set_user(to_text(job.user));
  out.set_state(std::string(name(job.state)));
  out.set_submitted_ms(job.submitted_at.unix_ms);
  out.set_ended_ms(job.ended_at.unix_ms);
  out.set_exit_code(job.exit_code);
  out.set_reason(job.reason);
  out.set_hold(to_text(job.hold));
  out.set_quote(text_or_empty(job.quote));
  out.set_cancel_requested(job.cancel_requested);
  out.set_attempts(static_cast<std::uint32_t>(job.attempts.size()));
  fill(*out.mutable_held(), held, unit);
  fill(*out.mutable_charged(), charged, unit);
  fill(*out.mutable_spec(), job.spec, unit, market);
  fill_waiting(out, job.spec, job.gate, job.waits() ? job.wait_until : Instant{});
  if (job.attempts.empty()) return;
  const Attempt& attempt = job.attempt();
  out.set_attempt(to_text(attempt.id));
  out.set_center(to_text(attempt.center));
  out.set_center_name(center_name(market, attempt.center));
  if (attempt.plan < job.decision.plans.size()) {
    out.set_pool(job.decision.plans[attempt.plan].pool);
    out.set_reservation(text_or_empty(job.decision.plans[attempt.plan].reservation));
  }
  out.set_scheduler_job(attempt.scheduler_job);
  if (attempt.started_at) out.set_started_ms(attempt.started_at->unix_ms);
}

Result<v1::Job> Api::job_seen_by(const Caller& caller, JobId id) {
  struct Found { v1::Job view; CenterId center; bool live = false; };
  TRY(std::optional<Found> found, look([caller, id, now = parts_.clock.now()](const Market& market) -> std::optional<Found> {
        const Job* job = market.job(id);
        if (job == nullptr || !may_see(caller, market, job->account)) return std::nullopt;
        Found out{.view = {}, .center = job->attempt().center, .live = !is_final(job->state)};
        const Unit unit = market.unit_of(*job);
        const ledger::Hold* hold = market.ledger().hold(job->hold);
        fill_summary(out.view, *job, hold == nullptr ? job->plan().cap : hold->amount, charged_of(*job), unit, market);
        fill_worth(out.view, *job, market);
        fill_cover(out.view, *job, unit, now);
        fill(*out.view.mutable_decision(), job->decision, job->spec, unit, market);
        return out;
      }));
  if (!found) {  // long over, or not the caller's
    TRY(std::optional<StoredJob> stored, queries_.job(id));
    if (!stored) return fail(ErrorCode::not_found);
    TRY(found, look([caller, stored = std::move(*stored)](const Market& market) -> std::optional<Found> {
          if (!may_see(caller, market, stored.job.account)) return std::nullopt;
          Found out;
          fill_summary(out.view, stored.job, stored.held, stored.charged, stored.unit, market);
          fill_worth(out.view, stored.job, market);
          fill(*out.view.mutable_decision(), stored.job.decision, stored.job.spec, stored.unit, market);
          return out;
        }));
    if (!found) return fail(ErrorCode::not_found);
  }
  found->view.set_unreachable(found->live && !found->center.is_nil() && offline(found->center));
  found->view.set_position(position());
  return std::move(found->view);
}

Result<v1::Job> Api::get_job(const v1::GetJobRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const JobId id, job_id_or_not_found(request.job()));
  return seen_by(caller, id);
}

Result<v1::ListJobsReply> Api::list_jobs(const v1::ListJobsRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  if (request.limit() < 0 || request.limit() > kMostListed)
    return fail(ErrorCode::invalid_argument, fmt::format("limit must be from 1 to {}.", kMostListed));
  JobFilter filter;
  filter.limit = (request.limit() == 0 ? kListed : request.limit());
  if (!request.state().empty()) {
    filter.state = job_state_named(request.state());
    if (!filter.state) return fail(ErrorCode::invalid_argument, "state: there is no such job state.");
  }
  if (!request.cursor().empty()) {
    TRY(filter.older_than, read_id<JobIdKind>("cursor", request.cursor()));
  }
  if (!request.arrays().empty() && request.arrays() != "folded") return fail(ErrorCode::invalid_argument, "arrays must be folded, or empty.");
  filter.folded = !request.arrays().empty();
  if (!request.array().empty()) {
    TRY(filter.array, read_id<JobIdKind>("array", request.array()));
  }
  const bool sees_all = caller.has_any({Role::operator_, Role::finance}) && !caller.has(Role::user);
  if (!request.account().empty() && sees_all) {
    TRY(const BillingAccountId account, id_or_not_found<BillingAccountIdKind>(request.account()));
    filter.accounts = {account};
  } else if (!request.account().empty()) {
    TRY(const BillingAccountId account, account_of(caller, request.account()));
    filter.accounts = {account};
  } else if (!sees_all) {
    TRY(filter.accounts, look([caller](const Market& market) {
          std::vector<BillingAccountId> own;
          for (const BillingAccount* account : market.accounts_of(caller.user))
            if (account->tenant == caller.tenant) own.push_back(account->id);
          return own;
        }));
    if (filter.accounts.empty()) return v1::ListJobsReply{};
  }
  queries_.wait_for(request.at_least_position());
  if (filter.folded) return list_folded(filter);
  TRY(std::vector<StoredJob> jobs, queries_.jobs(filter));
  const bool more = std::cmp_equal(jobs.size(), filter.limit);
  auto shared = std::make_shared<const std::vector<StoredJob>>(std::move(jobs));
  TRY(v1::ListJobsReply reply, look([shared](const Market& market) {
        v1::ListJobsReply out;
        for (const StoredJob& stored : *shared)
        {
          fill_summary(*out.add_jobs(), stored.job, stored.held, stored.charged, stored.unit, market);
          fill_worth(*out.mutable_jobs(out.jobs_size() - 1), stored.job, market);
        }
        return out;
      }));
  for (int i = 0; i < reply.jobs_size(); ++i) {
    const Job& job = (*shared)[static_cast<std::size_t>(i)].job;
    reply.mutable_jobs(i)->set_unreachable(!is_final(job.state) && !job.attempts.empty() && offline(job.attempt().center));
  }
  if (more) reply.set_next_cursor(reply.jobs(reply.jobs_size() - 1).id());
  return reply;
}

Result<v1::Receipt> Api::get_receipt(const v1::GetJobRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const JobId id, job_id_or_not_found(request.job()));
  TRY(const v1::Job seen, job_seen_by(caller, id));
  // One source for the whole receipt, as new as what the job said a moment ago.
  queries_.wait_for(seen.position());
  TRY(const std::optional<StoredJob> stored, queries_.job(id));
  if (!stored) return fail(ErrorCode::unavailable, "The receipt is not ready yet.");
  TRY(const std::vector<StoredCapture> captures, queries_.newest_captures(id));

  const Job& job = stored->job;
  v1::Receipt receipt;
  receipt.set_job(to_text(id));
  receipt.set_name(job.spec.name);
  receipt.set_account(to_text(job.account));
  receipt.set_center_name(seen.center_name());
  receipt.set_state(std::string(name(job.state)));
  receipt.set_started_ms(seen.started_ms());
  receipt.set_ended_ms(job.ended_at.unix_ms);
  fill(*receipt.mutable_held(), stored->held, stored->unit);
  fill(*receipt.mutable_charged(), stored->charged, stored->unit);
  if (seen.has_worth()) *receipt.mutable_worth() = seen.worth();
  fill(*receipt.mutable_released(), is_final(job.state) ? stored->held - stored->charged : Amount{}, stored->unit);
  receipt.set_reservation(seen.reservation());
  std::vector<pricing::PriceRow> rows;
  for (const Attempt& attempt : job.attempts) {
    const auto capture = std::ranges::find(captures, attempt.id, &StoredCapture::attempt);
    if (capture == captures.end() || attempt.plan >= job.decision.plans.size()) continue;
    const Plan& plan = job.decision.plans[attempt.plan];
    for (const pricing::RatedLine& line : capture->lines) {
      const auto row = std::ranges::find(plan.rows, line.row, &pricing::PriceRow::id);
      const bool included = row != plan.rows.end() && row->meter != line.meter && pricing::includes(row->factor, line.meter);
      v1::RatedLine& out = *receipt.add_lines();
      out.set_attempt(to_text(attempt.id));
      out.set_row(to_text(line.row));
      out.set_meter(std::string(pricing::name(line.meter)));
      out.set_quantity(line.quantity);
      out.set_rounding("half_away_from_zero");
      fill(*out.mutable_amount(), line.amount, stored->unit);
      out.set_included(included);
      if (row == plan.rows.end() || included) continue;
      out.set_price(to_text(row->price));
      out.set_per_ticks(row->per);
      if (std::ranges::find(rows, row->id, &pricing::PriceRow::id) == rows.end()) rows.push_back(*row);
    }
    TRY(const std::vector<StoredLotUse> lots, queries_.lots_of(attempt.id));
    for (const StoredLotUse& use : lots) {
      v1::LotUse& out = *receipt.add_lots();
      out.set_lot(to_text(use.part.lot));
      out.set_kind(std::string(name(use.kind)));
      fill(*out.mutable_money(), use.part.amount, stored->unit);
      if (use.kind == LotKind::package) fill(*out.mutable_worth(), use.part.money, parse_unit(seen.worth().unit()).value_or(kCny));
      out.set_expires_ms(use.expires_at.unix_ms);
    }
    v1::Evidence& evidence = *receipt.add_evidence();
    evidence.set_report_sha256(to_hex(capture->report));
    evidence.set_usage_record(to_text(capture->record));
    evidence.set_revision(capture->revision);
    if (!attempt.order_hash.is_zero()) evidence.set_order_sha256(to_hex(attempt.order_hash));
  }
  for (const pricing::PriceRow& row : rows) fill(*receipt.add_prices(), row);
  return receipt;
}

Result<Api::LogTarget> Api::log_target(const v1::GetLogRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::user}));
  if (request.offset() < 0 || request.max_bytes() < 0)
    return fail(ErrorCode::invalid_argument, "offset and max_bytes must not be negative.");
  TRY(const JobId id, job_id_or_not_found(request.job()));
  // A log is the user's own: not even operators read it here.
  Caller owner = caller;
  owner.roles = static_cast<std::uint8_t>(Role::user);
  TRY(const v1::Job job, job_seen_by(owner, id));
  if (job.attempt().empty()) return fail(ErrorCode::not_found, "The job was at no center yet: it has no log.");
  TRY(const CenterId center, parse_id<CenterIdKind>(job.center()));
  TRY(const AttemptId attempt, parse_id<AttemptIdKind>(job.attempt()));
  TRY(const BillingAccountId account, parse_id<BillingAccountIdKind>(job.account()));
  const std::string& state = job.state();
  return LogTarget{.center = center, .job = id, .attempt = attempt, .account = account,
                   .ended = state == name(JobState::ended) || state == name(JobState::failed) || state == name(JobState::cancelled)};
}

Result<v1::Wallet> Api::wallet_of(BillingAccountId id) {
  TRY(v1::Wallet wallet, look([id, now = parts_.clock.now()](const Market& market) {
        v1::Wallet out;
        const BillingAccount* account = market.account(id);
        const ledger::Account* wallet = account == nullptr ? nullptr : market.ledger().account(account->wallet);
        if (wallet == nullptr) return out;
        out.set_account(to_text(account->id));
        out.set_name(account->name);
        out.set_unit(std::string(account->unit.text()));
        out.set_balance(to_text(wallet->balance()));
        out.set_held(to_text(wallet->debits_pending));
        out.set_available(to_text(market.spendable(*account, account->unit, now)));
        Amount granted;
        const auto lots = market.lots(*account, account->unit);
        for (const Lot* lot : lots) granted += lot->left;
        out.set_granted(to_text(granted));
        if (!lots.empty()) {
          out.set_next_expiry_ms(lots.front()->expires_at.unix_ms);
          out.set_expiring(to_text(lots.front()->left));
        }
        out.set_tenant(to_text(account->tenant));
        out.set_claim_code(bank::claim_code(account->id));
        out.set_frozen(account->frozen);
        out.set_frozen_reason(account->frozen_reason);
        if (!wallet->credit_limit.is_zero()) out.set_credit_limit(to_text(wallet->credit_limit));
        out.set_zone(account->zone.empty() ? "UTC" : account->zone);
        if (account->credit && account->credit->until.unix_ms != 0) {
          v1::Whitelisting& listed = *out.mutable_whitelisting();
          listed.set_limit(to_text(account->credit->exempt));
          listed.set_until_ms(account->credit->until.unix_ms);
          listed.set_reason(account->credit->reason);
          listed.set_afterwards(to_text(account->credit->ordinary));
        }
        out.set_when_empty(std::string(name(account->when_empty)));
        out.set_pause_limit_ms(account->pause_limit.ms > 0 ? account->pause_limit.ms : kPauseLimit.ms);
        if (const Forecast forecast = market.forecast(*account, account->unit, now); forecast.jobs > 0)
          fill_forecast(*out.mutable_forecast(), forecast);
        fill_du(out, market, *account, now);
        return out;
      }));
  if (wallet.account().empty()) return fail(ErrorCode::not_found, "There is no such billing account.");
  wallet.set_position(position());
  return wallet;
}

Result<v1::ListWalletsReply> Api::list_wallets(const v1::ListWalletsRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const std::vector<BillingAccountId> own, look([caller](const Market& market) {
        std::vector<BillingAccountId> ids;
        for (const BillingAccount* account : market.accounts_of(caller.user))
          if (account->tenant == caller.tenant) ids.push_back(account->id);
        return ids;
      }));
  v1::ListWalletsReply reply;
  for (const BillingAccountId id : own) {
    TRY(*reply.add_wallets(), wallet_of(id));
  }
  return reply;
}

}  // namespace bourse::broker::api
