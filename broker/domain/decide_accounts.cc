// Wallets: opening, sharing and funding them; raw ledger work.
#include <absl/container/flat_hash_map.h>

#include <algorithm>

#include "base/assert.h"
#include "broker/domain/decider.h"
#include "broker/domain/renewal.h"
#include "broker/domain/text.h"

namespace bourse::broker {
namespace {

constexpr std::size_t kMaxMembers = 10'000;

bool same(const ledger::AccountOpened& a, const ledger::AccountOpened& b) {
  return a.unit == b.unit && a.code == b.code && a.limit == b.limit && a.credit_limit == b.credit_limit &&
         a.owner == b.owner;
}

Status check_openings(const std::vector<ledger::AccountOpened>& requests, const ledger::Ledger& ledger) {
  absl::flat_hash_map<LedgerAccountId, const ledger::AccountOpened*> seen;
  for (const ledger::AccountOpened& request : requests) {
    CHECK_OK(ledger.open(request));
    const auto [it, fresh] = seen.try_emplace(request.account, &request);
    if (!fresh && !same(*it->second, request)) return fail(ErrorCode::account_exists, to_text(request.account));
  }
  return {};
}

}  // namespace

Result<CommandResult> Decider::on(const OpenBillingAccount& command) {
  if (command.account.is_nil() || command.tenant.is_nil() || command.owner.is_nil())
    return fail(ErrorCode::invalid_argument, "account, tenant and owner must be given");
  if (!is_label(command.name)) return fail(ErrorCode::invalid_argument, "name must be 1 to 128 printable bytes");
  CHECK_OK(parse_unit(command.unit.text()));
  if (command.unit == kDu) return fail(ErrorCode::invalid_argument, "an account is kept in money; 度 are bought in packages");
  if (const BillingAccount* known = market_.account(command.account)) {
    const bool same = known->tenant == command.tenant && known->name == command.name && known->unit == command.unit &&
                      known->members.front() == command.owner;
    if (!same) return fail(ErrorCode::account_exists, to_text(command.account));
    return made(command.account.uuid);
  }
  const auto owned = std::ranges::count_if(market_.accounts_of(command.owner), [&](const BillingAccount* account) {
    return account->members.front() == command.owner;
  });
  if (static_cast<std::size_t>(owned) >= kMaxOwnedAccounts)
    return fail(ErrorCode::too_large, "A person owns at most 100 billing accounts.");
  const LedgerAccountId wallet =
      Market::platform_account(ledger::AccountCode::wallet, command.unit, command.account.uuid);
  TRY(auto opened, market_.ledger_.open({.account = wallet,
                                         .unit = command.unit,
                                         .code = ledger::AccountCode::wallet,
                                         .limit = ledger::Limit::credit_balance,
                                         .owner = command.account.uuid}));
  // What every wallet is traded against, so that a refused hold or funding emits nothing but its refusal.
  platform_account(ledger::AccountCode::bank_clearing, command.unit);
  platform_account(ledger::AccountCode::holds, command.unit);
  emit(std::move(opened));
  emit(BillingAccountOpened{command.account, command.tenant, command.name, wallet, command.unit, command.owner, now_});
  return made(command.account.uuid);
}

Result<CommandResult> Decider::on(const AddMember& command) {
  const BillingAccount* account = market_.account(command.account);
  if (account == nullptr) return fail(ErrorCode::not_found, "billing account " + to_text(command.account));
  if (command.user.is_nil()) return fail(ErrorCode::invalid_argument, "user must be given");
  if (contains(account->members, command.user)) return made(command.account.uuid);
  if (account->members.size() >= kMaxMembers)
    return fail(ErrorCode::too_large, "the account has 10,000 members already");
  emit(MemberAdded{command.account, command.user});
  return made(command.account.uuid);
}

Result<CommandResult> Decider::on(const RemoveMember& command) {
  const BillingAccount* account = market_.account(command.account);
  if (account == nullptr) return fail(ErrorCode::not_found, "billing account " + to_text(command.account));
  if (!contains(account->members, command.user)) return fail(ErrorCode::not_found, "The account has no such member.");
  if (account->members.front() == command.user) return fail(ErrorCode::failed_precondition, "The owner of an account can't be removed.");
  emit(MemberRemoved{command.account, command.user, command.by, now_});
  return made(command.account.uuid);
}

Result<CommandResult> Decider::on(const SetAccountPolicy& command) {
  const BillingAccount* account = market_.account(command.account);
  if (account == nullptr) return fail(ErrorCode::not_found, "billing account " + to_text(command.account));
  if (command.zone && !command.zone->empty()) CHECK_OK(Zone::named(*command.zone));
  if (command.frozen.value_or(false) && command.reason.empty()) return fail(ErrorCode::invalid_argument, "freezing needs a reason");
  if (command.when_empty.value_or(WhenEmpty::stop) > WhenEmpty::pause) return fail(ErrorCode::invalid_argument, "when_empty is unknown");
  const Duration limit = command.pause_limit.value_or(account->pause_limit);
  if (limit.ms < 0 || limit > kMaxPauseLimit) return fail(ErrorCode::invalid_argument, "pause_limit must be between zero and 30 days");
  emit(AccountPolicySet{account->id, command.frozen.value_or(account->frozen),
                        command.frozen ? shown(command.reason) : account->frozen_reason, command.zone.value_or(account->zone), now_,
                        command.when_empty.value_or(account->when_empty), limit});
  return made(command.account.uuid);
}

Result<CommandResult> Decider::on(const SetMemberLimits& command) {
  TRY(const BillingAccount* account, usable_account(command.account, command.user));
  const MemberLimits& limits = command.limits;
  for (const auto& limit : {limits.total, limits.per_day, limits.per_month, limits.per_job})
    if (limit && limit->is_negative()) return fail(ErrorCode::invalid_argument, "a limit must not be below zero");
  emit(MemberLimitsSet{account->id, command.user, limits, now_});
  return made(command.account.uuid);
}

Status Decider::check_spending(const BillingAccount& account, UserId user, Amount hold, Amount of_job) const {
  const MemberSpending* spending = market_.spending(account.id, user);
  if (spending == nullptr) return {};
  const auto [day, month] = market_.calendar(account, now_);
  if (auto why = spending->refuses(hold, of_job, day, month)) return fail(ErrorCode::member_limit, std::move(*why));
  return {};
}

Status Decider::check(const FundAccount& act) const {
  if (market_.account(act.account) == nullptr)
    return fail(ErrorCode::not_found, "billing account " + to_text(act.account));
  if (act.transfer.is_nil()) return fail(ErrorCode::invalid_argument, "transfer must be given");
  if (!act.amount.is_positive()) return fail(ErrorCode::amount_not_positive);
  if (market_.reversal(act.transfer.uuid) != nullptr)
    return fail(ErrorCode::failed_precondition, "That entry was credited and reversed; credit it again under a reference of its own.");
  return {};
}

Result<CommandResult> Decider::on(const FundAccount& act) {
  CHECK_OK(check(act));
  const BillingAccount* account = market_.account(act.account);
  CHECK_OK(post({.id = act.transfer,
                 .debit = platform_account(ledger::AccountCode::bank_clearing, account->unit),
                 .credit = account->wallet,
                 .amount = act.amount,
                 .code = ledger::TransferCode::top_up,
                 .reference = act.reference}));
  return made(act.transfer.uuid);
}

Result<CommandResult> Decider::on(const PostTransfers& command) {
  if (command.transfers.size() > kMaxTransfers || command.open.size() > kMaxTransfers)
    return fail(ErrorCode::too_large, "at most " + std::to_string(kMaxTransfers) + " transfers at once");
  CHECK_OK(check_openings(command.open, market_.ledger_));
  for (const ledger::AccountOpened& request : command.open) {
    if (market_.ledger_.account(request.account) != nullptr) continue;
    emit(request);
  }
  CommandResult result;
  result.transfers.reserve(command.transfers.size());
  market_.ledger_.post(command.transfers, result.transfers, [&](auto event) { forward_(Event(std::move(event))); });
  BOURSE_ASSERT(result.transfers.size() == command.transfers.size());
  return result;
}

}  // namespace bourse::broker
