// Corrections of what was charged: refunds, and disputes with their escrow. Always booked in the open period, so a closed one
// stays as it was signed; the adjustment names it.
#include <algorithm>
#include <array>

#include "base/assert.h"
#include "broker/domain/decider.h"
#include "broker/domain/text.h"

namespace bourse::broker {
namespace {

ChargeParts operator-(const ChargeParts& a, const ChargeParts& b) {
  return {a.center_share - b.center_share, a.margin - b.margin, a.tax - b.tax};
}
// What `amount` off the top of `base` consists of.
ChargeParts slice(const Charge& charge, Amount base, Amount amount) {
  return parts_of(charge, base) - parts_of(charge, base - amount);
}

Status check_amount(Amount amount, Amount most) {
  if (!amount.is_positive()) return fail(ErrorCode::amount_not_positive);
  if (amount > most)
    return fail(ErrorCode::failed_precondition, "Only " + to_text(most) + " of the charge is neither given back nor disputed.");
  return {};
}

}  // namespace

Status Decider::check_charge(const Charge& charge) const {
  const BillingAccount* account = market_.account(charge.account);
  if (account == nullptr) return fail(ErrorCode::not_found, "billing account " + to_text(charge.account));
  const Period* period = market_.period(charge.period);
  if (market_.center(charge.center) == nullptr || period == nullptr || period->center != charge.center)
    return fail(ErrorCode::not_found, "period " + to_text(charge.period));
  if (account->unit != period->unit) return fail(ErrorCode::unit_mismatch, "the center is settled in another unit");
  const bool whole = charge.gross == charge.center_share + charge.margin + charge.tax && charge.gross.is_positive() &&
                     !charge.center_share.is_negative() && !charge.tax.is_negative() && charge.tax <= charge.gross;
  if (!whole) return fail(ErrorCode::invalid_argument, "the charge's parts don't add up");
  CHECK_OK(check_lots(charge));
  const Job* job = market_.job(charge.job);
  if (job == nullptr) return {};  // ended long ago: the projections know
  if (!is_final(job->state)) return fail(ErrorCode::failed_precondition, "The job has not ended.");
  const auto attempt = std::ranges::find(job->attempts, charge.attempt, &Attempt::id);
  if (attempt == job->attempts.end() || attempt->center != charge.center || job->account != charge.account)
    return fail(ErrorCode::not_found, "attempt " + to_text(charge.attempt));
  if (attempt->money != charge.gross)
    return fail(ErrorCode::failed_precondition, "The attempt was charged " + to_text(attempt->money) + ".");
  if (attempt->lots != charge.lots) return fail(ErrorCode::failed_precondition, "Other lots paid for the attempt.");
  return {};
}

Amount Decider::untouched(const Charge& charge) const {
  const Adjusted before = market_.adjusted(charge.attempt);
  return charge.gross - before.given_back - before.disputed;
}

// Pairs what goes down with what goes up, in a fixed order; the sum of the parts is zero.
void Decider::adjust(ChargeAdjusted adjusted, Unit unit) {
  using enum ledger::AccountCode;
  using enum ledger::TransferCode;
  struct Side {
    LedgerAccountId account;
    Amount change;
  };
  const Uuid center = adjusted.charge.center.uuid;
  const BillingAccount& account = *market_.account(adjusted.charge.account);
  const bool packages = by_packages(adjusted.charge);  // their money is deferred again, and their 度 are given back
  const AdjustmentParts& p = adjusted.parts;
  const LedgerAccountId payable = platform_account(center_payable, unit, center);
  const LedgerAccountId escrowed = platform_account(dispute_escrow, unit, center);
  std::array<Side, 5> sides = {{{escrowed, p.escrow},
                                {payable, p.center_share},
                                {platform_account(platform_revenue, unit), p.margin},
                                {platform_account(tax_payable, unit), p.tax},
                                {packages ? platform_account(deferred_revenue, unit) : account.wallet, p.user}}};
  std::array<Leg, 5> legs{};
  std::size_t count = 0;
  for (Side& from : sides) {
    for (Side& to : sides) {
      if (!from.change.is_negative() || !to.change.is_positive()) continue;
      const Amount moved = std::min(Amount{} - from.change, to.change);
      const bool freezes = from.account == payable && to.account == escrowed;
      const bool thaws = from.account == escrowed && to.account == payable;
      BOURSE_ASSERT(count < legs.size());
      legs[count++] = {from.account, to.account, moved, freezes ? escrow : thaws ? escrow_release : reversal};
      from.change += moved;
      to.change -= moved;
    }
  }
  for (const Side& side : sides) BOURSE_ASSERT(side.change.is_zero());
  const Amount before = market_.adjusted(adjusted.charge.attempt).given_back;
  adjusted.lots = packages ? unwound_packages(adjusted.charge.lots, before, p.user)
                           : unwound(adjusted.charge.lots, adjusted.charge.gross, before, p.user);
  Leg du;
  if (packages) du = {platform_account(deferred_revenue, kDu), Market::wallet_of(account, kDu), sum_of(adjusted.lots), reversal};
  post_all(adjusted.adjustment.uuid, adjusted.charge.job.uuid, {legs[0], legs[1], legs[2], legs[3], legs[4], du});
  adjusted.period = market_.center(adjusted.charge.center)->open_period;
  adjusted.at = now_;
  emit(std::move(adjusted));
  expire_lots(account, packages ? kDu : unit);
}

Status Decider::check(const Refund& act) const {
  if (act.adjustment.is_nil()) return fail(ErrorCode::invalid_argument, "the adjustment's id must be given");
  CHECK_OK(check_charge(act.charge));
  return check_amount(act.amount, untouched(act.charge));
}

Result<CommandResult> Decider::on(const Refund& act) {
  CHECK_OK(check(act));
  const Amount base = untouched(act.charge);
  const ChargeParts back = slice(act.charge, base, act.amount);
  const Amount none;
  adjust({.adjustment = act.adjustment,
          .kind = AdjustmentKind::refund,
          .charge = act.charge,
          .base = base,
          .amount = act.amount,
          .parts = {.user = act.amount,
                    .center_share = none - back.center_share,
                    .margin = none - back.margin,
                    .tax = none - back.tax},
          .reason = shown(act.reason)},
         market_.account(act.charge.account)->unit);
  return made(act.adjustment.uuid);
}

Result<CommandResult> Decider::on(const OpenDispute& command) {
  if (command.dispute.is_nil() || command.adjustment.is_nil() || market_.dispute(command.dispute) != nullptr)
    return fail(ErrorCode::invalid_argument, "the dispute's and the adjustment's ids must be new");
  if (market_.open_disputes_ >= market_.limits_.disputes) return fail(ErrorCode::overloaded, "too many disputes are open");
  CHECK_OK(check_charge(command.charge));
  if (!command.by.is_nil() && !command.by_center) CHECK_OK(usable_account(command.charge.account, command.by));
  if (command.reason.empty()) return fail(ErrorCode::invalid_argument, "a dispute needs a reason");
  const Amount base = untouched(command.charge);
  CHECK_OK(check_amount(command.amount, base));
  const Unit unit = market_.account(command.charge.account)->unit;
  const Amount frozen = slice(command.charge, base, command.amount).center_share;
  adjust({.adjustment = command.adjustment,
          .kind = AdjustmentKind::dispute_opened,
          .charge = command.charge,
          .base = base,
          .amount = command.amount,
          .parts = {.center_share = Amount{} - frozen, .escrow = frozen},
          .dispute = command.dispute,
          .reason = shown(command.reason)},
         unit);
  emit(DisputeOpened{{.id = command.dispute,
                      .charge = command.charge,
                      .unit = unit,
                      .base = base,
                      .amount = command.amount,
                      .escrow = frozen,
                      .by_center = command.by_center,
                      .opened_by = command.by,
                      .reason = shown(command.reason),
                      .opened_at = now_}});
  return made(command.dispute.uuid);
}

Result<CommandResult> Decider::on(const AddDisputeEvidence& command) {
  const Dispute* dispute = market_.dispute(command.dispute);
  if (dispute == nullptr) return fail(ErrorCode::not_found, "dispute " + to_text(command.dispute));
  DisputeEvidence evidence = command.evidence;
  if (evidence.by.is_nil()) return fail(ErrorCode::invalid_argument, "somebody must have given the evidence");
  if (evidence.side == DisputeSide::user) CHECK_OK(usable_account(dispute->charge.account, evidence.by));
  if (dispute->find_evidence(evidence.side, evidence.sha256) != nullptr) return made(command.dispute.uuid);
  CHECK_OK(check_evidence(*dispute, evidence));
  evidence.note = shown(evidence.note);
  evidence.at = now_;
  emit(DisputeEvidenceAdded{command.dispute, std::move(evidence)});
  return made(command.dispute.uuid);
}

Status Decider::check(const ResolveDispute& act) const {
  const Dispute* dispute = market_.dispute(act.dispute);
  if (dispute == nullptr) return fail(ErrorCode::not_found, "dispute " + to_text(act.dispute));
  if (act.adjustment.is_nil()) return fail(ErrorCode::invalid_argument, "the adjustment's id must be given");
  if (dispute->state != DisputeState::open)
    return fail(ErrorCode::failed_precondition, "The dispute was " + std::string(name(dispute->state)) + " already.");
  if (act.to_user.is_negative() || act.to_user > dispute->amount)
    return fail(ErrorCode::invalid_argument, "to_user must be from 0 to " + to_text(dispute->amount));
  if (act.reason.empty()) return fail(ErrorCode::invalid_argument, "a resolution needs a reason");
  return {};
}

Result<CommandResult> Decider::on(const ResolveDispute& act) {
  CHECK_OK(check(act));
  const Dispute dispute = *market_.dispute(act.dispute);
  const ChargeParts back = slice(dispute.charge, dispute.base, act.to_user);
  const Amount none;
  adjust({.adjustment = act.adjustment,
          .kind = AdjustmentKind::dispute_resolved,
          .charge = dispute.charge,
          .base = dispute.base,
          .amount = dispute.amount,
          .parts = {.user = act.to_user,
                    .center_share = dispute.escrow - back.center_share,
                    .margin = none - back.margin,
                    .tax = none - back.tax,
                    .escrow = none - dispute.escrow},
          .dispute = act.dispute,
          .reason = shown(act.reason)},
         dispute.unit);
  const DisputeState state = act.to_user == dispute.amount ? DisputeState::accepted
                             : act.to_user.is_zero()       ? DisputeState::rejected
                                                           : DisputeState::split;
  emit(DisputeResolved{act.dispute, state, act.to_user, shown(act.reason), now_});
  return made(act.dispute.uuid);
}

}  // namespace bourse::broker
