#include <string>

#include "base/assert.h"
#include "ledger/domain/ledger.h"

namespace bourse::ledger {
namespace {

// May the pending pair wallet → holds grow by `more`?
Status check_growth(const Account& wallet, const Account& holds, Amount more) {
  if (!wallet.has_debit_room(more) || !holds.has_credit_room(more))
    return fail(ErrorCode::amount_overflow, to_text(more));
  if (!wallet.covers(more))
    return fail(ErrorCode::insufficient_funds,
                "Available: " + to_text(wallet.available()) + ", needed: " + to_text(more) + ".");
  return {};
}

Amount sum_of(const std::vector<CaptureLeg>& legs) {
  Amount sum;
  for (const CaptureLeg& leg : legs) sum += leg.amount;
  return sum;
}

}  // namespace

Result<HoldPlaced> Ledger::place(const HoldPlaced& request) const {
  if (request.hold.is_nil()) return fail(ErrorCode::invalid_argument, "the hold has no id");
  if (holds_.contains(request.hold)) return fail(ErrorCode::conflict, "the hold " + to_text(request.hold) + " exists");
  if (request.wallet == request.holds) return fail(ErrorCode::same_account, to_text(request.wallet));
  if (!request.amount.is_positive()) return fail(ErrorCode::amount_not_positive, to_text(request.amount));
  const Account* wallet = account(request.wallet);
  const Account* holds = account(request.holds);
  if (wallet == nullptr) return fail(ErrorCode::account_not_found, to_text(request.wallet));
  if (holds == nullptr) return fail(ErrorCode::account_not_found, to_text(request.holds));
  if (wallet->unit != holds->unit) return fail(ErrorCode::unit_mismatch);
  CHECK_OK(check_growth(*wallet, *holds, request.amount));
  return request;
}

Result<const Hold*> Ledger::open_hold(HoldId id) const {
  const Hold* known = hold(id);
  if (known == nullptr) return fail(ErrorCode::hold_not_found, to_text(id));
  if (known->ended) return fail(ErrorCode::hold_closed, to_text(id));
  return known;
}

Result<HoldExtended> Ledger::extend(const HoldExtended& request) const {
  if (request.extra.is_negative())
    return fail(ErrorCode::invalid_argument, "a hold can't be extended by less than zero");
  TRY(const Hold* known, open_hold(request.hold));
  if (!checked_add(known->amount, request.extra)) return fail(ErrorCode::amount_overflow, to_text(request.extra));
  CHECK_OK(check_growth(*account(known->wallet), *account(known->holds), request.extra));
  return request;
}

Result<HoldCaptured> Ledger::capture(const HoldCaptured& request) const {
  TRY(const Hold* known, open_hold(request.hold));
  if (request.legs.empty()) return fail(ErrorCode::invalid_argument, "a capture needs at least one leg");
  const Account& wallet = *account(known->wallet);
  Amount sum;
  for (const CaptureLeg& leg : request.legs) {
    if (leg.credit == known->wallet) return fail(ErrorCode::same_account, to_text(leg.credit));
    if (!leg.amount.is_positive()) return fail(ErrorCode::amount_not_positive, to_text(leg.amount));
    const Account* credit = account(leg.credit);
    if (credit == nullptr) return fail(ErrorCode::account_not_found, to_text(leg.credit));
    if (credit->unit != wallet.unit) return fail(ErrorCode::unit_mismatch, to_text(leg.credit));
    const auto longer = checked_add(sum, leg.amount);
    if (!longer || *longer > known->remaining())
      return fail(ErrorCode::exceeds_hold, "Left: " + to_text(known->remaining()) + ".");
    sum = *longer;
    // Several legs may credit one account, so it must have room for all of them.
    if (!credit->has_credit_room(sum)) return fail(ErrorCode::amount_overflow, to_text(leg.credit));
  }
  return request;
}

Result<HoldEnded> Ledger::release(HoldId id, HoldEnd reason) const {
  TRY(const Hold* known, open_hold(id));
  return HoldEnded{.hold = id, .released = known->remaining(), .reason = reason};
}

std::vector<HoldId> Ledger::expired(Instant now, std::size_t limit) const {
  std::vector<HoldId> ids;
  for (const auto& [expires_at, id] : expiry_) {
    if (expires_at > now || ids.size() == limit) break;
    ids.push_back(id);
  }
  return ids;
}

Hold& Ledger::live_hold(HoldId id) {
  const auto at = holds_.find(id);
  BOURSE_ASSERT(at != holds_.end() && !at->second.ended);
  return at->second;
}

void Ledger::apply(const HoldPlaced& event) {
  BOURSE_ASSERT(event.amount.is_positive());
  known_account(event.wallet).debits_pending += event.amount;
  known_account(event.holds).credits_pending += event.amount;
  const bool added = holds_
                         .try_emplace(event.hold, Hold{.id = event.hold,
                                                       .wallet = event.wallet,
                                                       .holds = event.holds,
                                                       .amount = event.amount,
                                                       .expires_at = event.expires_at,
                                                       .reference = event.reference})
                         .second;
  BOURSE_ASSERT(added);
  expiry_.emplace(event.expires_at, event.hold);
}

void Ledger::apply(const HoldExtended& event) {
  BOURSE_ASSERT(!event.extra.is_negative());
  Hold& hold = live_hold(event.hold);
  known_account(hold.wallet).debits_pending += event.extra;
  known_account(hold.holds).credits_pending += event.extra;
  hold.amount += event.extra;
  expiry_.erase({hold.expires_at, hold.id});
  hold.expires_at = event.expires_at;
  expiry_.emplace(hold.expires_at, hold.id);
}

void Ledger::apply(const HoldCaptured& event) {
  Hold& hold = live_hold(event.hold);
  const Amount sum = sum_of(event.legs);
  BOURSE_ASSERT(sum.is_positive() && sum <= hold.remaining());
  Account& wallet = known_account(hold.wallet);
  wallet.debits_pending -= sum;
  wallet.debits_posted += sum;
  known_account(hold.holds).credits_pending -= sum;
  for (const CaptureLeg& leg : event.legs) {
    BOURSE_ASSERT(leg.amount.is_positive());
    known_account(leg.credit).credits_posted += leg.amount;
  }
  hold.captured += sum;
}

void Ledger::apply(const HoldEnded& event) {
  Hold& hold = live_hold(event.hold);
  BOURSE_ASSERT(event.released == hold.remaining());
  known_account(hold.wallet).debits_pending -= event.released;
  known_account(hold.holds).credits_pending -= event.released;
  hold.released = event.released;
  hold.ended = true;
  expiry_.erase({hold.expires_at, hold.id});
  ended_holds_.push_back(hold.id);
  if (ended_holds_.size() > retention_.ended_holds) {
    holds_.erase(ended_holds_.front());
    ended_holds_.pop_front();
  }
}

const Hold* Ledger::hold(HoldId id) const {
  const auto at = holds_.find(id);
  return at == holds_.end() ? nullptr : &at->second;
}

}  // namespace bourse::ledger
