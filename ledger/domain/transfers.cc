#include <algorithm>
#include <bit>

#include "base/assert.h"
#include "ledger/domain/ledger.h"

namespace bourse::ledger {
namespace {

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a ^ 0x9E3779B97F4A7C15) * (b ^ 0xD1B54A32D192ED03);
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64) ^ a ^ std::rotl(b, 32);
}

std::uint64_t fingerprint_of(LedgerAccountId debit, LedgerAccountId credit, Amount amount, TransferCode code,
                             Uuid reference) {
  std::uint64_t hash = mix(debit.uuid.high, debit.uuid.low);
  hash = mix(hash + credit.uuid.high, credit.uuid.low);
  hash = mix(hash + reference.high, reference.low);
  return mix(hash + static_cast<std::uint64_t>(amount.micros), static_cast<std::uint64_t>(code));
}

void move_posted(Account& debit, Account& credit, Amount amount) {
  debit.debits_posted += amount;
  credit.credits_posted += amount;
}

void undo_posted(Account& debit, Account& credit, Amount amount) {
  debit.debits_posted -= amount;
  credit.credits_posted -= amount;
}

constexpr ErrorCode kPosted{};

}  // namespace

std::uint64_t fingerprint(const TransferRequest& request) {
  return fingerprint_of(request.debit, request.credit, request.amount, request.code, request.reference);
}

// Memory is the bottleneck: all accounts are looked up first, and what a request will touch is fetched while those
// before it are decided.
void Ledger::decide(std::span<const TransferRequest> batch) {
  constexpr std::size_t kAhead = 12;
  decisions_.clear();
  sides_.clear();
  for (const TransferRequest& request : batch)
    sides_.push_back({.debit = find_account(request.debit), .credit = find_account(request.credit)});
  std::size_t fetched = 0;
  for (std::size_t begin = 0; begin < batch.size();) {
    for (; fetched < std::min(begin + kAhead, batch.size()); ++fetched) {
      decided_.prefetch(batch[fetched].id, kAhead);
      __builtin_prefetch(sides_[fetched].debit, 1);
      __builtin_prefetch(sides_[fetched].credit, 1);
    }
    std::size_t end = begin + 1;
    while (batch[end - 1].linked && end < batch.size()) ++end;
    if (end - begin == 1)
      decisions_.push_back(decide_one(batch[begin], sides_[begin]));
    else
      decide_chain(batch.subspan(begin, end - begin), begin);
    forget_old_transfers();
    begin = end;
  }
}

Ledger::Decision Ledger::decide_one(const TransferRequest& request, Sides sides) {
  using enum TransferOutcome::Kind;
  const std::uint64_t payload = fingerprint(request);
  if (const auto before = decided_before(request, payload)) return *before;
  const auto error = check(request, sides);
  if (!error) move_posted(*sides.debit, *sides.credit, request.amount);
  decided_.add({.id = request.id, .fingerprint = payload, .error = error.value_or(kPosted)});
  if (error) return {.outcome = {.kind = refused, .error = *error}, .fresh = true};
  return {.outcome = {.kind = posted}, .fresh = true};
}

std::optional<Ledger::Decision> Ledger::decided_before(const TransferRequest& request, std::uint64_t payload) const {
  using enum TransferOutcome::Kind;
  if (request.id.is_nil()) return Decision{.outcome = {.kind = refused, .error = ErrorCode::invalid_argument}};
  const DecidedTransfers::Entry* before = decided_.find(request.id);
  if (before == nullptr) return std::nullopt;
  if (before->fingerprint != payload) return Decision{.outcome = {.kind = refused, .error = ErrorCode::conflict}};
  if (before->error != kPosted) return Decision{.outcome = {.kind = refused, .error = before->error}};
  return Decision{.outcome = {.kind = existed}};
}

std::optional<TransferOutcome> Ledger::decided(const TransferRequest& request) const {
  const auto before = decided_before(request, fingerprint(request));
  return before ? std::optional(before->outcome) : std::nullopt;
}

std::optional<ErrorCode> Ledger::check(const TransferRequest& request, Sides sides) {
  const auto [debit, credit] = sides;
  if (request.debit == request.credit) return ErrorCode::same_account;
  if (!request.amount.is_positive()) return ErrorCode::amount_not_positive;
  if (debit == nullptr || credit == nullptr) return ErrorCode::account_not_found;
  if (debit->unit != credit->unit) return ErrorCode::unit_mismatch;
  if (!debit->has_debit_room(request.amount) || !credit->has_credit_room(request.amount))
    return ErrorCode::amount_overflow;
  if (!debit->covers(request.amount)) return ErrorCode::insufficient_funds;
  return std::nullopt;
}

// Decides the members one after the other, each seeing those before it; at the first refusal all are taken back.
void Ledger::decide_chain(std::span<const TransferRequest> chain, std::size_t first) {
  using enum TransferOutcome::Kind;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const Decision decision = decide_one(chain[i], sides_[first + i]);
    if (decision.outcome.kind != refused) {
      decisions_.push_back(decision);
      continue;
    }
    if (decision.fresh) decided_.forget_newest();
    for (std::size_t n = i; n-- > 0;) {
      if (!decisions_[first + n].fresh) continue;
      undo_posted(*sides_[first + n].debit, *sides_[first + n].credit, chain[n].amount);
      decided_.forget_newest();
    }
    decisions_.resize(first);
    refuse_chain(chain, i, decision.outcome.error);
    return;
  }
}

// Members decided before the chain keep that answer; repeats inside it get the first one's.
void Ledger::refuse_chain(std::span<const TransferRequest> chain, std::size_t culprit, ErrorCode error) {
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const std::uint64_t payload = fingerprint(chain[i]);
    if (const auto before = decided_before(chain[i], payload)) {
      decisions_.push_back(*before);
      continue;
    }
    const ErrorCode answer = i == culprit ? error : ErrorCode::linked_failed;
    decided_.add({.id = chain[i].id, .fingerprint = payload, .error = answer});
    decisions_.push_back({.outcome = {.kind = TransferOutcome::Kind::refused, .error = answer}, .fresh = true});
  }
}

void Ledger::apply(const Posted& event) {
  BOURSE_ASSERT(event.amount.is_positive() && event.debit != event.credit);
  BOURSE_ASSERT(decided_.find(event.transfer) == nullptr);
  move_posted(known_account(event.debit), known_account(event.credit), event.amount);
  decided_.add({.id = event.transfer,
                .fingerprint = fingerprint_of(event.debit, event.credit, event.amount, event.code, event.reference)});
  forget_old_transfers();
}

void Ledger::apply(const TransferRefused& event) {
  BOURSE_ASSERT(decided_.find(event.transfer) == nullptr && event.error != kPosted);
  decided_.add({.id = event.transfer, .fingerprint = event.fingerprint, .error = event.error});
  forget_old_transfers();
}

void Ledger::forget_old_transfers() {
  while (decided_.size() > retention_.decided_transfers) decided_.forget_oldest();
}

}  // namespace bourse::ledger
