#include "connectors/host/process_runner.h"

#include <gtest/gtest.h>

#include <unistd.h>

namespace bourse::host {
namespace {

class ProcessRunnerTest : public ::testing::Test {
 protected:
  Result<Finished> shell(std::string script, Duration limit = seconds(20)) {
    return runner_.run({.argv = {"/bin/sh", "-c", std::move(script)}, .env = {"PATH=/usr/bin:/bin"}, .limit = limit});
  }
  SystemClock clock_;
  SystemProcessRunner runner_{clock_};
};

TEST_F(ProcessRunnerTest, CollectsOutputAndExitCode) {
  const Finished done = shell("echo out; echo err >&2; exit 3").value();
  EXPECT_EQ(done.out, "out\n");
  EXPECT_EQ(done.err, "err\n");
  EXPECT_EQ(done.exit_code, 3);
  EXPECT_EQ(shell("kill -9 $$").value().exit_code, 137);
}

TEST_F(ProcessRunnerTest, FeedsInputLargerThanAPipe) {
  const std::string input(300'000, 'x');
  const Finished done = runner_.run({.argv = {"/bin/cat"}, .input = input}).value();
  EXPECT_EQ(done.out, input);
  EXPECT_EQ(runner_.run({.argv = {"/bin/true"}, .input = input}).value().exit_code, 0);
}

TEST_F(ProcessRunnerTest, BoundsTheOutput) {
  const Finished done = runner_.run({.argv = {"/usr/bin/head", "-c", "1000000", "/dev/zero"}, .max_output = 1000}).value();
  EXPECT_EQ(done.out.size(), 1000U);
  EXPECT_TRUE(done.truncated);
  EXPECT_EQ(done.exit_code, 0);
}

TEST_F(ProcessRunnerTest, KillsWhatDoesNotEndInTimeWithItsChildren) {
  const Duration before = clock_.monotonic();
  EXPECT_EQ(shell("sleep 600 & sleep 600", milliseconds(200)).error().code, ErrorCode::timeout);
  EXPECT_LT(clock_.monotonic().ms - before.ms, 5000);
}

TEST_F(ProcessRunnerTest, TheEnvironmentIsOnlyWhatWasGiven) {
  ::setenv("BOURSE_SECRET", "1", 1);
  const Finished done = runner_.run({.argv = {"/usr/bin/env"}, .env = {"A=b c"}}).value();
  EXPECT_EQ(done.out, "A=b c\n");
}

TEST_F(ProcessRunnerTest, WhatCannotStartIsAnErrorAndNothingHappened) {
  EXPECT_EQ(runner_.run({.argv = {"/no/such/program"}}).error().code, ErrorCode::unavailable);
  EXPECT_EQ(runner_.run({.argv = {"ls"}}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(runner_.run({.argv = {"/bin/echo", std::string("a\0b", 3)}}).error().code, ErrorCode::invalid_argument);
}

TEST_F(ProcessRunnerTest, BecomesTheUserForGood) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto user = find_run_as("daemon");
  ASSERT_TRUE(user) << user.error().message();
  const Finished done = runner_.run({.argv = {"/usr/bin/id"}, .user = *user}).value();
  EXPECT_TRUE(done.out.starts_with("uid=1(daemon) gid=1(daemon) groups=1(daemon)")) << done.out;
  EXPECT_FALSE(done.out.contains("root"));
}

TEST(RunAsTest, RefusesRootAndOddNames) {
  EXPECT_EQ(find_run_as("root").error().code, ErrorCode::forbidden);
  EXPECT_EQ(find_run_as("no-such-user-here").error().code, ErrorCode::not_found);
  for (const char* bad : {"", "-x", "--uid=0", "a b", "a\nb", "a/b", "$(id)", "Ａ"})
    EXPECT_EQ(find_run_as(bad).error().code, ErrorCode::invalid_argument) << bad;
}

}  // namespace
}  // namespace bourse::host
