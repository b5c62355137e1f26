// Random markets and jobs against the plainest possible router: every pool rated exactly, then sorted.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "broker/domain/routing/pool_table.h"
#include "broker/domain/routing/routing_fixture.h"
#include "pricing/coverage.h"
#include "pricing/rating.h"

namespace bourse::broker::routing {
namespace {

struct Expected {
  CenterId center;
  std::string pool;
  Amount total, cap;
  unsigned __int128 primary = 0;
  std::int64_t secondary = 0;
};
struct Outcome {
  std::vector<Expected> fitting;  // best first
  std::map<Refusal, int> refused;
  Amount cheapest_cap;
};

bool fits(const Pool& p, const JobSpec& s) {
  const auto share = [&](std::int64_t n) { return (n + s.need.nodes - 1) / s.need.nodes; };
  return (s.arch.empty() || s.arch == p.arch) && share(s.need.gpus) <= p.gpus_per_node &&
         (s.need.gpus == 0 || s.gpu_model.empty() || s.gpu_model == p.gpu_model) && s.need.nodes <= p.nodes &&
         share(s.need.cores) <= p.cores_per_node && share(s.need.mem_mib) <= p.mem_mib_per_node &&
         (p.max_walltime.ms == 0 || s.walltime <= p.max_walltime) && p.online && p.accepting;
}

pricing::PoolTotals totals_told(const Pool& p) {
  return {p.nodes * p.cores_per_node, p.nodes * p.gpus_per_node, p.nodes * p.mem_mib_per_node};
}

// What the center's contract has against selling the pool by `sale`.
Refusal settled(fixture::World& world, const Pool& p, const std::vector<pricing::PriceRow>& sale, const pricing::Allocation& held,
                Duration walltime, bool prices_only) {
  const auto rows = world.settlements.find(p.center);
  if (rows == world.settlements.end()) return Refusal::none;
  pricing::PriceBook book;
  for (const pricing::PriceRow& row : rows->second) book.add(row);
  const auto settlement = book.lock({.center = p.center, .pool = p.name}, held, fixture::kNow);
  if (!settlement) return Refusal::no_price;
  const pricing::PriceRow& first = settlement->front();
  if (pricing::uses_totals(first.strategy) && !pricing::scow_amount(first.strategy, held, totals_told(p))) return Refusal::no_price;
  const TermsAt& terms = world.contracts.at(p.center);
  if (prices_only || terms.may_subsidise) return Refusal::none;
  const bool fine = pricing::covers({sale, *settlement, terms.terms.tax_bps, totals_told(p)}, held, walltime);
  return fine ? Refusal::none : Refusal::below_settlement;
}

Outcome plainly(fixture::World& world, const JobSpec& s) {
  Outcome out;
  std::optional<Amount> cheapest;
  for (const Pool& p : world.router.pools()) {
    if (!s.center.is_nil() && p.center != s.center) { ++out.refused[Refusal::other_center_asked]; continue; }
    if (!fits(p, s)) { ++out.refused[Refusal::none]; continue; }
    pricing::Allocation held = s.need;
    if (p.whole_nodes)
      held = {s.need.nodes * p.cores_per_node, s.need.nodes * p.gpus_per_node, s.need.nodes, s.need.nodes * p.mem_mib_per_node};
    const auto rows = world.prices.lock({.center = p.center, .pool = p.name}, held, fixture::kNow);
    if (!rows) { ++out.refused[Refusal::no_price]; continue; }
    const auto price = [&](Duration running) { return pricing::rate_held(pricing::readings_of(held, running), held, totals_told(p), *rows); };
    if (!price(s.walltime)) { ++out.refused[Refusal::no_price]; continue; }
    if (settled(world, p, *rows, held, s.walltime, true) != Refusal::none) { ++out.refused[Refusal::no_price]; continue; }
    const std::int64_t expected = s.expected.ms > 0 ? s.expected.ms : s.walltime.ms;
    const Duration duration{std::min(s.walltime.ms, (expected * 1000 + p.speed_milli - 1) / p.speed_milli)};
    const std::int64_t end = predicted_wait(p, held, 0, 0, 0).ms + duration.ms;
    if (s.deadline && fixture::kNow + Duration{end} > *s.deadline) { ++out.refused[Refusal::past_deadline]; continue; }
    if (settled(world, p, *rows, held, s.walltime, false) != Refusal::none) { ++out.refused[Refusal::below_settlement]; continue; }
    const Amount total = price(duration)->total;
    const Amount cap = price(s.walltime)->total;
    if (s.budget && (!cheapest || cap < *cheapest)) cheapest = cap;
    if (s.budget && cap > *s.budget) { ++out.refused[Refusal::over_budget]; continue; }
    const auto wide = static_cast<unsigned __int128>(total.micros);
    Expected e{p.center, p.name, total, cap};
    switch (s.objective) {
      case Objective::cheapest: e.primary = wide, e.secondary = end; break;
      case Objective::fastest: e.primary = static_cast<unsigned __int128>(end), e.secondary = total.micros; break;
      case Objective::best_value: e.primary = wide * static_cast<unsigned __int128>(end), e.secondary = end; break;
    }
    out.fitting.push_back(e);
  }
  out.cheapest_cap = cheapest.value_or(Amount{});
  std::ranges::sort(out.fitting, [](const Expected& a, const Expected& b) {
    return std::tie(a.primary, a.secondary) < std::tie(b.primary, b.secondary);
  });
  return out;
}

// The scores of the best eight with at most three of a center (if three centers can run it).
std::vector<std::pair<unsigned __int128, std::int64_t>> best_scores(const Outcome& outcome) {
  std::map<CenterId, std::size_t> of;
  for (const Expected& e : outcome.fitting) of[e.center] = 0;
  const std::size_t most = of.size() < 3 ? kMaxPlans : kPlansPerCenter;
  std::vector<std::pair<unsigned __int128, std::int64_t>> scores;
  for (const Expected& e : outcome.fitting)
    if (scores.size() < kMaxPlans && of[e.center]++ < most) scores.emplace_back(e.primary, e.secondary);
  return scores;
}

void agree(fixture::World& world, const JobSpec& spec) {
  const Outcome expected = plainly(world, spec);
  const Decision decision = world.decide(spec);
  ASSERT_EQ(decision.considered, world.router.pools().size());
  ASSERT_EQ(decision.fitting, expected.fitting.size());
  ASSERT_EQ(decision.cheapest_cap, expected.cheapest_cap);
  ASSERT_LE(decision.refused.size(), kMaxRefused);
  ASSERT_EQ(decision.refused.empty(), decision.fitting == decision.considered);
  const auto scores = best_scores(expected);
  ASSERT_EQ(decision.plans.size(), scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const Plan& plan = decision.plans[i];
    const auto same = std::ranges::find_if(expected.fitting, [&](const Expected& e) { return e.center == plan.center && e.pool == plan.pool; });
    ASSERT_NE(same, expected.fitting.end()) << "a plan on a pool that should have been refused";
    ASSERT_TRUE(same->primary == scores[i].first && same->secondary == scores[i].second) << "plan " << i << " is not the " << i << "th best";
    ASSERT_EQ(plan.total, same->total);
    ASSERT_EQ(plan.cap, same->cap);
    const auto priced = pricing::rate_held(pricing::readings_of(plan.allocation, spec.walltime), plan.allocation, plan.totals, plan.rows);
    ASSERT_EQ(priced->total, plan.cap) << "what is locked doesn't give the cap";
    ASSERT_EQ(plan.settlement.empty(), !world.settlements.contains(plan.center));
    if (spec.budget) ASSERT_LE(plan.cap, *spec.budget);
  }
  for (const Refused& refused : decision.refused)
    ASSERT_TRUE(std::ranges::none_of(expected.fitting, [&](const Expected& e) { return e.center == refused.center && e.pool == refused.pool; }));
}

class Markets : public testing::TestWithParam<std::tuple<int, int, bool>> {
 protected:
  void route(bool varied);
};

TEST_P(Markets, RouteLikeThePlainestRouter) { route(false); }
TEST_P(Markets, RouteByPricesOfEveryKind) { route(true); }

void Markets::route(bool varied) {
  const auto [centers, per_center, few_prices] = GetParam();
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SeededRng rng(seed);
    fixture::World world;
    fixture::fill(world, static_cast<std::uint64_t>(centers), static_cast<std::uint64_t>(per_center), rng, few_prices);
    if (varied) fixture::vary(world, rng);
    for (int i = 0; i < 150; ++i) {
      SCOPED_TRACE("job " + std::to_string(i));
      JobSpec spec = fixture::random_job(rng);
      if (rng.below(3) == 0) spec.budget = Amount{static_cast<std::int64_t>(rng.below(200'000'000))};
      if (rng.below(4) == 0) spec.deadline = fixture::kNow + Duration{static_cast<std::int64_t>(rng.below(200'000'000))};
      if (rng.below(6) == 0) spec.center = fixture::center_id(rng.below(static_cast<std::uint64_t>(centers)));
      // A budget exactly at a cap, and one micro-unit below it, are where bounds go wrong.
      if (rng.below(4) == 0) {
        spec.budget.reset();
        const Decision free = world.decide(spec);
        if (!free.plans.empty()) spec.budget = Amount{std::max<std::int64_t>(0, free.plans.back().cap.micros - static_cast<std::int64_t>(rng.below(2)))};
      }
      ASSERT_NO_FATAL_FAILURE(agree(world, spec));
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Sizes, Markets,
                         testing::Values(std::tuple(1, 1, false), std::tuple(2, 40, false), std::tuple(3, 5, true),
                                         std::tuple(40, 10, false), std::tuple(40, 10, true)));

TEST(Market, TinyAndHugePricesKeepTheOrder) {
  SeededRng rng(11);
  fixture::World world;
  const char* const prices[] = {"0", "0.000000000001", "0.00000001", "0.0001", "1", "10000", "90000000"};
  for (std::uint64_t c = 0; c < 60; ++c) {
    Pool& pool = world.add(c, "p");
    pool.speed_milli = 900 + static_cast<std::int32_t>(rng.below(200));
    for (const pricing::Meter meter : pricing::kHeldMeters) world.sell(meter, prices[rng.below(7)], {.center = pool.center});
  }
  world.observe();
  for (int i = 0; i < 300; ++i) {
    SCOPED_TRACE("job " + std::to_string(i));
    ASSERT_NO_FATAL_FAILURE(agree(world, fixture::random_job(rng)));
  }
}

}  // namespace
}  // namespace bourse::broker::routing
