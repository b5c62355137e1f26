#include "connectors/conformance/suite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "connectors/conformance/fake_scheduler_test.h"
#include "connectors/conformance/report.h"

namespace bourse::conformance {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// The suite on a scheduler with one fault, in no time.
class Trial {
 public:
  explicit Trial(Fault fault, Setting setting = full()) : scheduler_(clock_, fault), folders_(scheduler_), setting_(std::move(setting)) {}

  static Setting full() {
    return {.pool = "p", .user = {.name = "alice", .uid = 1000, .gid = 1000, .home = "", .scheduler_account = ""}, .other = {}, .patience = seconds(60),
            .shortest_walltime = seconds(5), .fill_pool = true, .strangers = {"hunter2"}};
  }

  Report run(const std::vector<std::string>& only = {}) {
    Bench bench(setting_, {.open = [this]() -> Result<std::unique_ptr<connector::Driver>> { return std::make_unique<FakeDriver>(scheduler_); },
                           .folders = folders_, .clock = clock_, .rng = rng_, .wait = [this](Duration d) { pass(d); }, .stopped = [this] { return stopped_; }});
    return run_suite(bench, only, {.began = [this](const Check& check) { began_.emplace_back(check.name); }, .ended = [](const Finding&) {}},
                     [this] { return stopped_; }).value();
  }
  std::vector<std::string> failed() {
    std::vector<std::string> names;
    for (const Finding& f : run().findings)
      if (f.verdict == Verdict::failed) names.push_back(f.check);
    return names;
  }
  void pass(Duration time) {
    clock_.advance(time);
    if (stop_after_ && clock_.monotonic() >= *stop_after_) stopped_ = true;
  }

  ManualClock clock_{Instant{1'800'000'000'000}};
  SeededRng rng_{1};
  FakeScheduler scheduler_;
  FakeFolders folders_;
  Setting setting_;
  std::vector<std::string> began_;
  std::optional<Duration> stop_after_;
  bool stopped_ = false;
};

TEST(Suite, ADriverThatKeepsItsPromisesPassesAndNothingIsLeft) {
  Trial trial(Fault::none);
  const Report report = trial.run();
  for (const Finding& f : report.findings) EXPECT_EQ(f.verdict, Verdict::passed) << to_text(f);
  EXPECT_EQ(report.findings.size(), checks().size());
  EXPECT_TRUE(report.holds());
  EXPECT_EQ(trial.scheduler_.live(), 0U);
  EXPECT_THAT(trial.folders_.folders, IsEmpty());
}

struct Broken {
  Fault fault;
  std::vector<std::string> fails;
};

TEST(Suite, EachBrokenPromiseIsFound) {
  const std::vector<Broken> all = {
      {Fault::loses_marker, {"script-bytes", "marker", "restart", "many"}},
      {Fault::finds_any_marker, {"marker", "refusals"}},
      {Fault::doubles_usage, {"usage"}},
      {Fault::usage_falls, {"usage"}},
      {Fault::counts_after_the_end, {"usage"}},
      {Fault::cancel_leaves_tree, {"cancel-running"}},
      {Fault::cancelled_is_ended, {"cancel-running", "cancel-at-once", "queue", "pause"}},
      {Fault::ignores_walltime, {"walltime"}},
      {Fault::beyond_grace, {"walltime"}},
      {Fault::counts_standstill, {"pause"}},
      {Fault::refuses_pause, {"pause"}},
      {Fault::wrong_exit_code, {"exit-codes"}},
      {Fault::changes_script, {"script-bytes"}},
      {Fault::reads_options, {"script-bytes"}},
      {Fault::leaks_environment, {"environment"}},
      {Fault::keeps_rights, {"environment"}},
      {Fault::as_another_user, {"environment"}},
      {Fault::open_folders, {"files"}},
      {Fault::accepts_anything, {"refusals"}},
      {Fault::refuses_for_now, {"refusals"}},
      {Fault::log_from_the_start, {"log"}},
      {Fault::takes_any_id, {"strangers"}},
      {Fault::mixes_logs, {"many"}},
      {Fault::more_free_than_there_is, {"pools", "queue"}},
      {Fault::silent_about_queue, {"queue"}},
  };
  for (const Broken& broken : all) {
    const auto failed = Trial(broken.fault).failed();
    for (const std::string& name : broken.fails)
      EXPECT_THAT(failed, ::testing::Contains(name)) << "fault " << static_cast<int>(broken.fault);
  }
}

TEST(Suite, AFaultOfOneThingFailsNothingElse) {
  EXPECT_THAT(Trial(Fault::wrong_exit_code).failed(), UnorderedElementsAre("exit-codes"));
  EXPECT_THAT(Trial(Fault::cancel_leaves_tree).failed(), UnorderedElementsAre("cancel-running"));
  EXPECT_THAT(Trial(Fault::log_from_the_start).failed(), UnorderedElementsAre("log"));
}

TEST(Suite, ADriverThatForgetsAtARestartIsFound) {
  const auto failed = Trial(Fault::forgets_on_restart).failed();
  EXPECT_THAT(failed, ::testing::Contains("marker"));
  EXPECT_THAT(failed, ::testing::Contains("restart"));
}

TEST(Suite, AJobThatCannotBeEndedIsNamed) {
  Trial trial(Fault::ignores_cancel);
  trial.setting_.shortest_walltime = hours(1);  // nothing else ends it in time
  const Report report = trial.run({"cancel-at-once"});
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].verdict, Verdict::failed);
  ASSERT_EQ(report.left.size(), 1U);
  EXPECT_THAT(report.left[0], HasSubstr("job 101"));
  EXPECT_THAT(summary(report), HasSubstr("left behind: job 101"));
  EXPECT_FALSE(report.holds());
}

TEST(Suite, ASubmissionWithoutAnswerIsLookedUpAndEnded) {
  Trial trial(Fault::loses_answer);
  const Report report = trial.run({"restart"});
  EXPECT_EQ(report.findings[0].verdict, Verdict::failed);
  EXPECT_EQ(trial.scheduler_.jobs().size(), 1U);
  EXPECT_EQ(trial.scheduler_.live(), 0U);
  EXPECT_THAT(report.left, IsEmpty());
}

TEST(Suite, WhatASchedulerCannotIsNotSupportedAndNotWrong) {
  const Report report = Trial(Fault::cannot_pause).run({"pause"});
  EXPECT_EQ(report.findings[0].verdict, Verdict::not_supported);
  EXPECT_THAT(report.findings[0].says, ::testing::ElementsAre("no operator"));
  EXPECT_TRUE(report.holds());
}

TEST(Suite, WithOneUserFilesCannotBeKeptApart) {
  Trial trial(Fault::none);
  trial.folders_.one_user = true;
  EXPECT_EQ(trial.run({"files"}).findings[0].verdict, Verdict::not_supported);
}

TEST(Suite, ThePoolIsFilledOnlyWhenAsked) {
  Trial trial(Fault::none);
  trial.setting_.fill_pool = false;
  const Report report = trial.run({"queue"});
  EXPECT_EQ(report.findings[0].verdict, Verdict::skipped);
  EXPECT_TRUE(report.holds());
  EXPECT_THAT(trial.scheduler_.jobs(), IsEmpty());
}

TEST(Suite, MoreThanWasOrderedIsNotedAndNotWrong) {
  const Report report = Trial(Fault::generous).run({"usage"});
  EXPECT_EQ(report.findings[0].verdict, Verdict::passed);
  ASSERT_EQ(report.findings[0].notes.size(), 1U);
  EXPECT_THAT(report.findings[0].notes[0], HasSubstr("2 cores where 1 were ordered"));
}

TEST(Suite, StoppedItEndsItsJobsAndSaysWhatItDidNotDo) {
  Trial trial(Fault::none);
  trial.stop_after_ = trial.clock_.monotonic() + seconds(3);
  const Report report = trial.run({"usage", "pause"});
  EXPECT_EQ(trial.began_, std::vector<std::string>{"usage"});
  ASSERT_EQ(report.findings.size(), 2U);
  EXPECT_EQ(report.findings[0].verdict, Verdict::skipped);
  EXPECT_EQ(report.findings[1].verdict, Verdict::skipped);
  EXPECT_TRUE(report.stopped);
  EXPECT_FALSE(report.holds());
  EXPECT_EQ(trial.scheduler_.live(), 0U);
  EXPECT_THAT(trial.folders_.folders, IsEmpty());
}

TEST(Suite, ACheckThatIsNotThereIsNamed) {
  Trial trial(Fault::none);
  Bench bench(trial.setting_, {.open = {}, .folders = trial.folders_, .clock = trial.clock_, .rng = trial.rng_, .wait = {}, .stopped = {}});
  const auto report = run_suite(bench, {"speed"}, {}, [] { return false; });
  EXPECT_EQ(report.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(report.error().detail, HasSubstr("speed"));
}

TEST(Suite, NamesAreOfTheirOwn) {
  std::set<std::string_view> names;
  for (const Check& check : checks()) {
    EXPECT_TRUE(names.insert(check.name).second) << check.name;
    EXPECT_EQ(find_check(check.name)->asks, check.asks);
    EXPECT_FALSE(check.look_at.empty());
  }
}

TEST(Report, TellsPeopleAndPrograms) {
  const Report report = Trial(Fault::wrong_exit_code).run({"exit-codes", "log"});
  const std::string text = to_text(report.findings[0]);
  EXPECT_THAT(text, HasSubstr("failed"));
  EXPECT_THAT(text, HasSubstr("! the exit code of a job that SIGKILL ended is 1, not 137"));
  EXPECT_THAT(text, HasSubstr("-> "));
  EXPECT_THAT(summary(report), HasSubstr("fake 1, pool p, as alice: 1 passed, 1 failed, 0 not supported, 0 skipped."));
  const auto json = nlohmann::json::parse(to_json(report));
  EXPECT_EQ(json["holds"], false);
  EXPECT_EQ(json["checks"].size(), 2U);
  EXPECT_EQ(json["checks"][0]["verdict"], "failed");
  EXPECT_EQ(json["checks"][1]["verdict"], "passed");
  EXPECT_EQ(json["checks"][1]["look_at"], "");
}

}  // namespace
}  // namespace bourse::conformance
