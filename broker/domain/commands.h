// What the market can be asked to do. Commands from outside carry a key; time, ids and random numbers come with them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "broker/domain/acts.h"
#include "broker/domain/center.h"
#include "broker/domain/events.h"
#include "broker/domain/job.h"
#include "broker/domain/routing/pool.h"
#include "ledger/domain/ledger.h"

namespace bourse::broker {

struct OpenBillingAccount {
  BillingAccountId account;
  TenantId tenant;
  std::string name;
  Unit unit = kCny;
  UserId owner;
};
struct AddMember {
  BillingAccountId account;
  UserId user;
};
// Anybody but the owner.
struct RemoveMember {
  BillingAccountId account;
  UserId user;
  UserId by;
};
// Raw ledger work: opens accounts, then posts, each transfer with an id of its own. No key: the ids are.
struct PostTransfers {
  std::vector<ledger::AccountOpened> open;
  std::vector<ledger::TransferRequest> transfers;
};
// Lets a connector join under that name by a token of which this is the hash.
struct InviteCenter {
  CenterId center;
  std::string name;
  Unit unit = kCny;
  Hash256 token;
  UserId by;
  Duration validity = kInvitationValidity;
};
// A connector that has the token, and whose keys signed the request. The same keys again change nothing.
// Errors: not_found (no such token), failed_precondition (expired, or keys that are known), conflict (used with other keys).
struct UseInvitation {
  CenterId center;
  Hash256 token;
  ConnectorId connector;  // its id from now on
  PublicKey identity_key{};
  PublicKey billing_key{};
};
struct WithdrawInvitation {
  CenterId center;
  UserId by;
  std::string reason;
};
// The connector, known by K_id, has certificate `generation` (0 = none) and gets one until `until`: Center::certification says
// which. One older than it has taken up quarantines the center. Errors: forbidden, failed_precondition (too many recoveries).
struct CertifyConnector {
  CenterId center;
  ConnectorId connector;
  std::uint64_t generation = 0;
  Instant until;
};
// The connector came with that generation.
struct ShowGeneration {
  CenterId center;
  ConnectorId connector;
  std::uint64_t generation = 0;
};
struct ChangeCenterState {
  CenterId center;
  CenterState state{};
  std::string reason;
};
// Soft: changes what routing sees, journals nothing.
struct ObservePools {
  CenterId center;
  bool online = false;
  std::vector<routing::Pool> pools;  // empty with online = false keeps the figures and marks them offline
};
struct IssueQuote {
  QuoteId quote;
  BillingAccountId account;
  UserId user;
  JobSpec spec;
  Duration validity;
};
// With a quote: `spec` is ignored and the quote's plans are what is accepted. Without: routed now. Of an array `job` is the id
// of the whole, and its elements become jobs in steps; the money of all is held, or it is refused.
struct SubmitJob {
  JobId job;
  AttemptId attempt;
  HoldId hold;
  BillingAccountId account;
  UserId user;
  QuoteId quote;
  JobSpec spec;
};
struct CancelJob {
  JobId job;
  UserId by;  // a member of the job's account; nil = the platform
  std::string reason;
  std::vector<IndexRange> elements;  // of an array: these; empty = all
};
// Does a bounded piece of what Market::has_work speaks of.
struct Advance {};

struct EventRecord {
  JobId job;
  AttemptId attempt;
  std::uint32_t fence = 0;
  Hash256 order_hash;
  Happening happening{};
  Instant at;
  std::string scheduler_job;
  std::int32_t exit_code = 0;
  std::string reason;
};
struct UsageRecord {
  UsageRecordId id;
  JobId job;
  AttemptId attempt;
  std::uint32_t fence = 0;
  Hash256 order_hash;
  std::string scheduler_job;
  Instant start, end;
  bool final = false;
  std::uint32_t revision = 0;  // from 1
  pricing::Readings meters;    // cumulative
  std::vector<pricing::ReadingAt> readings;  // cumulative too: since the record before, at the tariff edges of the order
};
using ReportRecord = std::variant<EventRecord, UsageRecord, DayRecord>;
// A report whose signature, key and addressing were verified. Attempts that it causes get ids derived from their job.
struct ApplyReport {
  CenterId center;
  std::uint64_t epoch = 0;
  std::uint64_t seq = 0;
  Hash256 hash;  // of the payload
  Hash256 previous;
  Instant created;
  std::vector<ReportRecord> records;
};

// Time passes: expire holds and quotes, close periods that are due. Sent by the engine's timer.
struct Tick {};
// Cuts the open period off and opens the next one, under `next` or, when that is nil, under a derived id.
struct ClosePeriod {
  CenterId center;
  PeriodId next;
  std::string incomplete;  // why it is closed although days are not agreed on; empty = refuse then
};
struct SealStatement {
  PeriodId period;
  Hash256 statement;
};

// Acts are commands too; whoever sends one asks for it to be done now. The market API proposes them where two people are
// asked for.
struct Propose {
  ProposalId proposal;
  UserId by;
  Act act;
  std::string note;
};
// `approved` does the act, and is refused with the act's own error; it must come from another person than the proposer,
// `withdrawn` from the proposer.
struct EndProposal {
  ProposalId proposal;
  UserId by;
  ProposalEnd end{};
  std::string reason;
};
// What the bank did with a payout: `paid`, or `returned`, after which the money is owed again.
struct SettlePayout {
  PayoutId payout;
  PayoutState state{};
  std::string bank_reference;
  std::string reason;
};
// An account's rules; what is nothing stays as it is.
struct SetAccountPolicy {
  BillingAccountId account;
  std::optional<bool> frozen;       // takes no new jobs; what runs goes on
  std::string reason;               // of freezing
  std::optional<std::string> zone;  // of its days and months: IANA name; empty = UTC
  std::optional<WhenEmpty> when_empty;
  std::optional<Duration> pause_limit;  // 0 = kPauseLimit
};
struct SetMemberLimits {
  BillingAccountId account;
  UserId user;
  MemberLimits limits;
};
// Names payouts in transit in a payment file, each in one file only.
struct ExportPayouts {
  PaymentFile file;
  std::vector<PayoutId> payouts;
};
// Asks for a tax invoice over months that are closed. What was earned, billed and paid is the caller's knowledge, from the
// projections; a closed month never changes, so it can't be stale. What is invoiced already is the engine's.
struct RequestInvoice {
  InvoiceId invoice;
  BillingAccountId account;
  UserId by;
  InvoiceBuyer buyer;
  std::vector<EarnedMonth> earned;   // of all closed months, in their order; each item and rate of a month once
  std::vector<std::int32_t> months;  // of these alone; empty = all
  std::optional<Amount> amount;      // whole cents; nothing = all that is left
  Amount billed;                     // charges less corrections, of all closed months
  Amount paid;                       // money that came in
};
// What became of it: issued, rejected, withdrawn, or, once issued, reversed by a red-letter invoice.
struct MoveInvoice {
  InvoiceId invoice;
  InvoiceState state{};
  std::string number, date;
  std::string reason;
  UserId by;
};
struct OpenDispute {
  DisputeId dispute;
  AdjustmentId adjustment;
  Charge charge;
  Amount amount;
  bool by_center = false;
  UserId by;  // of the user's side: a member of the account; nil = the platform in somebody's name
  std::string reason;
};
// Its bytes are a blob already. The same bytes again from the same side are the same evidence: nothing is added.
struct AddDisputeEvidence {
  DisputeId dispute;
  DisputeEvidence evidence;  // when it came is the command's
};

// Turns a voucher's code into a lot of the account. Errors: not_found, the same for a code that never was, was redeemed or
// is past its time.
struct RedeemVoucher {
  LotId lot;
  BillingAccountId account;
  UserId user;  // a member of it
  Hash256 code;
};

// What somebody wants to reserve. The price is that of the moment.
struct BuyReservation {
  ReservationId reservation;
  BillingAccountId account;
  UserId user;
  CenterId center;
  std::string pool;
  Reserved what{};
  std::int64_t quantity = 0;
  Term term{};
  std::int32_t terms = 0;
  std::int64_t first_day = 0;  // on the account's calendar; 0 = today
  bool renew = false;
  ReservationId renews;        // the market's own, at the end of that one
  std::optional<Amount> price; // refused if it costs more
};
// Today is earned; of the rest the fee, and what is left goes back.
struct EndReservation {
  ReservationId reservation;
  UserId user;
};
struct SetRenewal {
  ReservationId reservation;
  UserId user;
  bool renew = false;
};
// What a center sells of a pool (empty: of all), by its own people or an operator. A rule that forbids nothing takes the former one away.
struct SetSellingRule {
  CenterId center;
  std::string pool;
  pricing::SellingRule rule;
  UserId by;
};
// Pays for a product out of the account's own money; its 度 become a lot.
struct BuyPackage {
  LotId lot;
  BillingAccountId account;
  UserId user;  // a member of it; nil = the platform's finance
  ProductId product;
};

using CommandBody = std::variant<OpenBillingAccount, AddMember, FundAccount, PostTransfers, EnrolCenter,
                                 ChangeCenterState, SetContract, PublishPrices, ObservePools, IssueQuote, SubmitJob,
                                 CancelJob, ApplyReport, Tick, ClosePeriod, SealStatement, Propose, EndProposal, SetPayee,
                                 OrderPayout, SettlePayout, Refund, OpenDispute, ResolveDispute, SetCreditLimit,
                                 SetAccountPolicy, SetMemberLimits, ExportPayouts, RequestInvoice, MoveInvoice,
                                 GrantLot, IssueVouchers, RedeemVoucher,
                                 PublishReservedPrices, BuyReservation, EndReservation, SetRenewal,
                                 PublishProducts, BuyPackage, RemoveMember, ReverseMoneyIn, AddDisputeEvidence, WithdrawPaymentFile,
                                 InviteCenter, UseInvitation, WithdrawInvitation, CertifyConnector, ShowGeneration, SetSellingRule,
                                 Advance>;

struct Command {
  // The caller's idempotency key, already scoped by principal ("usr_…/key"); empty for commands that need none
  // (ObservePools, ApplyReport, Tick, PostTransfers: they carry their own identity).
  std::string key;
  std::uint64_t fingerprint = 0;  // of the request as the caller sent it; same key + another fingerprint = conflict
  Instant now;
  CommandBody body;
};

inline constexpr std::size_t kMaxKey = 255 + 64;
inline constexpr std::size_t kMaxTransfers = 16'384;  // of one PostTransfers, and as many accounts
inline constexpr std::size_t kMaxRecords = 1'000;     // of one report
inline constexpr std::size_t kMaxReadings = 1'000;    // of one usage record, besides its own
inline constexpr std::size_t kMaxPriceRows = 10'000;  // of one PublishPrices, discounts counted
inline constexpr std::size_t kMaxPools = 1'000;       // of one center
inline constexpr Duration kMaxQuoteValidity = hours(24);
inline constexpr Duration kProposalValidity = hours(24 * 30);
inline constexpr std::size_t kMaxOwnedAccounts = 100;  // billing accounts of one owner
inline constexpr std::size_t kMaxProposals = 1'000;  // open at once

// The answer. `position` is the journal sequence that made it durable.
struct CommandResult {
  Uuid object;
  std::uint64_t position = 0;
  bool repeated = false;                           // the key had been answered before; this is that answer
  std::vector<ledger::TransferOutcome> transfers;  // PostTransfers
  // ApplyReport: what to acknowledge. `seq` is the newest accepted of the chain.
  std::uint64_t seq = 0;
  Hash256 hash;
  std::vector<std::pair<std::uint32_t, QuarantineCode>> quarantined;
  std::vector<DayAnswered> days;  // in the report's order
};

}  // namespace bourse::broker
