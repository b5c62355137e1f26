// Events of periods, payouts, corrections, and of acts that wait for a second person.
#include "base/assert.h"
#include "broker/domain/applier.h"

namespace bourse::broker {
void Applier::operator()(const PeriodOpened& event) const {
  Center& owner = center(event.center);
  const auto [it, fresh] = market.periods_.try_emplace(event.period, Period{.id = event.period,
                                                                            .center = event.center,
                                                                            .unit = event.unit,
                                                                            .number = event.number,
                                                                            .opened_at = event.at,
                                                                            .opening = event.opening});
  BOURSE_ASSERT(fresh);
  owner.open_period = event.period;
  owner.periods = event.number;
  market.closes_at_.erase(event.center);
  market.index(it->second);
}

void Applier::operator()(const PeriodClosing& event) const {
  Period& closing = period(event.period);
  BOURSE_ASSERT(closing.state == PeriodState::open);
  closing.state = PeriodState::closing;
  closing.cut_off = event.cut_off;
  closing.completeness = event.completeness;
  closing.incomplete_reason = event.incomplete_reason;
  closing.days = event.days;
}

void Applier::operator()(const FeesCharged& event) const {
  Period& charged = period(event.period);
  BOURSE_ASSERT(charged.state == PeriodState::open);
  charged.fees += event.fees.size();
  for (const ChargedFee& one : event.fees) {
    charged.fee += one.amount;
    charged.fee_tax += one.tax;
  }
  center(event.center).fees_charged_until = event.charged_until;
}

void Applier::operator()(const StatementSealed& event) const {
  Period& sealed = period(event.period);
  BOURSE_ASSERT(sealed.state == PeriodState::closing);
  sealed.state = PeriodState::closed;
  sealed.statement = event.statement;
}

void Applier::operator()(const ActProposed& event) const {
  const Proposal& proposal = event.proposal;
  const auto [it, fresh] = market.proposals_.try_emplace(proposal.id, std::make_unique<Proposal>(proposal));
  BOURSE_ASSERT(fresh);
  market.index(proposal);
}

void Applier::operator()(const ProposalEnded& event) const {
  const auto it = market.proposals_.find(event.proposal);
  BOURSE_ASSERT(it != market.proposals_.end());
  market.proposal_expiry_.erase({it->second->expires_at, event.proposal});
  market.proposals_.erase(it);
}

void Applier::operator()(const PayeeSet& event) const {
  center(event.center).payee = event.payee;
}

void Applier::operator()(const PayoutOrdered& event) const {
  const auto [it, fresh] = market.payouts_.try_emplace(event.payout.id, std::make_unique<Payout>(event.payout));
  BOURSE_ASSERT(fresh);
  period(event.period).paid_out += event.payout.amount;
}

void Applier::operator()(const PayoutSettled& event) const {
  const auto it = market.payouts_.find(event.payout);
  BOURSE_ASSERT(it != market.payouts_.end());
  Payout& payout = *it->second;
  payout.state = event.state;
  payout.settled_at = event.at;
  payout.bank_reference = event.bank_reference;
  if (event.state == PayoutState::returned) period(event.period).paid_out -= event.amount;
  for (const PeriodId paid : event.paid) period(paid).state = PeriodState::paid;
}

void Applier::operator()(const ChargeAdjusted& event) const {
  Period& booked = period(event.period);
  BOURSE_ASSERT(booked.state == PeriodState::open);
  ++booked.adjustments;
  booked.adjusted += event.parts;
  Adjusted& of = market.adjusted_.try_emplace(event.charge.attempt, Adjusted{.attempt = event.charge.attempt}).first->second;
  if (event.kind == AdjustmentKind::dispute_opened) of.disputed += event.amount;
  if (event.kind == AdjustmentKind::dispute_resolved) of.disputed -= event.amount;
  of.given_back += event.parts.user;
  for (const LotPart& part : event.lots) refill(part);
}

void Applier::operator()(const DisputeOpened& event) const {
  const auto [it, fresh] = market.disputes_.try_emplace(event.dispute.id, std::make_unique<Dispute>(event.dispute));
  BOURSE_ASSERT(fresh);
  ++market.open_disputes_;
}

void Applier::operator()(const DisputeResolved& event) const {
  const auto it = market.disputes_.find(event.dispute);
  BOURSE_ASSERT(it != market.disputes_.end() && it->second->state == DisputeState::open);
  Dispute& dispute = *it->second;
  dispute.state = event.state;
  dispute.to_user = event.to_user;
  dispute.resolution = event.resolution;
  dispute.resolved_at = event.at;
  --market.open_disputes_;
}

void Applier::operator()(const DisputeEvidenceAdded& event) const {
  const auto it = market.disputes_.find(event.dispute);
  BOURSE_ASSERT(it != market.disputes_.end());
  it->second->evidence.push_back(event.evidence);
}

void Applier::operator()(const PayoutsExported& event) const {
  const bool fresh = market.payment_files_.try_emplace(event.file.id, event.file).second;
  BOURSE_ASSERT(fresh);
  for (const PayoutId id : event.payouts) {
    const auto it = market.payouts_.find(id);
    BOURSE_ASSERT(it != market.payouts_.end());
    it->second->file = event.file.id;
  }
}

void Applier::operator()(const PaymentFileWithdrawn& event) const {
  market.payment_files_.at(event.file).withdrawn_at = event.at;
  for (const PayoutId id : event.payouts) {
    Payout& payout = *market.payouts_.at(id);
    payout.file = {};
    ++payout.withdrawn_files;
  }
}

void Applier::operator()(const InvoiceRequested& event) const {
  const bool fresh = market.index(event.invoice);
  BOURSE_ASSERT(fresh);
}

void Applier::operator()(const InvoiceMoved& event) const {
  const auto it = market.invoices_.find(event.invoice);
  BOURSE_ASSERT(it != market.invoices_.end());
  Invoice& invoice = *it->second;
  invoice.state = event.state;
  invoice.moved_by = event.by;
  invoice.moved_at = event.at;
  if (!event.reason.empty()) invoice.reason = event.reason;
  if (event.number.empty()) return;
  (event.state == InvoiceState::reversed ? invoice.red_number : invoice.number) = event.number;
  (event.state == InvoiceState::reversed ? invoice.red_date : invoice.date) = event.date;
  market.invoice_numbers_.insert(event.number);
}

bool Market::index(Invoice invoice) {
  const InvoiceId id = invoice.id;
  if (invoices_.contains(id)) return false;
  invoices_of_[invoice.account].push_back(id);
  for (const std::string& number : {invoice.number, invoice.red_number})
    if (!number.empty()) invoice_numbers_.insert(number);
  invoices_.try_emplace(id, std::make_unique<Invoice>(std::move(invoice)));
  return true;
}

void Market::index(const Period& period) {
  auto& of_center = periods_of_[period.center];
  BOURSE_ASSERT(of_center.size() + 1 == period.number);
  of_center.push_back(period.id);
}

void Market::index(const Proposal& proposal) {
  proposal_expiry_.emplace(proposal.expires_at, proposal.id);
}

}  // namespace bourse::broker
