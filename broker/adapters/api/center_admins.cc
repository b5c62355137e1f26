// Who speaks for a center: people whom an operator binds to it, and what they may see and set. Their role comes from the gateway, their
// center from here: both are asked for.
#include <fmt/format.h>

#include <algorithm>

#include "broker/adapters/api/api.h"
#include "broker/domain/text.h"

namespace bourse::broker::api {

Result<UserId> Api::person_named(const std::string& user, const std::string& issuer, std::optional<TenantId> tenant) {
  CHECK_OK(check_text("user", user, 255));
  CHECK_OK(check_text("issuer", issuer, 500, true));
  TRY(const Person person, identity_.person(user, issuer));
  if (tenant && person.tenant != *tenant) return fail(ErrorCode::not_found, "There is no such person; who is added must have signed in once.");
  return person.user;
}

Result<v1::CenterAdmin> Api::add_center_admin(const v1::CenterAdminRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::operator_}));
  TRY(const CenterId center, center_of(request.center()));
  TRY(const UserId user, person_named(request.user(), request.issuer(), std::nullopt));
  CHECK_OK(identity_.add_center_admin(center, user, caller.user, parts_.clock.now()));
  TRY(const v1::ListCenterAdminsReply all, list_center_admins([&] {
        v1::ListCenterAdminsRequest same;
        *same.mutable_principal() = request.principal();
        same.set_center(to_text(center));
        return same;
      }()));
  const auto added = std::ranges::find(all.admins(), to_text(user), &v1::CenterAdmin::user);
  if (added == all.admins().end()) return fail(ErrorCode::not_found, "He was removed again meanwhile.");
  return *added;
}

Result<v1::Empty> Api::remove_center_admin(const v1::CenterAdminRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::operator_}));
  TRY(const CenterId center, center_of(request.center()));
  TRY(const UserId user, id_or_not_found<UserIdKind>(request.user()));
  CHECK_OK(identity_.remove_center_admin(center, user));
  return v1::Empty{};
}

Result<v1::ListCenterAdminsReply> Api::list_center_admins(const v1::ListCenterAdminsRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const auto seen, centers_seen(caller, {Role::operator_}));
  TRY(const CenterId center, center_of(request.center()));
  CHECK_OK(check_seen(seen, center));
  TRY(const auto admins, identity_.center_admins(center));
  TRY(const std::string center_named, look([center](const Market& market) { return center_name(market, center); }));
  v1::ListCenterAdminsReply reply;
  for (const Identity::CenterAdmin& one : admins) {
    v1::CenterAdmin& out = *reply.add_admins();
    out.set_center(to_text(center));
    out.set_center_name(center_named);
    out.set_user(to_text(one.user));
    out.set_name(one.name);
    out.set_added_ms(one.added_at.unix_ms);
    out.set_added_by_name(one.added_by_name);
  }
  return reply;
}

Result<std::optional<std::vector<CenterId>>> Api::centers_seen(const Caller& caller, std::initializer_list<Role> staff) {
  if (caller.has_any(staff)) return std::nullopt;
  if (!caller.has(Role::center_admin)) CHECK_OK(require(caller, staff));
  TRY(std::vector<CenterId> own, identity_.centers_of(caller.user));
  return std::optional(std::move(own));
}

Status Api::check_seen(const std::optional<std::vector<CenterId>>& seen, CenterId center) {
  if (!seen || std::ranges::find(*seen, center) != seen->end()) return {};
  return fail(ErrorCode::not_found, "There is no such center.");
}

Result<CenterId> Api::price_setter(const Caller& caller, const std::string& named) {
  if (named.empty()) {
    if (!caller.has(Role::operator_) && caller.has(Role::center_admin))
      return fail(ErrorCode::forbidden, "Say for which center: for_center. The platform's own prices need the role operator.");
    CHECK_OK(require(caller, {Role::operator_}));
    return CenterId{};
  }
  CHECK_OK(require(caller, {Role::center_admin}));
  TRY(const CenterId center, center_of(named));
  TRY(const std::vector<CenterId> own, identity_.centers_of(caller.user));
  CHECK_OK(check_seen(own, center));
  return center;
}

Result<v1::Contract> Api::set_settlement_prices(const v1::SetSettlementPricesRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const std::string key, scoped_key(caller, request.key()));
  if (request.center().empty()) return fail(ErrorCode::invalid_argument, "center is empty.");
  TRY(const CenterId by, price_setter(caller, request.center()));
  if (request.valid_from_ms() < 0) return fail(ErrorCode::invalid_argument, "valid_from is before 1970.");
  CHECK_OK(check_text("note", request.note(), kMaxReason, true));
  const Instant from = request.valid_from_ms() == 0 ? parts_.clock.now() : Instant{request.valid_from_ms()};
  TRY(const std::optional<Contract> before, look([by, from](const Market& market) -> std::optional<Contract> {
        const Contract* found = contract_at(market.center(by)->contracts, from);
        return found == nullptr ? std::nullopt : std::optional(*found);
      }));
  if (!before) return fail(ErrorCode::failed_precondition, "The center has no contract then.");
  SetContract wanted{.contract = *before, .by = by};
  wanted.contract.id = ContractId{derived_uuid("contract", key)};
  wanted.contract.valid_from = from;
  TRY(wanted.contract.settlement, read_settlement(request.rows(), by, key, from));
  TRY(const Acted acted, act(caller, request.key(), fingerprint("SetSettlementPrices", request), wanted, request.note()));
  return contract_reply(wanted.contract, acted);
}

}  // namespace bourse::broker::api
