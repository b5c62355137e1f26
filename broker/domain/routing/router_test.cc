#include "broker/domain/routing/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "broker/domain/routing/routing_fixture.h"

namespace bourse::broker::routing {
namespace {

using fixture::center_id;
using fixture::job;
using fixture::kNow;
using fixture::World;
using pricing::Meter;

Refusal only_refusal(World& world, const JobSpec& spec) {
  const Decision decision = world.decide(spec);
  EXPECT_TRUE(decision.plans.empty());
  EXPECT_EQ(decision.fitting, 0U);
  return decision.refused.empty() ? Refusal::none : decision.refused.front().reason;
}

TEST(Router, AnEmptyMarketRefusesWithoutReasons) {
  World world;
  const Decision decision = world.decide(job());
  EXPECT_TRUE(decision.plans.empty());
  EXPECT_TRUE(decision.refused.empty());
  EXPECT_EQ(decision.considered, 0U);
}

TEST(Router, PlansCarryRowsTermsAndBothPrices) {
  World world;
  world.sell_all("0.10", "10", "0", "0.01");
  world.add(0, "cpu").speed_milli = 2000;
  world.contracts[center_id(0)].terms = {.tax_bps = 600, .margin_bps = 300};
  world.observe();
  JobSpec spec = job(4, hours(2));
  spec.expected = hours(1);
  const Decision decision = world.decide(spec);
  ASSERT_EQ(decision.plans.size(), 1U);
  const Plan& plan = decision.plans.front();
  EXPECT_EQ(plan.duration, minutes(30));       // twice as fast as the reference
  EXPECT_EQ(plan.wait, Duration{});
  EXPECT_EQ(plan.total.micros, 205'000);       // 4 × 0.10 × 0.5 h + 1 GiB × 0.01 × 0.5 h
  EXPECT_EQ(plan.cap.micros, 820'000);         // the whole walltime
  EXPECT_EQ(plan.score, plan.total.micros);
  EXPECT_EQ(plan.rows.size(), 3U);             // no cards asked for, no row for them
  EXPECT_EQ(plan.terms.margin_bps, 300);
  EXPECT_EQ(plan.contract, world.contracts[center_id(0)].contract);
  EXPECT_EQ(plan.allocation, spec.need);
  EXPECT_EQ(decision.fitting, 1U);
}

TEST(Router, EveryWayNotToFitHasItsCode) {
  World world;
  world.sell_all("0.10");
  Pool& pool = world.add(0, "cpu");
  pool.gpus_per_node = 4;
  pool.gpu_model = "a100";
  pool.max_walltime = hours(10);
  world.observe();
  const auto refused = [&](auto&& change) {
    JobSpec spec = job();
    change(spec);
    return only_refusal(world, spec);
  };
  EXPECT_EQ(refused([](JobSpec& s) { s.arch = "aarch64"; }), Refusal::architecture);
  EXPECT_EQ(refused([](JobSpec& s) { s.need.gpus = 5; }), Refusal::no_gpus);
  EXPECT_EQ(refused([](JobSpec& s) { s.need.gpus = 1, s.gpu_model = "h800"; }), Refusal::gpu_model);
  EXPECT_EQ(refused([](JobSpec& s) { s.need.nodes = 11; }), Refusal::nodes);
  EXPECT_EQ(refused([](JobSpec& s) { s.need.cores = 65; }), Refusal::cores);
  EXPECT_EQ(refused([](JobSpec& s) { s.need.mem_mib = 256 * 1024 + 1; }), Refusal::memory);
  EXPECT_EQ(refused([](JobSpec& s) { s.walltime = hours(10) + seconds(1); }), Refusal::walltime);
  EXPECT_EQ(refused([](JobSpec& s) { s.kind = JobKind::session; }), Refusal::kind);
  EXPECT_EQ(refused([](JobSpec& s) { s.center = center_id(9); }), Refusal::other_center_asked);
  EXPECT_EQ(refused([](JobSpec& s) { s.budget = Amount{1}; }), Refusal::over_budget);
  EXPECT_EQ(refused([](JobSpec& s) { s.deadline = kNow + minutes(59); }), Refusal::past_deadline);
  // At the limits it fits.
  JobSpec spec = job(64, hours(10));
  spec.need = {.cores = 640, .gpus = 40, .nodes = 10, .mem_mib = 10 * 256 * 1024};
  spec.arch = "x86_64";
  spec.gpu_model = "a100";
  EXPECT_EQ(world.decide(spec).plans.size(), 1U);
}

TEST(Router, AJobWithFilesGoesWhereFilesAreTaken) {
  World world;
  world.sell_all("0.10");
  world.add(0, "cheap");
  world.add(1, "files").files = true;
  world.observe();
  JobSpec spec = job();
  spec.manifest.bytes[0] = 1;
  const Decision decision = world.decide(spec);
  ASSERT_EQ(decision.plans.size(), 1U);
  EXPECT_EQ(decision.plans.front().pool, "files");
  ASSERT_EQ(decision.refused.size(), 1U);
  EXPECT_EQ(decision.refused.front().reason, Refusal::no_files);
  spec.center = center_id(0);
  EXPECT_EQ(world.decide(spec).plans.size(), 0U);
  spec.manifest = {};
  EXPECT_EQ(world.decide(spec).plans.size(), 1U);
}

TEST(Router, AModelWithoutCardsAskedForMeansNothing) {
  World world;
  world.sell_all("0.10");
  world.add(0, "cpu");
  world.observe();
  JobSpec spec = job();
  spec.gpu_model = "a100";
  EXPECT_EQ(world.decide(spec).plans.size(), 1U);
}

TEST(Router, OfflinePausedUnpricedAndUncontractedPoolsAreOut) {
  World world;
  world.add(0, "cpu");
  world.observe();
  EXPECT_EQ(only_refusal(world, job()), Refusal::no_price);
  world.sell_all("0.10");
  EXPECT_EQ(world.decide(job()).plans.size(), 1U);

  world.router.set_online(center_id(0), false);
  EXPECT_EQ(only_refusal(world, job()), Refusal::offline);
  world.router.set_online(center_id(0), true);
  world.router.set_paused(center_id(0), true);
  world.observe();
  EXPECT_EQ(only_refusal(world, job()), Refusal::paused) << "an observation does not lift a pause";
  world.router.set_paused(center_id(0), false);
  EXPECT_EQ(world.decide(job()).plans.size(), 1U);

  world.pools[center_id(0)].front().accepting = false;
  world.observe();
  EXPECT_EQ(only_refusal(world, job()), Refusal::paused);
  world.pools[center_id(0)].front().accepting = true;
  world.observe();

  world.contracts.clear();
  world.router.prices_changed();
  EXPECT_EQ(only_refusal(world, job()), Refusal::no_contract);
}

TEST(Router, AContractThatBeginsLaterSellsFromThatInstant) {
  World world;
  world.sell_all("0.10");
  world.add(0, "cpu");
  world.observe();
  const JobSpec spec = job();
  const TermsLookup terms = [](CenterId, Instant at) {
    return at < kNow + minutes(1) ? std::nullopt : std::optional(TermsAt{});
  };
  const auto plans_at = [&](Instant now) { return world.router.decide({.spec = &spec, .now = now}, world.prices, terms).plans.size(); };
  EXPECT_EQ(plans_at(kNow), 0U);
  EXPECT_EQ(plans_at(kNow + milliseconds(59'999)), 0U);
  EXPECT_EQ(plans_at(kNow + minutes(1)), 1U);
  EXPECT_EQ(plans_at(kNow), 0U);
}

TEST(Router, PricesFollowTheirValidityAndTheirScope) {
  World world;
  world.sell_all("1");
  world.add(0, "cpu");
  world.observe();
  const TenantId ours{{7, 7}};
  world.sell(Meter::core_ms, "2", {}, kNow + hours(1), kNow + hours(2));
  world.sell(Meter::core_ms, "0.5", {.tenant = ours});
  world.sell(Meter::core_ms, "9", {.qos = "urgent"});
  const auto core_price = [&](TenantId tenant, Instant now, std::string qos = {}) {
    JobSpec spec = job(1);
    spec.qos = std::move(qos);
    return world.decide(spec, tenant, now).plans.at(0).total.micros / 1000;
  };
  EXPECT_EQ(core_price({}, kNow), 1000);
  EXPECT_EQ(core_price({}, kNow + hours(1)), 2000);
  EXPECT_EQ(core_price({}, kNow + hours(2)), 1000);
  EXPECT_EQ(core_price(ours, kNow), 500);
  EXPECT_EQ(core_price(TenantId{{8, 8}}, kNow), 1000);
  EXPECT_EQ(core_price({}, kNow, "urgent"), 9000);
  EXPECT_EQ(core_price({}, kNow, "unheard-of"), 1000);
}

TEST(Router, WhatIsPaidInAnotherUnitIsNotSold) {
  World world;
  world.sell_all("1");
  world.add(0, "cpu");
  world.observe();
  const JobSpec spec = job();
  const auto refusal = [&](Unit rows, Unit money) {
    const Decision decision = world.router.decide({.spec = &spec, .unit = rows, .settled_in = money, .now = kNow}, world.prices, world.terms());
    EXPECT_TRUE(decision.plans.empty());
    return decision.refused.at(0).reason;
  };
  EXPECT_EQ(refusal(kCny, *parse_unit("USD")), Refusal::no_contract);
  EXPECT_EQ(refusal(kDu, kCny), Refusal::no_price);
}

TEST(Router, WholeNodePoolsSellWholeNodes) {
  World world;
  world.sell_all("1", "10", "0", "0");
  Pool& pool = world.add(0, "whole");
  pool.whole_nodes = true;
  pool.gpus_per_node = 2;
  pool.free_gpus = 20;
  world.observe();
  JobSpec spec = job(3);
  spec.need.nodes = 2;
  const Decision decision = world.decide(spec);
  ASSERT_EQ(decision.plans.size(), 1U);
  EXPECT_EQ(decision.plans[0].allocation, (pricing::Allocation{.cores = 128, .gpus = 4, .nodes = 2, .mem_mib = 512 * 1024}));
  EXPECT_EQ(decision.plans[0].total, Amount::whole(128 + 40));
  EXPECT_EQ(decision.plans[0].rows.size(), 4U) << "the node's cards are paid for, so their row is locked";
}

TEST(Router, OverBudgetSaysWhatWouldHaveBeenEnough) {
  World world;
  world.sell_all("1");
  world.add(0, "a");
  world.add(1, "b");
  world.sell(Meter::core_ms, "0.7", {.center = center_id(1)});
  world.observe();
  JobSpec spec = job(10, hours(1));
  spec.budget = Amount{6'999'999};
  Decision decision = world.decide(spec);
  EXPECT_TRUE(decision.plans.empty());
  EXPECT_EQ(decision.cheapest_cap, Amount::whole(7));
  ASSERT_EQ(decision.refused.size(), 2U);
  EXPECT_EQ(decision.refused[0].needed, Amount::whole(7));
  EXPECT_EQ(decision.refused[1].needed, Amount::whole(10));
  spec.budget = decision.cheapest_cap;
  decision = world.decide(spec);
  ASSERT_EQ(decision.plans.size(), 1U);
  EXPECT_EQ(decision.plans[0].center, center_id(1));
}

TEST(Router, APinnedCenterIsTheOnlyOne) {
  World world;
  world.sell_all("1");
  for (std::uint64_t c = 0; c < 5; ++c) world.add(c, "cpu");
  world.observe();
  JobSpec spec = job();
  spec.center = center_id(3);
  const Decision decision = world.decide(spec);
  ASSERT_EQ(decision.plans.size(), 1U);
  EXPECT_EQ(decision.plans[0].center, center_id(3));
  EXPECT_EQ(decision.considered, 5U);
  EXPECT_EQ(decision.refused.size(), 4U);
}

TEST(Router, ObjectivesWeighTimeAndMoney) {
  World world;
  world.sell_all("1");
  const auto add = [&](std::uint64_t c, const char* price, std::int32_t speed, std::int64_t queued_hours) {
    Pool& pool = world.add(c, "p");
    pool.speed_milli = speed;
    if (queued_hours > 0) pool.free_cores = 0, pool.pending_core_ms = hours(queued_hours).ms * 640;
    world.sell(Meter::core_ms, price, {.center = center_id(c)});
  };
  add(0, "1.0", 1000, 9);   // total 1.0 h, end 10 h
  add(1, "1.4", 1000, 0);   // total 1.4 h, end 1 h: best value
  add(2, "9.0", 4000, 0);   // total 2.25 h, end 0.25 h… fastest; best value 0.5625 of 1.4
  world.observe();
  JobSpec spec = job(1, hours(1));
  const auto winner = [&](Objective objective) {
    spec.objective = objective;
    return world.decide(spec).plans.at(0).center;
  };
  EXPECT_EQ(winner(Objective::cheapest), center_id(0));
  EXPECT_EQ(winner(Objective::fastest), center_id(2));
  EXPECT_EQ(winner(Objective::best_value), center_id(2));
  world.sell(Meter::core_ms, "90", {.center = center_id(2)}, Instant{2});
  EXPECT_EQ(winner(Objective::best_value), center_id(1));
}

TEST(Router, TiesGoRoundTheCenters) {
  World world;
  world.sell_all("1");
  for (std::uint64_t c = 0; c < 4; ++c) world.add(c, "cpu");
  world.observe();
  std::map<CenterId, int> wins;
  for (int i = 0; i < 40; ++i) ++wins[world.decide(job()).plans.at(0).center];
  for (const auto& [center, n] : wins) EXPECT_EQ(n, 10);
  EXPECT_EQ(wins.size(), 4U);
}

TEST(Router, ABurstSpreadsByWhatWasPromised) {
  World world;
  world.sell_all("1");
  for (std::uint64_t c = 0; c < 4; ++c) world.add(c, "cpu").free_cores = 64;
  world.observe();
  std::map<CenterId, int> wins;
  for (int i = 0; i < 100; ++i) {
    JobSpec spec = job(8);
    spec.objective = Objective::fastest;
    const Decision decision = world.decide(spec);
    const Plan& plan = decision.plans.at(0);
    // Thirty-two of these fit at once; from then on there is a wait.
    EXPECT_EQ(plan.wait == Duration{}, i < 32) << i;
    ++wins[plan.center];
    world.router.promise(plan.center, plan.pool, plan.allocation, plan.duration);
  }
  for (const auto& [center, n] : wins) EXPECT_NEAR(n, 25, 1);
  world.observe();
  EXPECT_EQ(world.decide(job(8)).plans.at(0).wait, Duration{}) << "an observation starts the count over";
}

TEST(Router, NoMoreThanThreePlansOfACenterWhereThereAreOthers) {
  World world;
  world.sell_all("1");
  for (int i = 0; i < 20; ++i) world.add(0, "p" + std::to_string(i)).speed_milli = 2000;
  for (std::uint64_t c = 1; c < 4; ++c) world.add(c, "cpu");
  world.observe();
  const Decision decision = world.decide(job());
  EXPECT_EQ(decision.fitting, 23U);
  ASSERT_EQ(decision.plans.size(), 6U);
  std::map<CenterId, int> of;
  for (const Plan& plan : decision.plans) ++of[plan.center];
  EXPECT_EQ(of[center_id(0)], 3);
  JobSpec pinned = job();
  pinned.center = center_id(0);
  EXPECT_EQ(world.decide(pinned).plans.size(), kMaxPlans);
}

TEST(Router, APriceBeyondAnAmountIsOverAnyBudget) {
  World world;
  world.sell_all("9000000000");
  world.add(0, "cpu");
  world.observe();
  JobSpec spec = job(64, kMaxWalltime);
  EXPECT_EQ(only_refusal(world, spec), Refusal::over_budget);
  spec = job(1, seconds(1));
  EXPECT_EQ(world.decide(spec).plans.size(), 1U);
}

TEST(Router, ImpossibleFiguresOfACenterAreTamed) {
  World world;
  world.sell_all("1");
  Pool& pool = world.add(0, "liar");
  pool.nodes = pool.cores_per_node = pool.mem_mib_per_node = pool.pending_core_ms = INT64_MAX;
  pool.free_cores = INT64_MIN;
  pool.speed_milli = -5;
  world.observe();
  const Decision decision = world.decide(job());
  ASSERT_EQ(decision.plans.size(), 1U);
  EXPECT_GT(decision.plans[0].wait, Duration{});
  for (int i = 0; i < 3; ++i) world.router.promise(center_id(0), "liar", {.cores = INT64_MAX, .gpus = INT64_MAX}, kMaxWalltime);
  EXPECT_EQ(world.decide(job()).plans.size(), 1U);
}

TEST(Router, PoolsAreListedByCenterAndNameAndForgotten) {
  World world;
  world.add(1, "b"), world.add(1, "a"), world.add(0, "z");
  world.observe();
  std::vector<std::string> names;
  for (const Pool& pool : world.router.pools()) names.push_back(pool.name);
  EXPECT_THAT(names, testing::ElementsAre("z", "a", "b"));
  world.router.observe(center_id(1), {});
  EXPECT_EQ(world.router.pools().size(), 1U);
  world.router.promise(center_id(1), "a", {}, {});   // nothing to promise to: nothing happens
  world.router.set_online(center_id(1), true);
  EXPECT_EQ(world.decide(job()).considered, 1U);
}

TEST(PredictedWait, IsZeroWhenItFitsAndTheQueueOverTheWidthOtherwise) {
  Pool pool;
  pool.nodes = 10, pool.cores_per_node = 10, pool.free_cores = 20, pool.free_gpus = 1;
  pool.pending_core_ms = hours(1).ms * 100;
  EXPECT_EQ(predicted_wait(pool, {.cores = 20}, 0, 0, 0), Duration{});
  EXPECT_EQ(predicted_wait(pool, {.cores = 21}, 0, 0, 0), hours(1));
  EXPECT_EQ(predicted_wait(pool, {.cores = 20}, 0, 1, 0), hours(1));
  EXPECT_EQ(predicted_wait(pool, {.cores = 20}, hours(1).ms * 100, 1, 0), hours(2));
  EXPECT_EQ(predicted_wait(pool, {.cores = 1, .gpus = 1}, 0, 0, 1), hours(1));
  pool.pending_core_ms = 0;
  EXPECT_EQ(predicted_wait(pool, {.cores = 21}, 0, 0, 0), seconds(30)) << "at least a scheduling interval";
}

TEST(Router, TellsAPoolsWaitByName) {
  World world;
  world.add(1, "batch");
  world.add(1, "big");
  world.add(2, "batch").accepting = false;
  world.observe();
  const pricing::Allocation all{.cores = 640, .nodes = 10, .mem_mib = 1};
  EXPECT_EQ(world.router.wait(center_id(1), "batch", all), Duration{});
  world.router.promise(center_id(1), "batch", {.cores = 1, .nodes = 1, .mem_mib = 1}, hours(1));
  EXPECT_GT(*world.router.wait(center_id(1), "batch", all), Duration{});
  EXPECT_EQ(world.router.wait(center_id(1), "big", all), Duration{});
  EXPECT_EQ(world.router.wait(center_id(1), "other", all), std::nullopt);
  EXPECT_EQ(world.router.wait(center_id(2), "batch", all), std::nullopt);
  EXPECT_EQ(world.router.wait(center_id(3), "batch", all), std::nullopt);
}

}  // namespace
}  // namespace bourse::broker::routing
