// Invitations, joining, admission and certificates (membership.h).
#include <algorithm>

#include "broker/domain/decider.h"
#include "broker/domain/derive.h"
#include "broker/domain/text.h"

namespace bourse::broker {
namespace {

std::unexpected<Error> invalid(std::string what) { return fail(ErrorCode::invalid_argument, std::move(what)); }
std::unexpected<Error> refused(std::string what) { return fail(ErrorCode::failed_precondition, std::move(what)); }

Status check_keys(const PublicKey& identity, const PublicKey& billing) {
  if (identity == billing) return invalid("identity and billing key must differ");
  if (identity == PublicKey{} || billing == PublicKey{}) return invalid("a key is missing");
  return {};
}

template <class Holder>
bool has_key(const Holder& holder, const PublicKey& key) {
  return holder.identity_key == key || holder.billing_key == key;
}

// It has neither the generation that was taken up nor the newest. With none taken up, any that was issued is good.
bool is_copy(const Certification& has, std::uint64_t generation) {
  return has.acknowledged > 0 && generation != has.acknowledged && generation != has.issued;
}

}  // namespace

// A key speaks for one center only, and so does a connector's id: else one could deny or double what the other signed.
Status Decider::check_unused(CenterId center, ConnectorId connector, const PublicKey& identity, const PublicKey& billing) const {
  const auto known = [&](const auto& holder) { return has_key(holder, identity) || has_key(holder, billing); };
  for (const auto& [id, other] : market_.centers_) {
    if (id == center || other.connector == connector) return refused("the id belongs to center " + other.name);
    if (known(other)) return refused("a key is known from another center");
  }
  for (const auto& [id, other] : market_.invitations_) {
    if (id == center || !other.joined()) continue;
    if (other.connector == connector) return refused("the id belongs to center " + other.name);
    if (known(other)) return refused("a key is known from another center");
  }
  return {};
}

Result<CommandResult> Decider::on(const InviteCenter& command) {
  if (command.center.is_nil() || command.by.is_nil()) return invalid("the center's id and who invites it must be given");
  if (!is_slug(command.name)) return invalid("name must be 1 to 63 of a-z, 0-9 and -");
  CHECK_OK(parse_unit(command.unit.text()));
  if (command.unit == kDu) return invalid("a center is settled in money");
  if (command.validity <= Duration{} || command.validity > kMaxInvitationValidity) return invalid("an invitation is good for at most 7 days");
  if (command.token == Hash256{}) return invalid("the token is missing");
  if (market_.center_named(command.name) != nullptr) return refused("there is a center named " + command.name);
  if (market_.center(command.center) != nullptr || market_.invitations_.contains(command.center)) return refused("the center's id must be new");
  if (market_.invitations_.size() >= kMaxInvitations) return fail(ErrorCode::overloaded, "1,000 invitations are open; withdraw some");
  for (const auto& [id, other] : market_.invitations_)
    if (other.name == command.name) return refused("an invitation for " + command.name + " is open; withdraw it first");
  emit(CenterInvited{{.center = command.center,
                      .name = command.name,
                      .unit = command.unit,
                      .token = command.token,
                      .by = command.by,
                      .at = now_,
                      .expires_at = now_ + command.validity,
                      .connector = {},
                      .joined_at = {}}});
  return made(command.center.uuid);
}

Result<CommandResult> Decider::on(const UseInvitation& command) {
  CHECK_OK(check_keys(command.identity_key, command.billing_key));
  if (command.connector.is_nil()) return invalid("the connector's id must be given");
  if (const Center* member = market_.center(command.center)) {  // its last answer was lost
    if (member->identity_key == command.identity_key && member->billing_key == command.billing_key) return made(command.center.uuid);
    return fail(ErrorCode::conflict, "another connector has joined with this invitation");
  }
  const auto found = market_.invitations_.find(command.center);
  if (found == market_.invitations_.end() || found->second.token != command.token)
    return fail(ErrorCode::not_found, "there is no such invitation: it has expired, was withdrawn or was never made");
  const Invitation& invitation = found->second;
  if (invitation.joined()) {
    if (invitation.identity_key == command.identity_key && invitation.billing_key == command.billing_key) return made(command.center.uuid);
    return fail(ErrorCode::conflict, "another connector has joined with this invitation");
  }
  if (invitation.expires_at <= now_) return refused("the invitation has expired; ask for another");
  CHECK_OK(check_unused(command.center, command.connector, command.identity_key, command.billing_key));
  emit(InvitationUsed{command.center, command.connector, command.identity_key, command.billing_key, now_, now_ + kAdmissionPatience});
  return made(command.center.uuid);
}

Result<CommandResult> Decider::on(const WithdrawInvitation& command) {
  if (!market_.invitations_.contains(command.center)) return fail(ErrorCode::not_found, "no invitation is open for center " + to_text(command.center));
  if (command.by.is_nil()) return invalid("by must be given");
  emit(InvitationEnded{command.center, InvitationEnd::withdrawn, command.by, shown(command.reason), now_});
  end_admissions(command.center, ProposalEnd::withdrawn, command.by, "its invitation was withdrawn");
  return made(command.center.uuid);
}

void Decider::expire_invitations() {
  std::vector<CenterId> over;
  for (const auto& [id, invitation] : market_.invitations_)
    if (invitation.expires_at <= now_) over.push_back(id);
  for (const CenterId id : over) {
    emit(InvitationEnded{id, InvitationEnd::expired, {}, {}, now_});
    end_admissions(id, ProposalEnd::expired, {}, "its invitation has expired");
  }
}

// An admission that was proposed is over with its invitation: else an approval would let in whom somebody has just turned away.
void Decider::end_admissions(CenterId invited, ProposalEnd end, UserId by, const std::string& reason) {
  std::vector<ProposalId> over;
  for (const Proposal* proposal : market_.proposals())
    if (const auto* act = std::get_if<EnrolCenter>(&proposal->act); act != nullptr && act->center == invited) over.push_back(proposal->id);
  for (const ProposalId id : over) emit(ProposalEnded{id, end, by, reason, now_});
}

// Only what joined is let in, by what people have compared: the act must be the invitation. That name and keys are nobody else's was
// seen to when it was made and used.
Status Decider::check(const EnrolCenter& act) const {
  const Invitation* joined = market_.invitation(act.center);
  if (joined == nullptr || !joined->joined() || joined->expires_at <= now_) return refused("nobody who has joined as " + shown(act.name) + " waits to be admitted");
  const bool same = joined->name == act.name && joined->unit == act.unit && joined->connector == act.connector &&
                    joined->identity_key == act.identity_key && joined->billing_key == act.billing_key;
  if (!same) return refused("that is not what joined as " + joined->name);
  return {};
}

Result<CommandResult> Decider::on(const EnrolCenter& act) {
  CHECK_OK(check(act));
  emit(CenterEnrolled{act.center, act.name, act.connector, act.identity_key, act.billing_key, now_});
  emit(PeriodOpened{derive_period(act.center, 1, now_), act.center, act.unit, 1, now_, {}});
  return made(act.center.uuid);
}

Result<const Center*> Decider::certified(CenterId id, ConnectorId connector) const {
  const Center* center = market_.center(id);
  if (center == nullptr || center->connector != connector) return fail(ErrorCode::unauthenticated, "an unknown connector");
  if (barred(center->state))
    return fail(ErrorCode::forbidden, "the center is " + std::string(name(center->state)));
  return center;
}

// The connector itself or somebody with its keys goes on with an old certificate: which of the two is the center's own, a
// person has to find out.
void Decider::lock_copy(const Center& center, std::uint64_t generation) {
  emit(CenterStateChanged{center.id, CenterState::quarantined,
                          "two connectors have its keys: one showed certificate generation " + std::to_string(generation) + ", where " +
                              std::to_string(center.certification.acknowledged) + " had been taken up and " + std::to_string(center.certification.issued) +
                              " was the newest",
                          now_});
}

Result<CommandResult> Decider::on(const CertifyConnector& command) {
  TRY(const Center* center, certified(command.center, command.connector));
  if (command.until <= now_) return invalid("the certificate must be good for some time");
  const Certification& has = center->certification;
  if (command.generation > has.issued) return invalid("generation " + std::to_string(command.generation) + " was never issued");
  if (is_copy(has, command.generation)) {
    lock_copy(*center, command.generation);
    return made(command.center.uuid);
  }
  const bool recovers = has.issued > 0 && has.until <= now_;
  if (recovers && has.recoveries >= kRecoveries)
    return refused("the certificate has run out " + std::to_string(kRecoveries + 1) + " times; the market's operator looks into it and resumes the center");
  // Never one number for two certificates: of two that ask with the same one, the first is then found out.
  const std::uint64_t next = has.issued + 1;
  if (command.generation > has.acknowledged) emit(GenerationAcknowledged{command.center, command.generation, now_});
  emit(CertificateIssued{command.center, next, command.until, recovers, now_});
  return made(command.center.uuid);
}

Result<CommandResult> Decider::on(const ShowGeneration& command) {
  TRY(const Center* center, certified(command.center, command.connector));
  const Certification& has = center->certification;
  if (command.generation > has.issued) return invalid("generation " + std::to_string(command.generation) + " was never issued");
  if (is_copy(has, command.generation))
    lock_copy(*center, command.generation);
  else if (command.generation > has.acknowledged)
    emit(GenerationAcknowledged{command.center, command.generation, now_});
  return made(command.center.uuid);
}

}  // namespace bourse::broker
