// Credit lots: what is given, what codes become, what pays first, and what is taken back.
#include <algorithm>

#include "base/assert.h"
#include "broker/domain/decider.h"
#include "broker/domain/derive.h"
#include "broker/domain/text.h"

namespace bourse::broker {
namespace {

constexpr std::size_t kMostExpired = 1'000;  // lots and batches a Tick; the rest waits for the next

}  // namespace

Status Decider::check_room(const BillingAccount& account, Unit unit, LotId lot, Amount amount) const {
  if (lot.is_nil() || market_.lot(lot) != nullptr) return fail(ErrorCode::invalid_argument, "the lot's id must be new");
  const LedgerAccountId wallet = Market::wallet_of(account, unit);
  const auto of = market_.lots_of_.find(wallet);
  if (of != market_.lots_of_.end() && of->second.size() >= kMaxLots)
    return fail(ErrorCode::too_large, "The account has 1,000 lots with money in them already.");
  const ledger::Account* to = market_.ledger_.account(wallet);
  if (to != nullptr && !to->has_credit_room(amount)) return fail(ErrorCode::amount_overflow);
  const auto code = unit == kDu ? ledger::AccountCode::deferred_revenue : ledger::AccountCode::grants;
  const ledger::Account* from = market_.ledger_.account(Market::platform_account(code, unit));
  if (from != nullptr && !from->has_debit_room(amount)) return fail(ErrorCode::amount_overflow);
  return {};
}

void Decider::issue(Lot lot) {
  const BillingAccount& account = *market_.account(lot.account);
  const LedgerAccountId grants = platform_account(ledger::AccountCode::grants, account.unit);
  const Status posted = post({.id = derive_transfer(lot.id.uuid, 0),
                              .debit = grants,
                              .credit = account.wallet,
                              .amount = lot.amount,
                              .code = ledger::TransferCode::grant,
                              .reference = lot.id.uuid});
  BOURSE_ASSERT(posted.has_value());
  lot.unit = account.unit;
  lot.left = lot.amount;
  lot.issued_at = now_;
  emit(LotIssued{std::move(lot)});
}

Status Decider::check(const GrantLot& act) const {
  const BillingAccount* account = market_.account(act.account);
  if (account == nullptr) return fail(ErrorCode::not_found, "billing account " + to_text(act.account));
  if (!act.amount.is_positive()) return fail(ErrorCode::amount_not_positive);
  if (act.expires_at <= now_) return fail(ErrorCode::invalid_argument, "it must expire in the future");
  if (act.reason.empty()) return fail(ErrorCode::invalid_argument, "a grant needs a reason");
  return check_room(*account, account->unit, act.lot, act.amount);
}

Result<CommandResult> Decider::on(const GrantLot& act) {
  CHECK_OK(check(act));
  issue({.id = act.lot,
         .account = act.account,
         .kind = LotKind::grant,
         .amount = act.amount,
         .expires_at = act.expires_at,
         .reason = shown(act.reason)});
  return made(act.lot.uuid);
}

Status Decider::check(const IssueVouchers& act) const {
  const VoucherBatch& batch = act.batch;
  if (batch.id.is_nil() || market_.voucher_batches_.contains(batch.id))
    return fail(ErrorCode::invalid_argument, "the batch's id must be new");
  CHECK_OK(parse_unit(batch.unit.text()));
  if (!batch.amount.is_positive()) return fail(ErrorCode::amount_not_positive);
  if (batch.codes.empty() || batch.codes.size() > kMaxVouchers)
    return fail(ErrorCode::invalid_argument, "a batch has 1 to 1,000 vouchers");
  if (batch.redeem_by <= now_) return fail(ErrorCode::invalid_argument, "redeem_by must be in the future");
  const bool relative = batch.valid_for.ms > 0;
  if (batch.valid_for.ms < 0 || relative != (batch.expires_at == Instant{}))
    return fail(ErrorCode::invalid_argument, "either valid_for or expires_at must be given");
  if (!relative && batch.expires_at < batch.redeem_by)
    return fail(ErrorCode::invalid_argument, "expires_at must not be before redeem_by");
  if (batch.reason.empty()) return fail(ErrorCode::invalid_argument, "vouchers need a reason");
  if (market_.vouchers_.size() + batch.codes.size() > kMaxOpenVouchers)
    return fail(ErrorCode::overloaded, "too many vouchers are open");
  auto codes = batch.codes;
  std::ranges::sort(codes);
  const bool twice = std::ranges::adjacent_find(codes) != codes.end();
  const bool known = std::ranges::any_of(codes, [this](const Hash256& code) { return market_.vouchers_.contains(code); });
  if (twice || known) return fail(ErrorCode::invalid_argument, "every voucher must have a code of its own");
  return {};
}

Result<CommandResult> Decider::on(const IssueVouchers& act) {
  CHECK_OK(check(act));
  VoucherBatch batch = act.batch;
  batch.reason = shown(batch.reason);
  batch.issued_at = now_;
  emit(VouchersIssued{std::move(batch)});
  return made(act.batch.id.uuid);
}

Result<CommandResult> Decider::on(const RedeemVoucher& command) {
  TRY(const BillingAccount* account, usable_account(command.account, command.user));
  const auto code = market_.vouchers_.find(command.code);
  const VoucherBatch* batch = code == market_.vouchers_.end() ? nullptr : market_.vouchers(code->second);
  if (batch == nullptr || batch->redeem_by <= now_)
    return fail(ErrorCode::not_found, "The code is not valid, or no longer.");
  if (batch->unit != account->unit)
    return fail(ErrorCode::unit_mismatch, "The voucher is in " + std::string(batch->unit.text()) + ", the account in " +
                                              std::string(account->unit.text()) + ".");
  CHECK_OK(check_room(*account, account->unit, command.lot, batch->amount));
  issue({.id = command.lot,
         .account = account->id,
         .kind = LotKind::voucher,
         .amount = batch->amount,
         .expires_at = batch->valid_for.ms > 0 ? now_ + batch->valid_for : batch->expires_at,
         .reference = batch->id.uuid,
         .reason = batch->reason});
  emit(VoucherRedeemed{batch->id, command.code, command.lot, command.user, now_});
  return made(command.lot.uuid);
}

void Decider::expire_lots(const BillingAccount& account, Unit unit) {
  const LedgerAccountId wallet = Market::wallet_of(account, unit);
  for (const Lot* lot : market_.lots(account, unit)) {
    if (lot->expires_at > now_) return;
    const Amount free = std::min(lot->left, market_.ledger_.account(wallet)->available());
    if (lot->left.is_positive() && !free.is_positive()) return;
    take_back(*lot, wallet, free);
  }
}

void Decider::take_back(const Lot& lot, LedgerAccountId from, Amount amount) {
  using enum ledger::AccountCode;
  using enum ledger::TransferCode;
  const Uuid cause = derive_transfer(lot.id.uuid, lot.taken_back + 1).uuid;
  LotExpired expired{.lot = lot.id, .amount = amount, .at = now_};
  if (lot.kind == LotKind::package) {
    const Unit money = market_.account(lot.account)->unit;
    expired.money = money_for(lot, amount);
    post_all(cause, lot.id.uuid,
             {{from, platform_account(deferred_revenue, lot.unit), amount, package_expired},
              {platform_account(deferred_revenue, money), platform_account(platform_revenue, money), expired.money, package_expired}});
  } else {
    post_all(cause, lot.id.uuid, {{from, platform_account(grants, lot.unit), amount, grant_expired}});
  }
  emit(std::move(expired));
}

// Those that holds still need are looked at again each time.
void Decider::expire_lots() {
  std::vector<std::pair<BillingAccountId, Unit>> due;
  for (const auto& [expires_at, id] : market_.lot_expiry_) {
    if (expires_at > now_) break;
    const Lot& lot = *market_.lot(id);
    const LedgerAccountId wallet = Market::wallet_of(*market_.account(lot.account), lot.unit);
    const bool stuck = lot.left.is_positive() && !market_.ledger_.account(wallet)->available().is_positive();
    const std::pair owner(lot.account, lot.unit);
    if (!stuck && !contains(due, owner)) due.push_back(owner);
    if (due.size() == kMostExpired) break;
  }
  for (const auto& [account, unit] : due) expire_lots(*market_.account(account), unit);
}

void Decider::expire_vouchers() {
  for (std::size_t i = 0; i < kMostExpired && !market_.voucher_expiry_.empty(); ++i) {
    const auto [redeem_by, batch] = *market_.voucher_expiry_.begin();
    if (redeem_by > now_) return;
    emit(VouchersExpired{batch, now_});
  }
}

// Either lots of the account's money paid some of the charge, or packages all of it.
Status Decider::check_lots(const Charge& charge) const {
  const auto wrong = [] { return fail(ErrorCode::failed_precondition, "The lots named are not what paid the charge."); };
  Amount rest = charge.gross;
  std::optional<std::pair<Instant, LotId>> before;
  for (const LotPart& part : charge.lots) {
    const Lot* lot = market_.lot(part.lot);
    if (lot == nullptr || lot->account != charge.account || lot->unit != market_.lot(charge.lots.front().lot)->unit) return wrong();
    const bool package = lot->kind == LotKind::package;
    const Amount paid = package ? part.money : part.amount;
    if (!part.amount.is_positive() || part.amount > lot->amount || paid.is_negative() || paid > rest) return wrong();
    if (before >= std::pair(lot->expires_at, lot->id)) return wrong();
    before = {lot->expires_at, lot->id};
    rest -= paid;
  }
  if (by_packages(charge) && !rest.is_zero()) return wrong();
  return {};
}

bool Decider::by_packages(const Charge& charge) const {
  return !charge.lots.empty() && market_.lot(charge.lots.front().lot)->kind == LotKind::package;
}

}  // namespace bourse::broker
