#include "broker/domain/market.h"

#include <algorithm>

#include "base/sha256.h"
#include "broker/domain/derive.h"
#include "broker/domain/schedule.h"

namespace bourse::broker {
namespace {

template <class Map, class Key>
auto* find_or_null(Map& map, const Key& key) {
  const auto it = map.find(key);
  return it == map.end() ? nullptr : &it->second;
}

template <class T, class Map>
std::vector<const T*> values_of(const Map& map) {
  std::vector<const T*> all;
  all.reserve(map.size());
  for (const auto& [id, value] : map) all.push_back(value.get());
  return all;
}

// Each contract in its time: the first whose own rule closes the period before the next contract begins.
std::optional<Instant> compute_close(const Center& center, const Period& open) {
  const auto& contracts = center.contracts;
  for (std::size_t i = 0; i < contracts.size(); ++i) {
    const Contract& contract = contracts[i];
    std::optional<Instant> close;
    if (contract.cycle.ms > 0) close = std::max(open.opened_at + contract.cycle, contract.valid_from);
    if (!contract.schedule.empty()) {
      const auto schedule = Schedule::parse(contract.schedule, contract.zone);  // was checked when the contract was set
      if (schedule) close = schedule->next(std::max(open.opened_at, contract.valid_from));
    }
    if (close && (i + 1 == contracts.size() || *close < contracts[i + 1].valid_from)) return close;
  }
  return std::nullopt;
}

}  // namespace

Market::Market(Limits limits) : limits_(limits) {}
Market::~Market() = default;

const BillingAccount* Market::account(BillingAccountId id) const {
  return find_or_null(accounts_, id);
}
const MemberSpending* Market::spending(BillingAccountId account, UserId user) const {
  return find_or_null(spending_, std::pair(account, user));
}

std::pair<std::int64_t, std::int32_t> Market::calendar(const BillingAccount& account, Instant at) const {
  std::int64_t day = at.unix_ms / hours(24).ms;
  if (!account.zone.empty()) {
    auto known = zones_.find(account.zone);
    if (known == zones_.end()) {
      auto zone = Zone::named(account.zone);
      if (!zone) return {day, month_of(day)};  // checked when it was set; this machine's database lost it
      known = zones_.emplace(account.zone, std::move(*zone)).first;
    }
    day = known->second.local(at).day;
  }
  return {day, month_of(day)};
}

const Center* Market::center(CenterId id) const {
  return find_or_null(centers_, id);
}
const Invitation* Market::invitation(CenterId center) const {
  return find_or_null(invitations_, center);
}
std::vector<const Invitation*> Market::invitations() const {
  std::vector<const Invitation*> all;
  for (const auto& [center, invitation] : invitations_) all.push_back(&invitation);
  return all;
}
const Contract* contract_at(const std::vector<Contract>& contracts, Instant at) {
  const auto after = std::ranges::upper_bound(contracts, at, {}, &Contract::valid_from);
  return after == contracts.begin() ? nullptr : &*std::prev(after);
}
const Period* Market::period(PeriodId id) const {
  return find_or_null(periods_, id);
}

const Job* Market::job(JobId id) const {
  const auto* job = find_or_null(jobs_, id);
  return job == nullptr ? nullptr : job->get();
}

const Quote* Market::quote(QuoteId id) const {
  const auto* quote = find_or_null(quotes_, id);
  return quote == nullptr ? nullptr : quote->get();
}

const Proposal* Market::proposal(ProposalId id) const {
  const auto* proposal = find_or_null(proposals_, id);
  return proposal == nullptr ? nullptr : proposal->get();
}
const Payout* Market::payout(PayoutId id) const {
  const auto* payout = find_or_null(payouts_, id);
  return payout == nullptr ? nullptr : payout->get();
}
const PaymentFile* Market::payment_file(Uuid id) const {
  return find_or_null(payment_files_, id);
}
const Invoice* Market::invoice(InvoiceId id) const {
  const auto* invoice = find_or_null(invoices_, id);
  return invoice == nullptr ? nullptr : invoice->get();
}
std::vector<const Invoice*> Market::invoices(BillingAccountId account) const {
  std::vector<const Invoice*> found;
  if (const auto* ids = find_or_null(invoices_of_, account))
    for (const InvoiceId id : *ids) found.push_back(invoice(id));
  return found;
}
const Dispute* Market::dispute(DisputeId id) const {
  const auto* dispute = find_or_null(disputes_, id);
  return dispute == nullptr ? nullptr : dispute->get();
}
std::vector<const Proposal*> Market::proposals() const {
  return values_of<Proposal>(proposals_);
}
std::vector<const Payout*> Market::payouts() const {
  return values_of<Payout>(payouts_);
}
std::vector<const Dispute*> Market::disputes() const {
  return values_of<Dispute>(disputes_);
}

const Reservation* Market::reservation(ReservationId id) const {
  const auto* found = find_or_null(reservations_, id);
  return found == nullptr ? nullptr : found->get();
}
std::vector<const Reservation*> Market::reservations() const { return values_of<Reservation>(reservations_); }
std::vector<const Reservation*> Market::reservations(BillingAccountId account) const {
  std::vector<const Reservation*> found;
  if (const auto* ids = find_or_null(reservations_of_, account))
    for (const ReservationId id : *ids) found.push_back(reservation(id));
  return found;
}
const absl::btree_set<JobId>& Market::carried_by(ReservationId id) const {
  static const absl::btree_set<JobId> kNone;
  const auto* found = find_or_null(carried_, id);
  return found == nullptr ? kNone : *found;
}
std::int64_t Market::in_use(const Reservation& reservation) const {
  std::int64_t used = 0;
  for (const JobId id : carried_by(reservation.id)) used += taken_of(reservation, job(id)->plan().allocation);
  return used;
}

Adjusted Market::adjusted(AttemptId attempt) const {
  const auto* found = find_or_null(adjusted_, attempt);
  return found == nullptr ? Adjusted{.attempt = attempt} : *found;
}

Amount Market::due(const Period& through) const {
  Amount due = through.closing();
  Amount owed = due;
  for (const Period* period : periods(through.center)) {
    if (period->number > through.number) due -= period->paid_out;
    owed = period->closing();
  }
  // Banks pay whole cents; what is left stays owed.
  constexpr std::int64_t kCent = Amount::kMicrosPerUnit / 100;
  const std::int64_t micros = std::min(due, owed).micros;
  return Amount{micros - micros % kCent};
}

const Center* Market::center_named(std::string_view name) const {
  const auto it = center_names_.find(name);
  return it == center_names_.end() ? nullptr : center(it->second);
}

std::vector<const Center*> Market::centers() const {
  std::vector<const Center*> all;
  for (const auto& [name, id] : center_names_) all.push_back(center(id));
  return all;
}

std::vector<const BillingAccount*> Market::accounts() const {
  std::vector<const BillingAccount*> all;
  for (const auto& [id, account] : accounts_) all.push_back(&account);
  std::ranges::sort(all, {}, &BillingAccount::id);
  return all;
}

std::vector<const BillingAccount*> Market::accounts_of(UserId user) const {
  std::vector<const BillingAccount*> found;
  if (const auto* ids = find_or_null(accounts_of_, user))
    for (const BillingAccountId id : *ids) found.push_back(account(id));
  return found;
}

std::vector<const Period*> Market::periods(CenterId center) const {
  std::vector<const Period*> found;
  if (const auto* ids = find_or_null(periods_of_, center))
    for (const PeriodId id : *ids) found.push_back(period(id));
  return found;
}

std::optional<Instant> Market::closes_at(const Center& center) const {
  const auto [it, fresh] = closes_at_.try_emplace(center.id);
  if (fresh) it->second = compute_close(center, *period(center.open_period));
  return it->second;
}

Market::Outbox Market::outbox(CenterId center) const {
  Outbox out;
  if (const auto* due = find_or_null(due_, center)) {
    out.orders.assign(due->orders.begin(), due->orders.end());
    out.cancels.assign(due->cancels.begin(), due->cancels.end());
    out.pauses.assign(due->pauses.begin(), due->pauses.end());
  }
  return out;
}

Verdict Market::verdict(CenterId center, JobId id, std::uint32_t fence) const {
  const Job* found = job(id);
  if (found == nullptr || found->cancel_requested) return Verdict::cancel;
  const Attempt& attempt = found->attempt();
  const bool newest = attempt.fence == fence && attempt.center == center;
  const bool may_run = !is_final(found->state) && !attempt.closed;
  // Of a job that is over only the report may be outstanding, and that is to be kept.
  return newest && (may_run || attempt.usage_final) ? Verdict::keep : Verdict::cancel;
}

LedgerAccountId Market::platform_account(ledger::AccountCode code, Unit unit, Uuid owner) {
  return derive_account(code, unit, owner);
}

void Market::adopt_pools(const Market& other) {
  const std::vector<routing::Pool>& pools = other.router_.pools();  // by center
  for (auto first = pools.begin(); first != pools.end();) {
    const auto last =
        std::find_if(first, pools.end(), [&](const routing::Pool& p) { return p.center != first->center; });
    if (centers_.contains(first->center)) router_.observe(first->center, {first, last});
    first = last;
  }
  for (const CenterId id : other.online_)
    if (centers_.contains(id)) online_.insert(id);
}

Hash256 Market::digest() const {
  std::vector<std::byte> state;
  save(state);
  return sha256(state);
}

std::set<std::pair<BillingAccountId, Hash256>> Market::manifests_in_use() const {
  std::set<std::pair<BillingAccountId, Hash256>> used;
  for (const auto& [id, job] : jobs_)
    if (!is_final(job->state) && !job->spec.manifest.is_zero()) used.emplace(job->account, job->spec.manifest);
  return used;
}

}  // namespace bourse::broker
