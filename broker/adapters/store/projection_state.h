// What a chunk's fold works on: the cached mutable rows and the rows that are only ever added.
#pragma once

#include <concepts>

#include "broker/adapters/store/account_moves.h"
#include "broker/adapters/store/projected_rows.h"
#include "broker/adapters/store/row_cache.h"

namespace bourse::broker::store {

// Rows that never change. Those with a merge go through a temporary table, since the same row may come again; when that
// hardly happens, `direct` is tried first.
struct AddedRows {
  const char* copy = nullptr;
  const char* direct = nullptr;
  const char* stage = nullptr;  // columns of the temporary table, when there is a merge
  const char* merge = nullptr;
  CopyRows rows;
};

struct ProjectionState {
  RowCache<AccountRow> accounts;
  RowCache<HoldRow> holds;
  RowCache<CenterRow> centers;
  RowCache<QuoteRow> quotes;
  RowCache<JobRow> jobs;
  RowCache<AttemptRow> attempts;
  RowCache<PeriodRow> periods;

  AddedRows transfers, refusals, billing_accounts, members, contracts, settlement_rows, prices, discounts, reserved_prices, reservations, accruals, reservation_ends, reservation_renewals, attempt_events, captures, lines, reports,
      quarantined, commands, policies, credit_rules, limits, renewals, proposals, proposal_ends, payees, payouts, payout_periods, payout_settlements, adjustments,
      disputes, dispute_resolutions, dispute_evidence, payment_files, payment_file_payouts, payment_file_withdrawals, fees, invoices, invoice_lines, invoice_moves, lots, lot_moves, money_in_reversals, voucher_batches,
      voucher_redemptions, products, arrays;

  AccountMoves moves;

  explicit ProjectionState(std::size_t gather_every);

  template <class Visit>
  void each_cache(Visit&& visit) {
    visit(accounts), visit(holds), visit(centers), visit(quotes), visit(jobs), visit(attempts), visit(periods);
  }
  template <class Visit>
  void each_added(Visit&& visit) {
    for (AddedRows* added : {&transfers, &refusals, &billing_accounts, &members, &contracts, &settlement_rows, &prices, &discounts, &reserved_prices,
                             &reservations, &accruals, &reservation_ends, &reservation_renewals, &attempt_events,
                             &captures, &lines, &reports, &quarantined, &commands, &policies, &credit_rules, &limits, &renewals, &proposals, &proposal_ends, &payees,
                             &payouts, &payout_periods, &payout_settlements, &adjustments, &disputes,
                             &dispute_resolutions, &dispute_evidence, &payment_files, &payment_file_payouts, &payment_file_withdrawals, &fees, &invoices, &invoice_lines,
                             &invoice_moves, &lots, &lot_moves, &money_in_reversals, &voucher_batches, &voucher_redemptions, &products, &arrays})
      visit(*added);
  }
};

// Where in the journal an event stands.
struct EventPlace {
  std::int64_t seq = 0;
  std::int32_t idx = 0;       // of the event in its row
  std::int32_t transfer = 0;  // number of the next transfer in the row
  Instant at;                 // the row's
};

// First pass: names the rows that `event` changes and doesn't make. Twice: the second time after holds are there, since
// some rows are found through them.
void want(ProjectionState& state, const Event& event);
void want_through_holds(ProjectionState& state, const Event& event);
// Of the second pass, what comes after the capture. Errors: integrity.
Status apply_settlement(ProjectionState& state, const EventPlace& place, const AccountPolicySet& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const CreditRuleSet& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const MemberLimitsSet& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const ledger::CreditLimitSet& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const ActProposed& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const ProposalEnded& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const PayeeSet& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const PayoutOrdered& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const PayoutSettled& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const ChargeAdjusted& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const DisputeOpened& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const DisputeResolved& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const DisputeEvidenceAdded& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const PayoutsExported& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const PaymentFileWithdrawn& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const FeesCharged& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const InvoiceRequested& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const InvoiceMoved& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const HoldRenewed& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const RenewalRefused& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const PauseRequested& event);
// Of lots: projection_lots.cc.
Status apply_settlement(ProjectionState& state, const EventPlace& place, const LotIssued& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const LotExpired& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const VouchersIssued& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const VoucherRedeemed& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const VouchersExpired& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const ProductsPublished& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const MoneyInReversed& event);
void name_lot_tables(ProjectionState& state);
enum class LotMove : std::int16_t { paid = 1, given_back = 2, taken_back = 3, reversed = 4 };
void move_lots(ProjectionState& state, const EventPlace& place, LotMove kind, const std::vector<LotPart>& parts,
               AttemptId attempt, Instant at);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const ReservedPricesPublished& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const ReservationBought& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const ReservationAccrued& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const ReservationEnded& event);
Status apply_settlement(ProjectionState& state, const EventPlace& place, const RenewalSet& event);
// Of arrays: projection_arrays.cc.
Status apply_settlement(ProjectionState& state, const EventPlace& place, const ArraySubmitted& event);
void name_array_tables(ProjectionState& state);
Uuid first_hold(const ArraySubmitted& event);  // of its elements' holds
// Days, invitations, certificates, selling rules, and how far the cancelling of an array is, are shown from the engine, which decides by them: no rows.
template <class Event>
concept ShownFromTheEngine = std::same_as<Event, DayAnswered> || std::same_as<Event, CenterInvited> || std::same_as<Event, InvitationUsed> ||
                             std::same_as<Event, InvitationEnded> || std::same_as<Event, CertificateIssued> || std::same_as<Event, GenerationAcknowledged> ||
                             std::same_as<Event, ArrayCancelRequested> || std::same_as<Event, ArrayCancelMoved> || std::same_as<Event, SellingRuleSet>;
Status apply_settlement(ProjectionState&, const EventPlace&, const ShownFromTheEngine auto&) { return {}; }
std::unexpected<Error> not_projected(const EventPlace& place, const char* what, Uuid id);
// Second pass. Errors: integrity.
Status apply(ProjectionState& state, EventPlace& place, const Event& event);

}  // namespace bourse::broker::store
