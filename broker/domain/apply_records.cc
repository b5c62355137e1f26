// Events of accounts, centers, prices, reports and answers.
#include <algorithm>

#include "base/assert.h"
#include "broker/domain/applier.h"

namespace bourse::broker {

void Market::apply(const Event& event) {
  std::visit(Applier{*this}, event);
}

BillingAccount& Applier::account(BillingAccountId id) const {
  const auto it = market.accounts_.find(id);
  BOURSE_ASSERT(it != market.accounts_.end());
  return it->second;
}

Center& Applier::center(CenterId id) const {
  const auto it = market.centers_.find(id);
  BOURSE_ASSERT(it != market.centers_.end());
  return it->second;
}

Period& Applier::period(PeriodId id) const {
  const auto it = market.periods_.find(id);
  BOURSE_ASSERT(it != market.periods_.end());
  return it->second;
}

void Applier::operator()(const CommandAnswered& event) const {
  const auto [it, fresh] = market.answers_.try_emplace(
      event.key, Market::Answer{event.fingerprint, event.error, event.detail, event.object});
  BOURSE_ASSERT(fresh);
  market.answered_.push_back(&it->first);
  if (market.answered_.size() <= market.limits_.answered_keys) return;
  market.answers_.erase(*market.answered_.front());
  market.answered_.pop_front();
}

void Applier::operator()(const BillingAccountOpened& event) const {
  const auto [it, fresh] = market.accounts_.try_emplace(
      event.account, BillingAccount{event.account, event.tenant, event.name, event.wallet, event.unit, {event.owner}});
  BOURSE_ASSERT(fresh);
  market.index(it->second);
}

void Applier::operator()(const MemberAdded& event) const {
  account(event.account).members.push_back(event.user);
  market.accounts_of_[event.user].insert(event.account);
}

void Applier::operator()(const MemberRemoved& event) const {
  const auto removed = std::erase(account(event.account).members, event.user);
  BOURSE_ASSERT(removed == 1);
  const auto of = market.accounts_of_.find(event.user);
  of->second.erase(event.account);
  if (of->second.empty()) market.accounts_of_.erase(of);
}

MemberSpending& Applier::spending(BillingAccountId account, UserId user) const {
  return market.spending_.try_emplace({account, user}, MemberSpending{.account = account, .user = user}).first->second;
}

void Applier::operator()(const AccountPolicySet& event) const {
  BillingAccount& changed = account(event.account);
  changed.frozen = event.frozen;
  changed.frozen_reason = event.reason;
  changed.zone = event.zone;
  changed.when_empty = event.when_empty;
  changed.pause_limit = event.pause_limit;
}

void Applier::operator()(const CreditRuleSet& event) const {
  BillingAccount& changed = account(event.account);
  changed.credit = event.rule;
  market.credit_pending_.erase(event.account);
  market.index(changed);
}

void Applier::operator()(const MemberLimitsSet& event) const {
  spending(event.account, event.user).limits = event.limits;
}

void Applier::operator()(const ledger::HoldExtended& event) const {
  market.ledger_.apply(event);
  const ledger::Hold* hold = market.ledger_.hold(event.hold);
  if (const Job* job = market.job(JobId{hold->reference}); job != nullptr && job->hold == event.hold && in_money(*job))
    spending(job->account, job->user).held += event.extra;
}

// What is released no longer counts against its job's user.
void Applier::operator()(const ledger::HoldEnded& event) const {
  const ledger::Hold* hold = market.ledger_.hold(event.hold);
  if (const Job* known = hold == nullptr ? nullptr : market.job(JobId{hold->reference}); known != nullptr && known->hold == event.hold) {
    Job& of = job(known->id);
    spending(of.account, of.user).held -= in_money(of) ? event.released : of.worth;
    of.worth = {};
  }
  market.ledger_.apply(event);
}

void Applier::operator()(const CenterEnrolled& event) const {
  Center center{.id = event.center,
                .name = event.name,
                .connector = event.connector,
                .identity_key = event.identity_key,
                .billing_key = event.billing_key};
  center.chain.epoch = kFirstEpoch;
  const auto [it, fresh] = market.centers_.try_emplace(event.center, std::move(center));
  BOURSE_ASSERT(fresh);
  market.index(it->second);
  market.invitations_.erase(event.center);
}

void Applier::operator()(const CenterStateChanged& event) const {
  Center& changed = center(event.center);
  // Whoever lifts a quarantine has found out which connector is the center's own: the generation that it shows next counts.
  if (changed.state == CenterState::quarantined && !barred(event.state)) changed.certification.acknowledged = 0;
  if (event.state == CenterState::active) changed.certification.recoveries = 0;
  changed.state = event.state;
  market.router_.set_paused(event.center, event.state != CenterState::active);
}

void Applier::operator()(const ContractSet& event) const {
  auto& contracts = center(event.contract.center).contracts;
  // A center's version that another of its versions replaces never holds again; the projections keep it.
  if (event.contract.by_center)
    std::erase_if(contracts, [&](const Contract& old) { return old.by_center && old.valid_from == event.contract.valid_from; });
  contracts.insert(std::ranges::upper_bound(contracts, event.contract.valid_from, {}, &Contract::valid_from),
                   event.contract);
  market.router_.prices_changed();
  market.closes_at_.erase(event.contract.center);
}

void Applier::operator()(const PricesPublished& event) const {
  for (const pricing::PriceRow& row : event.rows) market.prices_.add(row);
  for (const pricing::Discount& discount : event.discounts) market.prices_.add(discount);
  market.router_.prices_changed();
}

void Applier::operator()(const ReportAccepted& event) const {
  ReportChain& chain = center(event.center).chain;
  BOURSE_ASSERT(event.seq == chain.seq + 1);
  chain.seq = event.seq;
  chain.hash = event.hash;
  if (chain.recent.size() == ReportChain::kRecentReports) chain.recent.erase(chain.recent.begin());
  chain.recent.push_back(event.hash);
}

void Market::index(const BillingAccount& account) {
  for (const UserId member : account.members) accounts_of_[member].insert(account.id);
  if (account.credit && (account.credit->until.unix_ms != 0 || account.credit->falling)) credit_pending_.insert(account.id);
}

void Market::index(const Center& center) {
  center_names_.emplace(center.name, center.id);
  router_.set_paused(center.id, center.state != CenterState::active);
  if (!center.selling.empty()) router_.set_rules(center.id, center.selling);
}

}  // namespace bourse::broker
