// The double-entry ledger: accounts with four counters, immutable transfers, holds. Pure and in memory.
//
// Every operation either returns the event that makes it so, after checking it against the present state and without
// changing anything, or the error that refuses it. `apply` makes events so; it never refuses (an event that can't be
// applied is a bug or a damaged journal, and stops the process). One thread.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "base/codec.h"
#include "base/result.h"
#include "ledger/domain/events.h"

namespace bourse::ledger {

struct Account {
  LedgerAccountId id;
  Unit unit;
  AccountCode code{};
  Limit limit{};
  Amount credit_limit;
  Uuid owner;
  Amount debits_pending;   // rise with a hold, fall with its capture, release or expiry
  Amount debits_posted;    // only grow
  Amount credits_pending;
  Amount credits_posted;   // only grow

  // What it may still spend when limited; its net credit balance less pending debits otherwise.
  Amount available() const;
  // credits_posted − debits_posted.
  Amount balance() const;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.unit, self.code, self.limit, self.credit_limit, self.owner, self.debits_pending,
          self.debits_posted, self.credits_pending, self.credits_posted);
  }
};

struct Hold {
  HoldId id;
  LedgerAccountId wallet;
  LedgerAccountId holds;
  Amount amount;     // as placed and extended
  Amount captured;
  Amount released;
  Instant expires_at;
  Uuid reference;
  bool ended = false;

  Amount remaining() const { return amount - captured - released; }
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.wallet, self.holds, self.amount, self.captured, self.released, self.expires_at, self.reference,
          self.ended);
  }
};

// A request to post. `linked` ties it to the next one of the batch: a chain succeeds or fails together.
struct TransferRequest {
  TransferId id;
  LedgerAccountId debit;
  LedgerAccountId credit;
  Amount amount;
  TransferCode code{};
  Uuid reference;
  bool linked = false;
};

// Of one request of a batch: `posted`, `existed` (the same id and payload were posted before; nothing was done), or the
// error, which is frozen.
struct TransferOutcome {
  enum class Kind : std::uint8_t { posted, existed, refused } kind{};
  ErrorCode error{};  // when refused
};

// Σ over the accounts of one unit.
struct UnitTotals {
  __int128 debits_pending = 0, debits_posted = 0, credits_pending = 0, credits_posted = 0;
  bool balanced() const { return debits_pending == credits_pending && debits_posted == credits_posted; }
};

class Ledger {
 public:
  // Errors: account_exists (with other properties). Opening the same account again gives an event that changes nothing.
  Result<AccountOpened> open(const AccountOpened& request) const;

  // Decides and applies a batch in order, appending one event for each new outcome (Posted, TransferRefused) to `events`
  // through `emit(event)`, already applied. One outcome a request, in order. Errors inside: account_not_found,
  // unit_mismatch, same_account, amount_not_positive, amount_overflow, insufficient_funds, linked_failed, conflict
  // (the id was used with another payload; not frozen, since the first stays).
  template <class Emit>
  void post(std::span<const TransferRequest> batch, std::vector<TransferOutcome>& outcomes, Emit&& emit);

  // Errors: account_not_found, unit_mismatch, amount_not_positive, amount_overflow, insufficient_funds, conflict.
  Result<HoldPlaced> place(const HoldPlaced& request) const;
  // Errors: hold_not_found, hold_closed, insufficient_funds, amount_overflow, invalid_argument (negative extra).
  Result<HoldExtended> extend(const HoldExtended& request) const;
  // Errors: hold_not_found, hold_closed, exceeds_hold, account_not_found, unit_mismatch, amount_not_positive.
  Result<HoldCaptured> capture(const HoldCaptured& request) const;
  // Errors: hold_not_found, hold_closed.
  Result<HoldEnded> release(HoldId hold, HoldEnd reason) const;
  // Holds whose time is up at `now`, oldest first, at most `limit`.
  std::vector<HoldId> expired(Instant now, std::size_t limit) const;

  void apply(const AccountOpened& event);
  void apply(const Posted& event);
  void apply(const TransferRefused& event);
  void apply(const HoldPlaced& event);
  void apply(const HoldExtended& event);
  void apply(const HoldCaptured& event);
  void apply(const HoldEnded& event);

  const Account* account(LedgerAccountId id) const;
  const Hold* hold(HoldId id) const;
  std::map<Unit, UnitTotals> totals() const;
  // Every account, in the order they were opened.
  const std::vector<Account>& accounts() const { return accounts_; }

  // Snapshot. A hold that ended more than `kEndedHolds` ends ago is forgotten here and lives on in the projections.
  void save(codec::Writer& out) const;
  Status load(codec::Reader& in);

 private:
  // How an id was decided; bounded, oldest out first (older ids are looked up in the projections before the engine).
  struct Decided {
    std::uint64_t fingerprint = 0;
    ErrorCode error{};  // 0 = posted
  };
  std::optional<ErrorCode> check(const TransferRequest& request) const;

  std::vector<Account> accounts_;
  absl::flat_hash_map<Uuid, std::uint32_t> account_index_;
  absl::flat_hash_map<Uuid, Decided> transfers_;
  absl::flat_hash_map<Uuid, Hold> holds_;
  std::set<std::pair<Instant, HoldId>> expiry_;
};

}  // namespace bourse::ledger
