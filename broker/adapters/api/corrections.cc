// Corrections of what a job was charged: refunds, and disputes with their escrow.
#include <fmt/format.h>

#include "broker/adapters/api/act_view.h"
#include "broker/adapters/api/api.h"
#include "broker/domain/text.h"

namespace bourse::broker::api {
namespace {

constexpr int kPageOfDisputes = 50, kMostDisputes = 200;

void show_dispute(v1::Dispute& out, const StoredDispute& stored) {
  const Dispute& dispute = stored.dispute;
  out.set_id(to_text(dispute.id));
  out.set_job(to_text(dispute.charge.job));
  out.set_account(to_text(dispute.charge.account));
  out.set_center_name(stored.center_name);
  out.set_side(dispute.by_center ? "center" : "user");
  fill(*out.mutable_amount(), dispute.amount, dispute.unit);
  fill(*out.mutable_escrow(), dispute.escrow, dispute.unit);
  out.set_reason(dispute.reason);
  out.set_opened_ms(dispute.opened_at.unix_ms);
  out.set_state(std::string(name(dispute.state)));
  if (dispute.state == DisputeState::open) return;
  fill(*out.mutable_to_user(), dispute.to_user, dispute.unit);
  out.set_resolution(dispute.resolution);
  out.set_resolved_ms(dispute.resolved_at.unix_ms);
}

Result<DisputeState> dispute_state_named(const std::string& text) {
  for (const DisputeState state : {DisputeState::open, DisputeState::accepted, DisputeState::split, DisputeState::rejected})
    if (name(state) == text) return state;
  return fail(ErrorCode::invalid_argument, "state must be open, accepted, split or rejected.");
}

// The amount as it was typed; nothing = all that is left of the charge.
Result<Amount> amount_or_all(const std::string& text, Amount all) {
  if (text.empty()) return all;
  const auto amount = parse_amount(text);
  if (!amount) return fail(amount.error().code, fmt::format("amount: {}", amount.error().detail));
  if (!amount->is_positive()) return fail(ErrorCode::amount_not_positive);
  return *amount;
}

}  // namespace

Result<Api::Charged> Api::charge_of(JobId job) {
  queries_.wait_for(position());
  TRY(const std::optional<Charge> charge, queries_.charge(job));
  if (!charge) return fail(ErrorCode::failed_precondition, "Nothing was charged for the job.");
  TRY(const Adjusted before, look([attempt = charge->attempt](const Market& market) { return market.adjusted(attempt); }));
  return Charged{*charge, charge->gross - before.given_back - before.disputed};
}

Result<v1::Refund> Api::refund_job(const v1::RefundJobRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  TRY(const std::string key, scoped_key(caller, request.key()));
  CHECK_OK(check_text("reason", request.reason(), kMaxReason));
  TRY(const JobId job, id_or_not_found<JobIdKind>(request.job()));
  CHECK_OK(job_seen_by(caller, job));
  TRY(const Charged charged, charge_of(job));
  TRY(const Amount amount, amount_or_all(request.amount(), charged.left));
  // Its id follows from the key, so that not even a forgotten key gives money back twice.
  const Refund refund{.adjustment = AdjustmentId{derived_uuid("refund", key)}, .charge = charged.charge, .amount = amount, .reason = request.reason()};
  TRY(const Acted acted, act(caller, request.key(), fingerprint("RefundJob", request), refund, request.reason()));
  TRY(v1::Act view, look([refund](const Market& market) {
        v1::Act out;
        fill(out, refund, market, {});
        return out;
      }));
  v1::Refund out = view.refund();
  if (acted.proposal) {
    out = acted.proposal->act().refund();
    *out.mutable_proposal() = *acted.proposal;
  }
  out.set_position(acted.result.position);
  return out;
}

Result<v1::Dispute> Api::dispute_view(DisputeId id) {
  TRY(const std::optional<StoredDispute> found, look([id](const Market& market) -> std::optional<StoredDispute> {
        const Dispute* dispute = market.dispute(id);
        if (dispute == nullptr) return std::nullopt;
        return StoredDispute{*dispute, center_name(market, dispute->charge.center)};
      }));
  if (!found) return fail(ErrorCode::not_found, "There is no such dispute.");
  v1::Dispute out;
  show_dispute(out, *found);
  return out;
}

Result<v1::Dispute> Api::open_dispute(const v1::OpenDisputeRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {request.for_center() ? Role::operator_ : Role::user}));
  CHECK_OK(scoped_key(caller, request.key()));
  CHECK_OK(check_text("reason", request.reason(), kMaxReason));
  TRY(const JobId job, id_or_not_found<JobIdKind>(request.job()));
  // The user's side is the account's members alone, whatever else the caller may see.
  Caller side = caller;
  if (!request.for_center()) side.roles = static_cast<std::uint8_t>(Role::user);
  CHECK_OK(job_seen_by(side, job));
  TRY(const Charged charged, charge_of(job));
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
  TRY(v1::Dispute out, dispute_view(DisputeId{done.object}));
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
  const bool all = caller.has_any({Role::finance, Role::operator_});
  const int limit = request.limit() == 0 ? kPageOfDisputes : request.limit();
  // From the engine, which keeps them all: newest first.
  TRY(const std::vector<StoredDispute> found, look([caller, all, state, older, limit](const Market& market) {
        std::vector<StoredDispute> out;
        const std::vector<const Dispute*> known = market.disputes();
        for (auto it = known.rbegin(); it != known.rend() && out.size() <= static_cast<std::size_t>(limit); ++it) {
          const Dispute& dispute = **it;
          if ((older && dispute.id >= *older) || (state && dispute.state != *state)) continue;
          if (all || may_see(caller, market, dispute.charge.account)) out.push_back({dispute, center_name(market, dispute.charge.center)});
        }
        return out;
      }));
  v1::ListDisputesReply reply;
  for (const StoredDispute& stored : found) {
    if (reply.disputes_size() == limit) {
      reply.set_next_cursor(reply.disputes(limit - 1).id());
      break;
    }
    show_dispute(*reply.add_disputes(), stored);
  }
  return reply;
}

Result<v1::Dispute> Api::resolve_dispute(const v1::ResolveDisputeRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const std::string key, scoped_key(caller, request.key()));
  TRY(const DisputeId id, id_or_not_found<DisputeIdKind>(request.dispute()));
  TRY(const std::optional<Dispute> dispute, look([caller, id](const Market& market) -> std::optional<Dispute> {
        const Dispute* found = market.dispute(id);
        return found == nullptr || !may_see(caller, market, found->charge.account) ? std::nullopt : std::optional(*found);
      }));
  if (!dispute) return fail(ErrorCode::not_found, "There is no such dispute.");
  CHECK_OK(require(caller, {Role::finance}));
  CHECK_OK(check_text("reason", request.reason(), kMaxReason));
  if (request.to_user().empty()) return fail(ErrorCode::invalid_argument, "to_user must be all, none or an amount.");
  Amount to_user;
  if (request.to_user() != "none") {
    TRY(to_user, amount_or_all(request.to_user() == "all" ? std::string() : request.to_user(), dispute->amount));
  }
  const ResolveDispute resolution{.adjustment = AdjustmentId{derived_uuid("resolution", key)}, .dispute = id, .to_user = to_user, .reason = request.reason()};
  TRY(const Acted acted, act(caller, request.key(), fingerprint("ResolveDispute", request), resolution, request.reason()));
  TRY(v1::Dispute out, dispute_view(id));
  if (acted.proposal) *out.mutable_proposal() = *acted.proposal;
  out.set_position(acted.result.position);
  return out;
}

}  // namespace bourse::broker::api
