#include "connectors/slurm/slurm_text.h"

#include <gtest/gtest.h>

#include "connectors/slurm/slurm_pools.h"

namespace bourse::slurm {
namespace {

std::optional<AccountingRow> accounting(const std::string& line) {
  const std::string text = line + "|\n";
  const auto all = rows(text);
  return all.size() == 1 ? parse_accounting(all[0]) : std::nullopt;
}

TEST(Rows, LeavesOutACutLineAndSplitsStrictly) {
  const auto all = rows("a|b|\n\nc|\nd|e\nf|g|");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0], (std::vector<std::string_view>{"a", "b"}));
  EXPECT_EQ(all[1], (std::vector<std::string_view>{"c"}));
  const std::string hostile(1'000'000, '|');
  EXPECT_LE(rows(hostile + "\n")[0].size(), 64U);
}

TEST(Durations, ReadWhatSlurmPrints) {
  EXPECT_EQ(parse_duration("0:04"), seconds(4));
  EXPECT_EQ(parse_duration("59:59"), seconds(3599));
  EXPECT_EQ(parse_duration("2:00:00"), hours(2));
  EXPECT_EQ(parse_duration("1-02:03:04"), seconds(93784));
  for (const char* bad : {"", "4", "-1:00", "1:2:3:4", "1-2", "1-2:3", "INVALID", "a:b", "0:-4", "99999999999:00", "4000-00:00:00", "1: 2"})
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
  EXPECT_EQ(parse_time_limit("infinite"), Duration{});
  EXPECT_EQ(parse_time_limit("UNLIMITED"), Duration{});
}

TEST(Epochs, NothingForUnknown) {
  EXPECT_EQ(parse_epoch("1795302938")->unix_ms, 1795302938000);
  for (const char* bad : {"", "Unknown", "None", "N/A", "0", "-5", "2026-11-21T23:00:00", "99999999999999", "1.5"})
    EXPECT_EQ(parse_epoch(bad), std::nullopt) << bad;
}

TEST(Tres, ReadsIntegersOnly) {
  const auto all = parse_tres("billing=2,cpu=2,gres/gpu=1,gres/gpu:a100=1,mem=500M,node=1");
  ASSERT_TRUE(all);
  EXPECT_EQ(all->cores, 2);
  EXPECT_EQ(all->gpus, 1);
  EXPECT_EQ(all->nodes, 1);
  EXPECT_EQ(all->mem_mib, 500);
  EXPECT_EQ(parse_tres("cpu=1,node=1,mem=1.50G")->mem_mib, 1536);
  EXPECT_EQ(parse_tres("cpu=1,node=1,mem=2048K")->mem_mib, 2);
  EXPECT_EQ(parse_tres("cpu=1,node=1,mem=2T")->mem_mib, 2 << 20);
  for (const char* bad : {"", "cpu=1", "node=1", "cpu=-1,node=1", "cpu=1,cpu=2,node=1", "cpu=1e9,node=1", "cpu=9999999999,node=1",
                          "cpu=1,node=1,mem=xM", "cpu=1,node=1,mem=99999999999999P", "cpu,node=1", "cpu=1,node=1,", "Unknown"})
    EXPECT_FALSE(parse_tres(bad)) << bad;
}

TEST(States, OnlyThoseThatSlurmHas) {
  EXPECT_EQ(parse_state("RUNNING")->phase, Phase::running);
  EXPECT_EQ(parse_state("CONFIGURING")->phase, Phase::running);
  EXPECT_EQ(parse_state("SUSPENDED")->phase, Phase::suspended);
  EXPECT_EQ(parse_state("CANCELLED by 1001")->word, "CANCELLED");
  EXPECT_TRUE(parse_state("REQUEUED")->requeued);
  for (const char* bad : {"", "running", "COMPLETED by 5", "R", "DONE", "COMPLETED\t"}) EXPECT_FALSE(parse_state(bad)) << bad;
}

TEST(Exits, AreNeverWellUnlessCompleted) {
  const auto code = [](const char* text, const char* state) { return parse_exit(text, *parse_state(state)); };
  EXPECT_EQ(code("0:0", "COMPLETED"), 0);
  EXPECT_EQ(code("3:0", "FAILED"), 3);
  EXPECT_EQ(code("0:9", "FAILED"), 137);
  EXPECT_EQ(code("0:0", "TIMEOUT"), 143);
  EXPECT_EQ(code("0:0", "NODE_FAIL"), 1);
  EXPECT_EQ(code("0:0", "CANCELLED"), 143);
  for (const char* bad : {"", "0", ":", "a:0", "0:200", "-1:0"}) EXPECT_EQ(code(bad, "FAILED"), std::nullopt) << bad;
}

TEST(Accounting, ReadsARowAndDropsWhatIsNotOne) {
  const auto row = accounting("7|COMPLETED|1795302938|1795302940|1795302950|8|00:00:02|0:0|billing=1,cpu=1,mem=100M,node=1");
  ASSERT_TRUE(row);
  EXPECT_EQ(row->elapsed, seconds(8));
  EXPECT_EQ(row->end->unix_ms, 1795302950000);
  for (const char* bad : {
           "7|COMPLETED|1795302938|1795302940|1795302950|8|00:00:02|0:0",                                    // cut
           "7|COMPLETED|1795302938|1795302940|1795302950|11|00:00:00|0:0|cpu=1,mem=1M,node=1",               // longer than it lasted
           "7|COMPLETED|1795302938|1795302950|1795302940|0|00:00:00|0:0|cpu=1,mem=1M,node=1",                // ends before it starts
           "7|COMPLETED|1795302938|1795302940|Unknown|8|00:00:00|0:0|cpu=1,mem=1M,node=1",                   // over without an end
           "7|COMPLETED|1795302938|Unknown|1795302950|8|00:00:00|0:0|cpu=1,mem=1M,node=1",                   // ran without a start
           "7|COMPLETED|1795302938|1795302940|1795302950|-8|00:00:00|0:0|cpu=1,mem=1M,node=1",
           "7|COMPLETED|Unknown|1795302940|1795302950|8|00:00:00|0:0|cpu=1,mem=1M,node=1",
           "7|COMPLETED|1795302938|1795302940|1795302950|8|00:00:00|0:0|garbage",
           "7.batch|COMPLETED|1795302938|1795302940|1795302950|8|00:00:00|0:0|cpu=1,mem=1M,node=1",
           "7_1|COMPLETED|1795302938|1795302940|1795302950|8|00:00:00|0:0|cpu=1,mem=1M,node=1",
           "7|HACKED|1795302938|1795302940|1795302950|8|00:00:00|0:0|cpu=1,mem=1M,node=1",
           "7|COMPLETED|1795302938|1795302940|1795302950|8|00:00:00|0:0|cpu=1,mem=1M,node=1|more"})
    EXPECT_FALSE(accounting(bad)) << bad;
  EXPECT_FALSE(accounting("7|COMPLETED|1795302938|1795302940|1795302950|8|" + std::string(10'000, '0') + "|0:0|cpu=1,mem=1M,node=1"));
  EXPECT_FALSE(accounting("7|COMPLETED|1795302938|-1795302940|1795302950|8|00:00:00|0:0|cpu=1,mem=1M,node=1")) << "a negative time";
  EXPECT_FALSE(accounting("7|job|COMPLETED|1795302938|1795302940|1795302950|8|0:0|cpu=1,mem=1M,node=1")) << "a name in the way";
  const auto never = accounting("5|CANCELLED by 999|1795303025|1795303025|1795303025|0|00:00:00|0:0|");
  ASSERT_TRUE(never);
  EXPECT_FALSE(never->allocation);
}

TEST(Live, ReadsARow) {
  const std::string text = "4|SUSPENDED|1795303017|0:01|cpu=1,mem=100M,node=1,billing=1|0|1795303077|\n4|SUSPENDED|1795303017|0:01\n";
  const auto all = rows(text);
  ASSERT_EQ(all.size(), 1U);  // the second line was cut short
  const auto row = parse_live(all[0]);
  ASSERT_TRUE(row);
  EXPECT_EQ(row->used, seconds(1));
  EXPECT_EQ(row->state.phase, Phase::suspended);
  EXPECT_FALSE(parse_live({"4", "SUSPENDED", "1795303017", "0:01"}));
}

TEST(JobId, OnlyPlainOnes) {
  EXPECT_TRUE(is_job_id("123"));
  for (const char* bad : {"", "0", "-1", "1.batch", "1_2", "01", "12345678901", "1 "}) EXPECT_FALSE(is_job_id(bad)) << bad;
}

TEST(Pools, CountUsableNodesAndWork) {
  const auto pools = pools_from(
      "cpu|up|2:00:00|8|4000|(null)|gpu:0|2/6/0/8|mixed|NO|\n"
      "cpu|up|2:00:00|16|8000|(null)|gpu:0|0/16/0/16|idle|NO|\n"
      "cpu|up|2:00:00|16|8000|(null)|gpu:0|0/0/16/16|down*|NO|\n"
      "gpu|up|infinite|4|4000|gpu:A100:4(S:0-1),fpga:1|gpu:A100:3(IDX:0-1,3),fpga:0|1/3/0/4|mixed|EXCLUSIVE|\n"
      "drained|down|infinite|4|4000|(null)|gpu:0|0/0/4/4|drained|NO|\n"
      "cpu|up|2:00:00|8|rubbish\n-x|up|1:00|1|1|||0/1/0/1|idle|NO|\n",
      "cpu|RUNNING|2|1:00:00|\ncpu,gpu|PENDING|4|10:00|\ngpu|SUSPENDED|1|1:00|\ncpu|COMPLETED|1|1:00|\nx|PENDING|1|1:00|\ncpu|PENDING|1|\n",
      "x86_64");
  ASSERT_EQ(pools.size(), 3U);
  EXPECT_EQ(pools[0].nodes, 2);
  EXPECT_EQ(pools[0].cores_per_node, 8);
  EXPECT_EQ(pools[0].mem_mib_per_node, 4000);
  EXPECT_EQ(pools[0].free_cores, 22);
  EXPECT_EQ(pools[0].running_jobs, 1);
  EXPECT_EQ(pools[0].pending_jobs, 1);
  EXPECT_EQ(pools[0].pending_core_ms, 4 * 600'000);
  EXPECT_EQ(pools[1].gpu_model, "a100");
  EXPECT_EQ(pools[1].gpus_per_node, 4);
  EXPECT_EQ(pools[1].free_gpus, 1);
  EXPECT_TRUE(pools[1].whole_nodes);
  EXPECT_EQ(pools[1].max_walltime, Duration{});
  EXPECT_FALSE(pools[2].accepting);
}

}  // namespace
}  // namespace bourse::slurm
