// Events of credit lots and vouchers.
#include <algorithm>

#include "base/assert.h"
#include "broker/domain/applier.h"

namespace bourse::broker {

Lot& Applier::fill(LotId id, Amount change) const {
  const auto it = market.lots_.find(id);
  BOURSE_ASSERT(it != market.lots_.end());
  Lot& lot = it->second;
  lot.left += change;
  BOURSE_ASSERT(!lot.left.is_negative() && lot.left <= lot.amount);
  market.index(lot);
  return lot;
}

// An attempt's lots stay in the order of consumption, each once, however many captures there were.
void Applier::pay(Attempt& attempt, const LotPart& part) const {
  const Lot& lot = fill(part.lot, Amount{} - part.amount);
  const auto order = [&](const LotPart& one) { return std::pair(market.lots_.at(one.lot).expires_at, one.lot); };
  const auto at = std::ranges::lower_bound(attempt.lots, std::pair(lot.expires_at, lot.id), {}, order);
  if (at != attempt.lots.end() && at->lot == part.lot)
    at->amount += part.amount;
  else
    attempt.lots.insert(at, part);
}

void Applier::operator()(const LotIssued& event) const {
  const auto [it, fresh] = market.lots_.try_emplace(event.lot.id, event.lot);
  BOURSE_ASSERT(fresh);
  market.index(it->second);
}

void Applier::operator()(const LotExpired& event) const {
  ++fill(event.lot, Amount{} - event.amount).taken_back;
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
  LotOrder& of = lots_of_[lot.account];
  const std::pair key(lot.expires_at, lot.id);
  if (lot.left.is_positive()) {
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

std::vector<const Lot*> Market::lots(BillingAccountId account) const {
  std::vector<const Lot*> found;
  const auto of = lots_of_.find(account);
  if (of == lots_of_.end()) return found;
  for (const auto& [expires_at, id] : of->second) found.push_back(&lots_.at(id));
  return found;
}

std::vector<const Lot*> Market::all_lots() const {
  std::vector<const Lot*> all;
  for (const auto& [id, lot] : lots_) all.push_back(&lot);
  return all;
}

Amount Market::spendable(const BillingAccount& account, Instant now) const {
  Amount left = ledger_.account(account.wallet)->available();
  const auto of = lots_of_.find(account.id);
  if (of == lots_of_.end()) return left;
  for (const auto& [expires_at, id] : of->second) {
    if (expires_at > now || !left.is_positive()) break;
    left -= std::min(left, lots_.at(id).left);
  }
  return left;
}

const VoucherBatch* Market::vouchers(VoucherBatchId id) const {
  const auto it = voucher_batches_.find(id);
  return it == voucher_batches_.end() ? nullptr : &it->second;
}

}  // namespace bourse::broker
