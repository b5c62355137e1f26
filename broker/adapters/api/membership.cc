// How a center becomes a member, seen from the operators' side: its invitation, and its admission once it has joined.
#include <fmt/format.h>

#include <algorithm>

#include "broker/adapters/api/api.h"
#include "broker/domain/text.h"
#include "federation-proto/bundle.h"

namespace bourse::broker::api {
namespace {

std::optional<Invitation> open_invitation(const Market& market, const std::string& name_or_id, Instant now) {
  for (const Invitation* one : market.invitations())
    if (one->expires_at > now && (one->name == name_or_id || to_text(one->center) == name_or_id)) return *one;
  return std::nullopt;
}

// Who asks to be let in. A center that was let in already is still found, so that a lost answer can be asked for again.
struct Newcomer {
  EnrolCenter act;
  bool joined = true;
};

std::optional<Newcomer> newcomer(const Market& market, const std::string& name_or_id, Instant now) {
  if (const auto invited = open_invitation(market, name_or_id, now))
    return Newcomer{.act = {.center = invited->center,
                            .name = invited->name,
                            .connector = invited->connector,
                            .identity_key = invited->identity_key,
                            .billing_key = invited->billing_key,
                            .unit = invited->unit},
                    .joined = invited->joined()};
  for (const Center* member : market.centers())
    if (member->name == name_or_id || to_text(member->id) == name_or_id)
      return Newcomer{.act = {.center = member->id,
                              .name = member->name,
                              .connector = member->connector,
                              .identity_key = member->identity_key,
                              .billing_key = member->billing_key,
                              .unit = market.period(member->open_period)->unit}};
  return std::nullopt;
}

Status check_told(const Newcomer& who, const Hash256& told) {
  if (!who.joined)
    return fail(ErrorCode::failed_precondition, fmt::format("Nobody has joined as {} yet: its people run 'bourse-connector join' first.", who.act.name));
  const Hash256 joined = federation::keys_fingerprint(who.act.identity_key, who.act.billing_key);
  if (joined == told) return {};
  return fail(ErrorCode::failed_precondition,
              fmt::format("The fingerprints differ! You were told {}; but the keys that joined as {} have {}. Nobody was let in. Unless it was misread, "
                          "somebody else has used the bundle: withdraw the invitation and make another.",
                          federation::shown_fingerprint(told), who.act.name, federation::shown_fingerprint(joined)));
}

}  // namespace

Result<v1::InviteCenterReply> Api::invite_center(const v1::InviteCenterRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::operator_}));
  CHECK_OK(scoped_key(caller, request.key()));
  if (!is_slug(request.name()))
    return fail(ErrorCode::invalid_argument, "name: 1 to 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit.");
  const auto unit = parse_unit(request.unit().empty() ? "CNY" : request.unit());
  if (!unit) return fail(ErrorCode::invalid_argument, "unit: expected a code like CNY.");
  if (request.validity_ms() < 0 || request.validity_ms() > kMaxInvitationValidity.ms)
    return fail(ErrorCode::invalid_argument, "validity_ms: from 1 to 604800000 (7 days), or 0 for 10 minutes.");

  const CenterId center = CenterId::make(parts_.clock.now(), parts_.rng);
  const std::string token = federation::make_join_token(center, parts_.rng);
  TRY(const CommandResult done, run(caller, request.key(), fingerprint("InviteCenter", request),
                                    InviteCenter{.center = center,
                                                 .name = request.name(),
                                                 .unit = *unit,
                                                 .token = federation::token_hash(token),
                                                 .by = caller.user,
                                                 .validity = request.validity_ms() == 0 ? kInvitationValidity : milliseconds(request.validity_ms())}));
  if (done.repeated)
    return fail(ErrorCode::conflict, fmt::format("The bundle of this invitation was shown once and is kept nowhere; withdraw the invitation of {} and make another.",
                                                 request.name()));
  TRY(const std::optional<Invitation> made, look([center](const Market& market) -> std::optional<Invitation> {
        const Invitation* invitation = market.invitation(center);
        return invitation == nullptr ? std::nullopt : std::optional(*invitation);
      }));
  if (!made) return fail(ErrorCode::failed_precondition, "The invitation was withdrawn meanwhile.");
  v1::InviteCenterReply reply;
  reply.set_bundle_json(federation::to_json(federation::JoinBundle{.audience = options_.name,
                                                                   .center = center,
                                                                   .center_name = made->name,
                                                                   .token = token,
                                                                   .expires_at = made->expires_at,
                                                                   .connect = options_.edge_connect,
                                                                   .server_name = options_.edge_server_name,
                                                                   .join_server_name = options_.edge_join_server_name,
                                                                   .root_pem = parts_.authority.root_pem(),
                                                                   .order_key = parts_.keys.order.public_key,
                                                                   .ack_key = parts_.keys.ack.public_key}));
  return reply;
}

Result<v1::ListInvitationsReply> Api::list_invitations(const v1::ListInvitationsRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::operator_}));
  TRY(std::vector<Invitation> open, look([now = parts_.clock.now()](const Market& market) {
        std::vector<Invitation> out;
        for (const Invitation* one : market.invitations())
          if (one->expires_at > now) out.push_back(*one);
        return out;
      }));
  std::ranges::sort(open, {}, [](const Invitation& one) { return std::pair(one.at, one.center); });
  std::vector<UserId> inviters;
  for (const Invitation& one : open) inviters.push_back(one.by);
  TRY(const auto names, queries_.user_names(inviters));
  v1::ListInvitationsReply reply;
  for (const Invitation& one : open) {
    v1::Invitation& out = *reply.add_invitations();
    out.set_center(to_text(one.center));
    out.set_name(one.name);
    out.set_unit(std::string(one.unit.text()));
    out.set_by(to_text(one.by));
    if (const auto found = names.find(one.by); found != names.end()) out.set_by_name(found->second);
    out.set_at_ms(one.at.unix_ms);
    out.set_expires_ms(one.expires_at.unix_ms);
    if (!one.joined()) continue;
    out.set_joined_ms(one.joined_at.unix_ms);
    out.set_fingerprint(federation::shown_fingerprint(federation::keys_fingerprint(one.identity_key, one.billing_key)));
  }
  return reply;
}

Result<v1::Empty> Api::withdraw_invitation(const v1::WithdrawInvitationRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::operator_}));
  CHECK_OK(scoped_key(caller, request.key()));
  CHECK_OK(check_text("reason", request.reason(), kMaxReason, true));
  TRY(const std::optional<Invitation> open, look([name = request.center(), now = parts_.clock.now()](const Market& market) { return open_invitation(market, name, now); }));
  // Without an invitation the engine still knows what it answered under this key; else it refuses to withdraw nothing.
  const auto done = run(caller, request.key(), fingerprint("WithdrawInvitation", request),
                        WithdrawInvitation{.center = open ? open->center : CenterId{}, .by = caller.user, .reason = request.reason()});
  if (!done && done.error().code == ErrorCode::not_found) return fail(ErrorCode::not_found, "No such invitation is open.");
  if (!done) return std::unexpected(done.error());
  return v1::Empty{};
}

Result<v1::Admission> Api::admit_center(const v1::AdmitCenterRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::operator_}));
  CHECK_OK(scoped_key(caller, request.key()));
  CHECK_OK(check_text("note", request.note(), kMaxReason, true));
  const auto told = federation::read_fingerprint(request.fingerprint());
  if (!told) return fail(ErrorCode::invalid_argument, "fingerprint: " + told.error().detail + ".");
  TRY(const std::optional<Newcomer> who, look([name = request.center(), now = parts_.clock.now()](const Market& market) { return newcomer(market, name, now); }));
  if (who) CHECK_OK(check_told(*who, *told));
  // As in withdrawing: nobody can't be let in, but an earlier answer under this key may be asked for again.
  auto acted = act(caller, request.key(), fingerprint("AdmitCenter", request), who ? who->act : EnrolCenter{}, request.note());
  if (!acted && !who && acted.error().code == ErrorCode::failed_precondition) return fail(ErrorCode::not_found, "No such invitation is open.");
  if (!acted) return std::unexpected(acted.error());
  v1::Admission reply;
  if (acted->proposal) {
    reply.set_center(acted->proposal->act().enrol_center().center());
    reply.set_name(acted->proposal->act().enrol_center().name());
    *reply.mutable_proposal() = std::move(*acted->proposal);
    return reply;
  }
  const CenterId admitted{acted->result.object};
  reply.set_center(to_text(admitted));
  TRY(*reply.mutable_name(), look([admitted](const Market& market) { return center_name(market, admitted); }));
  return reply;
}

}  // namespace bourse::broker::api
