// Money after the capture: payouts to centers, corrections, disputes. What the engine keeps of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "base/unit.h"
#include "broker/domain/lots.h"

namespace bourse::broker {

// Where a center wants its money. Text as its bank writes it; the bank's file checks it again.
struct Payee {
  std::string name;     // of the account's holder
  std::string account;  // IBAN, or the bank's own number
  std::string agent;    // its bank: BIC, or a clearing system's member number
  bool operator==(const Payee&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.name, self.account, self.agent); }
};

enum class PayoutState : std::uint8_t { in_transit = 1, paid = 2, returned = 3 };
std::string_view name(PayoutState state);  // "in_transit"

// One payment to a center for all it is owed of its periods up to one.
struct Payout {
  PayoutId id;
  CenterId center;
  Unit unit = kCny;
  Amount amount;                  // > 0
  Payee payee;                    // as it was when ordered
  std::vector<PeriodId> periods;  // closed ones that it pays, oldest first; they are paid when the bank confirms it
  PayoutState state = PayoutState::in_transit;
  Instant ordered_at;
  Instant settled_at;          // when confirmed or returned
  std::string bank_reference;  // the bank's own, of the entry that settled it
  Uuid file;                   // the payment file that names it; nil = none
  std::int32_t withdrawn_files = 0;  // that named it before
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.center, self.unit, self.amount, self.payee, self.periods, self.state, self.ordered_at,
          self.settled_at, self.bank_reference, self.file, self.withdrawn_files);
  }
};

// A file that told the bank to make payments. A payout is in one file at most: a bank that gets it twice knows it by its id.
struct PaymentFile {
  Uuid id;        // the message's, in 26 characters
  Hash256 bytes;  // SHA-256 of the file, which is kept as a blob
  UserId by;
  Instant at;
  Instant withdrawn_at;  // when the bank had refused it whole; 0 = it stands
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.id, self.bytes, self.by, self.at, self.withdrawn_at); }
};

// The payouts are in that payment file from here on, and may be in no other.
struct PayoutsExported {
  PaymentFile file;
  std::vector<PayoutId> payouts;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.file, self.payouts); }
};

// The bank refused the file whole: its payouts are in no file again.
struct PaymentFileWithdrawn {
  Uuid file;
  std::vector<PayoutId> payouts;
  std::string reason;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.file, self.payouts, self.reason, self.at); }
};

// What an attempt was charged in all: the caller's knowledge of it, from the projections, since the engine forgets jobs that
// ended long ago. The engine compares it with what it still remembers.
struct Charge {
  JobId job;
  AttemptId attempt;
  BillingAccountId account;
  CenterId center;
  PeriodId period;                      // the newest that it was booked in
  Amount gross, center_share, margin, tax;  // Σ of its captures; gross = center_share + margin + tax
  // What of gross lots paid, each once, in the order of consumption; where they are packages, the money of all is gross.
  std::vector<LotPart> lots;
  bool operator==(const Charge&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.job, self.attempt, self.account, self.center, self.period, self.gross, self.center_share, self.margin,
          self.tax, self.lots);
  }
};

enum class AdjustmentKind : std::uint8_t {
  refund = 1,            // back to the user, from everybody in proportion
  dispute_opened = 2,    // the center's part goes to escrow
  dispute_resolved = 3,  // escrow goes to the user, to the center, or to both
};
std::string_view name(AdjustmentKind kind);  // "dispute_opened"

// What one adjustment moves: signed, and the sum is zero.
struct AdjustmentParts {
  Amount user;          // to the wallet
  Amount center_share;  // to what the center is owed
  Amount margin, tax;
  Amount escrow;
  bool operator==(const AdjustmentParts&) const = default;
  AdjustmentParts& operator+=(const AdjustmentParts& more);
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.user, self.center_share, self.margin, self.tax, self.escrow);
  }
};

enum class DisputeState : std::uint8_t { open = 1, accepted = 2, split = 3, rejected = 4 };
std::string_view name(DisputeState state);  // "open"

enum class DisputeSide : std::uint8_t { user = 1, center = 2, platform = 3 };  // the account's, the center's, the market's finance
std::string_view name(DisputeSide side);                                       // "user"

// A file that speaks for or against a dispute. Its bytes are a blob; who, when and which bytes are in the journal, so that what was
// decided on can be proven.
struct DisputeEvidence {
  Hash256 sha256;          // of the bytes
  std::string file;        // its name: a label without '/' and '\\', not beginning with '.'
  std::string media_type;  // as its sender says; nothing relies on it
  std::int64_t size = 0;   // bytes, 1 to kMaxEvidenceBytes
  std::string note;        // may be empty
  UserId by;
  DisputeSide side{};
  Instant at;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.sha256, self.file, self.media_type, self.size, self.note, self.by, self.side, self.at);
  }
};

inline constexpr std::int64_t kMaxEvidenceBytes = 1 << 20;  // of a file
inline constexpr std::size_t kMaxEvidenceFiles = 16;        // of each side of a dispute
inline constexpr std::size_t kMaxMediaType = 100;           // bytes

// A claim on a charge, frozen in escrow until it is resolved.
struct Dispute {
  DisputeId id;
  Charge charge;
  Unit unit = kCny;
  Amount base;    // of the charge what was neither given back nor disputed before
  Amount amount;  // disputed: 0 < amount <= base
  Amount escrow;  // the center's part of it
  bool by_center = false;  // else by the user's side
  UserId opened_by;
  std::string reason;
  Instant opened_at;
  DisputeState state = DisputeState::open;
  Amount to_user;  // when resolved
  std::string resolution;
  Instant resolved_at;
  std::vector<DisputeEvidence> evidence;  // in the order it came
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.charge, self.unit, self.base, self.amount, self.escrow, self.by_center, self.opened_by,
          self.reason, self.opened_at, self.state, self.to_user, self.resolution, self.resolved_at, self.evidence);
  }
  // Those bytes from that side; null = none.
  const DisputeEvidence* find_evidence(DisputeSide side, const Hash256& sha256) const;
};
// Whether it may be added now. Errors: failed_precondition (the dispute is resolved), too_large (the file, or too many), invalid_argument.
Status check_evidence(const Dispute& dispute, const DisputeEvidence& evidence);

// Of an attempt's charge, what has been taken out of it.
struct Adjusted {
  AttemptId attempt;
  Amount given_back;
  Amount disputed;  // in open disputes
  static constexpr void fields(auto& self, auto&& visit) { visit(self.attempt, self.given_back, self.disputed); }
};

struct ChargeParts {
  Amount center_share, margin, tax;
};
// The parts of the first `gross` of a charge: tax = ⌊charge.tax · gross / charge.gross⌋, the center gets ⌊share · net / whole
// net⌋ of the rest, the margin is what is left. Each part is monotone in `gross`, and exact at 0 and at charge.gross, so what
// is given back in pieces comes to the whole. 0 <= gross <= charge.gross.
ChargeParts parts_of(const Charge& charge, Amount gross);

}  // namespace bourse::broker
