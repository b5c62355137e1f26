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
  sell.pools["cpu"] = {.speed_milli = 1500, .max_nodes = 3, .max_walltime = hours(1)};
  const auto offers = offered(pools, sell);
  ASSERT_EQ(offers.size(), 1U);
  const Offered& cpu = offers.at("cpu");
  EXPECT_EQ(cpu.speed_milli, 1500);
  EXPECT_EQ(cpu.info.nodes, 3);
  EXPECT_EQ(cpu.info.free_cores, 12);
  EXPECT_EQ(cpu.info.max_walltime, hours(1));
  sell.pools["cpu"].paused = true;
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

}  // namespace
}  // namespace bourse::connector
