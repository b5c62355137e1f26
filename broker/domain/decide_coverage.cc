// Jobs that reserved capacity carries: planned at no price, as many at once as were reserved (docs/adr/0013).
#include <algorithm>
#include <utility>
#include <vector>

#include "broker/domain/decider.h"

namespace bourse::broker {
namespace {

constexpr std::size_t kMaxCarriers = 32;  // of one account, looked at for one job

std::int64_t end_of(const Plan& plan) { return plan.wait.ms + plan.duration.ms; }

}  // namespace

bool Decider::has_room(const Reservation& reservation, const pricing::Allocation& allocation, Duration walltime) const {
  if (now_ < reservation.from || now_ + walltime > reservation.until) return false;
  const std::int64_t taken = taken_of(reservation, allocation);
  return taken > 0 && taken <= reservation.quantity - market_.in_use(reservation);
}

std::optional<Plan> Decider::carried_plan(const JobSpec& spec, const BillingAccount& account, const Reservation& reservation) {
  JobSpec there = spec;
  there.center = reservation.center;
  there.budget.reset();  // it costs nothing
  Decision decision = decide_on({.spec = &there, .tenant = account.tenant, .unit = account.unit, .now = now_, .pool = reservation.pool});
  if (decision.plans.empty() || !has_room(reservation, decision.plans.front().allocation, spec.walltime)) return std::nullopt;
  Plan plan = std::move(decision.plans.front());
  plan.reservation = reservation.id;
  plan.rows = free_rows(reservation);
  plan.settlement.clear();
  plan.may_subsidise = false;
  plan.totals = {};
  plan.total = plan.cap = {};
  plan.score = spec.objective == Objective::fastest ? end_of(plan) : 0;
  return plan;
}

void Decider::carry(const JobSpec& spec, const BillingAccount& account, Decision& decision) {
  std::vector<Plan> carried;
  std::size_t looked_at = 0;
  for (const Reservation* reservation : market_.reservations(account.id)) {
    if (looked_at++ == kMaxCarriers || carried.size() == kMaxPlans) break;
    if (!spec.center.is_nil() && spec.center != reservation->center) continue;
    if (auto plan = carried_plan(spec, account, *reservation)) carried.push_back(std::move(*plan));
  }
  if (carried.empty()) return;
  std::ranges::sort(carried, {}, [](const Plan& plan) { return std::pair(end_of(plan), plan.reservation); });
  // Who asked for speed pays for it.
  const bool faster = spec.objective == Objective::fastest && !decision.plans.empty() && end_of(decision.plans.front()) < end_of(carried.front());
  if (!faster) decision.plans = std::move(carried);
}

}  // namespace bourse::broker
