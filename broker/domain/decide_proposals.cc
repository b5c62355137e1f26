// Two people: one proposes an act, another one's approval does it.
#include <algorithm>

#include "base/assert.h"
#include "broker/domain/decider.h"
#include "broker/domain/text.h"

namespace bourse::broker {
namespace {

// Of one center's people: finance must always be able to propose.
constexpr std::ptrdiff_t kMaxOfCenter = 20;

}  // namespace

Result<CommandResult> Decider::on(const Propose& command) {
  if (command.proposal.is_nil() || command.by.is_nil())
    return fail(ErrorCode::invalid_argument, "the proposal's id and its proposer must be given");
  if (market_.proposals_.contains(command.proposal))
    return fail(ErrorCode::invalid_argument, "the proposal's id must be new");
  if (market_.proposals_.size() >= kMaxProposals) return fail(ErrorCode::overloaded, "too many proposals are open");
  const CenterId center = setter_of(command.act);
  const auto same_center = [&](const auto& open) { return setter_of(open.second->act) == center; };
  if (!center.is_nil() && std::ranges::count_if(market_.proposals_, same_center) >= kMaxOfCenter)
    return fail(ErrorCode::overloaded, "20 proposals of the center are open; an operator approves or rejects them, or they are withdrawn.");
  CHECK_OK(std::visit([this](const auto& act) { return check(act); }, command.act));
  emit(ActProposed{{.id = command.proposal,
                    .by = command.by,
                    .act = command.act,
                    .note = shown(command.note),
                    .at = now_,
                    .expires_at = now_ + kProposalValidity}});
  return made(command.proposal.uuid);
}

Result<CommandResult> Decider::on(const EndProposal& command) {
  const Proposal* proposal = market_.proposal(command.proposal);
  if (proposal == nullptr || proposal->expires_at <= now_)
    return fail(ErrorCode::not_found, "no open proposal " + to_text(command.proposal));
  if (command.by.is_nil()) return fail(ErrorCode::invalid_argument, "by must be given");
  CommandResult result = made(command.proposal.uuid);
  switch (command.end) {
    case ProposalEnd::approved: {
      if (command.by == proposal->by) return fail(ErrorCode::forbidden, "A second person must approve what you proposed.");
      const Act act = proposal->act;  // what it emits may move the proposal
      TRY(result, std::visit([this](const auto& what) { return on(what); }, act));
      break;
    }
    case ProposalEnd::rejected:
      break;
    case ProposalEnd::withdrawn:
      if (command.by != proposal->by) return fail(ErrorCode::forbidden, "Only its proposer withdraws a proposal; reject it.");
      break;
    default:
      return fail(ErrorCode::invalid_argument, "a proposal is approved, rejected or withdrawn");
  }
  emit(ProposalEnded{command.proposal, command.end, command.by, shown(command.reason), now_});
  return result;
}

void Decider::expire_proposals() {
  while (!market_.proposal_expiry_.empty()) {
    const auto [expires_at, proposal] = *market_.proposal_expiry_.begin();
    if (expires_at > now_) return;
    emit(ProposalEnded{.proposal = proposal, .end = ProposalEnd::expired, .at = now_});
  }
}

}  // namespace bourse::broker
