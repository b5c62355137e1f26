// What happened in the ledger. Events are what the journal keeps; applying them, in order, is all of replay.
#pragma once

#include <cstdint>
#include <vector>

#include "base/amount.h"
#include "base/error.h"
#include "base/id.h"
#include "base/time.h"
#include "base/unit.h"

namespace bourse::ledger {

// The chart of accounts. Numbers are journaled: append only.
enum class AccountCode : std::uint16_t {
  wallet = 1,             // what a billing account may spend; the platform owes it
  holds = 2,              // the other side of pending debits of wallets; one a unit
  center_payable = 3,     // what a center is owed; one a center and unit
  platform_revenue = 4,
  tax_payable = 5,
  deferred_revenue = 6,
  grants = 7,
  dispute_escrow = 8,
  bank_clearing = 9,      // money that came in by bank, as an asset: its debits
  payout_in_transit = 10, // ordered payments that the bank has not confirmed; one a center and unit
  rounding = 11,
  platform_risk = 12,     // usage that must not debit the user
};

// Why a transfer was made. Append only.
enum class TransferCode : std::uint16_t {
  other = 0,
  top_up = 1,           // bank clearing → wallet
  hold = 2,             // pending: wallet → holds
  capture_center = 3,   // wallet → center payable
  capture_margin = 4,   // wallet → platform revenue
  capture_tax = 5,      // wallet → tax payable
  release = 6,          // pending, back
  payout = 7,           // center payable → payout in transit
  reversal = 8,
  risk = 9,             // platform risk → center payable
  payout_paid = 10,     // payout in transit → bank clearing
  payout_returned = 11, // payout in transit → center payable
  escrow = 12,          // center payable → dispute escrow
  escrow_release = 13,  // dispute escrow → center payable
  subsidy = 14,         // platform revenue → center payable: a margin below zero
  grant = 15,           // grants → wallet: a credit lot is issued
  grant_expired = 16,   // wallet → grants: what is left of one after its time
  package_sold = 17,    // wallet → deferred revenue, and in DU deferred revenue → wallet
  package_used = 18,    // in DU wallet → deferred revenue; its money follows as capture_… out of deferred revenue
  package_expired = 19, // in DU wallet → deferred revenue, and deferred revenue → platform revenue
  // Reserved capacity.
  reservation = 21,           // wallet → deferred revenue
  accrual_center = 22,        // deferred revenue → center payable
  accrual_margin = 23,        // deferred revenue → platform revenue
  accrual_tax = 24,           // deferred revenue → tax payable
  reservation_returned = 25,  // deferred revenue → wallet: ended early
  // Money in that was wrong, with the reference of what came in.
  top_up_reversed = 26,   // wallet → bank clearing
  grant_reversed = 27,    // wallet → grants
  package_reversed = 28,  // in DU wallet → deferred revenue, and deferred revenue → wallet
  // Of a contract, with the reference of the period that it was charged in.
  contract_fee = 29,      // center payable → platform revenue
  contract_fee_tax = 30,  // center payable → tax payable
};

// Accounts whose posted credits less posted debits less pending debits may not fall below −credit_limit (wallets).
enum class Limit : std::uint8_t { none = 0, credit_balance = 1 };

struct AccountOpened {
  LedgerAccountId account;
  Unit unit;
  AccountCode code{};
  Limit limit{};
  Amount credit_limit;  // how far below zero a limited account may go; 0 for prepaid
  Uuid owner;           // billing account, center or nil (platform)
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.account, self.unit, self.code, self.limit, self.credit_limit, self.owner);
  }
};

// From here on a limited account may go so far below zero: what is lent to a post-paid one. What it owes already stays owed.
struct CreditLimitSet {
  LedgerAccountId account;
  Amount credit_limit;  // >= 0
  static constexpr void fields(auto& self, auto&& visit) { visit(self.account, self.credit_limit); }
};

// A posted transfer: debit's debits and credit's credits grow by amount.
struct Posted {
  TransferId transfer;  // the caller's, and its idempotency id
  LedgerAccountId debit;
  LedgerAccountId credit;
  Amount amount;
  TransferCode code{};
  Uuid reference;       // business id: a job, a period, a bank entry…
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.transfer, self.debit, self.credit, self.amount, self.code, self.reference);
  }
};

// A refusal is kept so that a retry of the same transfer gets the same answer for ever.
struct TransferRefused {
  TransferId transfer;
  std::uint64_t fingerprint = 0;  // of the payload
  ErrorCode error{};
  static constexpr void fields(auto& self, auto&& visit) { visit(self.transfer, self.fingerprint, self.error); }
};

// Pending wallet → holds, by `amount`.
struct HoldPlaced {
  HoldId hold;
  LedgerAccountId wallet;
  LedgerAccountId holds;
  Amount amount;
  Instant expires_at;
  Uuid reference;  // the job
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.hold, self.wallet, self.holds, self.amount, self.expires_at, self.reference);
  }
};

// The hold grows by `extra` (may be zero) and lives until expires_at.
struct HoldExtended {
  HoldId hold;
  Amount extra;
  Instant expires_at;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.hold, self.extra, self.expires_at); }
};

struct CaptureLeg {
  LedgerAccountId credit;
  Amount amount;  // > 0
  TransferCode code{};
  static constexpr void fields(auto& self, auto&& visit) { visit(self.credit, self.amount, self.code); }
};

// The pending pair falls by the sum of the legs and the wallet is debited for each leg: linked, all or none.
struct HoldCaptured {
  HoldId hold;
  std::vector<CaptureLeg> legs;
  Uuid reference;  // the usage record
  static constexpr void fields(auto& self, auto&& visit) { visit(self.hold, self.legs, self.reference); }
};

enum class HoldEnd : std::uint8_t { released = 1, expired = 2 };

// What was left goes back; the hold takes no more captures.
struct HoldEnded {
  HoldId hold;
  Amount released;
  HoldEnd reason{};
  static constexpr void fields(auto& self, auto&& visit) { visit(self.hold, self.released, self.reason); }
};

}  // namespace bourse::ledger
