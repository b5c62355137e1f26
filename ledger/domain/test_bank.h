// For tests: a ledger with a bank account, three wallets, a center and the holds account, all named by small numbers.
#pragma once

#include <limits>
#include <variant>
#include <vector>

#include "ledger/domain/ledger.h"

namespace bourse::ledger {

using LedgerEvent =
    std::variant<AccountOpened, Posted, TransferRefused, HoldPlaced, HoldExtended, HoldCaptured, HoldEnded>;

inline LedgerAccountId account_id(std::uint64_t n) {
  return LedgerAccountId{{0xACC, n}};
}
inline TransferId transfer_id(std::uint64_t n) {
  return TransferId{{0x7A, n}};
}
inline HoldId hold_id(std::uint64_t n) {
  return HoldId{{0x401D, n}};
}

inline const LedgerAccountId kBank = account_id(1);
inline const LedgerAccountId kHolds = account_id(2);
inline const LedgerAccountId kCenter = account_id(3);
inline const LedgerAccountId kRevenue = account_id(4);
inline const LedgerAccountId kAlice = account_id(11);  // prepaid
inline const LedgerAccountId kBob = account_id(12);    // prepaid
inline const LedgerAccountId kCarol = account_id(13);  // may go 50 below zero
inline const LedgerAccountId kDuWallet = account_id(21);
inline const LedgerAccountId kDuBank = account_id(22);
inline const LedgerAccountId kNobody = account_id(99);
inline constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
inline constexpr Instant kLater{1'000'000};

inline AccountOpened opening(LedgerAccountId id, AccountCode code, Limit limit = Limit::none, Amount credit_limit = {},
                             Unit unit = kCny) {
  return {.account = id, .unit = unit, .code = code, .limit = limit, .credit_limit = credit_limit, .owner = {}};
}

inline std::vector<AccountOpened> chart() {
  return {opening(kBank, AccountCode::bank_clearing),
          opening(kHolds, AccountCode::holds),
          opening(kCenter, AccountCode::center_payable),
          opening(kRevenue, AccountCode::platform_revenue),
          opening(kAlice, AccountCode::wallet, Limit::credit_balance),
          opening(kBob, AccountCode::wallet, Limit::credit_balance),
          opening(kCarol, AccountCode::wallet, Limit::credit_balance, Amount{50}),
          opening(kDuWallet, AccountCode::wallet, Limit::credit_balance, {}, kDu),
          opening(kDuBank, AccountCode::deferred_revenue, Limit::none, {}, kDu)};
}

inline TransferRequest transfer(std::uint64_t id, LedgerAccountId debit, LedgerAccountId credit, std::int64_t micros,
                                bool linked = false) {
  return {.id = transfer_id(id),
          .debit = debit,
          .credit = credit,
          .amount = Amount{micros},
          .code = TransferCode::other,
          .reference = {},
          .linked = linked};
}

// A ledger that remembers every event that it emitted.
class TestBank {
 public:
  explicit TestBank(Retention retention = {}) : ledger(retention) {
    for (const AccountOpened& account : chart()) happen(*ledger.open(account));
  }

  std::vector<TransferOutcome> post(const std::vector<TransferRequest>& batch) {
    std::vector<TransferOutcome> outcomes;
    ledger.post(batch, outcomes, [this](const auto& event) { events.emplace_back(event); });
    return outcomes;
  }
  TransferOutcome post_one(const TransferRequest& request) { return post({request}).front(); }
  void fund(std::uint64_t id, LedgerAccountId wallet, std::int64_t micros) {
    post_one(transfer(id, kBank, wallet, micros));
  }

  Status place(std::uint64_t id, LedgerAccountId wallet, std::int64_t micros, Instant expires_at = kLater) {
    return happen_if(ledger.place({.hold = hold_id(id),
                                   .wallet = wallet,
                                   .holds = kHolds,
                                   .amount = Amount{micros},
                                   .expires_at = expires_at,
                                   .reference = {}}));
  }
  Status extend(std::uint64_t id, std::int64_t micros, Instant expires_at = kLater) {
    return happen_if(ledger.extend({.hold = hold_id(id), .extra = Amount{micros}, .expires_at = expires_at}));
  }
  Status capture(std::uint64_t id, std::vector<CaptureLeg> legs) {
    return happen_if(ledger.capture({.hold = hold_id(id), .legs = std::move(legs), .reference = {}}));
  }
  Status release(std::uint64_t id, HoldEnd reason = HoldEnd::released) {
    return happen_if(ledger.release(hold_id(id), reason));
  }

  template <class Event>
  void happen(const Event& event) {
    ledger.apply(event);
    events.emplace_back(event);
  }

  Ledger ledger;
  std::vector<LedgerEvent> events;

 private:
  template <class Event>
  Status happen_if(const Result<Event>& decided) {
    if (!decided) return std::unexpected(decided.error());
    happen(*decided);
    return {};
  }
};

inline Ledger replay(const std::vector<LedgerEvent>& events, Retention retention = {}) {
  Ledger ledger(retention);
  for (const LedgerEvent& event : events) std::visit([&ledger](const auto& e) { ledger.apply(e); }, event);
  return ledger;
}

inline std::vector<std::byte> saved(const Ledger& ledger) {
  std::vector<std::byte> bytes;
  codec::Writer writer(bytes);
  ledger.save(writer);
  return bytes;
}

inline std::optional<ErrorCode> error_of(const Status& status) {
  return status ? std::nullopt : std::optional(status.error().code);
}
inline std::optional<ErrorCode> error_of(const TransferOutcome& outcome) {
  return outcome.kind == TransferOutcome::Kind::refused ? std::optional(outcome.error) : std::nullopt;
}

}  // namespace bourse::ledger
