#include <algorithm>
#include <vector>

#include "base/assert.h"
#include "broker/domain/applier.h"

namespace bourse::broker {

void Applier::operator()(const CenterInvited& event) const {
  const bool fresh = market.invitations_.try_emplace(event.invitation.center, event.invitation).second;
  BOURSE_ASSERT(fresh);
}

void Applier::operator()(const InvitationUsed& event) const {
  const auto found = market.invitations_.find(event.center);
  BOURSE_ASSERT(found != market.invitations_.end());
  Invitation& invitation = found->second;
  invitation.connector = event.connector;
  invitation.identity_key = event.identity_key;
  invitation.billing_key = event.billing_key;
  invitation.joined_at = event.at;
  invitation.expires_at = event.expires_at;
}

void Applier::operator()(const InvitationEnded& event) const { market.invitations_.erase(event.center); }

void Applier::operator()(const CertificateIssued& event) const {
  Certification& of = center(event.center).certification;
  of.issued = event.generation;
  of.until = event.until;
  of.recoveries += event.recovered ? 1 : 0;
}

void Applier::operator()(const GenerationAcknowledged& event) const { center(event.center).certification.acknowledged = event.generation; }

void Applier::operator()(const SellingRuleSet& event) const {
  std::vector<PoolRule>& rules = center(event.center).selling;
  const auto at = std::ranges::lower_bound(rules, event.rule.pool, {}, &PoolRule::pool);
  const bool known = at != rules.end() && at->pool == event.rule.pool;
  if (event.rule.rule == pricing::SellingRule{}) {
    if (known) rules.erase(at);
  } else if (known) {
    *at = event.rule;
  } else {
    rules.insert(at, event.rule);
  }
  market.router_.set_rules(event.center, rules);
}

}  // namespace bourse::broker
