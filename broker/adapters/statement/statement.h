// The settlement statement: the sealed account of one center's period, as one file that anybody can check offline.
//
// File (JSON, format "bourse.statement-file.v1"): the body's exact bytes in base64, their SHA-256, and an Ed25519 signature
// by the broker's K_ack over PAE("application/vnd.bourse.statement.v1+json", body). The body (JSON, format
// "bourse.statement.v5") holds the account and the signed reports it follows from. docs/statement.md lists every field.
// Versions 2 to 4 are version 5 without the additions of later ones, and are read too.
//
// Pure: the same Statement gives the same bytes. Nothing here reads a clock, a database or a network.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/decimal.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "base/unit.h"
#include "broker/domain/completeness.h"
#include "broker/domain/fee.h"
#include "broker/domain/reservation.h"
#include "broker/domain/settlement.h"
#include "federation-proto/envelope.h"
#include "pricing/spread.h"

namespace bourse::statement {

inline constexpr std::string_view kBodyFormat = "bourse.statement.v5";
inline constexpr std::string_view kBodyFormat4 = "bourse.statement.v4";
inline constexpr std::string_view kBodyFormat3 = "bourse.statement.v3";
inline constexpr std::string_view kBodyFormat2 = "bourse.statement.v2";
inline constexpr std::string_view kFileFormat = "bourse.statement-file.v1";
inline constexpr std::string_view kPayloadType = "application/vnd.bourse.statement.v1+json";
inline constexpr std::size_t kMaxFileBytes = 256 << 20;

// Parts of a sum: gross = center + margin + tax.
struct Parts {
  Amount gross, center, margin, tax;
  bool operator==(const Parts&) const = default;
};

// A locked price row and what the usage comes to by it.
struct Rated {
  PriceRowId row;
  pricing::Meter meter = pricing::Meter::core_ms;
  Decimal price;             // in the statement's unit, or of a line that packages paid in DU, for `per` ticks of the meter
  std::int64_t per = 1;
  std::int64_t quantity = 0; // cumulative
  Amount amount;             // quantity × price / per, rounded half away from zero to micro-units; else see below
  // What else the row says; in the document only where it says something.
  pricing::Strategy strategy = pricing::Strategy::per_meter;
  std::uint8_t places = 0;   // of a strategy; else 0
  Amount minimum;
  pricing::TierMode mode = pricing::TierMode::graduated;
  std::vector<pricing::Tier> tiers;
  std::int64_t free = 0;     // ticks that cost nothing
  PriceRowId discount;       // nil = none
  std::int32_t discount_bps = 0;
  std::vector<pricing::WeeklyWindow> windows;  // it holds in these only; of a meter's rows the first that holds counts
  std::string zone;          // of the windows
  pricing::DuFactor factor;  // of a price in DU: 度 a unit of `per`
  bool included = false;     // the meter is part of the 度 of `row`, whose line stands before: it costs nothing
  bool operator==(const Rated&) const = default;
};
// As it is locked, to the document's form, and back to what pricing rates by.
Rated rated_of(const pricing::PriceRow& row, const pricing::RatedLine& line);
pricing::PriceRow row_of(const Rated& rated, Unit unit);

// Where a row has windows: from what the record before came to, to this one. Signed readings in between say what fell to
// which row; where the tariff changes and none was taken, the cheapest of the rows that held meanwhile has it all.
struct Windowed {
  Instant since;                          // when the record before was read; of the first the usage's start
  pricing::Readings before;               // what was charged then
  std::vector<std::int64_t> sold;         // of it, what had fallen to each of `rated`; empty when none has windows
  std::vector<std::int64_t> settled;      // and to each of `settled`
  std::vector<pricing::ReadingAt> readings;  // as signed
  bool operator==(const Windowed&) const = default;
};

// What a package gave for a capture: 度 from `used_before` to `used_after` of its `amount`, and with them what of its price.
struct PackageUse {
  LotId lot;
  Amount amount;       // 度 that it was bought with
  Amount price;        // what it cost, in the statement's unit
  Amount used_before, used_after;  // of amount
  Amount moved_before; // of price, with what was used before
  Amount money;        // of price, with this: see broker::money_for
  bool operator==(const PackageUse&) const = default;
};

// Of a line that packages paid: its rating in DU. The line's money is then Σ of what they gave.
struct InDu {
  Amount cumulative, previous, added;  // cumulative = Σ of the line's `rated`
  std::vector<PackageUse> lots;        // what paid `added`, in the order of consumption
};

// One capture: a usage record, what it was rated to, and what that added.
struct Line {
  JobId job;
  AttemptId attempt;
  UsageRecordId record;
  std::uint32_t revision = 0;
  bool final = false;
  Instant start, end;           // of the usage, as the scheduler has it
  Instant booked_at;
  pricing::Readings reported;   // cumulative, as signed
  pricing::Readings charged;    // reported, but no more than `caps`
  pricing::Readings caps;       // what the order allowed: allocation × walltime
  std::vector<Rated> rated;     // one a locked price row, in the plan's order
  pricing::Terms terms;
  Parts cumulative;             // rating of `charged`, split by `terms`
  Parts previous;               // of the attempt's record before this one; zero for the first
  Parts added;                  // cumulative − previous
  Hash256 report;               // SHA-256 of the signed report's payload, which is among the evidence
  Hash256 order;                // SHA-256 of the dispatch order
  PeriodId adjusts;             // the closed period in which this usage ended; nil when it is this one
  std::vector<Rated> settled;   // what the center gets by rows of its own; empty = the rest of the sale by `terms`
  bool may_subsidise = false;   // of such a contract
  pricing::Allocation held;     // where a row has a strategy; else zero: `caps` are this × walltime
  pricing::PoolTotals pool;     // locked; where a strategy uses them
  std::optional<Windowed> windowed;  // where a row has windows and something was used
  std::optional<InDu> du;            // where packages of 度 paid
  ReservationId reservation;    // that carried the job: then it cost nothing; nil = none
  BillingAccountId account;     // of such a line; else nil
};

// A correction of a charge, booked in this period whenever the charge was.
struct Adjustment {
  AdjustmentId id;
  broker::AdjustmentKind kind{};
  DisputeId dispute;       // nil for a refund
  JobId job;
  AttemptId attempt;
  PeriodId adjusts;        // the newest period of the charge
  Parts charge;            // what the attempt was charged in all
  Amount base;             // of it neither given back nor disputed before; of a resolution its dispute's
  Amount amount;           // given back, disputed or resolved: off the top of base
  broker::AdjustmentParts parts;  // signed; user + center + margin + tax + escrow = 0
  std::string reason;
  Instant at;
};

// A payment to the center ordered in this period, or one that came back in it.
struct PayoutLine {
  PayoutId id;
  Amount amount;  // > 0 ordered, < 0 returned
  Instant at;
};

// What a reservation earned: days of it that were over, or the fee of its early end.
struct Accrual {
  ReservationId reservation;
  BillingAccountId account;
  std::string pool;
  broker::Reserved what{};
  std::int64_t quantity = 0;
  Amount price;                  // of all its days
  std::int32_t days = 0;
  bool fee = false;
  std::int32_t days_over = 0;    // by then, in all; 0 of a fee
  std::int32_t fee_bps = 0;      // of what was left
  pricing::Terms terms;
  std::optional<Amount> settlement;  // what the center gets of `price`; else its share by `terms`
  bool may_subsidise = false;
  Parts cumulative, previous, added;  // of the reservation
  PriceRowId price_row;
  Instant at;
};

// A reservation that carried jobs of this statement.
struct Carrier {
  ReservationId id;
  CenterId center;
  BillingAccountId account;
  std::string pool;
  broker::Reserved what{};
  std::int64_t quantity = 0;
  Instant from, until;
};

struct Report {
  Hash256 sha256;        // of the payload
  std::string envelope;  // serialized federation.v1.Envelope
  std::uint64_t leaf = 0; // its place in the evidence tree; where the statement has one
};

// That the reports are in the center's evidence tree (docs/adr/0010).
struct Evidence {
  std::string checkpoint;      // serialized federation.v1.Envelope of the period's signed Checkpoint
  std::vector<Hash256> proof;  // of all reports' leaves at once: evidence::prove
};

// How sure the period is to hold all that its center metered (docs/adr/0011).
struct ClosedDays {
  broker::Completeness state{};
  std::string reason;  // of incomplete
  std::vector<broker::ClosedDay> days;
};

struct Statement {
  std::string format{kBodyFormat};
  std::string market;    // the broker's name
  CenterId center;
  std::string center_name;
  PeriodId period;
  std::uint32_t number = 0;
  Unit unit = kCny;
  Instant opened_at, cut_off;
  Amount opening;        // owed to the center before this period
  std::vector<Line> lines;
  Parts totals;          // Σ added
  std::vector<Adjustment> adjustments;
  broker::AdjustmentParts adjusted;  // Σ of their parts
  std::vector<PayoutLine> payouts;
  Amount payout;         // Σ of them
  std::vector<Carrier> reservations;  // of version 4, each once, by id
  std::vector<Accrual> accruals;  // of version 4, in the order of booking
  Parts accrued;         // Σ of what they added
  std::vector<broker::ChargedFee> fees;  // of version 5, one after the other
  Amount fee;            // Σ of them
  Amount closing;        // opening + totals.center + accrued.center + adjusted.center_share − fee − payout
  federation::PublicKey billing_key{};  // the center's K_bill, whose signatures the reports carry
  std::vector<Report> reports;          // each once, by first use
  std::optional<ClosedDays> completeness; // of version 3
  std::optional<Evidence> evidence;     // of version 3; absent in what was sealed without
};

std::string body_json(const Statement& statement);
// Whether a body of that format may have what version 4 added.
inline bool has_version4(std::string_view format) { return format == kBodyFormat || format == kBodyFormat4; }
// What body_json wrote. Errors: verification_failed, naming the field that can't be read.
Result<Statement> parse_body(std::string_view body);
// The whole file, signed. The same for the same statement and key.
std::string seal(const Statement& statement, const federation::KeyPair& ack_key);

// What verification found. `differences` name the place ("lines[3].rated[0].amount: …"); at most 100 are kept.
struct Verification {
  bool ok = false;
  std::vector<std::string> differences;
  // For people, as the document says (trust it only if ok).
  std::string market, center, center_name, period, unit;
  std::uint32_t number = 0;
  std::uint64_t lines = 0, reports = 0, adjustments = 0;
  std::string completeness;  // "complete"…, with the reason; empty when the statement doesn't say
  std::optional<std::uint64_t> tree_size;  // of the checkpoint that the reports are proven to be in
  std::string opening, gross, center_share, margin, tax, adjusted, fee, payout, closing;
  Hash256 file_sha256;   // what the broker's journal names
  federation::PublicKey ack_key{};  // that signed it: compare with the join bundle's unless it was pinned
};

// Checks, in this order: form, SHA-256, signature (by `pinned_ack_key` when given, else by the key the file names), then
// everything the body says, recomputed. Never fails: what can't be read is a difference.
Verification verify(std::string_view file, const std::optional<federation::PublicKey>& pinned_ack_key = std::nullopt);

}  // namespace bourse::statement
