#include "connectors/core/run_table.h"

#include <limits>

#include "connectors/core/sell.h"
#include "connectors/core/temporary_folder.h"

namespace bourse::connector {
namespace {

TEST(Meters, AreAllocationTimesTime) {
  const Meters meters = meters_of({.cores = 3, .gpus = 2, .nodes = 1, .mem_mib = 1000}, milliseconds(1500));
  EXPECT_EQ(meters, (Meters{4500, 3000, 1500, 1500}));
  EXPECT_EQ(meters_of({.cores = 1, .nodes = 1, .mem_mib = 1}, milliseconds(1999)).mem_mib_s, 1) << "rounded down";
  EXPECT_EQ(meters_of({.cores = 5}, milliseconds(-1)).core_ms, 0);
}

TEST(Meters, SaturateInsteadOfOverflowing) {
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(meters_of({.cores = most, .mem_mib = most}, milliseconds(most)).core_ms, most);
}

TEST(Marker, NamesAttemptAndFence) {
  const std::string marker = marker_of(AttemptId{Uuid{1, 2}}, 7);
  EXPECT_EQ(marker, "bourse-" + to_text(AttemptId{Uuid{1, 2}}) + "-7");
  EXPECT_LE(marker.size(), 64U);
}

TEST(Sell, OffersWhatIsNamedUnderItsTerms) {
  const std::vector<PoolInfo> pools = {{.name = "cpu", .nodes = 10, .cores_per_node = 4, .free_cores = 40},
                                       {.name = "gpu", .nodes = 1, .cores_per_node = 4, .gpus_per_node = 2},
                                       {.name = "dead", .nodes = 0, .cores_per_node = 4}};
  EXPECT_EQ(offered(pools, {}).size(), 2U);
  SellConfig sell;
  sell.pools["cpu"] = {.speed_milli = 1500, .rule = {.nodes = 3, .max_walltime = hours(1)}};
  const auto offers = offered(pools, sell);
  ASSERT_EQ(offers.size(), 1U);
  const Offered& cpu = offers.at("cpu");
  EXPECT_EQ(cpu.speed_milli, 1500);
  EXPECT_EQ(cpu.info.nodes, 3);
  EXPECT_EQ(cpu.info.free_cores, 12);
  EXPECT_EQ(cpu.info.max_walltime, hours(1));
  sell.pools["cpu"].rule.paused = true;
  EXPECT_FALSE(offered(pools, sell).at("cpu").info.accepting);
}

class RunTableTest : public TemporaryFolder {};

TEST_F(RunTableTest, KeepsTheNewestStateOfEachRun) {
  const AttemptId a{Uuid{1, 1}}, b{Uuid{1, 2}};
  {
    auto table = RunTable::open(path("runs.log"));
    ASSERT_TRUE(table) << table.error().message();
    connector::Run& run = table->add({.attempt = a, .job = JobId{Uuid{2, 2}}, .fence = 3, .order = "bytes"});
    run.user = {.name = "alice", .uid = 1001, .gid = 1002, .home = "/h", .scheduler_account = "p"};
    ASSERT_TRUE(table->save(a));
    run.phase = RunPhase::over;
    run.mark(Happening::ended);
    run.meters = {1, 2, 3, 4};
    table->add({.attempt = b});
    ASSERT_TRUE(table->save(a));
  }
  for (int i = 0; i < 2; ++i) {  // opening rewrites the file; the second time reads that
    auto table = RunTable::open(path("runs.log"));
    ASSERT_TRUE(table) << table.error().message();
    ASSERT_EQ(table->runs().size(), 1U) << "b was never saved";
    const connector::Run& run = *table->find(a);
    EXPECT_EQ(run.phase, RunPhase::over);
    EXPECT_EQ(run.user.name, "alice");
    EXPECT_EQ(run.user.gid, 1002U);
    EXPECT_EQ(run.meters, (Meters{1, 2, 3, 4}));
    EXPECT_TRUE(run.has(Happening::ended));
    EXPECT_FALSE(run.has(Happening::started));
    EXPECT_EQ(run.order, "bytes");
  }
}

TEST(SeeRunning, WorksOutWhatWasReadAtEdges) {
  const std::vector<std::int64_t> edges = {500, 10'000, 20'000, 90'000};
  connector::Run run{.started_ms = 1'000};
  see_running(run, 9'000, 8'000, edges);
  EXPECT_TRUE(run.at_edges.empty()) << "before the start nobody reads";
  see_running(run, 25'300, 24'000, edges);  // whole seconds, a moment ago
  EXPECT_EQ(run.at_edges, (std::vector<RunningAt>{{10'000, 9'000}, {20'000, 19'000}}));
  see_running(run, 25'300, 24'000, edges);
  EXPECT_EQ(run.at_edges.size(), 2U);
}

TEST(SeeRunning, AfterADayAwayItKnowsAllTheSameUnlessItStoodStill) {
  const std::vector<std::int64_t> edges = {50'000'000};
  connector::Run away{.started_ms = 1'000};
  see_running(away, 6'000, 5'000, edges);
  connector::Run stopped = away;
  see_running(away, 86'401'000, 86'399'000, edges);
  EXPECT_EQ(away.at_edges, (std::vector<RunningAt>{{50'000'000, 49'999'000}}));
  see_running(stopped, 86'401'000, 80'000'000, edges);
  EXPECT_EQ(stopped.at_edges, (std::vector<RunningAt>{{6'000, 5'000}, {86'401'000, 80'000'000}}));
}

TEST(SeeRunning, SaysNothingTwiceAndKeepsABound) {
  std::vector<std::int64_t> edges;
  for (std::int64_t at = 1; at <= 3'000; ++at) edges.push_back(at * 1'000);
  connector::Run run{.started_ms = 1, .reported_ms = 5'000};
  see_running(run, 10'000, 9'999, edges);
  ASSERT_EQ(run.at_edges.size(), 5U);
  EXPECT_EQ(run.at_edges.front(), (RunningAt{6'000, 5'999}));
  see_running(run, 3'000'000, 2'999'999, edges);
  EXPECT_EQ(run.at_edges.size(), kMostReadings);
  see_running(run, 2'000, 1, edges);  // neither clock nor figure goes back
  EXPECT_EQ(run.running_ms, 2'999'999);
  EXPECT_EQ(run.seen_ms, 3'000'000);
}

}  // namespace
}  // namespace bourse::connector
