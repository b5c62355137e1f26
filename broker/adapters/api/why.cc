// Why a plan won, for people: the words are made when somebody asks, from the numbers that the decision kept.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "broker/adapters/api/convert.h"

namespace bourse::broker::api {
namespace {

std::string place(const Plan& plan, const Market& market) {
  return fmt::format("{}/{}", center_name(market, plan.center), plan.pool);
}

std::string money(Amount amount, Unit unit) { return fmt::format("{} {}", to_text(amount), unit.text()); }

Duration end(const Plan& plan) { return plan.wait + plan.duration; }

std::string course(const Plan& plan) {
  if (plan.wait.ms == 0) return fmt::format("starts at once and runs about {}", plain_duration(plan.duration));
  return fmt::format("waits about {} and runs about {}", plain_duration(plan.wait), plain_duration(plan.duration));
}

std::string cheapest(const Plan& first, const Plan& next, Unit unit, const std::string& rival) {
  if (next.total > first.total)
    return fmt::format("{} less than the next, {}", money(next.total - first.total, unit), rival);
  if (end(next) > end(first))
    return fmt::format("as much as {}, and ends {} earlier", rival, plain_duration(end(next) - end(first)));
  return fmt::format("as much as {}; such ties go to the center with the least work promised, then in turn", rival);
}

std::string fastest(const Plan& first, const Plan& next, Unit unit, const std::string& rival) {
  if (end(next) > end(first))
    return fmt::format("{} before the next, {}", plain_duration(end(next) - end(first)), rival);
  if (next.total > first.total)
    return fmt::format("when {} does, for {} less", rival, money(next.total - first.total, unit));
  return fmt::format("when {} does; such ties go to the center with the least work promised, then in turn", rival);
}

std::string won(const Decision& decision, const JobSpec& spec, Unit unit, const Market& market) {
  const Plan& first = decision.plans.front();
  const std::string here = place(first, market);
  if (!first.reservation.is_nil())
    return fmt::format("{} carries it at no price: covered by reservation {}. It {}.", here, to_text(first.reservation), course(first));
  if (decision.plans.size() == 1)
    return fmt::format("{} is the only pool that fits: it costs {} and {}.", here, money(first.total, unit), course(first));
  const Plan& next = decision.plans[1];
  const std::string rival = place(next, market);
  switch (spec.objective) {
    case Objective::cheapest:
      return fmt::format("{} costs {}, {}. It {}.", here, money(first.total, unit), cheapest(first, next, unit, rival),
                         course(first));
    case Objective::fastest:
      return fmt::format("{} ends in about {}, {}. It {} and costs {}.", here, plain_duration(end(first)),
                         fastest(first, next, unit, rival), course(first), money(first.total, unit));
    case Objective::best_value:
      return fmt::format(
          "{} has the best product of price and time: {} over {}, against {} over {} at the next, {}. It {}.", here,
          money(first.total, unit), plain_duration(end(first)), money(next.total, unit), plain_duration(end(next)), rival,
          course(first));
  }
  return {};
}

// "over_budget" → "over budget".
std::string words(std::string_view code) {
  std::string text(code);
  std::ranges::replace(text, '_', ' ');
  return text;
}

// "3 × no gpus; 1 × over budget": reasons counted, the commonest first.
std::string out_of_the_race(const Decision& decision) {
  std::map<Refusal, int> counts;
  for (const Refused& refused : decision.refused) ++counts[refused.reason];
  std::vector<std::pair<int, Refusal>> order;
  for (const auto& [reason, count] : counts) order.emplace_back(-count, reason);
  std::ranges::sort(order);
  std::string text;
  for (const auto& [count, reason] : order)
    text.append(text.empty() ? "" : "; ").append(fmt::format("{} × {}", -count, words(name(reason))));
  return text;
}

}  // namespace

std::string plain_duration(Duration duration) {
  const std::int64_t s = (duration.ms + 999) / 1000;
  if (s < 120) return fmt::format("{} s", s);
  const std::int64_t m = (s + 30) / 60;
  if (m < 120) return fmt::format("{} min", m);
  if (m < 48 * 60) return m % 60 == 0 ? fmt::format("{} h", m / 60) : fmt::format("{} h {} min", m / 60, m % 60);
  return fmt::format("{} d {} h", m / 1440, m % 1440 / 60);
}

std::string why(const Decision& decision, const JobSpec& spec, Unit unit, const Market& market) {
  std::string text;
  if (decision.plans.empty())
    text = "No pool can take this job.";
  else
    text = won(decision, spec, unit, market);
  text += fmt::format(" {} of {} pools fit.", decision.fitting, decision.considered);
  if (const std::string out = out_of_the_race(decision); !out.empty()) text += fmt::format(" Out: {}.", out);
  if (decision.plans.empty() && !decision.cheapest_cap.is_zero())
    text += fmt::format(" A budget of {} would have been enough.", money(decision.cheapest_cap, unit));
  return text;
}

}  // namespace bourse::broker::api
