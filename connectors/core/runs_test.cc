// What becomes of a job that its scheduler no longer knows. (The rest of a run's life: tests/federation.)
#include "connectors/core/runs.h"

#include <gtest/gtest.h>

#include <optional>

#include "base/rng.h"
#include "bourse/federation/v1/federation.pb.h"
#include "connectors/core/spool.h"
#include "connectors/core/temporary_folder.h"
#include "federation-proto/envelope.h"

namespace bourse::connector {
namespace {

class NoUsers final : public UserDirectory {
 public:
  Result<LocalUser> find(const std::string&) const override { return fail(ErrorCode::not_found); }
};

// Answers a poll with `status` for every id, or with `error`.
class OneAnswer final : public Driver {
 public:
  Capabilities capabilities() const override {
    return {.kind = "fake", .version = "1", .grace = minutes(1), .silent_of_cards_and_memory = silent};
  }
  Result<std::vector<PoolInfo>> probe(const std::vector<std::string>&) override { return fail(ErrorCode::unavailable); }
  Result<std::string> submit(const SubmitRequest&) override { return fail(ErrorCode::unavailable); }
  Result<std::optional<std::string>> find_by_marker(const std::string&) override { return fail(ErrorCode::unavailable); }
  Result<std::map<std::string, RunStatus>> poll(const std::map<std::string, std::string>& markers) override {
    if (error) return std::unexpected(*error);
    std::map<std::string, RunStatus> answers;
    for (const auto& [id, marker] : markers) answers[id] = status;
    return answers;
  }
  Status cancel(const std::string&, const LocalUser&) override { return {}; }
  Status set_paused(const std::string&, const LocalUser&, bool paused) override {
    asked.push_back(paused);
    return {};
  }
  Result<LogPiece> read_log(const std::string&, const LocalUser&, const std::string&, std::int64_t, std::int64_t) override {
    return fail(ErrorCode::not_found);
  }

  bool silent = false;
  RunStatus status;
  std::vector<bool> asked;  // pauses
  std::optional<Error> error;
};

class RunsTest : public TemporaryFolder {
 protected:
  void SetUp() override {
    TemporaryFolder::SetUp();
    spool_ = std::move(Spool::open({.directory = path("spool")}).value());
    table_ = std::move(RunTable::open(path("runs.log")).value());
    identities_ = std::move(IdentityMap::open({}, path("leases"), users_).value());
    reporter_.emplace(us_, key_, *spool_, *table_, clock_, rng_);
    connector::Run& run = table_->add({.attempt = kAttempt, .job = JobId{Uuid{8, 1}}, .fence = 1, .phase = RunPhase::submitted, .scheduler_job = "17"});
    ASSERT_TRUE(table_->save(run.attempt));
    runs_.emplace(RunsOptions{.scripts_directory = path("scripts"), .jobs_directory = path("jobs"), .accounting_path = path("accounting.log"),
                              .missing_patience = minutes(10), .lost_patience = hours(1)},
                  us_, driver_, *identities_, *table_, *reporter_, clock_);
    ASSERT_TRUE(runs_->recover());
  }
  const connector::Run& run() { return *runs_->find(kAttempt); }
  void poll() {
    ASSERT_TRUE(runs_->poll());
    ASSERT_TRUE(reporter_->flush());
  }
  void poll_for(Duration time) {
    for (Duration passed; passed < time; passed = passed + minutes(1)) {
      clock_.advance(minutes(1));
      poll();
    }
  }
  void runs_for(Duration time) {
    driver_.status = {.state = RunState::running, .started = clock_.now() - time, .running = time, .allocation = {.cores = 4}, .reason = {}, .raw = "row"};
    poll();
    driver_.status = {};
  }

  static constexpr AttemptId kAttempt{Uuid{7, 1}};
  SeededRng rng_{1};
  ManualClock clock_{Instant{1'800'000'000'000}};
  federation::KeyPair key_ = federation::make_key_pair(rng_);
  Membership us_{.audience = "bourse.test", .center = CenterId{Uuid{1, 1}}, .connector = ConnectorId{Uuid{2, 2}}};
  NoUsers users_;
  OneAnswer driver_;
  std::optional<Spool> spool_;
  std::optional<RunTable> table_;
  std::optional<IdentityMap> identities_;
  std::optional<Reporter> reporter_;
  std::optional<Runs> runs_;
};

TEST_F(RunsTest, CardsAndMemoryThatASchedulerIsSilentAboutAreThoseOrdered) {
  federation::v1::DispatchOrder order;
  order.set_cores(4);
  order.set_gpus(2);
  order.set_nodes(1);
  order.set_mem_mib(100);
  connector::Run& held = *table_->find(kAttempt);
  held.order = order.SerializeAsString();
  driver_.status = {.state = RunState::running, .started = clock_.now(), .allocation = {.cores = 4}, .reason = {}, .raw = "row"};
  poll();
  EXPECT_EQ(run().allocation.gpus, 0) << "a scheduler that tells has given none";
  driver_.silent = true;
  poll();
  EXPECT_EQ(run().allocation.gpus, 2);
  EXPECT_EQ(run().allocation.mem_mib, 100);
  driver_.status.allocation = {.cores = 2, .gpus = 1, .nodes = 1, .mem_mib = 50};
  poll();
  EXPECT_EQ(run().allocation.gpus, 1) << "what is told counts";
  EXPECT_EQ(run().allocation.mem_mib, 50);
}

TEST_F(RunsTest, WhatWaitsUntilItCouldRunBeyondTheSaleIsGivenBack) {
  table_->find(kAttempt)->start_before_ms = (clock_.now() + minutes(30)).unix_ms;
  driver_.status = {.state = RunState::queued, .reason = {}, .raw = "row"};
  poll_for(minutes(30));
  EXPECT_FALSE(run().cancel);
  poll_for(minutes(1));
  EXPECT_TRUE(run().cancel);
  driver_.status = {.state = RunState::cancelled, .ended = clock_.now(), .reason = "CANCELLED", .raw = "row"};
  poll();
  EXPECT_EQ(run().phase, RunPhase::refused);
  EXPECT_TRUE(run().has(Happening::rejected)) << "nothing ran: another center may have it";
  EXPECT_FALSE(run().has(Happening::cancelled));
}

TEST_F(RunsTest, WhatStartedBeforeItWasGivenBackIsCancelledAndCharged) {
  table_->find(kAttempt)->start_before_ms = (clock_.now() - minutes(1)).unix_ms;
  driver_.status = {.state = RunState::queued, .reason = {}, .raw = "row"};
  poll();
  EXPECT_TRUE(run().given_back);
  driver_.status = {.state = RunState::cancelled, .started = clock_.now() - seconds(5), .ended = clock_.now(), .running = seconds(5), .allocation = {.cores = 4},
                    .reason = {}, .raw = "row"};
  poll();
  EXPECT_EQ(run().phase, RunPhase::over);
  EXPECT_TRUE(run().has(Happening::cancelled));
  EXPECT_TRUE(run().final_reported);
}

TEST_F(RunsTest, AJobThatIsMissingForLongIsUnknownThenLostAndChargedWhatWasSeen) {
  runs_for(minutes(3));
  poll();
  poll_for(minutes(9));
  EXPECT_FALSE(run().has(Happening::unknown));
  poll_for(minutes(2));
  EXPECT_TRUE(run().has(Happening::unknown));
  poll_for(minutes(48));
  EXPECT_TRUE(run().live());
  poll_for(minutes(2));
  EXPECT_EQ(run().phase, RunPhase::over);
  EXPECT_TRUE(run().has(Happening::ended));
  EXPECT_TRUE(run().final_reported);
  EXPECT_NE(run().exit_code, 0);
  EXPECT_TRUE(run().reason.starts_with("LOST"));
  EXPECT_EQ(run().meters.core_ms, 4 * minutes(3).ms);
  EXPECT_EQ(run().ended_ms - run().started_ms, minutes(3).ms) << "no later than it was seen";
}

TEST_F(RunsTest, ASilentSchedulerLosesNothing) {
  runs_for(minutes(3));
  poll_for(minutes(50));
  driver_.error = Error{ErrorCode::unavailable, "down"};
  poll_for(hours(3));
  driver_.error.reset();
  poll_for(minutes(50));
  EXPECT_TRUE(run().live());
}

TEST_F(RunsTest, WhatIsKnownAgainIsNotMissing) {
  poll_for(minutes(50));
  runs_for(minutes(3));
  poll_for(minutes(50));
  EXPECT_TRUE(run().live());
}

TEST_F(RunsTest, AJobThatWasNeverSeenToRunIsLostForNothing) {
  poll_for(minutes(62));
  EXPECT_TRUE(run().final_reported);
  EXPECT_EQ(run().meters, Meters{});
}

TEST_F(RunsTest, ACancelledJobThatIsLostIsCancelled) {
  runs_for(minutes(3));
  ASSERT_TRUE(runs_->cancel(JobId{Uuid{8, 1}}, kAttempt, 1, "enough"));
  poll_for(minutes(62));
  EXPECT_TRUE(run().has(Happening::cancelled));
  EXPECT_EQ(run().reason, "enough");
}

TEST_F(RunsTest, APauseIsAskedForUntilTheSchedulerShowsIt) {
  runs_for(minutes(3));
  ASSERT_TRUE(runs_->pause(kAttempt, 2, true));
  runs_for(minutes(4));
  EXPECT_TRUE(driver_.asked.empty()) << "of another fence";
  ASSERT_TRUE(runs_->pause(kAttempt, 1, true));
  runs_for(minutes(5));
  runs_for(minutes(6));
  EXPECT_EQ(driver_.asked, (std::vector{true, true}));
  EXPECT_FALSE(run().pause_reported);
  driver_.status.state = RunState::suspended;
  poll();
  EXPECT_TRUE(run().pause_reported);
  ASSERT_TRUE(runs_->pause(kAttempt, 1, false));
  poll();
  EXPECT_EQ(driver_.asked, (std::vector{true, true, false}));
  runs_for(minutes(7));
  EXPECT_FALSE(run().pause_reported);
}

TEST_F(RunsTest, WhatTheCentersPeopleSuspendIsTheirAffair) {
  runs_for(minutes(3));
  driver_.status.state = RunState::suspended;
  poll();
  poll();
  EXPECT_TRUE(driver_.asked.empty());
  EXPECT_FALSE(run().pause_reported);
}

}  // namespace
}  // namespace bourse::connector
