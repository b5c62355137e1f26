#include "broker/adapters/api/hledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/assert.h"

namespace bourse::broker::api {
namespace {

// Six places always: the two-line commodity form fixes the precision, and hledger then compares exactly.
std::string amount_text(Amount amount, Unit unit, bool negative) {
  const std::uint64_t size = amount.micros < 0 ? 0 - static_cast<std::uint64_t>(amount.micros)
                                               : static_cast<std::uint64_t>(amount.micros);
  const bool minus = (amount.micros < 0) != negative && amount.micros != 0;
  return fmt::format("{}{}.{:06} {}", minus ? "-" : "", size / 1'000'000, size % 1'000'000, unit.text());
}

std::string_view kind_path(ledger::AccountCode code) {
  switch (code) {
    case ledger::AccountCode::wallet: return "Liabilities:Wallet";
    case ledger::AccountCode::holds: return "Liabilities:Holds";
    case ledger::AccountCode::center_payable: return "Liabilities:Center payable";
    case ledger::AccountCode::platform_revenue: return "Income:Platform";
    case ledger::AccountCode::tax_payable: return "Liabilities:Tax payable";
    case ledger::AccountCode::deferred_revenue: return "Liabilities:Deferred revenue";
    case ledger::AccountCode::grants: return "Expenses:Grants";
    case ledger::AccountCode::dispute_escrow: return "Liabilities:Dispute escrow";
    case ledger::AccountCode::bank_clearing: return "Assets:Bank clearing";
    case ledger::AccountCode::payout_in_transit: return "Liabilities:Payout in transit";
    case ledger::AccountCode::rounding: return "Expenses:Rounding";
    case ledger::AccountCode::platform_risk: return "Expenses:Platform risk";
  }
  return "Equity:Other";
}

std::string_view title(ledger::TransferCode code) {
  switch (code) {
    case ledger::TransferCode::top_up: return "top-up";
    case ledger::TransferCode::capture_center:
    case ledger::TransferCode::capture_margin:
    case ledger::TransferCode::capture_tax: return "capture";
    case ledger::TransferCode::payout: return "payout";
    case ledger::TransferCode::reversal: return "reversal";
    case ledger::TransferCode::risk: return "risk";
    case ledger::TransferCode::payout_paid: return "payout paid";
    case ledger::TransferCode::payout_returned: return "payout returned";
    case ledger::TransferCode::escrow: return "disputed";
    case ledger::TransferCode::escrow_release: return "dispute rejected";
    case ledger::TransferCode::subsidy: return "subsidy";
    case ledger::TransferCode::grant: return "grant";
    case ledger::TransferCode::grant_expired: return "grant expired";
    case ledger::TransferCode::reservation: return "reservation";
    case ledger::TransferCode::accrual_center:
    case ledger::TransferCode::accrual_margin:
    case ledger::TransferCode::accrual_tax: return "reservation earned";
    case ledger::TransferCode::reservation_returned: return "reservation ended early";
    case ledger::TransferCode::package_sold: return "package sold";
    case ledger::TransferCode::package_used: return "package used";
    case ledger::TransferCode::package_expired: return "package expired";
    case ledger::TransferCode::top_up_reversed: return "top-up reversed";
    case ledger::TransferCode::grant_reversed: return "grant reversed";
    case ledger::TransferCode::package_reversed: return "package reversed";
    case ledger::TransferCode::contract_fee:
    case ledger::TransferCode::contract_fee_tax: return "contract fee";
    case ledger::TransferCode::hold:
    case ledger::TransferCode::release:
    case ledger::TransferCode::other: break;
  }
  return "transfer";
}

std::string day(Instant at) { return to_text(at).substr(0, 10); }

// Names come from people: what would end an account name or start a comment becomes a blank, runs of blanks one.
std::string tame(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool odd = static_cast<unsigned char>(c) <= 0x20 || std::string_view(";:()[]{}|*!@=\"").contains(c);
    if (!odd)
      out.push_back(c);
    else if (!out.empty() && out.back() != ' ')
      out.push_back(' ');
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace

std::string account_path(const BookAccount& account) {
  std::string path(kind_path(account.code));
  // One account per unit and owner: the unit is part of the path so that each leaf holds one commodity.
  path.append(":").append(account.unit.text());
  if (!account.owner.empty()) path.append(":").append(account.owner);
  return path;
}

void HledgerWriter::begin(const std::vector<BookAccount>& accounts) {
  accounts_ = accounts;
  // Two accounts with one path (same code, unit and owner) are told apart by their ids.
  std::unordered_map<std::string, int> uses;
  for (const BookAccount& account : accounts_) ++uses[account_path(account)];
  for (std::size_t i = 0; i < accounts_.size(); ++i) {
    BookAccount& account = accounts_[i];
    if (uses[account_path(account)] > 1)
      account.owner = account.owner.empty() ? to_text(account.id) : account.owner + ":" + to_text(account.id);
    by_id_[account.id] = i;
  }
  write_(fmt::format("; The ledger of {}, exported {}.\n; Debits are positive, credits negative.\n\n", tame(market_), to_text(at_)));
  std::set<Unit> units;
  for (const BookAccount& account : accounts_) units.insert(account.unit);
  for (const Unit unit : units)
    write_(fmt::format("commodity {0}\n    format 1000.000000 {0}\n", unit.text()));
  write_("\n");
  for (const BookAccount& account : accounts_) {
    const std::string name = tame(account.name);
    write_(fmt::format("account {}{}\n", account_path(account), name.empty() ? "" : "  ; " + name));
  }
  write_("\n");
}

void HledgerWriter::transfer(const BookTransfer& transfer) {
  const bool joins = !group_.empty() && !transfer.group.is_nil() && group_.back().group == transfer.group &&
                     group_.back().position == transfer.position;
  if (!joins) flush_group();
  group_.push_back(transfer);
}

void HledgerWriter::flush_group() {
  if (group_.empty()) return;
  const BookTransfer& first = group_.front();
  // hledger checks assertions by date: a clock that stepped back must not put a transaction before what precedes it.
  last_day_ = std::max(last_day_, day(first.at));
  std::string text = fmt::format("{} * ({}.{}) {}{}\n", last_day_, first.position, first.index, title(first.code),
                                 first.reference.empty() ? "" : " " + tame(first.reference));
  for (const BookTransfer& transfer : group_) {
    BOURSE_ASSERT(by_id_.contains(transfer.debit) && by_id_.contains(transfer.credit));
    const BookAccount& debit = accounts_[by_id_.at(transfer.debit)];
    const BookAccount& credit = accounts_[by_id_.at(transfer.credit)];
    text += fmt::format("    {}  {}\n    {}  {}\n", account_path(debit), amount_text(transfer.amount, debit.unit, false),
                        account_path(credit), amount_text(transfer.amount, credit.unit, true));
  }
  text += "\n";
  write_(text);
  group_.clear();
}

void HledgerWriter::end() {
  flush_group();
  if (accounts_.empty()) return;
  last_day_ = std::max(last_day_, day(at_));
  std::string text = fmt::format("{} * closing assertions\n", last_day_);
  for (const BookAccount& account : accounts_) {
    const Amount balance = account.debits_posted - account.credits_posted;
    text += fmt::format("    {}  0 {} = {}", account_path(account), account.unit.text(),
                        amount_text(balance, account.unit, false));
    if (!account.debits_pending.is_zero()) text += fmt::format("  ; held {}", to_text(account.debits_pending));
    text += "\n";
  }
  write_(text);
}

}  // namespace bourse::broker::api
