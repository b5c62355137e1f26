// The entrance of every decision: idempotency before it, the answer after it.
#include <algorithm>
#include <array>

#include "base/assert.h"
#include "broker/domain/decider.h"
#include "broker/domain/derive.h"
#include "ledger/domain/ledger.h"

namespace bourse::broker {

Result<CommandResult> Market::decide(const Command& command, const Emit& emit) {
  return Decider(*this, command, emit).run();
}

Result<CommandResult> Decider::run() {
  if (command_.key.size() > kMaxKey)
    return fail(ErrorCode::invalid_argument, "the idempotency key is longer than 255 bytes");
  if (!command_.key.empty()) {
    const auto it = market_.answers_.find(command_.key);
    if (it != market_.answers_.end()) return answer_again(command_.fingerprint, it->second);
  }
  auto result = std::visit([&](const auto& body) { return on(body); }, command_.body);
  if (command_.key.empty()) return result;
  if (result) {
    emit(CommandAnswered{command_.key, command_.fingerprint, {}, {}, result->object, now_});
  } else if (result.error().outcome() == Outcome::rejected) {
    emit(CommandAnswered{command_.key, command_.fingerprint, result.error().code, result.error().detail, {}, now_});
  }
  return result;
}

Result<CommandResult> Decider::answer_again(std::uint64_t fingerprint, const Market::Answer& answer) const {
  if (answer.fingerprint != fingerprint) return fail(ErrorCode::conflict);
  if (answer.error != ErrorCode{}) return fail(answer.error, answer.detail);
  CommandResult result;
  result.object = answer.object;
  result.repeated = true;
  return result;
}

void Decider::emit(Event event) {
  market_.apply(event);
  forward_(std::move(event));
}

LedgerAccountId Decider::platform_account(ledger::AccountCode code, Unit unit, Uuid owner) {
  const LedgerAccountId id = Market::platform_account(code, unit, owner);
  if (market_.ledger_.account(id) == nullptr) {
    auto opened =
        market_.ledger_.open({.account = id, .unit = unit, .code = code, .limit = ledger::Limit::none, .owner = owner});
    BOURSE_ASSERT(opened.has_value());
    emit(std::move(*opened));
  }
  return id;
}

Status Decider::post(const ledger::TransferRequest& request) {
  std::vector<ledger::TransferOutcome> outcomes;
  market_.ledger_.post(std::span(&request, 1), outcomes, [&](auto event) { forward_(Event(std::move(event))); });
  BOURSE_ASSERT(outcomes.size() == 1);
  if (outcomes[0].kind == ledger::TransferOutcome::Kind::refused) return fail(outcomes[0].error);
  return {};
}

void Decider::post_all(Uuid cause, Uuid reference, std::initializer_list<Leg> legs) {
  std::vector<ledger::TransferRequest> chain;
  for (const Leg& leg : legs) {
    if (!leg.amount.is_positive()) continue;
    const auto n = static_cast<std::uint32_t>(chain.size());
    chain.push_back({.id = derive_transfer(cause, n),
                     .debit = leg.debit,
                     .credit = leg.credit,
                     .amount = leg.amount,
                     .code = leg.code,
                     .reference = reference,
                     .linked = true});
  }
  if (chain.empty()) return;
  chain.back().linked = false;
  std::vector<ledger::TransferOutcome> outcomes;
  market_.ledger_.post(chain, outcomes, [&](auto event) { forward_(Event(std::move(event))); });
  for (const auto& outcome : outcomes) BOURSE_ASSERT(outcome.kind == ledger::TransferOutcome::Kind::posted);
}

Result<const BillingAccount*> Decider::usable_account(BillingAccountId id, UserId user) const {
  const BillingAccount* account = market_.account(id);
  if (account == nullptr || !contains(account->members, user))
    return fail(ErrorCode::not_found, "billing account " + to_text(id));
  return account;
}

}  // namespace bourse::broker
