// What only Slurm can show: cards, renamed jobs, suspension, an accounting database that is away.
#include <sys/utsname.h>

#include "tests/integration/drivers/harness.h"

namespace bourse::test {
namespace {

using connector::RunState;
using connector::RunStatus;

class SlurmOnly : public DriverTest {
 protected:
  void SetUp() override {
    if (!is_slurm()) GTEST_SKIP();
    DriverTest::SetUp();
  }
  void scontrol(std::vector<std::string> arguments) {
    host::Command call{.argv = {"/usr/bin/scontrol"}, .env = {"SLURM_CONF=" + setting("SLURM_CONF")}};
    call.argv.insert(call.argv.end(), arguments.begin(), arguments.end());
    const auto done = runner_.run(call);
    ASSERT_TRUE(done);
    ASSERT_EQ(done->exit_code, 0) << done->err;
  }
};

TEST_F(SlurmOnly, ProbesPoolsWithCards) {
  const auto pools = driver().probe({}).value();
  ASSERT_EQ(pools.size(), 2U);
  EXPECT_EQ(pools[0].name, "cpu");
  EXPECT_EQ(pools[0].nodes, 2);
  EXPECT_EQ(pools[0].cores_per_node, 4);
  EXPECT_EQ(pools[0].mem_mib_per_node, 4000);
  utsname here{};
  ASSERT_EQ(::uname(&here), 0);
  EXPECT_EQ(pools[0].arch, here.machine);
  EXPECT_EQ(pools[0].gpus_per_node, 0);
  EXPECT_EQ(pools[0].max_walltime, hours(2));
  EXPECT_TRUE(pools[0].accepting);
  EXPECT_EQ(pools[1].name, "gpu");
  EXPECT_EQ(pools[1].gpus_per_node, 2);
  EXPECT_EQ(pools[1].gpu_model, "a100");
  EXPECT_EQ(pools[1].free_gpus, 2);
  EXPECT_EQ(driver().probe({"gpu"}).value().size(), 1U);
}

TEST_F(SlurmOnly, GivesTheCardsThatWereAskedFor) {
  auto asked = request("#!/bin/sh\necho \"cards:$CUDA_VISIBLE_DEVICES\"; while [ ! -e go ]; do sleep 0.1; done\n");
  asked.pool = "gpu", asked.need.gpus = 1, asked.gpu_model = "a100";
  const std::string id = submit(asked);
  wait_for_log(id, "cards:");
  EXPECT_EQ(driver().probe({"gpu"}).value()[0].free_gpus, 1);
  ASSERT_TRUE(driver().cancel(id, user()));
  EXPECT_EQ(wait_over(id).allocation.gpus, 1);
  EXPECT_TRUE(log_of(id).contains("cards:0") || log_of(id).contains("cards:1"));
}

TEST_F(SlurmOnly, SpreadsOverNodes) {
  auto asked = request("#!/bin/sh\nexit 0\n");
  asked.need = {.cores = 4, .gpus = 0, .nodes = 2, .mem_mib = 401};
  const RunStatus over = wait_over(submit(asked));
  EXPECT_EQ(over.allocation.cores, 4);
  EXPECT_EQ(over.allocation.nodes, 2);
  EXPECT_EQ(over.allocation.mem_mib, 402);
}

TEST_F(SlurmOnly, ARenamedJobIsStillOurs) {
  const std::string id = submit(request("#!/bin/sh\nscontrol update jobid=$SLURM_JOB_ID name=\"x\n1|y\" comment=z && echo renamed\n"
                                        "while [ ! -e go ]; do sleep 0.1; done\n"));
  wait_for_log(id, "renamed");
  EXPECT_EQ(wait_running(id).allocation.cores, 1);
  ASSERT_TRUE(driver().cancel(id, user()));
  EXPECT_EQ(wait_over(id).state, RunState::cancelled);
}

TEST_F(SlurmOnly, SuspendedTimeDoesNotCount) {
  const std::string id = submit(request("#!/bin/sh\nwhile [ ! -e go ]; do sleep 0.1; done\n"));
  wait(id, "two seconds", [](const RunStatus& s) { return s.running.ms >= 2000; });
  scontrol({"suspend", id});
  const RunStatus frozen = wait(id, "suspension", [](const RunStatus& s) { return s.state == RunState::suspended; });
  const Instant from = clock_.now();
  wait(id, "three seconds", [&](const RunStatus& s) {
    EXPECT_EQ(s.running, frozen.running);
    return (clock_.now() - from).ms > 3000;
  });
  scontrol({"resume", id});
  ASSERT_TRUE(driver().cancel(id, user()));
  const RunStatus over = wait_over(id);
  EXPECT_GE(over.running, frozen.running);
  EXPECT_GE((*over.ended - *over.started).ms, over.running.ms + 2000);
}

// Run by itself, after slurmctld went back to a state of before the job. The accounting has it as running, for ever.
TEST_F(SlurmOnly, AJobOfALostStateIsMissing) {
  const std::string id = setting("LOST_JOB");
  if (id.empty()) GTEST_SKIP() << "no state was lost";
  const std::string marker = "bourse-lost-1";
  EXPECT_EQ(driver().poll({{id, marker}}).value().at(id).state, RunState::missing);
  EXPECT_EQ(driver().find_by_marker(marker).value(), id) << "the accounting knows that it was there: it must not be submitted again";
}

// Run by itself, with slurmdbd stopped.
TEST_F(SlurmOnly, WithoutAccountingNothingIsAbsentAndNothingEnds) {
  if (setting("SLURMDBD") != "down") GTEST_SKIP() << "slurmdbd is up";
  const auto absent = driver().find_by_marker("bourse-never-submitted-1");
  ASSERT_FALSE(absent);
  EXPECT_NE(absent.error().outcome(), Outcome::rejected);
}

}  // namespace
}  // namespace bourse::test
