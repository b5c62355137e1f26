// Disputes: opened by the user's side or the center's, with evidence of either and of finance, resolved by finance.
#include <fmt/format.h>

#include <algorithm>

#include "broker/adapters/api/api.h"
#include "broker/domain/text.h"

namespace bourse::broker::api {
namespace {

constexpr int kPageOfDisputes = 50, kMostDisputes = 200;

// Whose account it is, only its own people and the staff are told: a center learns that from its statements where it must.
void show_dispute(v1::Dispute& out, const StoredDispute& stored, bool with_account) {
  const Dispute& dispute = stored.dispute;
  out.set_id(to_text(dispute.id));
  out.set_job(to_text(dispute.charge.job));
  if (with_account) out.set_account(to_text(dispute.charge.account));
  out.set_center_name(stored.center_name);
  out.set_side(dispute.by_center ? "center" : "user");
  fill(*out.mutable_amount(), dispute.amount, dispute.unit);
  fill(*out.mutable_escrow(), dispute.escrow, dispute.unit);
  out.set_reason(dispute.reason);
  out.set_opened_ms(dispute.opened_at.unix_ms);
  out.set_state(std::string(name(dispute.state)));
  out.set_files(static_cast<std::int32_t>(dispute.evidence.size()));
  if (dispute.state == DisputeState::open) return;
  fill(*out.mutable_to_user(), dispute.to_user, dispute.unit);
  out.set_resolution(dispute.resolution);
  out.set_resolved_ms(dispute.resolved_at.unix_ms);
}

void show_evidence(v1::DisputeEvidence& out, const DisputeEvidence& one, const std::string& by_name) {
  out.set_sha256(to_hex(one.sha256));
  out.set_file(one.file);
  out.set_media_type(one.media_type);
  out.set_size(one.size);
  out.set_note(one.note);
  out.set_side(std::string(name(one.side)));
  out.set_by_name(by_name);
  out.set_at_ms(one.at.unix_ms);
}

Result<DisputeState> dispute_state_named(const std::string& text) {
  for (const DisputeState state : {DisputeState::open, DisputeState::accepted, DisputeState::split, DisputeState::rejected})
    if (name(state) == text) return state;
  return fail(ErrorCode::invalid_argument, "state must be open, accepted, split or rejected.");
}

// As a member of the account, whatever else he is.
Caller as_member(Caller caller) {
  caller.roles = static_cast<std::uint8_t>(Role::user);
  return caller;
}

bool speaks_for(const std::vector<CenterId>& own, CenterId center) { return std::ranges::find(own, center) != own.end(); }

std::optional<DisputeSide> side_of(const Caller& caller, const Market& market, const std::vector<CenterId>& own, const Dispute& dispute) {
  if (may_see(as_member(caller), market, dispute.charge.account)) return DisputeSide::user;
  const bool opened = dispute.by_center && dispute.opened_by == caller.user && caller.has(Role::operator_);
  if (opened || speaks_for(own, dispute.charge.center)) return DisputeSide::center;
  if (caller.has(Role::finance)) return DisputeSide::platform;
  return std::nullopt;
}

}  // namespace

Result<std::vector<CenterId>> Api::own_centers(const Caller& caller) {
  if (!caller.has(Role::center_admin)) return std::vector<CenterId>{};
  return identity_.centers_of(caller.user);
}

Result<Api::SeenDispute> Api::dispute_seen_by(const Caller& caller, DisputeId id) {
  TRY(const std::vector<CenterId> own, own_centers(caller));
  TRY(const std::optional<SeenDispute> found, look([caller, own, id](const Market& market) -> std::optional<SeenDispute> {
        const Dispute* dispute = market.dispute(id);
        if (dispute == nullptr) return std::nullopt;
        const auto side = side_of(caller, market, own, *dispute);
        if (!side && !caller.has_any({Role::operator_, Role::finance})) return std::nullopt;
        return SeenDispute{{*dispute, center_name(market, dispute->charge.center)}, side};
      }));
  if (!found) return fail(ErrorCode::not_found, "There is no such dispute.");
  return *found;
}

Result<v1::Dispute> Api::dispute_view(const Caller& caller, DisputeId id) {
  TRY(const SeenDispute seen, dispute_seen_by(caller, id));
  const bool staff = caller.has_any({Role::operator_, Role::finance});
  v1::Dispute out;
  show_dispute(out, seen.stored, staff || seen.side == DisputeSide::user);
  std::vector<UserId> people;
  for (const DisputeEvidence& one : seen.stored.dispute.evidence)
    if (one.side == seen.side || caller.has(Role::finance)) people.push_back(one.by);
  std::map<UserId, std::string> names;
  if (!people.empty()) {
    TRY(names, queries_.user_names(people));
  }
  for (const DisputeEvidence& one : seen.stored.dispute.evidence) {
    const auto named = one.side == seen.side || caller.has(Role::finance) ? names.find(one.by) : names.end();
    show_evidence(*out.add_evidence(), one, named == names.end() ? std::string() : named->second);
  }
  return out;
}

Result<v1::Dispute> Api::get_dispute(const v1::GetDisputeRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const DisputeId id, id_or_not_found<DisputeIdKind>(request.dispute()));
  return dispute_view(caller, id);
}

Result<Api::Charged> Api::disputable(const Caller& caller, JobId job, bool for_center) {
  CHECK_OK(for_center ? require(caller, {Role::operator_, Role::center_admin}) : require(caller, {Role::user}));
  if (!for_center || caller.has(Role::operator_)) {
    CHECK_OK(job_seen_by(for_center ? caller : as_member(caller), job));
    return charge_of(job);
  }
  TRY(const std::vector<CenterId> own, identity_.centers_of(caller.user));
  const auto charged = charge_of(job);
  if (!charged && charged.error().code != ErrorCode::failed_precondition) return charged;
  if (!charged || !speaks_for(own, charged->charge.center)) return fail(ErrorCode::not_found, "No such job was charged at your center.");
  return charged;
}

Result<v1::Dispute> Api::open_dispute(const v1::OpenDisputeRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::user, Role::operator_, Role::center_admin}));
  CHECK_OK(scoped_key(caller, request.key()));
  CHECK_OK(check_text("reason", request.reason(), kMaxReason));
  TRY(const JobId job, id_or_not_found<JobIdKind>(request.job()));
  TRY(const Charged charged, disputable(caller, job, request.for_center()));
  TRY(const Amount amount, amount_or_all(request.amount(), charged.left));
  const Instant now = parts_.clock.now();
  TRY(const CommandResult done, run(caller, request.key(), fingerprint("OpenDispute", request),
                                    OpenDispute{.dispute = DisputeId::make(now, parts_.rng),
                                                .adjustment = AdjustmentId::make(now, parts_.rng),
                                                .charge = charged.charge,
                                                .amount = amount,
                                                .by_center = request.for_center(),
                                                .by = caller.user,
                                                .reason = request.reason()}));
  TRY(v1::Dispute out, dispute_view(caller, DisputeId{done.object}));
  out.set_position(done.position);
  return out;
}

Result<v1::ListDisputesReply> Api::list_disputes(const v1::ListDisputesRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  if (request.limit() < 0 || request.limit() > kMostDisputes)
    return fail(ErrorCode::invalid_argument, fmt::format("limit must be from 1 to {}.", kMostDisputes));
  std::optional<DisputeState> state;
  std::optional<DisputeId> older;
  if (!request.state().empty()) {
    TRY(state, dispute_state_named(request.state()));
  }
  if (!request.cursor().empty()) {
    TRY(older, read_id<DisputeIdKind>("cursor", request.cursor()));
  }
  TRY(const std::vector<CenterId> own, own_centers(caller));
  const int limit = request.limit() == 0 ? kPageOfDisputes : request.limit();
  // From the engine, which keeps them all: newest first.
  return look([caller, own, state, older, limit](const Market& market) {
    v1::ListDisputesReply reply;
    const std::vector<const Dispute*> known = market.disputes();
    for (auto it = known.rbegin(); it != known.rend(); ++it) {
      const Dispute& dispute = **it;
      if ((older && dispute.id >= *older) || (state && dispute.state != *state)) continue;
      const bool with_account = may_see(caller, market, dispute.charge.account);
      if (!with_account && !speaks_for(own, dispute.charge.center)) continue;
      if (reply.disputes_size() == limit) {
        reply.set_next_cursor(reply.disputes(limit - 1).id());
        break;
      }
      show_dispute(*reply.add_disputes(), {dispute, center_name(market, dispute.charge.center)}, with_account);
    }
    return reply;
  });
}

Result<v1::Dispute> Api::resolve_dispute(const v1::ResolveDisputeRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const std::string key, scoped_key(caller, request.key()));
  TRY(const DisputeId id, id_or_not_found<DisputeIdKind>(request.dispute()));
  TRY(const SeenDispute seen, dispute_seen_by(caller, id));
  CHECK_OK(require(caller, {Role::finance}));
  CHECK_OK(check_text("reason", request.reason(), kMaxReason));
  if (request.to_user().empty()) return fail(ErrorCode::invalid_argument, "to_user must be all, none or an amount.");
  Amount to_user;
  if (request.to_user() != "none") {
    TRY(to_user, amount_or_all(request.to_user() == "all" ? std::string() : request.to_user(), seen.stored.dispute.amount));
  }
  const ResolveDispute resolution{.adjustment = AdjustmentId{derived_uuid("resolution", key)}, .dispute = id, .to_user = to_user, .reason = request.reason()};
  TRY(const Acted acted, act(caller, request.key(), fingerprint("ResolveDispute", request), resolution, request.reason()));
  TRY(v1::Dispute out, dispute_view(caller, id));
  if (acted.proposal) *out.mutable_proposal() = *acted.proposal;
  out.set_position(acted.result.position);
  return out;
}

Result<v1::DisputeEvidence> Api::add_dispute_evidence(const v1::AddDisputeEvidenceRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(scoped_key(caller, request.key()));
  TRY(const DisputeId id, id_or_not_found<DisputeIdKind>(request.dispute()));
  TRY(const SeenDispute seen, dispute_seen_by(caller, id));
  if (!seen.side) return fail(ErrorCode::forbidden, "Evidence comes from a dispute's two sides and from finance.");
  CHECK_OK(check_text("note", request.note(), kMaxReason, true));
  DisputeEvidence evidence{.sha256 = sha256(request.data()),
                           .file = request.file(),
                           .media_type = request.media_type().empty() ? "application/octet-stream" : request.media_type(),
                           .size = static_cast<std::int64_t>(request.data().size()),
                           .note = request.note(),
                           .by = caller.user,
                           .side = *seen.side};
  // What the engine would refuse is not stored either.
  if (seen.stored.dispute.find_evidence(*seen.side, evidence.sha256) == nullptr) {
    CHECK_OK(check_evidence(seen.stored.dispute, evidence));
    CHECK_OK(parts_.blobs.put(BlobKind::dispute_evidence, std::as_bytes(std::span(request.data()))));
  }
  const Hash256 hash = evidence.sha256;
  TRY(const CommandResult done, run(caller, request.key(), fingerprint("AddDisputeEvidence", request), AddDisputeEvidence{id, std::move(evidence)}));
  TRY(const v1::Dispute view, dispute_view(caller, id));
  for (const v1::DisputeEvidence& one : view.evidence()) {
    if (one.sha256() != to_hex(hash) || one.side() != name(*seen.side)) continue;
    v1::DisputeEvidence out = one;
    out.set_position(done.position);
    return out;
  }
  return fail(ErrorCode::internal, "the evidence is not there");
}

// As bytes without a type, whatever its sender says they are: nobody's browser is to run them.
Result<v1::Document> Api::get_dispute_evidence(const v1::GetDisputeEvidenceRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const DisputeId id, id_or_not_found<DisputeIdKind>(request.dispute()));
  TRY(const SeenDispute seen, dispute_seen_by(caller, id));
  if (!seen.side) return fail(ErrorCode::forbidden, "Evidence is for a dispute's two sides and for finance.");
  const auto hash = parse_hash(request.sha256());
  const auto& all = seen.stored.dispute.evidence;
  const auto found = hash ? std::ranges::find(all, *hash, &DisputeEvidence::sha256) : all.end();
  if (found == all.end()) return fail(ErrorCode::not_found, "The dispute has no such evidence.");
  TRY(const std::vector<std::byte> bytes, parts_.blobs.get(BlobKind::dispute_evidence, found->sha256));
  if (sha256(bytes) != found->sha256) return fail(ErrorCode::integrity, "what is stored is not what was given");
  v1::Document document;
  document.set_name(found->file);
  document.set_media_type("application/octet-stream");
  document.set_data(bytes.data(), bytes.size());
  return document;
}

}  // namespace bourse::broker::api
