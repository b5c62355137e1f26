// Two people: what one proposed, another approves. The engine refuses the proposer's own approval.
#include <fmt/format.h>

#include "broker/adapters/api/act_view.h"
#include "broker/adapters/api/api.h"
#include "broker/domain/text.h"

namespace bourse::broker::api {

Result<Api::Acted> Api::act(const Caller& caller, std::string_view key, std::uint64_t fingerprint, Act act, const std::string& note) {
  Acted out;
  if (!options_.two_people) {
    TRY(out.result, run(caller, key, fingerprint, std::visit([](auto& what) -> CommandBody { return std::move(what); }, act)));
    return out;
  }
  const ProposalId id = ProposalId::make(parts_.clock.now(), parts_.rng);
  TRY(out.result, run(caller, key, fingerprint, Propose{.proposal = id, .by = caller.user, .act = std::move(act), .note = note}));
  // A repeat finds the first one's proposal, which may have ended meanwhile; or that it was done at once, before two people
  // were asked for.
  const Result<StoredProposal> stored = proposal_of(ProposalId{out.result.object});
  if (!stored && stored.error().code == ErrorCode::not_found) return out;
  if (!stored) return std::unexpected(stored.error());
  TRY(out.proposal, proposal_view(*stored));
  out.proposal->set_position(out.result.position);
  return out;
}

Result<StoredProposal> Api::proposal_of(ProposalId id) {
  TRY(const std::optional<Proposal> open, look([id](const Market& market) -> std::optional<Proposal> {
        const Proposal* proposal = market.proposal(id);
        return proposal == nullptr ? std::nullopt : std::optional(*proposal);
      }));
  if (open) return StoredProposal{.proposal = *open, .end = {}, .ended_by = {}, .reason = {}, .ended_at = {}};
  queries_.wait_for(position());
  TRY(const std::optional<StoredProposal> stored, queries_.proposal(id));
  if (!stored) return fail(ErrorCode::not_found, "There is no such proposal.");
  return *stored;
}

Result<v1::Proposal> Api::proposal_view(const StoredProposal& stored) {
  const Proposal& proposal = stored.proposal;
  std::string bank_text;
  if (const auto* funding = std::get_if<FundAccount>(&proposal.act)) {
    TRY(bank_text, queries_.bank_text(funding->reference));
  }
  TRY(const auto names, queries_.user_names({proposal.by, stored.ended_by}));
  TRY(v1::Proposal out, look([act = proposal.act, bank_text](const Market& market) {
        v1::Proposal view;
        fill(*view.mutable_act(), act, market, bank_text);
        view.set_text(words(act, market, bank_text));
        return view;
      }));
  const auto name_of = [&names](UserId user) {
    const auto found = names.find(user);
    return found == names.end() ? std::string() : found->second;
  };
  out.set_id(to_text(proposal.id));
  out.set_what(std::string(name(proposal.act)));
  out.set_by(to_text(proposal.by));
  out.set_by_name(name_of(proposal.by));
  out.set_note(proposal.note);
  out.set_at_ms(proposal.at.unix_ms);
  out.set_expires_ms(proposal.expires_at.unix_ms);
  out.set_state(stored.end ? std::string(name(*stored.end)) : "open");
  out.set_ended_by(text_or_empty(stored.ended_by));
  out.set_ended_by_name(name_of(stored.ended_by));
  out.set_reason(stored.reason);
  out.set_ended_ms(stored.ended_at.unix_ms);
  return out;
}

Result<v1::ListProposalsReply> Api::list_proposals(const v1::ListProposalsRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const auto seen, centers_seen(caller, {Role::finance, Role::operator_}));
  TRY(const std::vector<Proposal> open, look([now = parts_.clock.now(), seen](const Market& market) {
        std::vector<Proposal> out;
        for (const Proposal* proposal : market.proposals())
          if (proposal->expires_at > now && check_seen(seen, setter_of(proposal->act))) out.push_back(*proposal);
        return out;
      }));
  v1::ListProposalsReply reply;
  for (const Proposal& proposal : open) {
    TRY(*reply.add_proposals(), proposal_view({.proposal = proposal, .end = {}, .ended_by = {}, .reason = {}, .ended_at = {}}));
  }
  return reply;
}

Result<v1::Proposal> Api::end_proposal(const v1::EndProposalRequest& request, ProposalEnd end) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const auto seen, centers_seen(caller, {Role::finance, Role::operator_}));
  CHECK_OK(scoped_key(caller, request.key()));
  CHECK_OK(check_text("reason", request.reason(), kMaxReason, true));
  TRY(const ProposalId id, id_or_not_found<ProposalIdKind>(request.proposal()));
  TRY(StoredProposal stored, proposal_of(id));
  // A center's people see what was proposed in its name, and withdraw their own; the platform approves.
  if (!check_seen(seen, setter_of(stored.proposal.act))) return fail(ErrorCode::not_found, "There is no such proposal.");
  const bool own = end == ProposalEnd::withdrawn && stored.proposal.by == caller.user;
  if (!own && (!seen || end != ProposalEnd::withdrawn)) CHECK_OK(require(caller, {role_of(stored.proposal.act)}));
  // The word is part of what a repeat must repeat.
  const std::uint64_t print = fingerprint(fmt::format("EndProposal {}", name(end)), request);
  TRY(const CommandResult done,
      run(caller, request.key(), print, EndProposal{.proposal = id, .by = caller.user, .end = end, .reason = request.reason()}));
  if (!stored.end) stored = {.proposal = stored.proposal, .end = end, .ended_by = caller.user, .reason = request.reason(), .ended_at = parts_.clock.now()};
  // A bank's payment may have been what it was about. A failure there is made good when the entries are next listed.
  if (std::holds_alternative<FundAccount>(stored.proposal.act)) static_cast<void>(follow_proposed_entries());
  TRY(v1::Proposal out, proposal_view(stored));
  out.set_position(done.position);
  return out;
}

Result<v1::Proposal> Api::approve_proposal(const v1::EndProposalRequest& request) { return end_proposal(request, ProposalEnd::approved); }
Result<v1::Proposal> Api::reject_proposal(const v1::EndProposalRequest& request) { return end_proposal(request, ProposalEnd::rejected); }
Result<v1::Proposal> Api::withdraw_proposal(const v1::EndProposalRequest& request) { return end_proposal(request, ProposalEnd::withdrawn); }

}  // namespace bourse::broker::api
