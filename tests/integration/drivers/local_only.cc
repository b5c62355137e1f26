// What only the local driver promises: limits, pinning, shims that die.
#include <algorithm>
#include <csignal>

#include "connectors/local/local_driver.h"
#include "connectors/local/shim/process_tree.h"
#include "tests/integration/drivers/harness.h"

namespace bourse::test {
namespace {

using connector::RunState;
using connector::RunStatus;

class LocalOnly : public DriverTest {
 protected:
  void SetUp() override {
    if (setting("DRIVER") != "local") GTEST_SKIP();
    DriverTest::SetUp();
  }
  local::JobFolder folder(const std::string& id) { return local::JobFolder(setting("DIR") + "/local/jobs/" + id); }
};

TEST_F(LocalOnly, LimitsAreSet) {
  const std::string id = submit(request("#!/bin/bash\nulimit -Hv; ulimit -Hc; ulimit -Ht; grep NoNewPrivs /proc/self/status; ls /proc/self/fd | wc -l\n"));
  wait_over(id);
  EXPECT_EQ(log_of(id), "204800\n0\n120\nNoNewPrivs:\t1\n4\n");  // 0, 1, 2 and ls's own
}

TEST_F(LocalOnly, TooMuchMemoryIsRefusedOrEndsTheRun) {
  const std::string alone = submit(request("#!/usr/bin/python3\nb = bytearray(400 << 20)\n"));
  EXPECT_NE(wait_over(alone).exit_code, 0);
  EXPECT_TRUE(log_of(alone).contains("MemoryError"));
  // Together they are above, each alone is not.
  auto many = request("#!/bin/sh\nfor i in 1 2 3; do python3 -c 'import time; b = bytearray(b\"x\") * (90 << 20); time.sleep(600)' & done; wait\n");
  const std::string id = submit(many);
  const RunStatus over = wait_over(id);
  EXPECT_EQ(over.reason, local::kMemory);
  EXPECT_EQ(over.exit_code, 137);
}

TEST_F(LocalOnly, MetersTheTreeAndCapsTheLog) {
  const std::string id = submit(request("#!/bin/bash\nhead -c 70000000 /dev/zero\n(i=0; while [ $i -lt 150000 ]; do i=$((i+1)); done) & wait\n"));
  EXPECT_EQ(wait_over(id).exit_code, 0);
  const local::JobStatus status = folder(id).status().value();
  EXPECT_GT(status.user_ms + status.system_ms, 0);
  EXPECT_GT(status.max_rss_kib, 0);
  EXPECT_EQ(status.log_dropped, 70'000'000 - (64 << 20));
}

TEST_F(LocalOnly, ASecondDriverOnTheFolderIsRefused) {
  const auto second = local::LocalDriver::open({.directory = setting("DIR") + "/local", .shim = setting("SHIM"), .pools = {{.name = "p"}}},
                                               clock_, runner_);
  EXPECT_EQ(second.error().code, ErrorCode::failed_precondition);
}

TEST_F(LocalOnly, AShimThatDiesTakesItsJobWithItAndTheUseIsKept) {
  const std::string id = submit(request("#!/bin/sh\nsetsid sleep 600 &\necho begun; wait\n"));
  wait_for_log(id, "begun");
  wait(id, "a reading", [](const RunStatus& s) { return s.running.ms >= 1000; });
  const local::JobStatus status = folder(id).status().value();
  ASSERT_GT(status.shim_pid, 1);
  ASSERT_EQ(::kill(static_cast<pid_t>(status.shim_pid), SIGKILL), 0);
  const RunStatus over = wait_over(id);
  EXPECT_EQ(over.state, RunState::ended);
  EXPECT_EQ(over.reason, local::kLost);
  EXPECT_EQ(over.exit_code, 137);
  EXPECT_GE(over.running.ms, 1000);
}

TEST_F(LocalOnly, StartingTwiceRunsOnce) {
  const auto asked = request("#!/bin/sh\necho once; while [ ! -e go ]; do sleep 0.1; done\n");
  const std::string id = submit(asked);
  wait_for_log(id, "once");
  const host::Command again{.argv = {setting("SHIM"), folder(id).path()}};
  EXPECT_EQ(runner_.run(again).value().exit_code, 3);
  EXPECT_EQ(driver().submit(asked).value(), id);
  ASSERT_TRUE(driver().cancel(id, user()));
  wait_over(id);
  EXPECT_EQ(runner_.run(again).value().exit_code, 3);
  EXPECT_EQ(log_of(id), "once\n");
}

TEST_F(LocalOnly, ASubmissionCutShortIsAbsentAndCanBeRepeated) {
  const auto asked = request("#!/bin/sh\necho ran\n");
  ASSERT_EQ(runner_.run({.argv = {"/bin/mkdir", folder(asked.marker).path()}}).value().exit_code, 0);
  restart();
  EXPECT_EQ(driver().find_by_marker(asked.marker).value(), std::nullopt);
  wait_over(submit(asked));
  EXPECT_EQ(log_of(asked.marker), "ran\n");
}

TEST_F(LocalOnly, AShimWhoseFolderWasRemovedEndsAllTheSame) {
  auto asked = request("#!/bin/sh\necho begun; sleep 600\n");
  asked.walltime = seconds(1);
  const std::string id = submit(asked);
  wait_for_log(id, "begun");
  const auto pid = static_cast<pid_t>(folder(id).status().value().shim_pid);
  ASSERT_EQ(runner_.run({.argv = {"/bin/rm", "-r", folder(id).path()}}).value().exit_code, 0);
  until("end of the shim", kPatience, [&] {
    const auto shim = local::process_info(pid);
    return !shim || shim->zombie;
  });
  restart();
}

TEST_F(LocalOnly, PinsToCoresOfItsOwn) {
  const std::string script = "#!/bin/sh\ngrep Cpus_allowed_list /proc/self/status; while [ ! -e go ]; do sleep 0.1; done\n";
  const std::string one = submit(request(script)), two = submit(request(script));
  wait_for_log(one, "Cpus_allowed_list");
  wait_for_log(two, "Cpus_allowed_list");
  if (folder(one).status().value().cpus.empty()) GTEST_SKIP() << "the machine has fewer cores than the pool";
  EXPECT_NE(log_of(one), log_of(two));
  for (const auto& id : {one, two}) {
    ASSERT_TRUE(driver().cancel(id, user()));
    wait_over(id);
  }
}

}  // namespace
}  // namespace bourse::test
