// Events of credit lots and vouchers.
#include <algorithm>

#include "base/assert.h"
#include "broker/domain/applier.h"

namespace bourse::broker {

void Applier::check(const Lot& lot) const {
  BOURSE_ASSERT(!lot.left.is_negative() && lot.left <= lot.amount);
  BOURSE_ASSERT(!lot.price_left.is_negative() && lot.price_left <= lot.price);
  market.index(lot);
}

Lot& Applier::draw(const LotPart& part) const {
  const auto it = market.lots_.find(part.lot);
  BOURSE_ASSERT(it != market.lots_.end());
  it->second.left -= part.amount;
  it->second.price_left -= part.money;
  check(it->second);
  return it->second;
}

void Applier::refill(const LotPart& part) const {
  draw({part.lot, Amount{} - part.amount, Amount{} - part.money});
}

// An attempt's lots stay in the order of consumption, each once, however many captures there were.
void Applier::pay(Attempt& attempt, const LotPart& part) const {
  const Lot& lot = draw(part);
  const auto order = [&](const LotPart& one) { return std::pair(market.lots_.at(one.lot).expires_at, one.lot); };
  const auto at = std::ranges::lower_bound(attempt.lots, std::pair(lot.expires_at, lot.id), {}, order);
  if (at == attempt.lots.end() || at->lot != part.lot) {
    attempt.lots.insert(at, part);
    return;
  }
  at->amount += part.amount;
  at->money += part.money;
}

void Applier::operator()(const LotIssued& event) const {
  const auto [it, fresh] = market.lots_.try_emplace(event.lot.id, event.lot);
  BOURSE_ASSERT(fresh);
  // Lots from before packages don't say their unit.
  if (it->second.kind != LotKind::package) it->second.unit = account(event.lot.account).unit;
  market.index(it->second);
}

void Applier::operator()(const ProductsPublished& event) const {
  for (const Product& product : event.products) market.products_.try_emplace(product.id, product);
}

void Applier::operator()(const LotExpired& event) const {
  ++draw({event.lot, event.amount, event.money}).taken_back;
}

void Applier::operator()(const MoneyInReversed& event) const {
  const MoneyInReversal& reversal = event.reversal;
  const auto [it, fresh] = market.reversals_.try_emplace(reversal.what, reversal);
  BOURSE_ASSERT(fresh);
  if (reversal.kind != MoneyInKind::top_up) draw({LotId{reversal.what}, reversal.amount, reversal.money});
}

void Applier::operator()(const VouchersIssued& event) const {
  const auto [it, fresh] = market.voucher_batches_.try_emplace(event.batch.id, event.batch);
  BOURSE_ASSERT(fresh);
  for (const Hash256& code : event.batch.codes) market.vouchers_.emplace(code, event.batch.id);
  market.index(it->second);
}

void Applier::operator()(const VoucherRedeemed& event) const {
  BOURSE_ASSERT(market.vouchers_.erase(event.code) == 1);
}

void Applier::operator()(const VouchersExpired& event) const {
  const auto it = market.voucher_batches_.find(event.batch);
  BOURSE_ASSERT(it != market.voucher_batches_.end());
  for (const Hash256& code : it->second.codes) market.vouchers_.erase(code);
  market.voucher_expiry_.erase({it->second.redeem_by, event.batch});
  market.voucher_batches_.erase(it);
}

void Market::index(const Lot& lot) {
  LotOrder& of = lots_of_[wallet_of(accounts_.at(lot.account), lot.unit)];
  const std::pair key(lot.expires_at, lot.id);
  // A correction may have brought back money that is less than the smallest part of a 度: it is earned when the lot expires.
  if (lot.left.is_positive() || lot.price_left.is_positive()) {
    of.insert(key);
    lot_expiry_.insert(key);
  } else {
    of.erase(key);
    lot_expiry_.erase(key);
  }
}

void Market::index(const VoucherBatch& batch) {
  voucher_expiry_.emplace(batch.redeem_by, batch.id);
}

const Lot* Market::lot(LotId id) const {
  const auto it = lots_.find(id);
  return it == lots_.end() ? nullptr : &it->second;
}

LedgerAccountId Market::wallet_of(const BillingAccount& account, Unit unit) {
  if (unit == account.unit) return account.wallet;
  return platform_account(ledger::AccountCode::wallet, unit, account.id.uuid);
}

std::vector<const Lot*> Market::lots(const BillingAccount& account, Unit unit) const {
  std::vector<const Lot*> found;
  const auto of = lots_of_.find(wallet_of(account, unit));
  if (of == lots_of_.end()) return found;
  for (const auto& [expires_at, id] : of->second) found.push_back(&lots_.at(id));
  return found;
}

std::vector<const Lot*> Market::all_lots() const {
  std::vector<const Lot*> all;
  for (const auto& [id, lot] : lots_) all.push_back(&lot);
  return all;
}

Amount Market::spendable(const BillingAccount& account, Unit unit, Instant now) const {
  const LedgerAccountId wallet = wallet_of(account, unit);
  const ledger::Account* in_ledger = ledger_.account(wallet);
  if (in_ledger == nullptr) return {};  // nothing was bought in that unit
  Amount left = in_ledger->available();
  const auto of = lots_of_.find(wallet);
  if (of == lots_of_.end()) return left;
  for (const auto& [expires_at, id] : of->second) {
    if (expires_at > now || !left.is_positive()) break;
    left -= std::min(left, lots_.at(id).left);
  }
  return left;
}

std::vector<LotPart> Market::paid_by_lots(const BillingAccount& account, Unit unit, Amount amount) const {
  std::vector<LotPart> paid;
  for (const Lot* lot : lots(account, unit)) {
    const Amount part = std::min(lot->left, amount);
    if (!amount.is_positive()) break;
    if (part.is_zero()) continue;
    paid.push_back({lot->id, part, lot->kind == LotKind::package ? money_for(*lot, part) : Amount{}});
    amount -= part;
  }
  return paid;
}

const Product* Market::product(ProductId id) const {
  const auto it = products_.find(id);
  return it == products_.end() ? nullptr : &it->second;
}

std::vector<const Product*> Market::products() const {
  std::vector<const Product*> all;
  for (const auto& [id, product] : products_) all.push_back(&product);
  return all;
}

const MoneyInReversal* Market::reversal(Uuid of) const {
  const auto it = reversals_.find(of);
  return it == reversals_.end() ? nullptr : &it->second;
}

const VoucherBatch* Market::vouchers(VoucherBatchId id) const {
  const auto it = voucher_batches_.find(id);
  return it == voucher_batches_.end() ? nullptr : &it->second;
}

}  // namespace bourse::broker
