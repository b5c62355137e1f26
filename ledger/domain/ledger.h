// The double-entry ledger: accounts with four counters, immutable transfers, holds. Pure and in memory.
//
// Every operation either returns the event that makes it so, after checking it against the present state and without
// changing anything, or the error that refuses it. `apply` makes events so; it never refuses (an event that can't be
// applied is a bug or a damaged journal, and stops the process). One thread.
#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/codec.h"
#include "base/result.h"
#include "ledger/domain/decided.h"
#include "ledger/domain/events.h"

namespace bourse::ledger {

struct Account {
  LedgerAccountId id;
  Unit unit;
  AccountCode code{};
  Limit limit{};
  Amount credit_limit;
  Amount debits_pending;  // rise with a hold, fall with its capture, release or expiry
  Amount debits_posted;   // only grow
  Amount credits_pending;
  Amount credits_posted;  // only grow
  Uuid owner;             // last, so that what posting touches lies together

  // What it may still spend when limited; its net credit balance less pending debits otherwise.
  Amount available() const;
  // credits_posted − debits_posted.
  Amount balance() const;
  // Is a further debit within its limit?
  bool covers(Amount debit) const { return limit == Limit::none || available() >= debit; }
  // Can the counters take it, with all that is pending posted one day?
  bool has_debit_room(Amount more) const;
  bool has_credit_room(Amount more) const;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.unit, self.code, self.limit, self.credit_limit, self.owner, self.debits_pending,
          self.debits_posted, self.credits_pending, self.credits_posted);
  }
};

struct Hold {
  HoldId id;
  LedgerAccountId wallet;
  LedgerAccountId holds;
  Amount amount;  // as placed and extended
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

// A request to post. `linked` ties it to the next one of the batch (the last one's ties it to nothing): a chain
// succeeds or fails together.
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
// error, which is frozen: the same request gets it again for ever.
struct TransferOutcome {
  enum class Kind : std::uint8_t { posted, existed, refused } kind{};
  ErrorCode error{};  // when refused
};

// Σ over the accounts of one unit.
struct UnitTotals {
  __int128 debits_pending = 0, debits_posted = 0, credits_pending = 0, credits_posted = 0;
  bool balanced() const { return debits_pending == credits_pending && debits_posted == credits_posted; }
};

// How much of the past is remembered here; what is older lives on in the projections.
struct Retention {
  std::size_t decided_transfers = 4'000'000;  // how ids were decided: 48 bytes each
  std::size_t ended_holds = 1'000'000;        // to tell a closed hold from an unknown one: 250 bytes each
};

class Ledger {
 public:
  explicit Ledger(Retention retention = {}) : retention_(retention) { decided_.expect(retention.decided_transfers); }

  // Takes memory for that many now, so that no batch has to wait while a table grows. After load, if there is one.
  void reserve(std::size_t accounts, std::size_t holds);

  // Errors: account_exists (with other properties), invalid_argument (nil id, negative credit limit). Opening the same
  // account again gives an event that changes nothing.
  Result<AccountOpened> open(const AccountOpened& request) const;

  // Errors: account_not_found, invalid_argument (negative limit, or the account has none).
  Result<CreditLimitSet> set_credit_limit(const CreditLimitSet& request) const;

  // Decides and applies a batch in order, then passes the event of each new outcome (Posted, TransferRefused) to
  // `emit(event)`, in order too. `outcomes` becomes one outcome a request. Errors inside: account_not_found,
  // unit_mismatch, same_account, amount_not_positive, amount_overflow, insufficient_funds, linked_failed; and two that
  // are not frozen: conflict (the id was used with another payload, and the first stays), invalid_argument (nil id).
  // In a chain, a request that was posted before stays posted; one that was refused before fails the chain.
  template <class Emit>
  void post(std::span<const TransferRequest> batch, std::vector<TransferOutcome>& outcomes, Emit&& emit);

  // What posting it would answer without doing anything: `existed`, or refused before, conflict included. Nothing: it would be
  // decided anew, since its id is unknown, or forgotten.
  std::optional<TransferOutcome> decided(const TransferRequest& request) const;

  // Errors: account_not_found, same_account, unit_mismatch, amount_not_positive, amount_overflow, insufficient_funds,
  // conflict (the id is taken, even by an equal hold), invalid_argument (nil id).
  Result<HoldPlaced> place(const HoldPlaced& request) const;
  // Errors: hold_not_found, hold_closed, insufficient_funds, amount_overflow, invalid_argument (negative extra).
  Result<HoldExtended> extend(const HoldExtended& request) const;
  // Errors: hold_not_found, hold_closed, exceeds_hold, account_not_found, same_account, unit_mismatch,
  // amount_not_positive, amount_overflow, invalid_argument (no legs).
  Result<HoldCaptured> capture(const HoldCaptured& request) const;
  // Errors: hold_not_found, hold_closed.
  Result<HoldEnded> release(HoldId hold, HoldEnd reason) const;
  // Holds whose time is up at `now`, oldest first, at most `limit`.
  std::vector<HoldId> expired(Instant now, std::size_t limit) const;

  void apply(const AccountOpened& event);
  void apply(const CreditLimitSet& event);
  void apply(const Posted& event);
  void apply(const TransferRefused& event);
  void apply(const HoldPlaced& event);
  void apply(const HoldExtended& event);
  void apply(const HoldCaptured& event);
  void apply(const HoldEnded& event);

  // Valid until the next open, place or post is applied.
  const Account* account(LedgerAccountId id) const;
  const Hold* hold(HoldId id) const;
  std::map<Unit, UnitTotals> totals() const;
  // Every account, in the order they were opened.
  const std::vector<Account>& accounts() const { return accounts_; }

  // Snapshot: equal bytes for equal ledgers. load replaces everything. Errors: integrity (then the ledger is empty).
  void save(codec::Writer& out) const;
  Status load(codec::Reader& in);

 private:
  // What one request came to. `fresh`: decided now, so there is an event to emit.
  struct Decision {
    TransferOutcome outcome;
    bool fresh = false;
  };
  // A request with its accounts looked up; null where there is none.
  struct Sides {
    Account* debit = nullptr;
    Account* credit = nullptr;
  };
  // Decides and applies the batch into decisions_, one each. The others take a part of it that begins at `first`.
  void decide(std::span<const TransferRequest> batch);
  Decision decide_one(const TransferRequest& request, Sides sides);
  void decide_chain(std::span<const TransferRequest> chain, std::size_t first);
  void refuse_chain(std::span<const TransferRequest> chain, std::size_t culprit, ErrorCode error);
  std::optional<Decision> decided_before(const TransferRequest& request, std::uint64_t fingerprint) const;
  // The error that refuses the request, whatever its id, or nothing.
  static std::optional<ErrorCode> check(const TransferRequest& request, Sides sides);
  void forget_old_transfers();

  Account* find_account(LedgerAccountId id);
  Account& known_account(LedgerAccountId id);
  Hold& live_hold(HoldId id);
  Result<const Hold*> open_hold(HoldId id) const;
  void clear();
  Status load_accounts(codec::Reader& in);
  Status load_holds(codec::Reader& in);
  Status load_transfers(codec::Reader& in);

  Retention retention_;
  std::vector<Account> accounts_;
  absl::flat_hash_map<LedgerAccountId, std::uint32_t> account_index_;
  DecidedTransfers decided_;
  absl::flat_hash_map<HoldId, Hold> holds_;
  absl::btree_set<std::pair<Instant, HoldId>> expiry_;  // of the holds that haven't ended
  std::deque<HoldId> ended_holds_;                      // oldest first
  std::vector<Sides> sides_;                            // decide's, one a request; kept to save allocations
  std::vector<Decision> decisions_;                     // the same
};

// What identifies a payload: debit, credit, amount, code and reference. Journaled, so this function never changes.
std::uint64_t fingerprint(const TransferRequest& request);

template <class Emit>
void Ledger::post(std::span<const TransferRequest> batch, std::vector<TransferOutcome>& outcomes, Emit&& emit) {
  decide(batch);
  outcomes.clear();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const TransferRequest& request = batch[i];
    const auto& [outcome, fresh] = decisions_[i];
    outcomes.push_back(outcome);
    if (!fresh) continue;
    if (outcome.kind == TransferOutcome::Kind::posted)
      emit(Posted{request.id, request.debit, request.credit, request.amount, request.code, request.reference});
    else
      emit(TransferRefused{request.id, fingerprint(request), outcome.error});
  }
}

}  // namespace bourse::ledger
