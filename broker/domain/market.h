// The market's state machine: the ledger, jobs, centers, prices, periods. Pure and in memory; one thread (the
// engine's).
//
//   decide(command, emit)   checks the command against the present state and emits events, each applied as it is
//   emitted apply(event)            makes an event so; replay is nothing else
//
// A command either emits everything it stands for or only its refusal (CommandAnswered with an error).
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/container/node_hash_map.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/domain/commands.h"
#include "broker/domain/events.h"
#include "broker/domain/job_array.h"
#include "base/zone.h"
#include "broker/domain/routing/router.h"
#include "ledger/domain/ledger.h"
#include "pricing/price_book.h"

namespace bourse::broker {

struct BillingAccount {
  BillingAccountId id;
  TenantId tenant;
  std::string name;
  LedgerAccountId wallet;
  Unit unit = kCny;
  std::vector<UserId> members;  // the owner first
  bool frozen = false;          // takes no new jobs
  std::string frozen_reason;
  std::string zone;             // of its days and months: IANA name; empty = UTC
  WhenEmpty when_empty{};
  Duration pause_limit;         // 0 = kPauseLimit
  std::optional<CreditRule> credit;  // nothing = never set
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.tenant, self.name, self.wallet, self.unit, self.members, self.frozen, self.frozen_reason, self.zone,
          self.when_empty, self.pause_limit, self.credit);
  }
};

struct Quote {
  QuoteId id;
  BillingAccountId account;
  UserId user;
  JobSpec spec;
  Decision decision;
  Instant valid_until;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.account, self.user, self.spec, self.decision, self.valid_until);
  }
};

// Of an account's running jobs whose holds are renewed.
struct Forecast {
  std::uint64_t jobs = 0;
  Amount an_hour;                  // what they cost together now
  std::optional<Instant> runs_out;  // of what is available and held for them; nothing when nothing runs, or not in a year
};

// How a run that a connector holds stands with us; its answer at reconnect.
enum class Verdict : std::uint8_t { keep = 1, cancel = 2 };

struct Limits {
  std::size_t ended_jobs = 50'000;  // kept after their end for late corrections; older ones live in the projections
  std::size_t answered_keys = 1'000'000;
  std::size_t quotes = 100'000;          // open at once; beyond: overloaded
  std::size_t disputes = 100'000;        // open at once; beyond: overloaded
  Duration order_validity = hours(1);    // not_after of an order
  Duration staged_order_validity = hours(24);  // the same of a job with files, which the center fetches first
  Duration hold_slack = hours(24 * 40);  // a hold outlives queue and walltime by this
};

class Market {
 public:
  explicit Market(Limits limits = {});
  ~Market();

  // `emit` receives each event after it was applied, and may move from it. Returns what the caller is to be told;
  // refusals are also journaled (as CommandAnswered) when the command carried a key. Transient errors never are.
  using Emit = std::function<void(Event&&)>;
  Result<CommandResult> decide(const Command& command, const Emit& emit);
  void apply(const Event& event);

  // Reading. Pointers are valid until the next decide or apply.
  const ledger::Ledger& ledger() const { return ledger_; }
  const pricing::PriceBook& prices() const { return prices_; }
  const routing::Router& router() const { return router_; }
  const BillingAccount* account(BillingAccountId id) const;
  std::vector<const BillingAccount*> accounts() const;                // by id
  std::vector<const BillingAccount*> accounts_of(UserId user) const;  // by id
  // What a member has spent and may spend there; null before the first job or limit.
  const MemberSpending* spending(BillingAccountId account, UserId user) const;
  // The account's day and month at that time.
  std::pair<std::int64_t, std::int32_t> calendar(const BillingAccount& account, Instant at) const;
  const Center* center(CenterId id) const;
  const Center* center_named(std::string_view name) const;
  const Invitation* invitation(CenterId center) const;  // while it is open
  std::vector<const Invitation*> invitations() const;   // open ones, by center
  std::vector<const Center*> centers() const;                              // by name
  bool online(CenterId center) const { return online_.contains(center); }  // as last observed
  const Job* job(JobId id) const;
  const JobArray* array(JobId id) const;
  // The array that will have that element, once it is made.
  const JobArray* array_to_make(JobId element) const;
  // Is there an array's element to be made, dispatched or cancelled, or a job whose waiting is over? Advance does some of it.
  bool has_work() const { return !ready_.empty(); }
  // What `kind` says of that job or array now; nothing where neither is known any more.
  std::optional<Met> met(Condition condition) const;
  // Jobs and arrays that wait for it.
  const absl::btree_set<JobId>& waiters_of(JobId id) const;
  const Quote* quote(QuoteId id) const;
  const Period* period(PeriodId id) const;
  std::vector<const Period*> periods(CenterId center) const;  // by number
  // When the center's open period is to be closed by its contracts; nothing = by hand.
  std::optional<Instant> closes_at(const Center& center) const;
  // What the center said of its days, and what was booked of them; null before either.
  const CenterDays* days(CenterId center) const;
  const Proposal* proposal(ProposalId id) const;  // while it is open
  std::vector<const Proposal*> proposals() const;  // open ones, by id
  const Payout* payout(PayoutId id) const;
  std::vector<const Payout*> payouts() const;  // by id
  // What a payout through that closed period would pay now: its closing balance less what was paid out since, never more
  // than is owed at present, in whole cents. Zero or less: nothing is due.
  Amount due(const Period& through) const;
  const PaymentFile* payment_file(Uuid id) const;
  const Invoice* invoice(InvoiceId id) const;
  std::vector<const Invoice*> invoices(BillingAccountId account) const;  // by id
  const Dispute* dispute(DisputeId id) const;
  std::vector<const Dispute*> disputes() const;  // by id
  Adjusted adjusted(AttemptId attempt) const;
  const Lot* lot(LotId id) const;
  // Of the account's wallet in that unit, those with something left, in the order of consumption; at most kMaxLots, but for
  // what corrections gave back.
  std::vector<const Lot*> lots(const BillingAccount& account, Unit unit) const;
  std::vector<const Lot*> all_lots() const;  // by id, empty ones too
  // What a hold placed at `now` may count on: the wallet's available money without its expired lots.
  Amount spendable(const BillingAccount& account, Unit unit, Instant now) const;
  // The account's wallet in its own money, or in DU: there is one in the ledger once a package was bought.
  static LedgerAccountId wallet_of(const BillingAccount& account, Unit unit);
  // What the job's hold and prices are in.
  static Unit unit_of(const BillingAccount& account, const JobSpec& spec) {
    return spec.pay_with == Unit{} ? account.unit : spec.pay_with;
  }
  Unit unit_of(const Job& job) const { return unit_of(*account(job.account), job.spec); }
  // What of `amount` more the account's lots in that unit pay now, in the order of consumption.
  std::vector<LotPart> paid_by_lots(const BillingAccount& account, Unit unit, Amount amount) const;
  const Product* product(ProductId id) const;
  std::vector<const Product*> products() const;  // by id
  const MoneyInReversal* reversal(Uuid of) const;  // of a top-up's transfer or a lot; null = none
  const VoucherBatch* vouchers(VoucherBatchId id) const;  // while codes of it may be redeemed
  const Reservation* reservation(ReservationId id) const;  // while it is active
  std::vector<const Reservation*> reservations() const;    // active ones, by id
  const std::map<PriceRowId, ReservedPrice>& reserved_prices() const { return reserved_prices_; }
  // What that would be and cost now. Errors: not_found, invalid_argument, no_price, unit_mismatch, failed_precondition (too
  // many reserved then, or a price that doesn't cover what its center gets), amount_overflow.
  Result<Reservation> offer(const BuyReservation& wanted, Instant now) const;
  // Of what a pool's center lets be reserved, the most that is reserved at once in [from, until).
  std::int64_t reserved(CenterId center, const std::string& pool, Reserved what, Instant from, Instant until) const;
  // The account's active ones, by id.
  std::vector<const Reservation*> reservations(BillingAccountId account) const;
  // Live jobs that it carries, and how many of its nodes or cards they have.
  const absl::btree_set<JobId>& carried_by(ReservationId id) const;
  std::int64_t in_use(const Reservation& reservation) const;
  // What an account's running jobs cost, and how long its money lasts if they run on.
  // Of those that are paid in `unit`.
  Forecast forecast(const BillingAccount& account, Unit unit, Instant now) const;
  // The outbox of a center: live attempts whose order may not have arrived (`ordered`), attempts to cancel there, and those
  // to be paused or to go on. A job may be in several: its order goes first, so that the center can sign what became of it.
  struct Outbox {
    std::vector<JobId> orders;
    std::vector<JobId> cancels;
    std::vector<JobId> pauses;
  };
  Outbox outbox(CenterId center) const;
  Verdict verdict(CenterId center, JobId job, std::uint32_t fence) const;
  std::size_t live_jobs() const { return live_jobs_; }
  // The lists of files of all live jobs, with whose they are. Looks at every job.
  std::set<std::pair<BillingAccountId, Hash256>> manifests_in_use() const;

  // The platform's ledger accounts are derived from code, unit and owner, so every replica names them alike.
  static LedgerAccountId platform_account(ledger::AccountCode code, Unit unit, Uuid owner = {});

  // Takes over what another market observed of pools (not durable): after a reload, so that routing need not wait for
  // the next heartbeat of each center.
  void adopt_pools(const Market& other);

  // Snapshot of everything durable (pools are not). `load` into a fresh Market only. Errors: integrity.
  void save(std::vector<std::byte>& out) const;
  Status load(std::span<const std::byte> in);
  // A hash over the durable state, the same for equal states: replicas and replays compare it.
  Hash256 digest() const;

 private:
  friend class Decider;   // decide's handlers, in decide_*.cc
  friend struct Applier;  // apply's handlers, in apply_*.cc

  // How a key was answered.
  struct Answer {
    std::uint64_t fingerprint = 0;
    ErrorCode error{};
    std::string detail;
    Uuid object;
    static constexpr void fields(auto& self, auto&& visit) {
      visit(self.fingerprint, self.error, self.detail, self.object);
    }
  };
  // What must reach a center; derived from its jobs' attempts. Sorted, so the oldest go first.
  struct Due {
    absl::btree_set<JobId> orders;
    absl::btree_set<JobId> cancels;
    absl::btree_set<JobId> pauses;
    absl::flat_hash_set<JobId> running;  // that may run there: what the router knows its pools to hold
  };

  Status load_records(codec::Reader& in);
  Status load_trade(codec::Reader& in);
  Status load_settlement(codec::Reader& in);
  void index(const BillingAccount& account);
  void index(const Center& center);
  void index(const Period& period);
  void index(const Quote& quote);
  void index(const Job& job);
  void index(const Proposal& proposal);
  bool index(Invoice invoice);  // false when it is known
  void look_again(const Job& job, std::optional<Instant> at);
  // waiting_index.cc
  void begin_waiting(JobId id, const JobSpec& spec, const Gate& gate, Instant until);
  void stop_waiting(JobId id, const JobSpec& spec, Instant until);
  void index(const JobArray& array);
  bool index_waiting(const Job& loaded);  // false when its array is unknown
  void tell_waiters(JobId of, bool over);
  void review(JobId waiter);  // is it ready?
  void stall(JobId waiter, Instant until);
  void finish(JobArray& array);
  void forget_name(JobId id, UserId user, const std::string& name);
  Status load_arrays(codec::Reader& in);
  void index(const Lot& lot);
  void index(const VoucherBatch& batch);
  Status load_lots(codec::Reader& in);
  Status load_reservations(codec::Reader& in);
  void index(const Reservation& reservation);
  void drop(const Reservation& reservation);  // from what `index` put it in

  ledger::Ledger ledger_;
  pricing::PriceBook prices_;
  routing::Router router_;
  Limits limits_;

  absl::flat_hash_map<BillingAccountId, BillingAccount> accounts_;
  absl::flat_hash_map<UserId, absl::btree_set<BillingAccountId>> accounts_of_;
  absl::btree_set<BillingAccountId> credit_pending_;  // whitelisted, or with a falling limit
  absl::flat_hash_map<std::pair<BillingAccountId, UserId>, MemberSpending> spending_;
  mutable absl::flat_hash_map<std::string, Zone> zones_;  // of accounts, as read once
  absl::flat_hash_map<CenterId, Center> centers_;
  std::map<std::string, CenterId, std::less<>> center_names_;
  absl::btree_map<CenterId, Invitation> invitations_;
  absl::flat_hash_map<PeriodId, Period> periods_;
  absl::flat_hash_map<CenterId, std::vector<PeriodId>> periods_of_;
  absl::flat_hash_map<CenterId, CenterDays> days_;
  absl::flat_hash_map<QuoteId, std::unique_ptr<Quote>> quotes_;
  absl::btree_set<std::pair<Instant, QuoteId>> quote_expiry_;
  absl::flat_hash_map<JobId, std::unique_ptr<Job>> jobs_;
  std::deque<JobId> ended_jobs_;  // in the order they ended; the oldest are forgotten
  std::size_t live_jobs_ = 0;
  absl::flat_hash_map<JobId, std::unique_ptr<JobArray>> arrays_;
  std::deque<JobId> ended_arrays_;  // as ended_jobs_
  // Derived, of what waits; of an array's elements only the array is in there.
  absl::flat_hash_map<JobId, absl::btree_set<JobId>> waiters_;               // by what they wait for
  absl::btree_set<JobId> ready_;                                             // to be gone on with
  absl::btree_set<std::pair<Instant, JobId>> wait_ends_;
  absl::flat_hash_map<std::pair<UserId, std::string>, absl::btree_set<JobId>> named_;  // not over, by user and name
  // What found no center that takes it now; looked at again then. Soft.
  absl::btree_set<std::pair<Instant, JobId>> stalls_;
  absl::flat_hash_set<JobId> stalled_;
  // Running jobs whose hold pays for a part of the run, by when to look at it next. Derived; a failed look is soft.
  absl::btree_set<std::pair<Instant, JobId>> looks_;
  absl::flat_hash_map<JobId, Instant> look_of_;
  absl::flat_hash_map<BillingAccountId, absl::btree_set<JobId>> renewing_;
  // When each center's open period closes, as computed last; forgotten when a contract or period begins. Soft.
  mutable absl::flat_hash_map<CenterId, std::optional<Instant>> closes_at_;
  absl::flat_hash_map<CenterId, Due> due_;
  absl::flat_hash_set<CenterId> online_;  // soft, as the router's pools
  absl::btree_map<ProposalId, std::unique_ptr<Proposal>> proposals_;
  absl::btree_set<std::pair<Instant, ProposalId>> proposal_expiry_;
  absl::btree_map<PayoutId, std::unique_ptr<Payout>> payouts_;
  absl::btree_map<Uuid, PaymentFile> payment_files_;
  absl::btree_map<InvoiceId, std::unique_ptr<Invoice>> invoices_;
  absl::flat_hash_map<BillingAccountId, std::vector<InvoiceId>> invoices_of_;  // in the order of requests
  absl::flat_hash_set<std::string> invoice_numbers_;                           // of issued ones and of red-letter ones
  absl::btree_map<DisputeId, std::unique_ptr<Dispute>> disputes_;
  std::size_t open_disputes_ = 0;
  std::map<PriceRowId, ReservedPrice> reserved_prices_;
  absl::btree_map<ReservationId, std::unique_ptr<Reservation>> reservations_;  // active
  absl::flat_hash_map<BillingAccountId, absl::btree_set<ReservationId>> reservations_of_;
  absl::btree_set<std::pair<Instant, ReservationId>> next_earned_;             // when a day of each is over
  absl::flat_hash_map<ReservationId, absl::btree_set<JobId>> carried_;         // live jobs by what carries them
  absl::btree_map<AttemptId, Adjusted> adjusted_;  // of attempts that ever were
  absl::btree_map<LotId, Lot> lots_;
  using LotOrder = absl::btree_set<std::pair<Instant, LotId>>;      // by expiry; lots with money in them
  absl::flat_hash_map<LedgerAccountId, LotOrder> lots_of_;           // by wallet
  LotOrder lot_expiry_;
  absl::btree_map<ProductId, Product> products_;
  absl::btree_map<Uuid, MoneyInReversal> reversals_;                // by what was reversed
  absl::btree_map<VoucherBatchId, VoucherBatch> voucher_batches_;   // with all their codes
  absl::btree_map<Hash256, VoucherBatchId> vouchers_;               // the codes that may be redeemed
  absl::btree_set<std::pair<Instant, VoucherBatchId>> voucher_expiry_;
  absl::node_hash_map<std::string, Answer> answers_;
  std::deque<const std::string*> answered_;  // keys of answers_, oldest first
};

}  // namespace bourse::broker
