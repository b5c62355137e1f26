// What happened in the market. One journal row holds the events of a batch; replay applies them and never decides.
//
// Each event type has a record number for ever (kRecordOf); fields are only appended (see base/codec.h). Instants, ids
// and random numbers that a decision used are in the event.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/codec.h"
#include "broker/domain/acts.h"
#include "broker/domain/center.h"
#include "broker/domain/completeness.h"
#include "broker/domain/events_array.h"
#include "broker/domain/events_lots.h"
#include "broker/domain/events_renewal.h"
#include "broker/domain/events_reservation.h"
#include "broker/domain/events_settlement.h"
#include "broker/domain/fee.h"
#include "broker/domain/invoice.h"
#include "broker/domain/job.h"
#include "broker/domain/membership.h"
#include "broker/domain/money_in.h"
#include "broker/domain/selling.h"
#include "broker/domain/spending.h"
#include "ledger/domain/events.h"

namespace bourse::broker {

// A command from outside was answered: its key is spent. `error` 0 = success. A repeat of the key with the same
// fingerprint gets the same answer.
struct CommandAnswered {
  std::string key;
  std::uint64_t fingerprint = 0;
  ErrorCode error{};
  std::string detail;
  Uuid object;  // what it made or touched
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.key, self.fingerprint, self.error, self.detail, self.object, self.at);
  }
};

struct BillingAccountOpened {
  BillingAccountId account;
  TenantId tenant;
  std::string name;
  LedgerAccountId wallet;  // its AccountOpened precedes
  Unit unit = kCny;
  UserId owner;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.account, self.tenant, self.name, self.wallet, self.unit, self.owner, self.at);
  }
};

struct MemberAdded {
  BillingAccountId account;
  UserId user;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.account, self.user); }
};

// What he runs goes on, and still counts against his limits.
struct MemberRemoved {
  BillingAccountId account;
  UserId user;
  UserId by;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.account, self.user, self.by, self.at); }
};

struct CenterEnrolled {
  CenterId center;
  std::string name;
  ConnectorId connector;
  PublicKey identity_key{};
  PublicKey billing_key{};
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.center, self.name, self.connector, self.identity_key, self.billing_key, self.at);
  }
};

struct CenterStateChanged {
  CenterId center;
  CenterState state{};
  std::string reason;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.center, self.state, self.reason, self.at); }
};

struct ContractSet {
  Contract contract;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.contract); }
};

struct PricesPublished {
  std::vector<pricing::PriceRow> rows;
  Instant at;
  std::vector<pricing::Discount> discounts;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.rows, self.at, self.discounts); }
};

struct QuoteIssued {
  QuoteId quote;
  BillingAccountId account;
  UserId user;
  JobSpec spec;
  Decision decision;
  Instant at;
  Instant valid_until;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.quote, self.account, self.user, self.spec, self.decision, self.at, self.valid_until);
  }
};

struct QuoteDropped {  // expired or accepted
  QuoteId quote;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.quote); }
};

// The job as submitted, with the decision the user accepted; its HoldPlaced precedes, its AttemptOrdered follows: at once, unless
// it waits.
struct JobSubmitted {
  JobId job;
  BillingAccountId account;
  TenantId tenant;
  UserId user;
  QuoteId quote;
  JobSpec spec;
  Decision decision;
  HoldId hold;
  Instant at;
  Amount worth;  // of a hold in 度: what it counts against its user's limits, in the account's money
  Gate gate;           // how its conditions stood
  Instant wait_until;  // of one that waits, for them or for its array's turn; else zero
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.job, self.account, self.tenant, self.user, self.quote, self.spec, self.decision, self.hold, self.at,
          self.worth, self.gate, self.wait_until);
  }
};

// A dispatch order exists from here on and must reach its center: the outbox is every attempt that is ordered and not
// yet accepted, rejected or closed.
struct AttemptOrdered {
  JobId job;
  AttemptId attempt;
  std::uint32_t fence = 0;
  std::uint32_t plan = 0;
  Instant at;
  Instant not_after;
  Instant end_before;  // of its center's selling rules; unix_ms 0 = none
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.job, self.attempt, self.fence, self.plan, self.at, self.not_after, self.end_before);
  }
};

struct AttemptReported {
  JobId job;
  AttemptId attempt;
  Happening happening{};
  Instant at;
  std::string scheduler_job;
  std::int32_t exit_code = 0;
  std::string reason;
  Hash256 order_hash;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.job, self.attempt, self.happening, self.at, self.scheduler_job, self.exit_code, self.reason,
          self.order_hash);
  }
};

// Usage accepted and rated; its HoldCaptured (if anything new was due) precedes. Amounts of `lines` are cumulative over
// the attempt, `gross` and its parts are what this capture added.
struct UsageCaptured {
  JobId job;
  AttemptId attempt;
  UsageRecordId record;
  std::uint32_t revision = 0;
  bool final = false;
  pricing::Readings reported;
  pricing::Readings charged;  // reported, less what lies inside the driver's grace
  std::vector<pricing::RatedLine> lines;
  Amount gross, center_share, margin, tax;
  PeriodId period;     // stamped at booking
  Instant start, end;  // of the usage, as the scheduler has it
  Instant at;          // booked
  Hash256 report;      // the signed report that carried it
  PeriodId adjusts;    // the closed period in which this usage ended; nil when it is `period`, as it mostly is
  std::vector<pricing::ReadingAt> readings;  // where a row has windows: signed, between the record before and this one
  WindowedUse windowed;                      // and what fell to each row up to this one
  std::vector<LotPart> lots;  // what of gross lots paid, in that order; the rest is the wallet's own money
  // Of a job that packages pay: DU, and what the attempt comes to in it so far (Σ of `lines`). `gross` is then the money of
  // `lots`. Else nothing: it is rated in the period's unit.
  Unit unit;
  Amount rated;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.job, self.attempt, self.record, self.revision, self.final, self.reported, self.charged, self.lines,
          self.gross, self.center_share, self.margin, self.tax, self.period, self.start, self.end, self.at,
          self.report, self.adjusts, self.readings, self.windowed, self.lots,
          self.unit, self.rated);
  }
};

struct CancelRequested {
  JobId job;
  UserId by;
  Instant at;
  std::string reason;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.job, self.by, self.at, self.reason); }
};

// The job is over; its HoldEnded precedes.
struct JobClosed {
  JobId job;
  JobState state{};  // ended, failed or cancelled
  std::int32_t exit_code = 0;
  std::string reason;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.job, self.state, self.exit_code, self.reason, self.at);
  }
};

// Why a signed record was set aside. Append only; also federation.v1.Quarantine.
enum class QuarantineCode : std::uint8_t {
  unknown_job = 1,
  other_center = 2,
  old_fence = 3,
  before_start = 4,
  after_final = 5,
  decreasing = 6,
  above_hold = 7,
  above_caps = 8,
  bad_interval = 9,
  in_future = 10,
  too_old = 11,
  bad_order_hash = 12,
  bad_state = 13,
  missing_price = 14,
  revision_skip = 15,
};
std::string_view name(QuarantineCode code);

struct RecordQuarantined {
  CenterId center;
  std::uint64_t seq = 0;    // of the report
  std::uint32_t index = 0;  // of the record in it
  QuarantineCode code{};
  JobId job;
  AttemptId attempt;
  Hash256 report;
  std::string detail;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.center, self.seq, self.index, self.code, self.job, self.attempt, self.report, self.detail, self.at);
  }
};

// The body of an acknowledgement, in the same journal row as what the report did.
struct ReportAccepted {
  CenterId center;
  std::uint64_t epoch = 0;
  std::uint64_t seq = 0;
  Hash256 hash;
  std::uint32_t records = 0;
  std::uint32_t quarantined = 0;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.center, self.epoch, self.seq, self.hash, self.records, self.quarantined, self.at);
  }
};

struct PeriodOpened {
  PeriodId period;
  CenterId center;
  Unit unit = kCny;
  std::uint32_t number = 0;
  Instant at;
  Amount opening;  // owed to the center: what the period before it closed with
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.period, self.center, self.unit, self.number, self.at, self.opening);
  }
};

// The cut-off: what is booked from here on belongs to the next period, whose PeriodOpened follows.
struct PeriodClosing {
  PeriodId period;
  Instant cut_off;
  Completeness completeness{};
  std::string incomplete_reason;  // of `incomplete`
  std::vector<ClosedDay> days;    // that ended in it, once its center says days
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.period, self.cut_off, self.completeness, self.incomplete_reason, self.days);
  }
};

struct StatementSealed {
  PeriodId period;
  Hash256 statement;  // SHA-256 of the statement's bytes
  Amount payout;      // 0: payouts are ordered by PayoutOrdered
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.period, self.statement, self.payout, self.at); }
};

struct ActProposed {
  Proposal proposal;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.proposal); }
};

// When approved, the events of its act precede.
struct ProposalEnded {
  ProposalId proposal;
  ProposalEnd end{};
  UserId by;  // nil when it expired
  std::string reason;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.proposal, self.end, self.by, self.reason, self.at);
  }
};

struct AccountPolicySet {
  BillingAccountId account;
  bool frozen = false;
  std::string reason;
  std::string zone;
  Instant at;
  WhenEmpty when_empty{};
  Duration pause_limit;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.account, self.frozen, self.reason, self.zone, self.at, self.when_empty, self.pause_limit);
  }
};

struct MemberLimitsSet {
  BillingAccountId account;
  UserId user;
  MemberLimits limits;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.account, self.user, self.limits, self.at); }
};

// What holds follows in a ledger::CreditLimitSet, where it changes.
struct CreditRuleSet {
  BillingAccountId account;
  CreditRule rule;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.account, self.rule, self.at); }
};

// Alternatives in journal order: a new kind of event goes to the end, and none is ever removed.
using Event =
    std::variant<ledger::AccountOpened, ledger::Posted, ledger::TransferRefused, ledger::HoldPlaced,
                 ledger::HoldExtended, ledger::HoldCaptured, ledger::HoldEnded, CommandAnswered, BillingAccountOpened,
                 MemberAdded, CenterEnrolled, CenterStateChanged, ContractSet, PricesPublished, QuoteIssued,
                 QuoteDropped, JobSubmitted, AttemptOrdered, AttemptReported, UsageCaptured, CancelRequested, JobClosed,
                 RecordQuarantined, ReportAccepted, PeriodOpened, PeriodClosing, StatementSealed, ActProposed, ProposalEnded,
                 PayeeSet, PayoutOrdered, PayoutSettled, ChargeAdjusted, DisputeOpened, DisputeResolved,
                 ledger::CreditLimitSet, AccountPolicySet, MemberLimitsSet, PayoutsExported, InvoiceRequested, InvoiceMoved,
                 HoldRenewed, RenewalRefused, PauseRequested, LotIssued, LotExpired, VouchersIssued, VoucherRedeemed,
                 VouchersExpired, DayAnswered,
                 ReservedPricesPublished, ReservationBought, ReservationAccrued, ReservationEnded, RenewalSet, ProductsPublished,
                 CreditRuleSet, MemberRemoved, MoneyInReversed, DisputeEvidenceAdded, PaymentFileWithdrawn, FeesCharged,
                 CenterInvited, InvitationUsed, InvitationEnded, CertificateIssued, GenerationAcknowledged, SellingRuleSet,
                 ArraySubmitted, ArrayCancelRequested, ArrayCancelMoved>;

// The record number of an event is its place in Event, from 1.
void encode(const Event& event, std::vector<std::byte>& out);
// All events of a journal row's body, in order. Errors: integrity (cut short, or malformed). Unknown record numbers are
// an integrity error too: an older program must not run on a newer journal.
Result<std::vector<Event>> decode(std::span<const std::byte> body);

}  // namespace bourse::broker
