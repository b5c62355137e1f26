// Lists and history from the projections, by a reading role with a statement timeout. What is returned is as new as the
// projector; ask with a position to read one's own writes.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "broker/adapters/api/database.h"
#include "broker/adapters/api/hledger.h"
#include "broker/app/evidence_log.h"
#include "broker/domain/acts.h"
#include "broker/domain/center.h"
#include "broker/domain/job.h"
#include "ledger/domain/ledger.h"

namespace bourse::broker::api {

// A job as the projections have it: live or long over. `job.attempts` is complete; usage readings are the newest.
struct StoredJob {
  Job job;
  Unit unit = kCny;
  Amount held;      // as placed and extended
  Amount charged;
};

// An array as submitted, with what its elements come to. Those that aren't jobs yet count as waiting.
struct StoredArray {
  JobId id;
  BillingAccountId account;
  UserId user;
  QuoteId quote;
  JobSpec spec;
  Decision decision;
  Unit unit = kCny;
  std::uint32_t elements = 0;
  Amount hold;           // of each, as placed
  Amount held, charged;  // of all
  Instant submitted_at, wait_until;
  Instant ended_at;      // of the last to end so far
  std::map<JobState, std::uint32_t> states;
};

struct JobFilter {
  std::vector<BillingAccountId> accounts;  // empty = every account
  std::optional<JobState> state;
  std::optional<JobId> older_than;
  int limit = 50;
  bool folded = false;  // without the elements of arrays
  JobId array;          // only its elements; nil = of all
};
// "{…}" for a uuid[] parameter.
std::string sql_list(const std::vector<BillingAccountId>& accounts);

// The newest capture of an attempt: what the receipt's lines are.
struct StoredCapture {
  AttemptId attempt;
  UsageRecordId record;
  std::uint32_t revision = 0;
  std::vector<pricing::RatedLine> lines;
  Hash256 report;
};

struct StoredWallet {
  BillingAccountId account;
  TenantId tenant;
  std::string tenant_name;
  std::string name;
  Unit unit = kCny;
  Amount balance, held;
};

// `end` and what follows are of one that has ended.
struct StoredProposal {
  Proposal proposal;
  std::optional<ProposalEnd> end;
  UserId ended_by;
  std::string reason;
  Instant ended_at;
};

// A payout with its center's name; `reason` is that of its return.
struct StoredPayout {
  Payout payout;
  std::string center_name;
  std::string reason;
};

struct StoredDispute {
  Dispute dispute;
  std::string center_name;
};

// What a lot paid of an attempt's charge.
struct StoredLotUse {
  LotPart part;
  LotKind kind{};
  Instant expires_at;
};

// A batch without its codes.
struct StoredVouchers {
  VoucherBatch batch;
  std::int32_t count = 0, redeemed = 0;
};

// How many of a center's records were set aside; how many of them for want of a price, with nothing of their attempts charged since.
struct StoredQuarantine {
  CenterId center;
  std::uint64_t records = 0, unpriced = 0;
  Instant unpriced_since;
};

struct TraceRow {
  std::string kind, id, text;
  Instant at;
  std::uint64_t position = 0;
};

// How much of a chain is shown: an account's people see what they paid, not what centers get nor what others bought.
enum class TraceView : std::uint8_t { account, staff };

// `row`, and what it belongs to: at most one of the first four. `account` is that of the wallet it moved, if any.
struct TracedTransfer {
  TraceRow row;
  JobId job;
  PayoutId payout;
  ReservationId reservation;
  LotId lot;
  BillingAccountId account;
};
struct TracedLot {
  BillingAccountId account;
  std::vector<TraceRow> rows;
};

struct StoredEvidence {
  CenterId center;
  EvidenceKind kind{};
  std::uint64_t index = 0;
};

// Safe from any thread; bounded by `connections`. Errors of all: unavailable, timeout, overloaded, internal.
class Queries {
 public:
  using WaitProjected = std::function<Status(std::uint64_t, Duration)>;
  Queries(const std::string& reader_conninfo, std::size_t connections, WaitProjected wait, Duration patience);

  // Waits (at most the patience) for the projections to pass `position`; a position they miss is no error: the list is
  // then as it is.
  void wait_for(std::uint64_t position) const;
  // For what reads many tables at once: books, bills, reports.
  Database& database() { return database_; }

  Result<std::vector<StoredJob>> jobs(const JobFilter& filter);
  Result<std::optional<StoredJob>> job(JobId id);
  Result<std::optional<StoredArray>> array(JobId id);
  Result<std::vector<StoredArray>> arrays(const JobFilter& filter);  // its accounts, cursor and limit
  Result<std::vector<StoredCapture>> newest_captures(JobId job);
  Result<std::vector<StoredWallet>> wallets();
  Result<std::vector<Period>> periods(std::optional<CenterId> center);
  Result<std::optional<Period>> period(PeriodId id);
  Result<std::vector<StoredQuarantine>> quarantined_by_center();
  Result<std::vector<ledger::Account>> ledger_accounts();

  Result<std::optional<StoredProposal>> proposal(ProposalId id);
  // Newest first; `older_than` is the last of the page before.
  Result<std::vector<StoredPayout>> payouts(std::optional<CenterId> center, std::optional<PayoutState> state,
                                            std::optional<PayoutId> older_than, int limit);
  // Σ of the captures of the job's newest charged attempt; nothing when none was charged.
  Result<std::optional<Charge>> charge(JobId job);
  // In the order of consumption.
  Result<std::vector<StoredLotUse>> lots_of(AttemptId attempt);
  // Newest first.
  // As the journal has them, with what became of them: of these accounts (empty: all), or the one.
  Result<std::vector<Reservation>> reservations(const std::vector<BillingAccountId>& accounts, std::optional<ReservationId> older_than, int limit);
  Result<std::optional<Reservation>> reservation(ReservationId id);
  Result<std::vector<TraceRow>> trace_reservation(ReservationId id, TraceView view);
  Result<std::vector<StoredVouchers>> vouchers(std::optional<VoucherBatchId> older_than, int limit);
  // Names of people, and the texts of bank entries; those that aren't known are absent.
  Result<std::map<UserId, std::string>> user_names(const std::vector<UserId>& users);
  Result<std::string> bank_text(Uuid reference);

  // The message with that SHA-256; the newest report with usage of a job, attempt or usage record (errors: not_found); the
  // accounts of those of the jobs that are known.
  Result<std::optional<StoredEvidence>> evidence(const Hash256& name);
  Result<Hash256> newest_report(Uuid of);
  Result<std::vector<BillingAccountId>> accounts_of_jobs(const std::vector<JobId>& jobs);

  // The job that an id belongs to: a job, quote, hold, attempt, usage record or transfer reference; nil if none.
  Result<JobId> job_of(Uuid any);
  Result<std::vector<TraceRow>> trace_job(JobId job, TraceView view);
  // With its jobs, those of `accounts` alone unless it is empty. For an account's people nothing where they have no job in it.
  Result<std::vector<TraceRow>> trace_period(PeriodId period, TraceView view, const std::vector<BillingAccountId>& accounts);
  Result<std::vector<TraceRow>> trace_payout(PayoutId payout);
  Result<std::vector<TraceRow>> trace_payment_file(Uuid file);
  Result<std::optional<TracedLot>> trace_lot(LotId lot);
  Result<std::optional<TracedTransfer>> trace_transfer(std::uint64_t position, std::uint32_t index);
  // The period of a statement: by its SHA-256, or by "center:number".
  Result<std::optional<PeriodId>> period_named(const std::string& name);

  // Streams accounts, then every posted transfer in journal order, in one snapshot. The visitor's error ends it.
  Status visit_ledger(const std::function<Status(const std::vector<BookAccount>&)>& accounts,
                      const std::function<Status(const BookTransfer&)>& transfer);

 private:
  Database database_;
  WaitProjected wait_;
  Duration patience_;
};

}  // namespace bourse::broker::api
