// Decides one command: checks it against the market and emits what follows. Lives as long as the command's decision.
//
// A handler first checks everything, then emits; after its first emission it can't refuse any more.
#pragma once

#include <algorithm>
#include <expected>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>

#include "broker/domain/market.h"

namespace bourse::broker {

template <class Range, class Value, class Field = std::identity>
bool contains(const Range& range, const Value& value, Field field = {}) {
  return std::ranges::find(range, value, field) != std::ranges::end(range);
}

class Decider {
 public:
  Decider(Market& market, const Command& command, const Market::Emit& emit)
      : market_(market), command_(command), now_(command.now), forward_(emit) {}

  Result<CommandResult> run();

 private:
  // Why a signed record is set aside.
  struct SetAside {
    QuarantineCode code{};
    std::string detail;
  };
  template <class T>
  using Judged = std::expected<T, SetAside>;
  static std::unexpected<SetAside> set_aside(QuarantineCode code, std::string detail = {}) {
    return std::unexpected<SetAside>(SetAside{code, std::move(detail)});
  }
  // What a usage record that stands up adds.
  struct Due {
    pricing::Readings charged;
    pricing::Rating rating;  // cumulative over the attempt
    WindowedUse windowed;    // likewise
    Amount gross;            // of it not yet captured, in the unit that it is rated in
    std::vector<LotPart> lots;  // which of it lots pay
    Amount money;            // gross in the account's money
    pricing::Split parts;    // of money
  };

  static CommandResult made(Uuid object) {
    CommandResult result;
    result.object = object;
    return result;
  }

  // decide.cc
  Result<CommandResult> answer_again(std::uint64_t fingerprint, const Market::Answer& answer) const;
  void emit(Event event);
  // The platform's account for that, opened if it wasn't yet.
  LedgerAccountId platform_account(ledger::AccountCode code, Unit unit, Uuid owner = {});
  // Posts one transfer. Errors: as the ledger's.
  Status post(const ledger::TransferRequest& request);
  // Posts what was checked to be possible, all or nothing; legs of nothing are left out.
  struct Leg {
    LedgerAccountId debit, credit;
    Amount amount;
    ledger::TransferCode code{};
  };
  void post_all(Uuid cause, Uuid reference, std::initializer_list<Leg> legs);
  // The account if the user may use it. Errors: not_found, also when it exists but is somebody else's.
  Result<const BillingAccount*> usable_account(BillingAccountId account, UserId user) const;

  // decide_accounts.cc
  Result<CommandResult> on(const OpenBillingAccount& command);
  Result<CommandResult> on(const AddMember& command);
  Result<CommandResult> on(const RemoveMember& command);
  Result<CommandResult> on(const SetAccountPolicy& command);
  Result<CommandResult> on(const SetMemberLimits& command);
  Result<CommandResult> on(const SetCreditLimit& command);
  Status check(const SetCreditLimit& act) const;
  void apply_credit(const BillingAccount& account, CreditRule rule);
  void settle_credit();
  // May the member commit that much more, `of_job` of the same job being committed already? Errors: member_limit.
  Status check_spending(const BillingAccount& account, UserId user, Amount hold, Amount of_job) const;
  Result<CommandResult> on(const FundAccount& command);
  Result<CommandResult> on(const PostTransfers& command);
  // decide_lots.cc
  Result<CommandResult> on(const GrantLot& act);
  Result<CommandResult> on(const IssueVouchers& act);
  Result<CommandResult> on(const RedeemVoucher& command);
  Status check(const GrantLot& act) const;
  Status check(const IssueVouchers& act) const;
  // Is there room for one more, and can it be posted?
  Status check_room(const BillingAccount& account, Unit unit, LotId lot, Amount amount) const;
  void issue(Lot lot);
  // Takes back what is left of the account's expired lots, as far as no hold needs it. Call before a hold is placed or
  // extended, which may count on Market::spendable.
  void expire_lots(const BillingAccount& account, Unit unit);
  void take_back(const Lot& lot, LedgerAccountId from, Amount amount);
  void expire_lots();  // of every account
  void expire_vouchers();
  bool by_packages(const Charge& charge) const;
  // Could that be how the charge was paid? Errors: failed_precondition.
  Status check_lots(const Charge& charge) const;
  // decide_packages.cc
  Result<CommandResult> on(const PublishProducts& act);
  Result<CommandResult> on(const BuyPackage& command);
  Status check(const PublishProducts& act) const;
  // What of the wallet is neither held, nor in lots, nor above the credit limit.
  Amount own_money(const BillingAccount& account) const;
  // What a hold of so many 度 counts against its user's limits: the price of the dearest package that may pay.
  Amount worth_of(const BillingAccount& account, Amount du) const;
  // decide_money_in.cc
  Status check(const WithdrawPaymentFile& act) const;
  Result<CommandResult> on(const WithdrawPaymentFile& act);
  Status check(const ReverseMoneyIn& act) const;
  Result<CommandResult> on(const ReverseMoneyIn& act);
  Status check_top_up(const ReverseMoneyIn& act, const BillingAccount& account) const;
  Status check_lot(const ReverseMoneyIn& act, const BillingAccount& account) const;
  // decide_prices.cc
  // May `by` (nil = the platform) set a price of `center` (nil = of every center) that holds from then on? Errors: forbidden.
  Status check_setter(CenterId by, CenterId center, Instant from, const std::string& what) const;
  Status check_settlement_by(const SetContract& act) const;
  std::vector<Contract> followers(const Contract& terms) const;
  Result<CommandResult> on(const SetSellingRule& command);
  // decide_membership.cc
  Status check_unused(CenterId center, ConnectorId connector, const PublicKey& identity, const PublicKey& billing) const;
  Result<CommandResult> on(const InviteCenter& command);
  Result<CommandResult> on(const UseInvitation& command);
  Result<CommandResult> on(const WithdrawInvitation& command);
  void expire_invitations();
  void end_admissions(CenterId invited, ProposalEnd end, UserId by, const std::string& reason);
  Status check(const EnrolCenter& act) const;
  Result<CommandResult> on(const EnrolCenter& act);
  // The connector's center, if it may have certificates. Errors: unauthenticated, forbidden.
  Result<const Center*> certified(CenterId id, ConnectorId connector) const;
  void lock_copy(const Center& center, std::uint64_t generation);
  Result<CommandResult> on(const CertifyConnector& command);
  Result<CommandResult> on(const ShowGeneration& command);
  // decide_centers.cc
  Result<CommandResult> on(const ChangeCenterState& command);
  Result<CommandResult> on(const SetContract& command);
  Result<CommandResult> on(const PublishPrices& command);
  Result<CommandResult> on(const ObservePools& command);
  // decide_trading.cc
  Result<CommandResult> on(const IssueQuote& command);
  Result<CommandResult> on(const SubmitJob& command);
  Result<CommandResult> on(const CancelJob& command);
  Result<Decision> route(const JobSpec& spec, const BillingAccount& account);
  // The hold of a submission, checked against all that limits it: `elements` of them together. Errors: account_frozen,
  // member_limit, insufficient_funds…
  Result<ledger::HoldPlaced> hold_for(const SubmitJob& command, const BillingAccount& account, JobSubmitted& submitted, std::int64_t elements) const;
  Decision decide_on(const routing::Request& request);
  Error why_no_plan(const JobSpec& spec, Unit unit, const Decision& decision) const;
  // decide_waiting.cc
  // What a submission that waits waits for; an error where that can never be.
  Result<Gate> gate_of(const BillingAccount& account, UserId user, JobSpec& spec) const;
  Result<CommandResult> submit_array(const SubmitJob& command, const BillingAccount& account, JobSubmitted common);
  Result<CommandResult> cancel_array(const CancelJob& command, const JobArray& array);
  Result<CommandResult> on(const Advance& command);
  void advance();
  void advance(const Job& job);
  std::size_t advance(const JobArray& array, std::size_t most);
  void make_elements(const JobArray& array, std::size_t most);
  void cancel_elements(const JobArray& array, std::size_t most);
  std::size_t start_elements(const JobArray& array, std::size_t most);
  std::size_t give_up(const JobArray& array, std::size_t most, const std::string& why);
  // Dispatches it, unless nobody takes it now.
  bool start(const Job& job);
  std::optional<std::uint32_t> plan_now(const Job& job) const;
  void end_waits();
  // dispatch.cc
  // The best plan not tried yet whose center takes work, those with a live link first.
  bool takes_work(const Plan& plan, Duration walltime) const;
  std::optional<std::uint32_t> next_plan(const JobSpec& spec, const Decision& decision, const std::vector<Attempt>& tried,
                                         bool must_be_online) const;
  void order(JobId job, AttemptId attempt, std::uint32_t fence, std::uint32_t plan, const Decision& decision);
  // Closes the job, or orders its next attempt, when its newest attempt is closed. Else does nothing.
  void follow_up(const Job& job);
  void close(const Job& job, JobState state, std::string reason);
  // decide_report.cc
  Result<CommandResult> on(const ApplyReport& command);
  Result<bool> check_chain(const ApplyReport& report, const Center& center);
  std::optional<SetAside> on_record(const ApplyReport& report, const EventRecord& record);
  Judged<const Job*> locate(const ApplyReport& report, JobId job, AttemptId attempt, std::uint32_t fence,
                            const Hash256& order_hash, bool hash_may_miss) const;
  std::optional<SetAside> check_time(const ApplyReport& report, Instant at) const;
  std::optional<SetAside> check_event(const Attempt& attempt, const EventRecord& record) const;
  // decide_usage.cc
  std::optional<SetAside> on_record(const ApplyReport& report, const UsageRecord& record);
  std::optional<SetAside> check_usage(const Job& job, const UsageRecord& record) const;
  std::optional<SetAside> check_readings(const Job& job, const UsageRecord& record) const;
  std::optional<SetAside> check_edges(const Job& job, const UsageRecord& record) const;
  Judged<Due> charge(const Job& job, const UsageRecord& record) const;
  void capture(const Job& job, const Due& due, const UsageRecord& record);
  void capture_packages(const Job& job, const Due& due, const UsageRecord& record);
  // decide_completeness.cc
  std::optional<SetAside> on_record(const ApplyReport& report, const DayRecord& record);
  std::vector<ClosedDay> ended_days(const Center& center) const;
  // decide_settlement.cc
  Result<CommandResult> on(const Tick& command);
  Result<CommandResult> on(const ClosePeriod& command);
  Result<CommandResult> on(const SealStatement& command);
  PeriodId period_at(CenterId center, Instant at) const;
  // decide_proposals.cc
  Result<CommandResult> on(const Propose& command);
  Result<CommandResult> on(const EndProposal& command);
  void expire_proposals();
  // What would be refused now; each handler of an act begins with it.
  Status check(const FundAccount& act) const;
  Status check(const SetContract& act) const;
  Status check(const PublishPrices& act) const;
  Status check(const SetPayee& act) const;
  Status check(const OrderPayout& act) const;
  Status check(const Refund& act) const;
  Status check(const ResolveDispute& act) const;
  // decide_payouts.cc
  Result<CommandResult> on(const SetPayee& command);
  Result<CommandResult> on(const OrderPayout& command);
  Result<CommandResult> on(const SettlePayout& command);
  Result<CommandResult> on(const ExportPayouts& command);
  // decide_invoices.cc
  Result<CommandResult> on(const RequestInvoice& command);
  Result<CommandResult> on(const MoveInvoice& command);
  // decide_adjustments.cc
  Result<CommandResult> on(const Refund& command);
  Result<CommandResult> on(const OpenDispute& command);
  Result<CommandResult> on(const ResolveDispute& command);
  Result<CommandResult> on(const AddDisputeEvidence& command);
  Status check_charge(const Charge& charge) const;
  // Of the charge, what was neither given back nor is disputed.
  Amount untouched(const Charge& charge) const;
  // Posts the parts out of the center's, the platform's and the tax account (or escrow) and emits their ChargeAdjusted.
  void adjust(ChargeAdjusted adjusted, Unit unit);
  // decide_renewal.cc
  void renew_holds();
  void look_at(const Job& job);
  // Holds the next window of a run that has gone on for `ran`. Errors: insufficient_funds, member_limit, budget_too_small…
  Status renew(const Job& job, Duration ran);
  void follow_policy(const Job& job, Duration left);
  void want_pause(const Job& job, bool paused, std::string reason);
  // decide_coverage.cc
  // Where reservations of the account can carry the job and that is what it asks for, they are its only plans.
  void carry(const JobSpec& spec, const BillingAccount& account, Decision& decision);
  std::optional<Plan> carried_plan(const JobSpec& spec, const BillingAccount& account, const Reservation& reservation);
  bool has_room(const Reservation& reservation, const pricing::Allocation& allocation, Duration walltime) const;
  // decide_reservations.cc
  Status check(const PublishReservedPrices& act) const;
  Result<CommandResult> on(const PublishReservedPrices& command);
  Result<CommandResult> on(const BuyReservation& command);
  Result<CommandResult> on(const EndReservation& command);
  Result<CommandResult> on(const SetRenewal& command);
  // A usable one that is active. Errors: not_found, also when it is somebody else's; failed_precondition.
  Result<const Reservation*> own_reservation(ReservationId id, UserId user) const;
  Status check_purchase(const Reservation& reservation) const;
  void buy(Reservation reservation);
  void earn(const Reservation& reservation, std::int32_t days);
  void post_earned(const Reservation& reservation, const Earned& added, Amount returned, std::uint32_t n);
  void end_or_renew(ReservationId reservation);
  void earn_reservations();
  void expire_quotes();
  void expire_holds();
  void close_due_periods();
  // Charges what the fees of its contracts come to up to now.
  void charge_fees(const Center& center, const Period& open);
  // `days`: of ended_days.
  void close_period(const Center& center, PeriodId next, std::vector<ClosedDay> days, std::string incomplete);

  Market& market_;
  const Command& command_;
  const Instant now_;
  const Market::Emit& forward_;
  std::vector<DayAnswered> days_;  // of a report at hand
};

}  // namespace bourse::broker
