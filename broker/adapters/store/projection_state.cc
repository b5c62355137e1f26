#include "broker/adapters/store/projection_state.h"

namespace bourse::broker::store {
namespace {

// ---------------------------------------------------------------- first pass

struct Want {
  ProjectionState& state;

  void operator()(const ledger::AccountOpened& e) const { state.accounts.want(e.account.uuid); }
  void operator()(const ledger::CreditLimitSet& e) const { state.accounts.want(e.account.uuid); }
  void operator()(const ledger::Posted& e) const {
    state.accounts.want(e.debit.uuid);
    state.accounts.want(e.credit.uuid);
  }
  void operator()(const ledger::HoldPlaced& e) const {
    state.holds.coming(e.hold.uuid);
    state.accounts.want(e.wallet.uuid);
    state.accounts.want(e.holds.uuid);
  }
  void operator()(const ledger::HoldExtended& e) const { state.holds.want(e.hold.uuid); }
  void operator()(const ledger::HoldCaptured& e) const {
    state.holds.want(e.hold.uuid);
    for (const auto& leg : e.legs) state.accounts.want(leg.credit.uuid);
  }
  void operator()(const ledger::HoldEnded& e) const { state.holds.want(e.hold.uuid); }
  void operator()(const CenterEnrolled& e) const { state.centers.coming(e.center.uuid); }
  void operator()(const CenterStateChanged& e) const { state.centers.want(e.center.uuid); }
  void operator()(const QuoteIssued& e) const { state.quotes.coming(e.quote.uuid); }
  void operator()(const QuoteDropped& e) const { state.quotes.want(e.quote.uuid); }
  void operator()(const JobSubmitted& e) const {
    state.jobs.coming(e.job.uuid);
    state.holds.want(e.hold.uuid);
  }
  void operator()(const AttemptOrdered& e) const {
    state.jobs.want(e.job.uuid);
    state.attempts.coming(e.attempt.uuid);
  }
  void operator()(const AttemptReported& e) const {
    state.jobs.want(e.job.uuid);
    state.attempts.want(e.attempt.uuid);
  }
  void operator()(const UsageCaptured& e) const {
    state.jobs.want(e.job.uuid);
    state.attempts.want(e.attempt.uuid);
    state.periods.want(e.period.uuid);
  }
  void operator()(const ArraySubmitted& e) const { state.holds.want(first_hold(e)); }
  void operator()(const CancelRequested& e) const { state.jobs.want(e.job.uuid); }
  void operator()(const JobClosed& e) const { state.jobs.want(e.job.uuid); }
  void operator()(const RecordQuarantined& e) const { state.centers.want(e.center.uuid); }
  void operator()(const ReportAccepted& e) const { state.centers.want(e.center.uuid); }
  void operator()(const PeriodOpened& e) const { state.periods.coming(e.period.uuid); }
  void operator()(const PeriodClosing& e) const { state.periods.want(e.period.uuid); }
  void operator()(const StatementSealed& e) const { state.periods.want(e.period.uuid); }
  void operator()(const PayoutOrdered& e) const { state.periods.want(e.period.uuid); }
  void operator()(const PayoutSettled& e) const {
    state.periods.want(e.period.uuid);
    for (const PeriodId paid : e.paid) state.periods.want(paid.uuid);
  }
  void operator()(const ChargeAdjusted& e) const { state.periods.want(e.period.uuid); }
  void operator()(const auto&) const {}
};

struct WantThroughHolds {
  ProjectionState& state;

  void both(HoldId id) const {
    const HoldRow* hold = state.holds.find(id.uuid);
    if (hold == nullptr) return;
    state.accounts.want(hold->wallet.uuid);
    state.accounts.want(hold->holds.uuid);
  }
  void operator()(const ledger::HoldExtended& e) const {
    both(e.hold);
    if (const HoldRow* hold = state.holds.find(e.hold.uuid)) state.jobs.want(hold->reference);
  }
  void operator()(const ledger::HoldCaptured& e) const { both(e.hold); }
  void operator()(const ledger::HoldEnded& e) const { both(e.hold); }
  void operator()(const JobSubmitted& e) const { both(e.hold); }
  void operator()(const ArraySubmitted& e) const { both(HoldId{first_hold(e)}); }
  void operator()(const auto&) const {}
};

}  // namespace

void want(ProjectionState& state, const Event& event) { std::visit(Want{state}, event); }
void want_through_holds(ProjectionState& state, const Event& event) { std::visit(WantThroughHolds{state}, event); }

// Of terms, prices and what was rated by them.
static void name_price_tables(ProjectionState& state) {
  state.contracts.copy =
      "COPY stage_contracts (id, center, unit, tax_bps, margin_bps, valid_from, cycle_ms, may_subsidise, sale_prices, settlement_prices) "
      "FROM STDIN (FORMAT binary)";
  state.contracts.stage =
      "CREATE TEMP TABLE IF NOT EXISTS stage_contracts (LIKE market.contracts INCLUDING DEFAULTS) ON COMMIT DELETE ROWS";
  state.contracts.merge = "INSERT INTO market.contracts SELECT * FROM stage_contracts ON CONFLICT DO NOTHING";
  state.settlement_rows.copy = "COPY stage_settlement_rows FROM STDIN (FORMAT binary)";
  state.settlement_rows.stage =
      "CREATE TEMP TABLE IF NOT EXISTS stage_settlement_rows (contract uuid, id uuid, pool text, qos text, meter smallint, "
      "price text, per bigint, unit text, valid_from timestamptz, valid_until timestamptz, strategy smallint, places smallint, "
      "minimum_micros bigint, body bytea) ON COMMIT DELETE ROWS";
  state.settlement_rows.merge =
      "INSERT INTO market.settlement_rows (contract, id, pool, qos, meter, price, per, unit, valid_from, valid_until, strategy, "
      "places, minimum_micros, body) SELECT contract, id, pool, qos, meter, price::numeric, per, unit, valid_from, valid_until, "
      "strategy, places, minimum_micros, body FROM stage_settlement_rows ON CONFLICT DO NOTHING";
  state.prices.copy = "COPY stage_prices FROM STDIN (FORMAT binary)";
  state.prices.stage =
      "CREATE TEMP TABLE IF NOT EXISTS stage_prices (id uuid, tenant uuid, center uuid, pool text, qos text, meter smallint, "
      "price text, per bigint, unit text, valid_from timestamptz, valid_until timestamptz, published_at timestamptz, "
      "strategy smallint, places smallint, minimum_micros bigint, body bytea) "
      "ON COMMIT DELETE ROWS";
  state.prices.merge =
      "INSERT INTO market.price_rows (id, tenant, center, pool, qos, meter, price, per, unit, valid_from, valid_until, "
      "published_at, strategy, places, minimum_micros, body) SELECT id, tenant, center, pool, qos, meter, price::numeric, per, "
      "unit, valid_from, valid_until, published_at, strategy, places, minimum_micros, body FROM stage_prices "
      "ON CONFLICT DO NOTHING";
  state.discounts.copy = "COPY stage_discounts FROM STDIN (FORMAT binary)";
  state.discounts.stage = "CREATE TEMP TABLE IF NOT EXISTS stage_discounts (LIKE market.discounts) ON COMMIT DELETE ROWS";
  state.discounts.merge = "INSERT INTO market.discounts SELECT * FROM stage_discounts ON CONFLICT DO NOTHING";
  state.reserved_prices.copy =
      "COPY market.reserved_prices (id, tenant, center, pool, what, term, price_micros, unit, early_end_bps, valid_from, valid_until, "
      "published_at) FROM STDIN (FORMAT binary)";
  state.reservations.copy =
      "COPY market.reservations (id, account, \"by\", center, pool, what, quantity, term, terms, unit, price_micros, price_row, contract, "
      "settlement_micros, first_day, days, from_at, until_at, bought_at, renews, body, journal_seq) FROM STDIN (FORMAT binary)";
  state.accruals.copy =
      "COPY market.reservation_accruals (reservation, center, days, fee, gross_micros, center_share_micros, margin_micros, tax_micros, "
      "period, at, journal_seq, idx) FROM STDIN (FORMAT binary)";
  state.reservation_ends.copy =
      "COPY market.reservation_ends (reservation, state, returned_micros, reason, at, journal_seq) FROM STDIN (FORMAT binary)";
  state.reservation_renewals.copy =
      "COPY market.reservation_renewals (reservation, renew, \"by\", at, journal_seq, idx) FROM STDIN (FORMAT binary)";
  state.lines.copy =
      "COPY market.rated_lines (attempt, revision, line, row, meter, quantity, amount_micros, free, discount_micros, discount) "
      "FROM STDIN (FORMAT binary)";
}

static void name_book_tables(ProjectionState& state) {
  state.payment_files.copy = "COPY market.payment_files (id, sha256, \"by\", at, journal_seq) FROM STDIN (FORMAT binary)";
  state.fees.copy =
      "COPY market.period_fees (period, contract, center, monthly_fee_micros, tax_bps, zone, from_at, until_at, amount_micros, tax_micros, at, "
      "journal_seq, idx) FROM STDIN (FORMAT binary)";
  state.payment_file_payouts.copy = "COPY market.payment_file_payouts (payout, file) FROM STDIN (FORMAT binary)";
  state.payment_file_withdrawals.copy = "COPY market.payment_file_withdrawals (file, reason, at, journal_seq) FROM STDIN (FORMAT binary)";
  state.invoices.copy =
      "COPY market.invoices (id, account, \"by\", unit, amount_micros, kind, title, tax_number, body, requested_at, journal_seq) "
      "FROM STDIN (FORMAT binary)";
  state.invoice_lines.copy = "COPY market.invoice_lines (invoice, month, amount_micros, item, net_micros, tax_bps, tax_micros) FROM STDIN (FORMAT binary)";
  state.invoice_moves.copy =
      "COPY market.invoice_moves (invoice, journal_seq, idx, state, number, date, reason, \"by\", at) FROM STDIN (FORMAT binary)";
}

ProjectionState::ProjectionState(std::size_t gather_every) : moves(gather_every) {
  name_price_tables(*this);
  name_book_tables(*this);
  name_lot_tables(*this);
  name_array_tables(*this);
  transfers.copy =
      "COPY market.transfers (journal_seq, idx, id, debit, credit, amount_micros, pending, code, reference, hold, at) "
      "FROM STDIN (FORMAT binary)";
  refusals.copy = "COPY market.transfer_refusals (journal_seq, idx, id, fingerprint, error) FROM STDIN (FORMAT binary)";
  billing_accounts.copy =
      "COPY market.billing_accounts (id, tenant, name, wallet, unit, owner, opened_at) FROM STDIN (FORMAT binary)";
  members.copy = "COPY market.account_members (account, \"user\", at, journal_seq, idx, removed) FROM STDIN (FORMAT binary)";
  attempt_events.copy =
      "COPY market.attempt_events (journal_seq, idx, job, attempt, happening, at, scheduler_job, exit_code, reason) "
      "FROM STDIN (FORMAT binary)";
  captures.copy =
      "COPY market.usage_captures (attempt, revision, job, record, period, final, reported_core_ms, reported_gpu_ms, "
      "reported_node_ms, reported_mem_mib_s, charged_core_ms, charged_gpu_ms, charged_node_ms, charged_mem_mib_s, "
      "gross_micros, center_share_micros, margin_micros, tax_micros, started_at, ended_at, booked_at, report, journal_seq, "
      "idx, adjusts, windowed, unit, rated_micros) FROM STDIN (FORMAT binary)";
  reports.copy =
      "COPY market.reports (center, epoch, seq, hash, records, quarantined, accepted_at, journal_seq) FROM STDIN (FORMAT binary)";
  quarantined.copy =
      "COPY market.quarantined_records (journal_seq, idx, center, report_seq, record, code, job, attempt, report, detail, at) "
      "FROM STDIN (FORMAT binary)";
  policies.copy =
      "COPY market.account_policies (account, journal_seq, idx, frozen, reason, zone, at, when_empty, pause_limit_ms) FROM STDIN (FORMAT binary)";
  credit_rules.copy =
      "COPY market.credit_rules (account, journal_seq, idx, ordinary_micros, exempt_micros, until, reason, at) FROM STDIN (FORMAT binary)";
  renewals.copy =
      "COPY market.renewals (job, journal_seq, idx, kind, micros, covered_ms, detail, at) FROM STDIN (FORMAT binary)";
  limits.copy =
      "COPY market.member_limits (account, \"user\", journal_seq, idx, total_micros, per_day_micros, per_month_micros, "
      "per_job_micros, at) FROM STDIN (FORMAT binary)";
  proposals.copy =
      "COPY market.proposals (id, \"by\", act, body, note, at, expires_at, journal_seq) FROM STDIN (FORMAT binary)";
  proposal_ends.copy =
      "COPY market.proposal_ends (proposal, \"end\", \"by\", reason, at, journal_seq) FROM STDIN (FORMAT binary)";
  payees.copy = "COPY market.payees (center, journal_seq, idx, name, account, agent, at) FROM STDIN (FORMAT binary)";
  payouts.copy =
      "COPY market.payouts (id, center, unit, amount_micros, payee_name, payee_account, payee_agent, period, ordered_at, "
      "journal_seq, idx) FROM STDIN (FORMAT binary)";
  payout_periods.copy = "COPY market.payout_periods (payout, period) FROM STDIN (FORMAT binary)";
  payout_settlements.copy =
      "COPY market.payout_settlements (payout, state, period, amount_micros, bank_reference, reason, at, journal_seq, idx) "
      "FROM STDIN (FORMAT binary)";
  adjustments.copy =
      "COPY market.adjustments (id, kind, dispute, job, attempt, account, center, period, adjusts, "
      "charge_gross_micros, charge_center_micros, charge_margin_micros, charge_tax_micros, base_micros, amount_micros, "
      "user_micros, center_micros, margin_micros, tax_micros, escrow_micros, reason, at, journal_seq, idx) "
      "FROM STDIN (FORMAT binary)";
  disputes.copy =
      "COPY market.disputes (id, job, attempt, account, center, unit, amount_micros, escrow_micros, by_center, opened_by, "
      "reason, opened_at, journal_seq) FROM STDIN (FORMAT binary)";
  dispute_resolutions.copy =
      "COPY market.dispute_resolutions (dispute, state, to_user_micros, resolution, at, journal_seq) "
      "FROM STDIN (FORMAT binary)";
  dispute_evidence.copy =
      "COPY market.dispute_evidence (dispute, side, sha256, file, media_type, size, note, \"by\", at, journal_seq, idx) FROM STDIN (FORMAT binary)";
  // A key that was forgotten by the engine may be answered a second time; its first answer stays.
  commands.direct = "COPY market.commands (key, fingerprint, error, detail, object, at, journal_seq) FROM STDIN (FORMAT binary)";
  commands.copy = "COPY stage_commands FROM STDIN (FORMAT binary)";
  commands.stage = "CREATE TEMP TABLE IF NOT EXISTS stage_commands (LIKE market.commands) ON COMMIT DELETE ROWS";
  commands.merge = "INSERT INTO market.commands SELECT * FROM stage_commands ON CONFLICT DO NOTHING";
}

}  // namespace bourse::broker::store
