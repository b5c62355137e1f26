// Second pass: what each event does to the projected rows.
#include "broker/adapters/store/projection_state.h"

namespace bourse::broker::store {
namespace {

struct Apply {
  ProjectionState& state;
  EventPlace& place;

  void transfer(Uuid id, LedgerAccountId debit, LedgerAccountId credit, Amount amount, bool pending,
                ledger::TransferCode code, Uuid reference, Uuid hold) const {
    if (!pending) state.moves.add(debit.uuid, credit.uuid, {place.seq, place.transfer, place.at});
    state.transfers.rows.add(place.seq, place.transfer++, or_null(id), debit, credit, amount, pending, code,
                             or_null(reference), or_null(hold), place.at);
  }

  // ------------------------------------------------------------ ledger

  Status operator()(const ledger::AccountOpened& e) const {
    if (state.accounts.find(e.account.uuid) != nullptr) return {};  // opened again: changes nothing
    AccountRow row;
    row.id = e.account;
    row.unit = e.unit;
    row.code = e.code;
    row.limit = e.limit;
    row.credit_limit = e.credit_limit;
    row.owner = e.owner;
    row.opened_seq = place.seq;
    row.opened_idx = place.idx;
    state.accounts.add(std::move(row));
    return {};
  }

  Status operator()(const ledger::Posted& e) const {
    AccountRow* debit = state.accounts.change(e.debit.uuid);
    if (debit == nullptr) return not_projected(place, "account", e.debit.uuid);
    debit->debits_posted += e.amount;
    AccountRow* credit = state.accounts.change(e.credit.uuid);
    if (credit == nullptr) return not_projected(place, "account", e.credit.uuid);
    credit->credits_posted += e.amount;
    transfer(e.transfer.uuid, e.debit, e.credit, e.amount, false, e.code, e.reference, {});
    return {};
  }

  Status operator()(const ledger::TransferRefused& e) const {
    state.refusals.rows.add(place.seq, place.idx, e.transfer, static_cast<std::int64_t>(e.fingerprint), e.error);
    return {};
  }

  Status pending(const HoldRow& hold, Amount amount) const {
    AccountRow* wallet = state.accounts.change(hold.wallet.uuid);
    if (wallet == nullptr) return not_projected(place, "account", hold.wallet.uuid);
    wallet->debits_pending += amount;
    AccountRow* holds = state.accounts.change(hold.holds.uuid);
    if (holds == nullptr) return not_projected(place, "account", hold.holds.uuid);
    holds->credits_pending += amount;
    return {};
  }

  Status operator()(const ledger::HoldPlaced& e) const {
    HoldRow row;
    row.id = e.hold;
    row.wallet = e.wallet;
    row.holds = e.holds;
    row.amount = e.amount;
    row.expires_at = e.expires_at;
    row.reference = e.reference;
    row.placed_at = place.at;
    CHECK_OK(pending(row, e.amount));
    transfer({}, e.wallet, e.holds, e.amount, true, ledger::TransferCode::hold, e.reference, e.hold.uuid);
    state.holds.add(std::move(row));
    return {};
  }

  Status operator()(const ledger::HoldExtended& e) const {
    HoldRow* hold = state.holds.change(e.hold.uuid);
    if (hold == nullptr) return not_projected(place, "hold", e.hold.uuid);
    hold->expires_at = e.expires_at;
    if (!e.extra.is_positive()) return {};
    hold->amount += e.extra;
    CHECK_OK(pending(*hold, e.extra));
    if (state.jobs.find(hold->reference) != nullptr) {
      JobRow* job = state.jobs.change(hold->reference);
      job->held += e.extra;
      job->journal_seq = place.seq;
    }
    transfer({}, hold->wallet, hold->holds, e.extra, true, ledger::TransferCode::hold, hold->reference, e.hold.uuid);
    return {};
  }

  Status operator()(const ledger::HoldCaptured& e) const {
    HoldRow* hold = state.holds.change(e.hold.uuid);
    if (hold == nullptr) return not_projected(place, "hold", e.hold.uuid);
    for (const ledger::CaptureLeg& leg : e.legs) {
      hold->captured += leg.amount;
      CHECK_OK(pending(*hold, Amount{} - leg.amount));
      state.accounts.change(hold->wallet.uuid)->debits_posted += leg.amount;
      AccountRow* credit = state.accounts.change(leg.credit.uuid);
      if (credit == nullptr) return not_projected(place, "account", leg.credit.uuid);
      credit->credits_posted += leg.amount;
      transfer({}, hold->wallet, leg.credit, leg.amount, false, leg.code, e.reference, e.hold.uuid);
    }
    return {};
  }

  Status operator()(const ledger::HoldEnded& e) const {
    HoldRow* hold = state.holds.change(e.hold.uuid);
    if (hold == nullptr) return not_projected(place, "hold", e.hold.uuid);
    hold->ended = static_cast<std::int16_t>(e.reason);
    if (!e.released.is_positive()) return {};
    hold->released += e.released;
    CHECK_OK(pending(*hold, Amount{} - e.released));
    transfer({}, hold->holds, hold->wallet, e.released, true, ledger::TransferCode::release, hold->reference, e.hold.uuid);
    return {};
  }

  // ------------------------------------------------------------ who trades

  Status operator()(const CommandAnswered& e) const {
    state.commands.rows.add(e.key, static_cast<std::int64_t>(e.fingerprint), e.error, e.detail, or_null(e.object), e.at,
                            place.seq);
    return {};
  }
  Status operator()(const BillingAccountOpened& e) const {
    state.billing_accounts.rows.add(e.account, e.tenant, e.name, e.wallet, e.unit.text(), e.owner, e.at);
    state.members.rows.add(e.account, e.owner, e.at, place.seq, place.idx, false);
    return {};
  }
  Status operator()(const MemberAdded& e) const {
    state.members.rows.add(e.account, e.user, place.at, place.seq, place.idx, false);
    return {};
  }
  Status operator()(const MemberRemoved& e) const {
    state.members.rows.add(e.account, e.user, e.at, place.seq, place.idx, true);
    return {};
  }
  Status operator()(const CenterEnrolled& e) const {
    CenterRow row;
    row.id = e.center;
    row.name = e.name;
    row.connector = e.connector;
    row.identity_key = e.identity_key;
    row.billing_key = e.billing_key;
    row.enrolled_at = e.at;
    state.centers.add(std::move(row));
    return {};
  }
  Status operator()(const CenterStateChanged& e) const {
    CenterRow* center = state.centers.change(e.center.uuid);
    if (center == nullptr) return not_projected(place, "center", e.center.uuid);
    center->state = e.state;
    center->state_reason = e.reason;
    return {};
  }
  Status operator()(const ContractSet& e) const {
    const Contract& c = e.contract;
    state.contracts.rows.add(c.id, c.center, c.unit.text(), c.terms.tax_bps, c.terms.margin_bps, c.valid_from, c.cycle.ms,
                             c.may_subsidise, static_cast<std::int16_t>(c.sale_prices), static_cast<std::int16_t>(c.settlement_prices));
    for (const pricing::PriceRow& row : c.settlement)
      state.settlement_rows.rows.add(c.id, row.id, row.scope.pool, row.scope.qos, row.meter, to_text(row.price), row.per,
                                     row.unit.text(), row.valid_from, or_null(row.valid_until), row.strategy,
                                     static_cast<std::int16_t>(row.places), row.minimum, codec::encoded(row));
    return {};
  }
  Status operator()(const PricesPublished& e) const {
    for (const pricing::PriceRow& row : e.rows)
      state.prices.rows.add(row.id, or_null(row.scope.tenant), or_null(row.scope.center), row.scope.pool, row.scope.qos,
                            row.meter, to_text(row.price), row.per, row.unit.text(), row.valid_from,
                            or_null(row.valid_until), e.at, row.strategy, static_cast<std::int16_t>(row.places),
                            row.minimum, codec::encoded(row));
    for (const pricing::Discount& one : e.discounts) {
      const std::optional<std::int16_t> meter = one.meter ? std::optional(static_cast<std::int16_t>(*one.meter)) : std::nullopt;
      state.discounts.rows.add(one.id, one.name, or_null(one.scope.tenant), or_null(one.scope.center), one.scope.pool, one.scope.qos,
                               meter, one.bps, one.valid_from, or_null(one.valid_until), e.at);
    }
    return {};
  }

  // ------------------------------------------------------------ jobs

  Status operator()(const QuoteIssued& e) const {
    QuoteRow row;
    row.id = e.quote;
    row.account = e.account;
    row.user = e.user;
    row.spec = codec::encoded(e.spec);
    row.decision = codec::encoded(e.decision);
    row.issued_at = e.at;
    row.valid_until = e.valid_until;
    state.quotes.add(std::move(row));
    return {};
  }
  Status operator()(const QuoteDropped& e) const {
    QuoteRow* quote = state.quotes.change(e.quote.uuid);
    if (quote == nullptr) return not_projected(place, "quote", e.quote.uuid);
    quote->dropped = true;
    return {};
  }
  Status operator()(const JobSubmitted& e) const {
    const HoldRow* hold = state.holds.find(e.hold.uuid);
    if (hold == nullptr) return not_projected(place, "hold", e.hold.uuid);
    const AccountRow* wallet = state.accounts.find(hold->wallet.uuid);
    if (wallet == nullptr) return not_projected(place, "account", hold->wallet.uuid);
    JobRow row;
    row.id = e.job;
    row.account = e.account;
    row.tenant = e.tenant;
    row.user = e.user;
    row.quote = e.quote;
    row.spec = e.spec;
    row.decision = codec::encoded(e.decision);
    for (const Plan& plan : e.decision.plans) row.plans.push_back({plan.center, plan.pool, plan.terms.tax_bps});
    row.unit = wallet->unit;
    row.hold = e.hold;
    row.held = hold->amount;
    row.submitted_at = e.at;
    row.journal_seq = place.seq;
    if (e.wait_until != Instant{}) row.state = JobState::waiting;
    state.jobs.add(std::move(row));
    return {};
  }
  Status operator()(const AttemptOrdered& e) const {
    JobRow* job = state.jobs.change(e.job.uuid);
    if (job == nullptr || e.plan >= job->plans.size()) return not_projected(place, "job", e.job.uuid);
    job->state = JobState::routed;
    job->plan = e.plan;
    job->attempt = e.attempt;
    job->attempts = static_cast<std::int32_t>(e.fence);
    job->scheduler_job.clear();
    job->journal_seq = place.seq;
    AttemptRow row;
    row.id = e.attempt;
    row.job = e.job;
    row.fence = e.fence;
    row.plan = e.plan;
    row.center = job->plans[e.plan].center;
    row.pool = job->plans[e.plan].pool;
    row.tax_bps = job->plans[e.plan].tax_bps;
    row.ordered_at = e.at;
    row.not_after = e.not_after;
    state.attempts.add(std::move(row));
    return {};
  }

  static JobState after(Happening happening, JobState before) {
    switch (happening) {
      case Happening::accepted: return JobState::ordered;
      case Happening::queued: return JobState::queued;
      case Happening::started: return JobState::running;
      case Happening::ended:
      case Happening::cancelled: return JobState::ending;
      default: return before;
    }
  }

  Status operator()(const AttemptReported& e) const {
    JobRow* job = state.jobs.change(e.job.uuid);
    if (job == nullptr) return not_projected(place, "job", e.job.uuid);
    AttemptRow* attempt = state.attempts.change(e.attempt.uuid);
    if (attempt == nullptr) return not_projected(place, "attempt", e.attempt.uuid);
    state.attempt_events.rows.add(place.seq, place.idx, e.job, e.attempt, e.happening, e.at, e.scheduler_job, e.exit_code,
                                  e.reason);
    job->journal_seq = place.seq;
    if (attempt->order_hash.is_zero()) attempt->order_hash = e.order_hash;
    if (!e.scheduler_job.empty()) attempt->scheduler_job = job->scheduler_job = e.scheduler_job;
    if (e.happening == Happening::started && attempt->started_at.unix_ms == 0) {
      attempt->started_at = e.at;
      if (job->started_at.unix_ms == 0) job->started_at = e.at;
    }
    // A late report never takes an attempt back to where it was before.
    if (e.happening >= Happening::unknown || static_cast<std::int16_t>(e.happening) <= attempt->happened) return {};
    attempt->happened = static_cast<std::int16_t>(e.happening);
    job->state = after(e.happening, job->state);
    if (e.happening >= Happening::ended) {
      attempt->ended_at = e.at;
      attempt->exit_code = job->exit_code = e.exit_code;
      job->reason = e.reason;
    }
    return {};
  }

  Status operator()(const UsageCaptured& e) const {
    JobRow* job = state.jobs.change(e.job.uuid);
    if (job == nullptr) return not_projected(place, "job", e.job.uuid);
    AttemptRow* attempt = state.attempts.change(e.attempt.uuid);
    if (attempt == nullptr) return not_projected(place, "attempt", e.attempt.uuid);
    PeriodRow* period = state.periods.change(e.period.uuid);
    if (period == nullptr) return not_projected(place, "period", e.period.uuid);
    const bool in_du = e.unit != Unit{};
    const Amount added = in_du ? sum_of(e.lots) : e.gross;
    job->charged += added;
    job->journal_seq = place.seq;
    attempt->usage = e.reported;
    attempt->usage_revision = static_cast<std::int32_t>(e.revision);
    attempt->usage_final = e.final;
    attempt->charged += added;
    ++period->captures;
    period->gross += e.gross;
    period->center_share += e.center_share;
    period->margin += e.margin;
    period->tax += e.tax;
    const auto revision = static_cast<std::int32_t>(e.revision);
    const auto& r = e.reported.values;
    const auto& c = e.charged.values;
    std::optional<std::vector<std::byte>> windowed;
    if (e.windowed.at != Instant{}) windowed = codec::encoded(CapturedWindows{e.readings, e.windowed});
    state.captures.rows.add(e.attempt, revision, e.job, e.record, e.period, e.final, r[0], r[1], r[2], r[3], c[0], c[1], c[2],
                            c[3], e.gross, e.center_share, e.margin, e.tax, e.start, e.end, e.at, e.report, place.seq,
                            place.idx, or_null(e.adjusts), windowed, in_du ? std::optional(e.unit.text()) : std::nullopt,
                            in_du ? std::optional(e.rated) : std::nullopt);
    move_lots(state, place, LotMove::paid, e.lots, e.attempt, e.at);
    std::int32_t line = 0;
    for (const pricing::RatedLine& rated : e.lines)
      state.lines.rows.add(e.attempt, revision, line++, rated.row, rated.meter, rated.quantity, rated.amount,
                           rated.free, rated.discount, or_null(rated.discount_id));
    return {};
  }

  Status operator()(const CancelRequested& e) const {
    JobRow* job = state.jobs.change(e.job.uuid);
    if (job == nullptr) return not_projected(place, "job", e.job.uuid);
    job->cancel_requested = true;
    if (job->reason.empty()) job->reason = e.reason;
    job->journal_seq = place.seq;
    return {};
  }
  Status operator()(const JobClosed& e) const {
    JobRow* job = state.jobs.change(e.job.uuid);
    if (job == nullptr) return not_projected(place, "job", e.job.uuid);
    job->state = e.state;
    job->exit_code = e.exit_code;
    job->reason = e.reason;
    job->ended_at = e.at;
    job->journal_seq = place.seq;
    return {};
  }

  // ------------------------------------------------------------ reports and periods

  Status operator()(const RecordQuarantined& e) const {
    CenterRow* center = state.centers.change(e.center.uuid);
    if (center == nullptr) return not_projected(place, "center", e.center.uuid);
    ++center->quarantined;
    state.quarantined.rows.add(place.seq, place.idx, e.center, static_cast<std::int64_t>(e.seq),
                               static_cast<std::int32_t>(e.index), e.code, or_null(e.job), or_null(e.attempt), e.report,
                               e.detail, e.at);
    return {};
  }
  Status operator()(const ReportAccepted& e) const {
    CenterRow* center = state.centers.change(e.center.uuid);
    if (center == nullptr) return not_projected(place, "center", e.center.uuid);
    center->report_epoch = static_cast<std::int64_t>(e.epoch);
    center->report_seq = static_cast<std::int64_t>(e.seq);
    center->report_hash = e.hash;
    ++center->reports;
    state.reports.rows.add(e.center, static_cast<std::int64_t>(e.epoch), static_cast<std::int64_t>(e.seq), e.hash,
                           static_cast<std::int32_t>(e.records), static_cast<std::int32_t>(e.quarantined), e.at, place.seq);
    return {};
  }
  Status operator()(const PeriodOpened& e) const {
    PeriodRow row;
    row.id = e.period;
    row.center = e.center;
    row.unit = e.unit;
    row.number = e.number;
    row.opened_at = e.at;
    row.opening = e.opening;
    state.periods.add(std::move(row));
    return {};
  }
  Status operator()(const PeriodClosing& e) const {
    PeriodRow* period = state.periods.change(e.period.uuid);
    if (period == nullptr) return not_projected(place, "period", e.period.uuid);
    period->state = PeriodState::closing;
    period->cut_off = e.cut_off;
    return {};
  }
  Status operator()(const StatementSealed& e) const {
    PeriodRow* period = state.periods.change(e.period.uuid);
    if (period == nullptr) return not_projected(place, "period", e.period.uuid);
    period->state = PeriodState::closed;
    period->statement = e.statement;
    period->payout = e.payout;
    period->sealed_at = e.at;
    return {};
  }
  Status operator()(const auto& e) const { return apply_settlement(state, place, e); }
};

}  // namespace

Status apply(ProjectionState& state, EventPlace& place, const Event& event) {
  Status done = std::visit(Apply{state, place}, event);
  ++place.idx;
  return done;
}

}  // namespace bourse::broker::store
