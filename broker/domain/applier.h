// Makes events so. One overload for each alternative of Event; an event that doesn't fit the state is a bug or a
// damaged journal and stops the process.
#pragma once

#include "broker/domain/market.h"

namespace bourse::broker {

struct Applier {
  Market& market;

  template <class LedgerEvent>
    requires requires(ledger::Ledger& l, const LedgerEvent& e) { l.apply(e); }
  void operator()(const LedgerEvent& event) const {
    market.ledger_.apply(event);
  }

  void operator()(const CommandAnswered& event) const;
  void operator()(const ledger::HoldExtended& event) const;
  void operator()(const ledger::HoldEnded& event) const;
  void operator()(const AccountPolicySet& event) const;
  void operator()(const CreditRuleSet& event) const;
  void operator()(const MemberLimitsSet& event) const;
  void operator()(const BillingAccountOpened& event) const;
  void operator()(const MemberAdded& event) const;
  void operator()(const MemberRemoved& event) const;
  void operator()(const CenterInvited& event) const;
  void operator()(const InvitationUsed& event) const;
  void operator()(const InvitationEnded& event) const;
  void operator()(const CertificateIssued& event) const;
  void operator()(const GenerationAcknowledged& event) const;
  void operator()(const SellingRuleSet& event) const;
  void operator()(const CenterEnrolled& event) const;
  void operator()(const CenterStateChanged& event) const;
  void operator()(const ContractSet& event) const;
  void operator()(const PricesPublished& event) const;
  void operator()(const PeriodOpened& event) const;
  void operator()(const PeriodClosing& event) const;
  void operator()(const StatementSealed& event) const;
  void operator()(const FeesCharged& event) const;
  void operator()(const ReportAccepted& event) const;
  void operator()(const RecordQuarantined&) const {}  // evidence only: it changes nothing here

  void operator()(const ActProposed& event) const;
  void operator()(const ProposalEnded& event) const;
  void operator()(const PayeeSet& event) const;
  void operator()(const PayoutOrdered& event) const;
  void operator()(const PayoutSettled& event) const;
  void operator()(const ChargeAdjusted& event) const;
  void operator()(const DisputeOpened& event) const;
  void operator()(const DisputeResolved& event) const;
  void operator()(const DisputeEvidenceAdded& event) const;
  void operator()(const PayoutsExported& event) const;
  void operator()(const PaymentFileWithdrawn& event) const;
  void operator()(const InvoiceRequested& event) const;
  void operator()(const InvoiceMoved& event) const;

  void operator()(const LotIssued& event) const;
  void operator()(const LotExpired& event) const;
  void operator()(const VouchersIssued& event) const;
  void operator()(const VoucherRedeemed& event) const;
  void operator()(const VouchersExpired& event) const;
  void operator()(const ReservedPricesPublished& event) const;
  void operator()(const ReservationBought& event) const;
  void operator()(const ReservationAccrued& event) const;
  void operator()(const ReservationEnded& event) const;
  void operator()(const RenewalSet& event) const;
  void operator()(const ProductsPublished& event) const;
  void operator()(const MoneyInReversed& event) const;

  void operator()(const QuoteIssued& event) const;
  void operator()(const QuoteDropped& event) const;
  void operator()(const JobSubmitted& event) const;
  void operator()(const AttemptOrdered& event) const;
  void operator()(const AttemptReported& event) const;
  void operator()(const UsageCaptured& event) const;
  void operator()(const CancelRequested& event) const;
  void operator()(const JobClosed& event) const;
  void operator()(const HoldRenewed& event) const;
  void operator()(const RenewalRefused& event) const;
  void operator()(const PauseRequested& event) const;
  void operator()(const DayAnswered& event) const;
  void operator()(const ArraySubmitted& event) const;
  void operator()(const ArrayCancelRequested& event) const;
  void operator()(const ArrayCancelMoved& event) const;

 private:
  BillingAccount& account(BillingAccountId id) const;
  MemberSpending& spending(BillingAccountId account, UserId user) const;
  Center& center(CenterId id) const;
  void note_day(CenterId center, const UsageCaptured& event) const;
  Period& period(PeriodId id) const;
  // Changes what is left of it.
  Lot& fill(LotId id, Amount change) const;
  Reservation& reservation(ReservationId id) const;
  // Takes from what is left of it, or gives back.
  Lot& draw(const LotPart& part) const;
  void refill(const LotPart& part) const;
  void check(const Lot& lot) const;
  Job& job(JobId id) const;
  // Is its hold in the account's money? Else in 度.
  bool in_money(const Job& job) const;
  void pay(Attempt& attempt, const LotPart& part) const;
  Attempt& newest_attempt(Job& job, AttemptId id) const;
  // apply_waiting.cc
  JobArray& array(JobId id) const;
  void wait(const Job& job, Instant until) const;
  void go(Job& job) const;
  void count_start(const Job& job) const;
  void count_end(const Job& job, bool waited) const;
};

}  // namespace bourse::broker
