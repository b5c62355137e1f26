// A shared wallet's rules: whether it takes jobs, how far it may go, and what each member may commit.
#include <fmt/format.h>

#include <algorithm>

#include "broker/adapters/api/api.h"
#include "broker/domain/text.h"

namespace bourse::broker::api {
namespace {

Result<std::optional<Amount>> read_limit(std::string_view field, const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto amount = parse_amount(text);
  if (!amount) return fail(amount.error().code, fmt::format("{}: {}", field, amount.error().detail));
  return std::optional(*amount);
}

v1::Member member_of(const Market& market, const BillingAccount& account, UserId user, Instant now) {
  v1::Member out;
  out.set_user(to_text(user));
  out.set_account(to_text(account.id));
  out.set_owner(account.members.front() == user);
  out.set_unit(std::string(account.unit.text()));
  const MemberSpending* found = market.spending(account.id, user);
  const MemberSpending spending = found == nullptr ? MemberSpending{} : *found;
  const auto [day, month] = market.calendar(account, now);
  const auto text = [](const std::optional<Amount>& limit) { return limit ? to_text(*limit) : std::string(); };
  v1::MemberLimits& limits = *out.mutable_limits();
  limits.set_total(text(spending.limits.total));
  limits.set_per_day(text(spending.limits.per_day));
  limits.set_per_month(text(spending.limits.per_month));
  limits.set_per_job(text(spending.limits.per_job));
  out.set_held(to_text(spending.held));
  out.set_spent(to_text(spending.total));
  out.set_spent_today(to_text(spending.day == day ? spending.of_day : Amount{}));
  out.set_spent_this_month(to_text(spending.month == month ? spending.of_month : Amount{}));
  return out;
}

}  // namespace

Result<v1::Wallet> Api::set_credit_limit(const v1::SetCreditLimitRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  CHECK_OK(scoped_key(caller, request.key()));
  TRY(const BillingAccountId account, id_or_not_found<BillingAccountIdKind>(request.account()));
  TRY(const v1::Wallet wallet, wallet_of(account));
  const auto limit = parse_amount(request.limit().amount());
  if (!limit) return fail(limit.error().code, fmt::format("limit: {}", limit.error().detail));
  if (!request.limit().unit().empty() && request.limit().unit() != wallet.unit())
    return fail(ErrorCode::unit_mismatch, fmt::format("The account is kept in {}.", wallet.unit()));
  CHECK_OK(check_text("note", request.note(), kMaxReason, true));
  CHECK_OK(check_text("reason", request.reason(), kMaxReason, true));
  const SetCreditLimit wanted{.account = account, .credit_limit = *limit, .until = Instant{request.until_ms()}, .reason = request.reason()};
  TRY(const Acted acted, act(caller, request.key(), fingerprint("SetCreditLimit", request), wanted, request.note()));
  TRY(v1::Wallet after, wallet_of(account));
  if (acted.proposal) *after.mutable_proposal() = *acted.proposal;
  return after;
}

Result<v1::Wallet> Api::set_account_policy(const v1::SetAccountPolicyRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const BillingAccountId account, id_or_not_found<BillingAccountIdKind>(request.account()));
  if (request.has_frozen() || !caller.has(Role::operator_)) {
    if (request.has_frozen())
      CHECK_OK(require(caller, {Role::finance, Role::operator_}));
    else
      CHECK_OK(may_rule(caller, account));
  }
  CHECK_OK(check_text("reason", request.reason(), kMaxReason, true));
  CHECK_OK(check_text("zone", request.zone(), 100, true));
  SetAccountPolicy command{.account = account, .reason = request.reason()};
  if (request.has_frozen()) command.frozen = request.frozen();
  if (request.has_zone()) command.zone = request.zone();
  if (request.has_pause_limit_ms()) command.pause_limit = milliseconds(request.pause_limit_ms());
  if (request.has_when_empty()) {
    const auto known = {WhenEmpty::stop, WhenEmpty::pause};
    const auto found = std::ranges::find(known, request.when_empty(), [](WhenEmpty policy) { return name(policy); });
    if (found == known.end()) return fail(ErrorCode::invalid_argument, "when_empty must be stop or pause.");
    command.when_empty = *found;
  }
  CHECK_OK(run(caller, request.key(), fingerprint("SetAccountPolicy", request), std::move(command)));
  return wallet_of(account);
}

// Its owner and finance; to everybody else it is not there.
Status Api::may_rule(const Caller& caller, BillingAccountId id) {
  TRY(const bool owns, look([caller, id](const Market& market) {
        const BillingAccount* account = market.account(id);
        return account != nullptr && (caller.has_any({Role::finance}) || account->members.front() == caller.user);
      }));
  if (!owns) return fail(ErrorCode::not_found, "There is no such billing account.");
  return {};
}

Result<v1::ListMembersReply> Api::list_members(const v1::ListMembersRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const BillingAccountId id, id_or_not_found<BillingAccountIdKind>(request.account()));
  CHECK_OK(may_rule(caller, id));
  TRY(auto members, look([id, now = parts_.clock.now()](const Market& market) {
        std::vector<std::pair<UserId, v1::Member>> out;
        if (const BillingAccount* account = market.account(id))
          for (const UserId user : account->members) out.emplace_back(user, member_of(market, *account, user, now));
        return out;
      }));
  std::vector<UserId> users;
  for (const auto& [user, member] : members) users.push_back(user);
  TRY(const auto names, queries_.user_names(users));
  v1::ListMembersReply reply;
  for (auto& [user, member] : members) {
    if (const auto found = names.find(user); found != names.end()) member.set_name(found->second);
    *reply.add_members() = std::move(member);
  }
  return reply;
}

Result<v1::Wallet> Api::open_account(const v1::OpenAccountRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::user}));
  CHECK_OK(check_text("name", request.name(), 128));
  TRY(const Unit unit, parse_unit(request.unit().empty() ? "CNY" : request.unit()));
  const Instant now = parts_.clock.now();
  TRY(const CommandResult done, run(caller, request.key(), fingerprint("OpenAccount", request),
                                    OpenBillingAccount{.account = BillingAccountId::make(now, parts_.rng), .tenant = caller.tenant,
                                                       .name = request.name(), .unit = unit, .owner = caller.user}));
  return wallet_of(BillingAccountId{done.object});
}

// The owner's alone: who is a member may spend his money.
Result<TenantId> Api::owned_by(const Caller& caller, BillingAccountId id) {
  TRY(const TenantId tenant, look([user = caller.user, id](const Market& market) {
        const BillingAccount* account = market.account(id);
        return account != nullptr && account->members.front() == user ? account->tenant : TenantId{};
      }));
  if (tenant.is_nil()) return fail(ErrorCode::not_found, "There is no such billing account.");
  return tenant;
}

Result<v1::Member> Api::add_member(const v1::MemberRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const BillingAccountId id, id_or_not_found<BillingAccountIdKind>(request.account()));
  TRY(const TenantId tenant, owned_by(caller, id));
  TRY(const UserId user, person_named(request.user(), request.issuer(), tenant));
  TRY(const CommandResult done, run(caller, request.key(), fingerprint("AddMember", request), AddMember{.account = id, .user = user}));
  TRY(v1::Member out, look([id, user, now = parts_.clock.now()](const Market& market) {
        return member_of(market, *market.account(id), user, now);
      }));
  TRY(const auto names, queries_.user_names({user}));
  if (const auto name = names.find(user); name != names.end()) out.set_name(name->second);
  out.set_position(done.position);
  return out;
}

Result<v1::Empty> Api::remove_member(const v1::MemberRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const BillingAccountId id, id_or_not_found<BillingAccountIdKind>(request.account()));
  CHECK_OK(owned_by(caller, id));
  TRY(const UserId user, id_or_not_found<UserIdKind>(request.user()));
  CHECK_OK(run(caller, request.key(), fingerprint("RemoveMember", request), RemoveMember{.account = id, .user = user, .by = caller.user}));
  return v1::Empty{};
}

Result<v1::Member> Api::set_member_limits(const v1::SetMemberLimitsRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const BillingAccountId id, id_or_not_found<BillingAccountIdKind>(request.account()));
  CHECK_OK(may_rule(caller, id));
  TRY(const UserId user, read_id<UserIdKind>("user", request.user()));
  MemberLimits limits;
  TRY(limits.total, read_limit("total", request.limits().total()));
  TRY(limits.per_day, read_limit("per_day", request.limits().per_day()));
  TRY(limits.per_month, read_limit("per_month", request.limits().per_month()));
  TRY(limits.per_job, read_limit("per_job", request.limits().per_job()));
  TRY(const CommandResult done, run(caller, request.key(), fingerprint("SetMemberLimits", request),
                                    SetMemberLimits{.account = id, .user = user, .limits = limits}));
  TRY(v1::Member out, look([id, user, now = parts_.clock.now()](const Market& market) {
        const BillingAccount* account = market.account(id);
        return account == nullptr ? v1::Member{} : member_of(market, *account, user, now);
      }));
  out.set_position(done.position);
  return out;
}

}  // namespace bourse::broker::api
