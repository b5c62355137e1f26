// Money in that was wrong: taken back once, whole or what is named of it, and never more than is there (docs/adr/0015).
#include <algorithm>
#include <cstdint>

#include "broker/domain/decider.h"
#include "broker/domain/derive.h"
#include "broker/domain/text.h"

namespace bourse::broker {
namespace {

constexpr std::uint32_t kReversal = UINT32_MAX - 1;  // which posting of a top-up or lot

MoneyInKind kind_of(const Lot& lot) {
  switch (lot.kind) {
    case LotKind::grant: return MoneyInKind::grant;
    case LotKind::voucher: return MoneyInKind::voucher;
    case LotKind::package: return MoneyInKind::package;
  }
  return {};
}

Error short_of(Amount there, Unit unit, const std::string& what) {
  const std::string left = to_text(std::max(there, Amount{})) + " " + std::string(unit.text());
  return {.code = ErrorCode::insufficient_funds, .detail = "Only " + left + " of " + what + "; that much can be reversed, by naming the amount."};
}

bool can_move(const ledger::Account* from, const ledger::Account* to, Amount amount) {
  return (from == nullptr || from->has_debit_room(amount)) && (to == nullptr || to->has_credit_room(amount));
}

}  // namespace

Status Decider::check(const ReverseMoneyIn& act) const {
  const BillingAccount* account = market_.account(act.account);
  if (account == nullptr) return fail(ErrorCode::not_found, "billing account " + to_text(act.account));
  if (!act.amount.is_positive()) return fail(ErrorCode::amount_not_positive);
  if (act.reason.empty()) return fail(ErrorCode::invalid_argument, "a reversal needs a reason");
  if (const MoneyInReversal* before = market_.reversal(act.what))
    return fail(ErrorCode::failed_precondition, "It was reversed at " + to_text(before->at) + " already, and is once only.");
  return act.kind == MoneyInKind::top_up ? check_top_up(act, *account) : check_lot(act, *account);
}

Status Decider::check_top_up(const ReverseMoneyIn& act, const BillingAccount& account) const {
  const LedgerAccountId clearing = Market::platform_account(ledger::AccountCode::bank_clearing, account.unit);
  const auto known = market_.ledger_.decided({.id = TransferId{act.what},
                                              .debit = clearing,
                                              .credit = account.wallet,
                                              .amount = act.whole,
                                              .code = ledger::TransferCode::top_up,
                                              .reference = act.reference});
  if (known && known->kind != ledger::TransferOutcome::Kind::existed)
    return fail(ErrorCode::not_found, "no top-up " + to_text(TransferId{act.what}) + " of " + to_text(act.whole));
  if (act.amount > act.whole) return fail(ErrorCode::invalid_argument, "The top-up was of " + to_text(act.whole) + ".");
  if (const Amount own = own_money(account); act.amount > own)
    return std::unexpected(short_of(own, account.unit, "the account's own money is neither spent nor held"));
  if (!can_move(market_.ledger_.account(account.wallet), market_.ledger_.account(clearing), act.amount)) return fail(ErrorCode::amount_overflow);
  return {};
}

Status Decider::check_lot(const ReverseMoneyIn& act, const BillingAccount& account) const {
  using enum ledger::AccountCode;
  const Lot* lot = market_.lot(LotId{act.what});
  if (lot == nullptr || lot->account != account.id || kind_of(*lot) != act.kind) return fail(ErrorCode::not_found, "no lot " + to_text(LotId{act.what}));
  if (act.amount > lot->amount) return fail(ErrorCode::invalid_argument, "The lot was of " + to_text(lot->amount) + ".");
  const ledger::Account* spent_from = market_.ledger_.account(Market::wallet_of(account, lot->unit));
  if (const Amount there = std::min(lot->left, spent_from->available()); act.amount > there)
    return std::unexpected(short_of(there, lot->unit, "it is neither spent nor held"));
  const bool package = lot->kind == LotKind::package;
  const ledger::Account* from = market_.ledger_.account(Market::platform_account(package ? deferred_revenue : grants, lot->unit));
  if (!can_move(spent_from, from, act.amount)) return fail(ErrorCode::amount_overflow);
  if (!package) return {};
  const ledger::Account* deferred = market_.ledger_.account(Market::platform_account(deferred_revenue, account.unit));
  if (!can_move(deferred, market_.ledger_.account(account.wallet), lot->price_left)) return fail(ErrorCode::amount_overflow);
  return {};
}

Result<CommandResult> Decider::on(const ReverseMoneyIn& act) {
  using enum ledger::AccountCode;
  using enum ledger::TransferCode;
  CHECK_OK(check(act));
  const BillingAccount account = *market_.account(act.account);
  const Uuid cause = derive_transfer(act.what, kReversal).uuid;
  MoneyInReversal done{.what = act.what, .kind = act.kind, .account = account.id, .amount = act.amount, .unit = account.unit,
                           .money = {}, .reference = act.what, .reason = shown(act.reason), .at = now_};
  if (act.kind == MoneyInKind::top_up) {
    done.reference = act.reference;
    post_all(cause, act.reference, {{account.wallet, platform_account(bank_clearing, account.unit), act.amount, top_up_reversed}});
  } else if (act.kind == MoneyInKind::package) {
    const Lot& lot = *market_.lot(LotId{act.what});
    done.unit = lot.unit;
    done.money = money_for(lot, act.amount);
    post_all(cause, act.what,
             {{Market::wallet_of(account, kDu), platform_account(deferred_revenue, kDu), act.amount, package_reversed},
              {platform_account(deferred_revenue, account.unit), account.wallet, done.money, package_reversed}});
  } else {
    post_all(cause, act.what, {{account.wallet, platform_account(grants, account.unit), act.amount, grant_reversed}});
  }
  emit(MoneyInReversed{std::move(done)});
  return made(act.what);
}

}  // namespace bourse::broker
