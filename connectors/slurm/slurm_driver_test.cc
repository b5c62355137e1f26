#include "connectors/slurm/slurm_driver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "connectors/slurm/slurm_submit.h"

namespace bourse::slurm {
namespace {

using connector::RunState;
using connector::RunStatus;

// Answers by program, and keeps what was asked.
class ScriptedRunner final : public host::ProcessRunner {
 public:
  Result<host::Finished> run(const host::Command& command) override {
    asked.push_back(command);
    const std::string program = command.argv[0].substr(command.argv[0].rfind('/') + 1);
    auto& waiting = answers[program];
    if (waiting.empty()) return host::Finished{};
    auto answer = waiting.front();
    if (waiting.size() > 1) waiting.pop_front();
    return answer;
  }
  void says(const std::string& program, std::string out) { answers[program].push_back(host::Finished{.out = std::move(out)}); }
  void fails(const std::string& program, std::string err) {
    answers[program].push_back(host::Finished{.exit_code = 1, .err = std::move(err)});
  }

  std::map<std::string, std::deque<Result<host::Finished>>> answers;
  std::vector<host::Command> asked;
};

class SlurmDriverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    runner_.says("sinfo", "slurm-wlm 22.05.8\n");
    driver_ = std::move(*SlurmDriver::open({}, runner_));
    runner_.answers.clear();
  }
  RunStatus poll(const std::string& id) { return driver_->poll({{id, "bourse-m-1"}}).value().at(id); }

  ScriptedRunner runner_;
  std::unique_ptr<SlurmDriver> driver_;
};

constexpr const char* kTres = "billing=1,cpu=2,mem=100M,node=1";

TEST_F(SlurmDriverTest, TheAccountingSaysHowItEnded) {
  runner_.says("squeue", std::string("7|COMPLETED|1000|0:10|") + kTres + "|0|1010|\n");
  runner_.says("sacct", std::string("7|COMPLETED|999|1000|1010|10|00:00:00|0:0|") + kTres + "|\n");
  const RunStatus run = poll("7");
  EXPECT_EQ(run.state, RunState::ended);
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.running, seconds(10));
  EXPECT_EQ(run.allocation.cores, 2);
  EXPECT_FALSE(run.raw.empty());
}

TEST_F(SlurmDriverTest, UntilItDoesTheRunGoesOn) {
  runner_.says("squeue", std::string("7|COMPLETED|1000|0:10|") + kTres + "|0|1010|\n");
  runner_.says("sacct", std::string("7|RUNNING|999|1000|Unknown|9|00:00:00|0:0|") + kTres + "|\n");
  EXPECT_EQ(poll("7").state, RunState::running);
  EXPECT_EQ(poll("7").running, seconds(10));
}

TEST_F(SlurmDriverTest, WhatWasMadeToEndRunsUntilItsNodesAreClear) {
  runner_.says("squeue", std::string("7|COMPLETING|1000|0:10|") + kTres + "|0|1010|\n");
  runner_.says("sacct", std::string("7|COMPLETED|999|1000|1010|10|00:00:00|0:0|") + kTres + "|\n");
  runner_.says("sacct", std::string("7|CANCELLED by 5|999|1000|1010|10|00:00:00|0:0|") + kTres + "|\n");
  EXPECT_EQ(poll("7").state, RunState::ended);
  const RunStatus run = poll("7");
  EXPECT_EQ(run.state, RunState::running);
  EXPECT_EQ(run.running, seconds(10));
}

TEST_F(SlurmDriverTest, ARowThatIsInNeitherIsMissing) {
  EXPECT_EQ(poll("7").state, RunState::missing);
  runner_.says("sacct", std::string("7|RUNNING|999|1000|Unknown|9|00:00:00|0:0|") + kTres + "|\n");  // a runaway job
  EXPECT_EQ(poll("7").state, RunState::missing);
}

TEST_F(SlurmDriverTest, OfARequeuedJobAllIncarnationsCount) {
  runner_.says("sacct", std::string("7|COMPLETED|2000|2005|2015|10|00:00:00|0:0|") + kTres + "|\n7|REQUEUED|999|1000|1030|30|00:00:00|0:0|" +
                            kTres + "|\n");
  RunStatus run = poll("7");
  EXPECT_EQ(run.state, RunState::ended);
  EXPECT_EQ(run.running, seconds(40));
  EXPECT_EQ(run.started->unix_ms, 1'000'000);
  EXPECT_EQ(run.ended->unix_ms, 2'015'000);
  EXPECT_EQ(run.exit_code, 0);
  runner_.answers.clear();
  runner_.says("squeue", std::string("7|RUNNING|2005|0:05|") + kTres + "|1|Unknown|\n");
  runner_.says("sacct", std::string("7|REQUEUED|999|1000|1030|30|00:00:00|0:0|") + kTres + "|\n7|RUNNING|2000|2005|Unknown|5|00:00:00|0:0|" +
                            kTres + "|\n");
  run = poll("7");
  EXPECT_EQ(run.state, RunState::running);
  EXPECT_EQ(run.running, seconds(35));
  runner_.answers.clear();
  runner_.says("sacct", std::string("7|REQUEUED|999|1000|1030|30|00:00:00|0:0|") + kTres + "|\n");
  EXPECT_EQ(poll("7").state, RunState::missing) << "its next incarnation is not known yet";
}

TEST_F(SlurmDriverTest, ARowThatTheAccountingHoldsTwiceCountsOnce) {
  const std::string row = std::string("7|COMPLETED|999|1000|1010|10|00:00:00|0:0|") + kTres + "|\n";
  runner_.says("sacct", row + row);
  EXPECT_EQ(poll("7").running, seconds(10));
  runner_.answers.clear();
  runner_.says("sacct", std::string("7|COMPLETED|999|1000|1900|900|00:00:00|0:0|") + kTres + "|\n" + row);
  EXPECT_EQ(poll("7").running, seconds(10)) << "of two claims for one incarnation the smaller";
}

TEST_F(SlurmDriverTest, EndlessIncarnationsAreCutShort) {
  std::string rows;
  for (int n = 0; n < 5'000; ++n)
    rows += "7|COMPLETED|" + std::to_string(1000 + 20 * n) + "|" + std::to_string(1000 + 20 * n) + "|" + std::to_string(1010 + 20 * n) +
            "|10|00:00:00|0:0|" + kTres + "|\n";
  runner_.says("sacct", rows);
  const RunStatus run = poll("7");
  EXPECT_EQ(run.running, seconds(1000));
  EXPECT_LT(run.raw.size(), 100'000U);
}

TEST_F(SlurmDriverTest, ARenamedJobIsNotChargedForAStrangersThatHadItsNumber) {
  runner_.says("sacct", "");                                             // by name: nothing
  runner_.says("sacct", "sbatch --job-name=bourse-m-1 --nodes=1|\n");   // the newest job of that number is ours
  runner_.says("sacct", std::string("7|COMPLETED|999|1000|1010|10|00:00:00|0:0|") + kTres + "|\n");
  runner_.asked.clear();
  EXPECT_EQ(poll("7").running, seconds(10));
  const std::vector<std::string>& last = runner_.asked.back().argv;
  EXPECT_TRUE(std::ranges::find(last, "--jobs=7") != last.end());
  EXPECT_TRUE(std::ranges::find(last, "--duplicates") == last.end());
}

TEST_F(SlurmDriverTest, MoreThanItMayPrintIsNoAnswer) {
  runner_.answers["sacct"] = {host::Finished{.out = std::string("7|COMPLETED|999|1000|1010|10|00:00:00|0:0|") + kTres + "|\n", .truncated = true}};
  EXPECT_EQ(driver_->poll({{"7", "bourse-m-1"}}).error().outcome(), Outcome::transient);
  for (const host::Command& command : runner_.asked) EXPECT_LE(command.max_output, 64U << 20);
}

TEST_F(SlurmDriverTest, OtherJobsRowsAreNotOurs) {
  runner_.says("squeue", std::string("8|RUNNING|1000|0:10|") + kTres + "|0|1010|\n");
  runner_.says("sacct", std::string("9|COMPLETED|999|1000|1010|10|00:00:00|0:0|") + kTres + "|\n");
  EXPECT_EQ(poll("7").state, RunState::missing);
}

TEST_F(SlurmDriverTest, SilenceIsNotAbsence) {
  runner_.says("squeue", "");
  runner_.fails("sacct", "sacct: error: slurm_persist_conn_open_without_init: failed to open persistent connection: Connection refused");
  const auto absent = driver_->find_by_marker("bourse-m-1");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().outcome(), Outcome::transient);
  EXPECT_FALSE(driver_->poll({{"7", "bourse-m-1"}}));
  runner_.answers.clear();
  runner_.says("sacct", "");
  EXPECT_EQ(driver_->find_by_marker("bourse-m-1").value(), std::nullopt);
  runner_.answers["sacct"] = {host::Finished{.out = "1|", .truncated = true}};
  EXPECT_FALSE(driver_->find_by_marker("bourse-m-1"));
}

TEST_F(SlurmDriverTest, OddIdsAskNothing) {
  runner_.asked.clear();
  EXPECT_EQ(driver_->poll({{"7 --all", "bourse-m-1"}}).value().at("7 --all").state, RunState::missing);
  EXPECT_FALSE(driver_->cancel("-x", {.name = "daemon"}));
  EXPECT_TRUE(runner_.asked.empty());
}

TEST_F(SlurmDriverTest, TheCommandsSeeOnlyTheirOwnEnvironment) {
  (void)driver_->find_by_marker("bourse-m-1");
  for (const host::Command& command : runner_.asked)
    for (const std::string& variable : command.env)
      EXPECT_TRUE(variable.starts_with("PATH=") || variable.starts_with("LC_ALL=") || variable.starts_with("TZ=") ||
                  variable.starts_with("SLURM_TIME_FORMAT="))
          << variable;
}

connector::SubmitRequest a_request() {
  connector::SubmitRequest request;
  request.marker = "bourse-att_1-1";
  request.name = "x\n--wrap=evil";
  request.pool = "gpu";
  request.need = {.cores = 8, .gpus = 4, .nodes = 2, .mem_mib = 1001};
  request.walltime = seconds(61);
  request.gpu_model = "a100";
  request.user = {.name = "someone", .uid = 1000, .gid = 1000, .home = "", .scheduler_account = "proj"};
  request.workdir = "/w/att_1";
  request.stdout_path = "/w/att_1/stdout";
  return request;
}

bool has(const std::vector<std::string>& all, const std::string& one) { return std::ranges::find(all, one) != all.end(); }

TEST(Sbatch, AsksForExactlyWhatTheOrderAllows) {
  const auto all = sbatch_arguments(a_request(), "").value();
  for (const char* option : {"--nodes=2", "--ntasks=2", "--cpus-per-task=4", "--mem=501M", "--gres=gpu:a100:2", "--time=2", "--account=proj",
                             "--partition=gpu", "--job-name=bourse-att_1-1", "--comment=bourse-att_1-1", "--export=NIL", "--propagate=NONE",
                             "--no-requeue", "--output=/w/att_1/stdout"})
    EXPECT_TRUE(has(all, option)) << option;
  for (const std::string& option : all) {
    EXPECT_TRUE(option.starts_with("--")) << option;
    EXPECT_FALSE(option.contains("evil")) << option;
  }
}

TEST(Sbatch, RefusesWhatCouldBeAnOption) {
  const auto refused = [](const std::function<void(connector::SubmitRequest&)>& spoil) {
    auto request = a_request();
    spoil(request);
    return !sbatch_arguments(request, "");
  };
  for (const char* bad : {"", "-x", "a b", "a\nb", "a;b", "$(id)", "`id`", "a\tb", "--wrap=id"}) {
    EXPECT_TRUE(refused([&](auto& r) { r.pool = bad; })) << bad;
    EXPECT_TRUE(refused([&](auto& r) { r.marker = bad; })) << bad;
    if (*bad == '\0') continue;
    EXPECT_TRUE(refused([&](auto& r) { r.qos = bad; })) << bad;
    EXPECT_TRUE(refused([&](auto& r) { r.gpu_model = bad; })) << bad;
    EXPECT_TRUE(refused([&](auto& r) { r.user.scheduler_account = bad; })) << bad;
  }
  EXPECT_TRUE(refused([](auto& r) { r.pool = std::string(65536, 'a'); }));
  EXPECT_TRUE(refused([](auto& r) { r.stdout_path = "/w/%j/stdout"; }));
  EXPECT_TRUE(refused([](auto& r) { r.workdir = "/w/../etc"; }));
  EXPECT_TRUE(refused([](auto& r) { r.need.gpus = 3; }));
  EXPECT_TRUE(refused([](auto& r) { r.need.nodes = 1LL << 31; }));
  EXPECT_TRUE(refused([](auto& r) { r.walltime = Duration{-1}; }));
}

TEST(Sbatch, OurScriptHasNoDirectives) {
  auto request = a_request();
  request.script = "#!/bin/sh\n#SBATCH --time=9999\n";
  const std::string script = batch_script(request, "/w/att_1/.bourse-script");
  EXPECT_TRUE(script.starts_with("#!/bin/sh\n"));
  EXPECT_FALSE(script.contains("#SBATCH"));
  EXPECT_TRUE(script.ends_with("exec '/w/att_1/.bourse-script'\n"));
}

TEST(Sbatch, ItsAnswerTellsWhatHappened) {
  EXPECT_EQ(read_sbatch(0, "123\n", "").value(), "123");
  EXPECT_EQ(read_sbatch(0, "123;alpha\n", "").value(), "123");
  for (const char* odd : {"", "123", "abc\n", "-1\n", "1 2\n", "Submitted batch job 5\n"})
    EXPECT_EQ(read_sbatch(0, odd, "").error().outcome(), Outcome::unknown) << odd;
  const auto outcome = [](const char* err) { return read_sbatch(1, "", err).error().outcome(); };
  EXPECT_EQ(outcome("sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified\n"), Outcome::rejected);
  EXPECT_EQ(outcome("sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)\n"), Outcome::transient);
  EXPECT_EQ(outcome("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation\n"), Outcome::unknown);
  EXPECT_EQ(outcome("sbatch: error: Memory specification can not be satisfied\n"), Outcome::rejected);
  EXPECT_EQ(outcome("killed\n"), Outcome::unknown);
}

}  // namespace
}  // namespace bourse::slurm
