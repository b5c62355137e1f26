// BOURSE_SEED=n runs one seed; BOURSE_SEEDS=n runs the first n.
#include <gtest/gtest.h>

#include <cstdlib>

#include "broker/sim/world.h"

namespace bourse::broker::sim {
namespace {

std::uint64_t number(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::uint64_t kSeeds = 60;  // each takes ten times as long
#else
constexpr std::uint64_t kSeeds = 300;
#endif

Plot plot_of(std::uint64_t seed) {
  Plot plot;
  plot.centers = 1 + seed % 4;
  if (seed % 5 == 0) plot.lies_permille = 0;
  if (seed % 7 == 0) plot.network = {};  // a good network, so that crashes meet full pipes
  if (seed % 11 == 0) plot.crashes_permille = 50;
  return plot;
}

TEST(Simulator, EveryWorldKeepsItsBooks) {
  const std::uint64_t one = number("BOURSE_SEED", 0);
  const std::uint64_t first = one != 0 ? one : 1;
  const std::uint64_t last = one != 0 ? one : number("BOURSE_SEEDS", kSeeds);
  Tally all;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const auto tally = World(seed, plot_of(seed)).run();
    ASSERT_TRUE(tally) << "BOURSE_SEED=" << seed << ": " << tally.error().detail;
    all.steps += tally->steps;
    all.jobs += tally->jobs;
    all.ended += tally->ended;
    all.failed += tally->failed;
    all.cancelled += tally->cancelled;
    all.redispatched += tally->redispatched;
    all.quarantined += tally->quarantined;
    all.days += tally->days;
    all.recoveries += tally->recoveries;
    all.repeats += tally->repeats;
    all.refused += tally->refused;
    all.statements += tally->statements;
    all.payouts += tally->payouts;
    all.adjustments += tally->adjustments;
    all.lots += tally->lots;
    all.lots_expired += tally->lots_expired;
    all.lots_returned += tally->lots_returned;
    all.reservations += tally->reservations;
    all.accruals += tally->accruals;
    all.carried += tally->carried;
    all.packages += tally->packages;
    all.du_jobs += tally->du_jobs;
    all.fees += tally->fees;
    all.arrays += tally->arrays;
    all.waited += tally->waited;
    all.never_dispatched += tally->never_dispatched;
  }
  std::cout << "seeds " << first << " to " << last << ": " << all.steps << " steps, " << all.jobs << " jobs ("
            << all.ended << " ended, " << all.failed << " failed, " << all.cancelled << " cancelled), "
            << all.redispatched << " re-dispatched, " << all.quarantined << " records set aside, " << all.recoveries
            << " recoveries, " << all.repeats << " repeats answered, " << all.refused << " refusals, " << all.statements
            << " statements, " << all.payouts << " payouts, " << all.adjustments << " corrections, " << all.lots << " credit lots ("
            << all.lots_expired << " times taken back, " << all.lots_returned << " refilled), " << all.reservations << " reservations (earned "
            << all.accruals << " times, carried " << all.carried << " jobs), " << all.days << " days agreed on, " << all.packages << " packages (" << all.du_jobs << " jobs paid with them), " << all.fees << " fees, " << all.arrays << " arrays, " << all.waited << " jobs that waited, " << all.never_dispatched << " never dispatched\n";
  if (one != 0) return;
  EXPECT_GT(all.ended, 0U);
  EXPECT_GT(all.failed, 0U);
  EXPECT_GT(all.cancelled, 0U);
  EXPECT_GT(all.redispatched, 0U);
  EXPECT_GT(all.quarantined, 0U);
  EXPECT_GT(all.recoveries, last);
  EXPECT_GT(all.repeats, 0U);
  EXPECT_GT(all.statements, 0U);
  EXPECT_GT(all.payouts, 0U);
  EXPECT_GT(all.adjustments, 0U);
  EXPECT_GT(all.lots, 0U);
  EXPECT_GT(all.lots_expired, 0U);
  EXPECT_GT(all.lots_returned, 0U);
  EXPECT_GT(all.reservations, 0U);
  EXPECT_GT(all.accruals, 0U);
  EXPECT_GT(all.carried, 0U);
  EXPECT_GT(all.packages, 0U);
  EXPECT_GT(all.du_jobs, 0U);
  EXPECT_GT(all.fees, 0U);
  EXPECT_GT(all.arrays, 0U);
  EXPECT_GT(all.waited, 0U);
  EXPECT_GT(all.never_dispatched, 0U);
}

TEST(Simulator, ASeedIsAWorld) {
  const auto once = World(7, plot_of(7)).run();
  const auto again = World(7, plot_of(7)).run();
  ASSERT_TRUE(once && again);
  EXPECT_EQ(once->steps, again->steps);
  EXPECT_EQ(once->quarantined, again->quarantined);
}

}  // namespace
}  // namespace bourse::broker::sim
