#include "broker/adapters/store/expectation.h"

namespace bourse::broker::store {
namespace {

struct Observe {
  Expectation& expected;
  const Market& market;

  void transfer(bool pending, ledger::TransferCode code, Amount amount) const {
    auto& sum = expected.transfers[{pending, static_cast<std::int16_t>(code)}];
    ++sum.count;
    sum.micros += amount.micros;
  }
  void hold(HoldId id) const {
    const ledger::Hold* hold = market.ledger().hold(id);
    if (hold == nullptr) return;
    expected.holds[id.uuid] = {hold->amount, hold->captured, hold->released, hold->ended};
    if (const auto job = expected.jobs.find(hold->reference); job != expected.jobs.end()) job->second.held = hold->amount;
  }
  void job(JobId id) const {
    const Job* job = market.job(id);
    if (job == nullptr || (job->attempts.empty() && !job->waits() && !is_final(job->state))) return;
    ExpectedJob& out = expected.jobs[id.uuid];
    out.state = job->state;
    out.attempts = static_cast<std::int32_t>(job->attempts.size());
    out.center = job->attempt().center;
    out.charged = {};
    for (const Attempt& attempt : job->attempts) out.charged += attempt.charged;
    if (const auto hold = expected.holds.find(job->hold.uuid); hold != expected.holds.end()) out.held = hold->second.amount;
  }

  void operator()(const ledger::Posted& e) const { transfer(false, e.code, e.amount); }
  void operator()(const ledger::TransferRefused&) const { ++expected.refusals; }
  void operator()(const ledger::HoldPlaced& e) const {
    transfer(true, ledger::TransferCode::hold, e.amount);
    hold(e.hold);
  }
  void operator()(const ledger::HoldExtended& e) const {
    if (e.extra.is_positive()) transfer(true, ledger::TransferCode::hold, e.extra);
    hold(e.hold);
  }
  void operator()(const ledger::HoldCaptured& e) const {
    for (const auto& leg : e.legs) transfer(false, leg.code, leg.amount);
    hold(e.hold);
  }
  void operator()(const ledger::HoldEnded& e) const {
    if (e.released.is_positive()) transfer(true, ledger::TransferCode::release, e.released);
    hold(e.hold);
  }
  void operator()(const BillingAccountOpened&) const {
    ++expected.billing_accounts;
    ++expected.member_changes;  // its owner
  }
  void operator()(const MemberAdded&) const { ++expected.member_changes; }
  void operator()(const MemberRemoved&) const { ++expected.member_changes; }
  void operator()(const MoneyInReversed&) const { ++expected.reversals; }
  void operator()(const PaymentFileWithdrawn&) const { ++expected.withdrawn_files; }
  void operator()(const CenterEnrolled&) const { ++expected.centers; }
  void operator()(const QuoteIssued&) const { ++expected.quotes; }
  void operator()(const JobSubmitted& e) const { job(e.job); }  // of one that waits
  void operator()(const ArraySubmitted& e) const { expected.arrays.emplace(e.array.uuid, static_cast<std::int32_t>(count_of(e.spec.array.ranges))); }
  void operator()(const AttemptOrdered& e) const {
    ++expected.attempts;
    job(e.job);
  }
  void operator()(const AttemptReported& e) const {
    ++expected.attempt_events;
    job(e.job);
  }
  void operator()(const UsageCaptured& e) const {
    ++expected.captures;
    expected.lines += static_cast<std::int64_t>(e.lines.size());
    job(e.job);
  }
  void operator()(const JobClosed& e) const { job(e.job); }
  void operator()(const RecordQuarantined&) const { ++expected.quarantined; }
  void operator()(const ReportAccepted&) const { ++expected.reports; }
  void operator()(const PeriodOpened& e) const { expected.periods.push_back(e.period); }
  void operator()(const FeesCharged& e) const { expected.fees += static_cast<std::int64_t>(e.fees.size()); }
  void operator()(const ActProposed&) const { ++expected.proposals; }
  void operator()(const ProposalEnded&) const { ++expected.proposal_ends; }
  void operator()(const PayeeSet&) const { ++expected.payees; }
  void operator()(const PayoutOrdered&) const { ++expected.payouts; }
  void operator()(const PayoutSettled&) const { ++expected.payout_settlements; }
  void operator()(const ChargeAdjusted&) const { ++expected.adjustments; }
  void operator()(const ReservationBought&) const { ++expected.reservations; }
  void operator()(const ReservationEnded&) const { ++expected.reservation_ends; }
  void operator()(const DisputeOpened&) const { ++expected.disputes; }
  void operator()(const DisputeResolved&) const { ++expected.dispute_resolutions; }
  void operator()(const DisputeEvidenceAdded&) const { ++expected.dispute_evidence; }
  void operator()(const PayoutsExported& e) const { expected.exported_payouts += static_cast<std::int64_t>(e.payouts.size()); }
  void operator()(const InvoiceRequested&) const { ++expected.invoices; }
  void operator()(const InvoiceMoved&) const { ++expected.invoice_moves; }
  void operator()(const VouchersIssued&) const { ++expected.voucher_batches; }
  void operator()(const VoucherRedeemed&) const { ++expected.voucher_redemptions; }
  void operator()(const auto&) const {}
};

}  // namespace

void Expectation::observe(const Market& market, const Event& event) { std::visit(Observe{*this, market}, event); }

}  // namespace bourse::broker::store
