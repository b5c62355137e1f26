// How far below zero a wallet may go. The limit that is wanted may be lower than what the wallet is below zero already: then
// what holds is that, no new job fits, and it falls as money comes in.
#include <algorithm>

#include "broker/domain/decider.h"
#include "broker/domain/text.h"

namespace bourse::broker {
namespace {

constexpr Duration kLongestExemption = hours(24 * 366);
constexpr std::size_t kMostAtOnce = 1'000;  // a tick

// By how much what was taken and what is held exceed what came in.
Amount below_zero(const ledger::Account& wallet) {
  const Amount below = wallet.debits_posted + wallet.debits_pending - wallet.credits_posted;
  return below.is_negative() ? Amount{} : below;
}

}  // namespace

Status Decider::check(const SetCreditLimit& act) const {
  const BillingAccount* account = market_.account(act.account);
  if (account == nullptr) return fail(ErrorCode::not_found, "billing account " + to_text(act.account));
  CHECK_OK(market_.ledger_.set_credit_limit({account->wallet, act.credit_limit}));
  if (act.until.unix_ms == 0) return {};
  if (act.until <= now_ || act.until - now_ > kLongestExemption)
    return fail(ErrorCode::invalid_argument, "until must lie ahead, by 366 days at most");
  if (act.reason.empty()) return fail(ErrorCode::invalid_argument, "whitelisting needs a reason");
  return {};
}

Result<CommandResult> Decider::on(const SetCreditLimit& act) {
  CHECK_OK(check(act));
  const BillingAccount& account = *market_.account(act.account);
  CreditRule rule{.ordinary = act.credit_limit, .exempt = {}, .until = {}, .reason = {}, .falling = false};
  if (act.until.unix_ms != 0) {
    const Amount ordinary = account.credit ? account.credit->ordinary : market_.ledger_.account(account.wallet)->credit_limit;
    rule = {.ordinary = ordinary, .exempt = act.credit_limit, .until = act.until, .reason = shown(act.reason), .falling = false};
  }
  apply_credit(account, std::move(rule));
  return made(act.account.uuid);
}

// Brings what holds to what the rule wants, as far as the wallet lets it.
void Decider::apply_credit(const BillingAccount& account, CreditRule rule) {
  if (rule.until <= now_) rule = {.ordinary = rule.ordinary, .exempt = {}, .until = {}, .reason = {}, .falling = false};
  const ledger::Account& wallet = *market_.ledger_.account(account.wallet);
  const Amount wanted = std::max(rule.ordinary, rule.exempt), limit = std::max(wanted, below_zero(wallet));
  rule.falling = limit > wanted;
  const LedgerAccountId id = account.wallet;
  const bool moves = limit != wallet.credit_limit;
  if (rule != account.credit) emit(CreditRuleSet{account.id, std::move(rule), now_});
  if (moves) emit(ledger::CreditLimitSet{id, limit});
}

void Decider::settle_credit() {
  std::vector<BillingAccountId> due;
  for (const BillingAccountId id : market_.credit_pending_) {
    const BillingAccount& account = *market_.account(id);
    const bool ends = account.credit->until.unix_ms != 0 && account.credit->until <= now_;
    const ledger::Account& wallet = *market_.ledger_.account(account.wallet);
    if (ends || (account.credit->falling && below_zero(wallet) < wallet.credit_limit)) due.push_back(id);
    if (due.size() == kMostAtOnce) break;
  }
  for (const BillingAccountId id : due) apply_credit(*market_.account(id), *market_.account(id)->credit);
}

}  // namespace bourse::broker
