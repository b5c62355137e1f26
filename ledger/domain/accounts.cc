#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "ledger/domain/ledger.h"

namespace bourse::ledger {
namespace {

bool same_properties(const Account& account, const AccountOpened& request) {
  return account.unit == request.unit && account.code == request.code && account.limit == request.limit &&
         account.credit_limit == request.credit_limit && account.owner == request.owner;
}

bool has_room(Amount pending, Amount posted, Amount more) {
  const auto sum = checked_add(pending, posted);
  return sum && checked_add(*sum, more);
}

}  // namespace

bool Account::has_debit_room(Amount more) const {
  return has_room(debits_pending, debits_posted, more);
}
bool Account::has_credit_room(Amount more) const {
  return has_room(credits_pending, credits_posted, more);
}

Amount Account::balance() const {
  return credits_posted - debits_posted;
}

Amount Account::available() const {
  __int128 micros = static_cast<__int128>(credits_posted.micros) - debits_posted.micros - debits_pending.micros;
  if (limit == Limit::credit_balance) micros += credit_limit.micros;
  constexpr __int128 kMost = std::numeric_limits<std::int64_t>::max();
  constexpr __int128 kLeast = std::numeric_limits<std::int64_t>::min();
  return Amount{static_cast<std::int64_t>(std::clamp(micros, kLeast, kMost))};
}

void Ledger::reserve(std::size_t accounts, std::size_t holds) {
  accounts_.reserve(accounts);
  account_index_.reserve(accounts);
  holds_.reserve(holds);
}

Result<AccountOpened> Ledger::open(const AccountOpened& request) const {
  if (request.account.is_nil()) return fail(ErrorCode::invalid_argument, "the account has no id");
  if (request.credit_limit.is_negative()) return fail(ErrorCode::invalid_argument, "the credit limit is negative");
  if (const Account* known = account(request.account); known != nullptr && !same_properties(*known, request))
    return fail(ErrorCode::account_exists, to_text(request.account));
  return request;
}

void Ledger::apply(const AccountOpened& event) {
  if (const Account* known = account(event.account); known != nullptr) {
    BOURSE_ASSERT(same_properties(*known, event));
    return;
  }
  account_index_.emplace(event.account, static_cast<std::uint32_t>(accounts_.size()));
  accounts_.push_back({.id = event.account,
                       .unit = event.unit,
                       .code = event.code,
                       .limit = event.limit,
                       .credit_limit = event.credit_limit,
                       .owner = event.owner});
}

Result<CreditLimitSet> Ledger::set_credit_limit(const CreditLimitSet& request) const {
  const Account* known = account(request.account);
  if (known == nullptr) return fail(ErrorCode::account_not_found, to_text(request.account));
  if (known->limit == Limit::none) return fail(ErrorCode::invalid_argument, "the account has no limit");
  if (request.credit_limit.is_negative()) return fail(ErrorCode::invalid_argument, "the credit limit is negative");
  return request;
}

void Ledger::apply(const CreditLimitSet& event) {
  known_account(event.account).credit_limit = event.credit_limit;
}

const Account* Ledger::account(LedgerAccountId id) const {
  const auto at = account_index_.find(id);
  return at == account_index_.end() ? nullptr : &accounts_[at->second];
}

Account* Ledger::find_account(LedgerAccountId id) {
  const auto at = account_index_.find(id);
  return at == account_index_.end() ? nullptr : &accounts_[at->second];
}

Account& Ledger::known_account(LedgerAccountId id) {
  Account* account = find_account(id);
  BOURSE_ASSERT(account != nullptr);
  return *account;
}

std::map<Unit, UnitTotals> Ledger::totals() const {
  std::map<Unit, UnitTotals> totals;
  for (const Account& account : accounts_) {
    UnitTotals& sum = totals[account.unit];
    sum.debits_pending += account.debits_pending.micros;
    sum.debits_posted += account.debits_posted.micros;
    sum.credits_pending += account.credits_pending.micros;
    sum.credits_posted += account.credits_posted.micros;
  }
  return totals;
}

}  // namespace bourse::ledger
