#include "broker/domain/renewal.h"

#include <limits>

#include "broker/domain/market.h"
#include "pricing/spread.h"

namespace bourse::broker {

Duration running_time(const pricing::Allocation& allocation, const pricing::Readings& readings) {
  return Duration{readings[pricing::Meter::node_ms] / std::max<std::int64_t>(allocation.nodes, 1)};
}

Result<Amount> price_for(const Plan& plan, Duration running) {
  return pricing::dearest(plan.allocation, plan.totals, running, plan.rows);
}

bool runs(const Job& job) {
  const Attempt& attempt = job.attempt();
  return !is_final(job.state) && !attempt.closed && attempt.started_at && !attempt.ended_at;
}

Duration ran_at_most(const Job& job, Instant now) {
  const Attempt& attempt = job.attempt();
  const bool stands = attempt.paused || now <= attempt.measured_at;
  return std::min(stands ? attempt.ran : attempt.ran + (now - attempt.measured_at), job.spec.walltime);
}

std::optional<Instant> next_look(const Job& job) {
  if (job.spec.hold_window.ms == 0 || !runs(job) || job.cancel_requested) return std::nullopt;
  if (job.pause_wanted) return job.pause_wanted_at + kRenewalRetry;
  if (job.covered >= job.spec.walltime) return std::nullopt;
  return job.attempt().measured_at + (job.covered - job.attempt().ran - renewal_lead(job.spec.hold_window));
}

void Market::look_again(const Job& job, std::optional<Instant> at) {
  if (const auto known = look_of_.find(job.id); known != look_of_.end()) {
    looks_.erase({known->second, job.id});
    look_of_.erase(known);
  }
  if (at) {
    looks_.emplace(*at, job.id);
    look_of_.emplace(job.id, *at);
    renewing_[job.account].insert(job.id);
    return;
  }
  const auto of_account = renewing_.find(job.account);
  if (of_account != renewing_.end() && of_account->second.erase(job.id) > 0 && of_account->second.empty()) renewing_.erase(of_account);
}

Forecast Market::forecast(const BillingAccount& account, Unit unit, Instant now) const {
  constexpr std::size_t kMost = 10'000;  // jobs looked at; beyond, the forecast is too late rather than slow
  Forecast forecast;
  const auto of_account = renewing_.find(account.id);
  if (of_account == renewing_.end()) return forecast;
  const ledger::Account* wallet = ledger_.account(wallet_of(account, unit));
  if (wallet == nullptr) return forecast;  // nothing was bought in that unit
  __int128 money = std::max<std::int64_t>(wallet->available().micros, 0);
  __int128 an_hour = 0;
  for (const JobId one : of_account->second) {
    const Job& running = *job(one);
    if (unit_of(account, running.spec) != unit) continue;
    const Duration ran = ran_at_most(running, now);
    const auto before = price_for(running.plan(), ran);
    const auto after = price_for(running.plan(), ran + hours(1));
    const ledger::Hold* hold = ledger_.hold(running.hold);
    if (!before || !after || hold == nullptr || running.attempt().paused) continue;
    an_hour += after->micros - before->micros;
    money += std::max<std::int64_t>(hold->amount.micros - before->micros, 0);
    if (++forecast.jobs == kMost) break;
  }
  forecast.an_hour = Amount{static_cast<std::int64_t>(std::min<__int128>(an_hour, std::numeric_limits<std::int64_t>::max()))};
  if (an_hour <= 0) return forecast;
  const __int128 lasts = money * hours(1).ms / an_hour;
  if (lasts <= hours(24 * 366).ms) forecast.runs_out = now + Duration{static_cast<std::int64_t>(lasts)};
  return forecast;
}

}  // namespace bourse::broker
