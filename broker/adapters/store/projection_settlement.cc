// Second pass, of what comes after the capture: almost all of it only adds rows.
#include "broker/adapters/store/projection_state.h"

namespace bourse::broker::store {

std::unexpected<Error> not_projected(const EventPlace& place, const char* what, Uuid id) {
  return fail(ErrorCode::integrity, "journal row " + std::to_string(place.seq) + ", event " + std::to_string(place.idx) +
                                        ": " + what + " " + to_hyphenated(id) + " is not projected");
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const AccountPolicySet& e) {
  state.policies.rows.add(e.account, place.seq, place.idx, e.frozen, e.reason, e.zone, e.at, e.when_empty,
                         e.pause_limit.ms);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const CreditRuleSet& e) {
  const std::optional<Instant> until = e.rule.until.unix_ms == 0 ? std::nullopt : std::optional(e.rule.until);
  state.credit_rules.rows.add(e.account, place.seq, place.idx, e.rule.ordinary, e.rule.exempt, until, e.rule.reason, e.at);
  return {};
}

namespace {

// Kinds of market.renewals.
enum class Renewal : std::int16_t { held = 1, short_of_money = 2, pause = 3, resume = 4 };

}  // namespace

Status apply_settlement(ProjectionState& state, const EventPlace& place, const HoldRenewed& e) {
  state.renewals.rows.add(e.job, place.seq, place.idx, Renewal::held, e.extra, e.covered.ms, std::string(), e.at);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const RenewalRefused& e) {
  const Shortage& s = e.shortage;
  state.renewals.rows.add(e.job, place.seq, place.idx, Renewal::short_of_money, s.needed, (s.runs_out - s.since).ms, s.detail, s.since);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const PauseRequested& e) {
  state.renewals.rows.add(e.job, place.seq, place.idx, e.paused ? Renewal::pause : Renewal::resume, Amount{}, std::int64_t{0}, e.reason, e.at);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const MemberLimitsSet& e) {
  const auto& l = e.limits;
  state.limits.rows.add(e.account, e.user, place.seq, place.idx, l.total, l.per_day, l.per_month, l.per_job, e.at);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const ledger::CreditLimitSet& e) {
  AccountRow* account = state.accounts.change(e.account.uuid);
  if (account == nullptr) return not_projected(place, "account", e.account.uuid);
  account->credit_limit = e.credit_limit;
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const ActProposed& e) {
  const Proposal& p = e.proposal;
  state.proposals.rows.add(p.id, p.by, name(p.act), codec::encoded(p.act), p.note, p.at, p.expires_at, place.seq);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const ProposalEnded& e) {
  state.proposal_ends.rows.add(e.proposal, e.end, or_null(e.by), e.reason, e.at, place.seq);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const PayeeSet& e) {
  state.payees.rows.add(e.center, place.seq, place.idx, e.payee.name, e.payee.account, e.payee.agent, e.at);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const PayoutOrdered& e) {
  PeriodRow* period = state.periods.change(e.period.uuid);
  if (period == nullptr) return not_projected(place, "period", e.period.uuid);
  const Payout& p = e.payout;
  period->paid_out += p.amount;
  state.payouts.rows.add(p.id, p.center, p.unit.text(), p.amount, p.payee.name, p.payee.account, p.payee.agent, e.period,
                         p.ordered_at, place.seq, place.idx);
  for (const PeriodId pays : p.periods) state.payout_periods.rows.add(p.id, pays);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const PayoutSettled& e) {
  state.payout_settlements.rows.add(e.payout, e.state, e.period, e.amount, e.bank_reference, e.reason, e.at, place.seq,
                                    place.idx);
  if (e.state == PayoutState::returned) {
    PeriodRow* period = state.periods.change(e.period.uuid);
    if (period == nullptr) return not_projected(place, "period", e.period.uuid);
    period->paid_out -= e.amount;
  }
  for (const PeriodId paid : e.paid) {
    PeriodRow* period = state.periods.change(paid.uuid);
    if (period == nullptr) return not_projected(place, "period", paid.uuid);
    period->state = PeriodState::paid;
  }
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const ChargeAdjusted& e) {
  PeriodRow* period = state.periods.change(e.period.uuid);
  if (period == nullptr) return not_projected(place, "period", e.period.uuid);
  ++period->adjustments;
  period->adjusted += e.parts;
  const Charge& c = e.charge;
  const AdjustmentParts& p = e.parts;
  state.adjustments.rows.add(e.adjustment, e.kind, or_null(e.dispute), c.job, c.attempt, c.account, c.center, e.period,
                             c.period, c.gross, c.center_share, c.margin, c.tax, e.base, e.amount, p.user, p.center_share, p.margin, p.tax, p.escrow, e.reason, e.at,
                             place.seq, place.idx);
  move_lots(state, place, LotMove::given_back, e.lots, c.attempt, e.at);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const DisputeOpened& e) {
  const Dispute& d = e.dispute;
  state.disputes.rows.add(d.id, d.charge.job, d.charge.attempt, d.charge.account, d.charge.center, d.unit.text(), d.amount,
                          d.escrow, d.by_center, or_null(d.opened_by), d.reason, d.opened_at, place.seq);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const DisputeResolved& e) {
  state.dispute_resolutions.rows.add(e.dispute, e.state, e.to_user, e.resolution, e.at, place.seq);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const DisputeEvidenceAdded& e) {
  const DisputeEvidence& one = e.evidence;
  state.dispute_evidence.rows.add(e.dispute, one.side, one.sha256, one.file, one.media_type, one.size, one.note, one.by, one.at, place.seq, place.idx);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const FeesCharged& e) {
  for (const ChargedFee& one : e.fees)
    state.fees.rows.add(e.period, one.contract, e.center, one.monthly_fee, one.tax_bps, one.zone, one.from, one.until, one.amount, one.tax, e.at, place.seq,
                        place.idx);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const PayoutsExported& e) {
  state.payment_files.rows.add(e.file.id, e.file.bytes, or_null(e.file.by), e.file.at, place.seq);
  for (const PayoutId payout : e.payouts) state.payment_file_payouts.rows.add(payout, e.file.id);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const PaymentFileWithdrawn& e) {
  state.payment_file_withdrawals.rows.add(e.file, e.reason, e.at, place.seq);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const InvoiceRequested& e) {
  const Invoice& i = e.invoice;
  state.invoices.rows.add(i.id, i.account, i.by, i.unit.text(), i.amount, i.buyer.kind, i.buyer.title, i.buyer.tax_number,
                          codec::encoded(i), i.requested_at, place.seq);
  for (const InvoiceLine& line : i.lines) state.invoice_lines.rows.add(i.id, line.month, line.amount, line.item, line.net, line.tax_bps, line.tax);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const InvoiceMoved& e) {
  state.invoice_moves.rows.add(e.invoice, place.seq, place.idx, e.state, e.number, e.date, e.reason, or_null(e.by), e.at);
  return {};
}

}  // namespace bourse::broker::store
