#include <algorithm>
#include <string>

#include "ledger/domain/ledger.h"

namespace bourse::ledger {
namespace {

Status damaged(std::string_view what) {
  return fail(ErrorCode::integrity, "ledger snapshot: " + std::string(what));
}

std::uint64_t read_count(codec::Reader& in) {
  std::uint64_t count = 0;
  in.read(count);
  return count;
}

bool negative_counter(const Account& account) {
  return account.debits_pending.is_negative() || account.debits_posted.is_negative() ||
         account.credits_pending.is_negative() || account.credits_posted.is_negative();
}

}  // namespace

// Accounts as they were opened; live holds by id, then ended ones as they ended; decided transfers, oldest first.
void Ledger::save(codec::Writer& out) const {
  out.write(static_cast<std::uint64_t>(accounts_.size()));
  for (const Account& account : accounts_) out.write(account);

  std::vector<const Hold*> live;
  for (const auto& [id, hold] : holds_)
    if (!hold.ended) live.push_back(&hold);
  std::ranges::sort(live, {}, [](const Hold* hold) { return hold->id; });
  out.write(static_cast<std::uint64_t>(holds_.size()));
  for (const Hold* hold : live) out.write(*hold);
  for (const HoldId id : ended_holds_) out.write(holds_.at(id));

  out.write(static_cast<std::uint64_t>(decided_.size()));
  for (std::size_t i = 0; i < decided_.size(); ++i) out.write(decided_[i]);
}

Status Ledger::load(codec::Reader& in) {
  clear();
  Status status = load_accounts(in);
  if (status) status = load_holds(in);
  if (status) status = load_transfers(in);
  if (status)
    for (const auto& [unit, sum] : totals())
      if (!sum.balanced()) status = damaged("debits and credits differ in " + std::string(unit.text()));
  if (!status) clear();
  return status;
}

void Ledger::clear() {
  *this = Ledger(retention_);
}

Status Ledger::load_accounts(codec::Reader& in) {
  for (std::uint64_t left = read_count(in); left > 0; --left) {
    Account account;
    in.read(account);
    if (!in.ok()) return damaged("cut short");
    if (negative_counter(account)) return damaged("negative counter");
    if (!account_index_.emplace(account.id, static_cast<std::uint32_t>(accounts_.size())).second)
      return damaged("an account twice");
    accounts_.push_back(account);
  }
  return in.ok() ? Status{} : damaged("cut short");
}

Status Ledger::load_holds(codec::Reader& in) {
  for (std::uint64_t left = read_count(in); left > 0; --left) {
    Hold hold;
    in.read(hold);
    if (!in.ok()) return damaged("cut short");
    if (account(hold.wallet) == nullptr || account(hold.holds) == nullptr)
      return damaged("a hold without its accounts");
    if (!holds_.emplace(hold.id, hold).second) return damaged("a hold twice");
    if (hold.ended)
      ended_holds_.push_back(hold.id);
    else
      expiry_.emplace(hold.expires_at, hold.id);
  }
  return in.ok() ? Status{} : damaged("cut short");
}

Status Ledger::load_transfers(codec::Reader& in) {
  for (std::uint64_t left = read_count(in); left > 0; --left) {
    DecidedTransfers::Entry entry;
    in.read(entry);
    if (!in.ok()) return damaged("cut short");
    if (decided_.find(entry.id) != nullptr) return damaged("a transfer twice");
    decided_.add(entry);
    forget_old_transfers();
  }
  return in.ok() ? Status{} : damaged("cut short");
}

}  // namespace bourse::ledger
