// The pitfalls of Slurm's adapter, one test each, numbered as in the README.
#include <algorithm>
#include <functional>

#include "connectors/scow/scow_world_test.h"

namespace bourse::scow {
namespace {

class ScowOnSlurm : public ScowWorld {};

TEST_F(ScowOnSlurm, ARunFromSubmissionToItsEnd) {
  connect();
  const std::string id = submit();
  EXPECT_EQ(poll(id).state, RunState::queued);
  clock_.advance(seconds(30));
  run(id);
  clock_.advance(seconds(20));
  const RunStatus running = poll(id);
  EXPECT_EQ(running.state, RunState::running);
  EXPECT_EQ(running.running, seconds(20));
  EXPECT_EQ(running.allocation.cores, 2);
  EXPECT_EQ(running.allocation.mem_mib, 100);
  clock_.advance(seconds(40));
  leave_exit_code(0);
  finish(id);
  const RunStatus over = poll_over(id);
  EXPECT_EQ(over.state, RunState::ended);
  EXPECT_EQ(over.running, seconds(60));
  EXPECT_EQ(over.exit_code, 0);
  EXPECT_EQ(over.reason, "");
  EXPECT_EQ(over.allocation.cores, 2);
  EXPECT_FALSE(over.raw.empty());
}

TEST_F(ScowOnSlurm, Pitfalls1And2EveryQuestionHasAFilterThatAsksForSomething) {
  connect();
  ASSERT_TRUE(driver_->probe({}));
  const std::string id = submit();
  run(id);
  poll(id);
  ASSERT_TRUE(driver_->find_by_marker(marker()));
  ASSERT_TRUE(driver_->find_by_marker("bourse-nobody-1"));
  ASSERT_TRUE(driver_->cancel(id, user_));
  poll_over(id);
  EXPECT_FALSE(world_.died);
}

TEST_F(ScowOnSlurm, Pitfall3TheQueueTellsNeitherStartNorCoresSoTheAccountingIsAskedToo) {
  connect();
  const std::string id = submit();
  run(id);
  clock_.advance(seconds(50));
  const RunStatus seen = poll(id);
  ASSERT_TRUE(seen.started);
  EXPECT_EQ(seen.started->unix_ms / 1000, job(id).start);
  EXPECT_EQ(seen.allocation.cores, 2);
}

TEST_F(ScowOnSlurm, Pitfall3TheWaitingWorkOfEverybodyIsSeen) {
  world_.jobs.push_back({.id = 7, .name = "theirs", .account = "physics", .user = "alice", .partition = "cpu", .cores = 3,
                         .limit_minutes = 20, .submit = world_.now() - 60});
  connect();
  const auto pools = driver_->probe({}).value();
  ASSERT_EQ(pools.size(), 1U);
  EXPECT_EQ(pools[0].pending_jobs, 1);
  EXPECT_EQ(pools[0].pending_core_ms, 3LL * 20 * 60'000);
}

TEST_F(ScowOnSlurm, Pitfall4WhatRunsHasNotEndedAtTheBeginningOfTime) {
  clock_ = ManualClock(Instant{5'000'000});  // a window that would begin before 1970
  connect();
  const std::string id = submit();
  run(id);
  clock_.advance(seconds(10));
  for (int i = 0; i < 5; ++i, clock_.advance(seconds(3))) EXPECT_EQ(poll(id).state, RunState::running);
  JobsQuestion question{.accounts = {"house"}, .window = JobsQuestion::Window::ended, .from = Instant{-1000}, .to = Instant{1000}};
  EXPECT_EQ(jobs_request(question, 10).filter().end_time().start_time().seconds(), 1);
}

TEST_F(ScowOnSlurm, Pitfall5AStateThatLiesIsNoSuccess) {
  connect();
  const std::string id = submit();
  run(id);
  clock_.advance(seconds(10));
  poll(id);
  finish(id, "OUT_OF_MEMORY");  // said as COMPLETED
  const RunStatus over = poll_over(id);
  EXPECT_EQ(over.state, RunState::ended);
  EXPECT_EQ(over.exit_code, 255);
  EXPECT_NE(over.reason, "");
  EXPECT_EQ(over.running, seconds(10));
}

TEST_F(ScowOnSlurm, Pitfall5AnExitCodeThatComesLateIsWaitedFor) {
  connect();
  const std::string id = submit();
  run(id);
  clock_.advance(seconds(10));
  finish(id);
  for (int i = 0; i < 5; ++i, clock_.advance(seconds(1))) EXPECT_NE(poll(id).state, RunState::ended);
  leave_exit_code(3);
  const RunStatus over = poll_over(id);
  EXPECT_EQ(over.exit_code, 3);
  EXPECT_EQ(over.reason, "FAILED");
}

TEST_F(ScowOnSlurm, Pitfall6SuspendedTimeIsNotCharged) {
  connect();
  const std::string id = submit();
  run(id);
  clock_.advance(seconds(10));
  EXPECT_EQ(poll(id).running, seconds(10));
  job(id).state = "SUSPENDED";
  EXPECT_EQ(poll(id).state, RunState::suspended);
  clock_.advance(seconds(100));
  EXPECT_EQ(poll(id).running, seconds(10));
  job(id).state = "RUNNING";
  EXPECT_EQ(poll(id).running, seconds(10));
  clock_.advance(seconds(5));
  EXPECT_EQ(poll(id).running, seconds(15));
  leave_exit_code(0);
  finish(id);
  EXPECT_EQ(poll_over(id).running, seconds(15));
}

TEST_F(ScowOnSlurm, Pitfall7AnIdThatBothEndedAndRunsGoesOnAndAllItsTimesCount) {
  connect();
  const std::string id = submit();
  run(id);
  clock_.advance(seconds(30));
  EXPECT_EQ(poll(id).running, seconds(30));
  testing::WorldJob first = job(id);
  finish(id, "REQUEUED");  // said as COMPLETED
  testing::WorldJob again = first;
  again.submit = world_.now(), again.state = "PENDING", again.start = 0;
  world_.jobs.push_back(again);
  EXPECT_EQ(poll(id).state, RunState::queued);
  clock_.advance(seconds(60));
  world_.jobs.back().state = "RUNNING", world_.jobs.back().start = world_.now();
  clock_.advance(seconds(7));
  const RunStatus second = poll(id);
  EXPECT_EQ(second.state, RunState::running);
  EXPECT_EQ(second.running, seconds(37));
  connect();  // a restart in the middle forgets nothing of it
  poll(id);
  leave_exit_code(0);
  world_.jobs.back().state = "COMPLETED", world_.jobs.back().end = world_.now(), world_.jobs.back().in_queue = false;
  const RunStatus over = poll_over(id);
  EXPECT_EQ(over.state, RunState::ended);
  EXPECT_EQ(over.running, seconds(37));
}

TEST_F(ScowOnSlurm, Pitfall7ARequeuedJobIsNotOverBetweenItsTwoRows) {
  connect();
  const std::string id = submit();
  run(id);
  clock_.advance(seconds(30));
  poll(id);
  const testing::WorldJob first = job(id);
  leave_exit_code(0);
  finish(id, "REQUEUED");
  EXPECT_NE(poll(id).state, RunState::ended);
  clock_.advance(seconds(1));
  testing::WorldJob again = first;
  again.state = "PENDING", again.start = 0, again.accounted = false;
  world_.jobs.push_back(again);
  clock_.advance(seconds(20));
  EXPECT_EQ(poll(id).state, RunState::queued);
}

TEST_F(ScowOnSlurm, Pitfall7APastThatNobodyWatchedCountsToo) {
  connect();
  const std::string id = submit();
  run(id);
  clock_.advance(seconds(30));
  testing::WorldJob again = job(id);
  finish(id, "REQUEUED");
  clock_.advance(hours(2));  // behind every window of ends
  again.submit = again.start = world_.now();
  clock_.advance(seconds(7));
  again.state = "COMPLETED", again.end = world_.now(), again.in_queue = false;
  world_.jobs.push_back(again);
  leave_exit_code(0);
  connect();
  EXPECT_EQ(poll_over(id).running, seconds(37));
}

TEST_F(ScowOnSlurm, Pitfall7ARowThatComesTwiceCountsOnceAndAStrangersRowNever) {
  connect();
  const std::string id = submit();
  run(id);
  clock_.advance(seconds(30));
  leave_exit_code(0);
  finish(id);
  world_.jobs.push_back(job(id));
  testing::WorldJob corrected = job(id);
  corrected.end -= 1;
  world_.jobs.push_back(corrected);
  testing::WorldJob stranger = job(id);
  stranger.name = "other", stranger.start -= 5'000, stranger.submit -= 5'000;
  world_.jobs.push_back(stranger);
  EXPECT_EQ(poll_over(id).running, seconds(30));
}

TEST_F(ScowOnSlurm, Pitfall8APageThatIsNotAllIsAskedForInHalves) {
  connect();
  const std::string id = submit();
  run(id);
  poll(id);
  leave_exit_code(0);
  // 12,000 jobs that ended within the window; ours is the last.
  for (std::uint32_t i = 0; i < 12'000; ++i)
    world_.jobs.push_back({.id = 100'000 + i, .name = "other", .account = "house", .user = user_.name, .partition = "cpu",
                           .state = "COMPLETED", .submit = world_.now() - 400, .start = world_.now() - 400,
                           .end = world_.now() - 400 + i % 300, .in_queue = false});
  clock_.advance(seconds(1));
  finish(id);
  std::rotate(world_.jobs.begin(), world_.jobs.begin() + 1, world_.jobs.end());
  EXPECT_EQ(poll_over(id).state, RunState::ended);
  // Not so few that the end was only found by name.
  JobsQuestion question{.accounts = {"house"}, .window = JobsQuestion::Window::ended,
                        .from = clock_.now() - hours(1), .to = clock_.now() + hours(1)};
  auto client = ScowClient::open(config_.client, clock_).value();
  client->begin(minutes(1));
  EXPECT_EQ(client->jobs(question).value().size(), 12'001U);
}

TEST_F(ScowOnSlurm, AnAnswerLargerThanAMessageIsAskedForInHalves) {
  config_.client.max_message_bytes = 16 << 10;
  connect();
  for (std::uint32_t i = 0; i < 900; ++i)
    world_.jobs.push_back({.id = 100'000 + i, .name = "other", .account = "house", .user = user_.name, .partition = "cpu",
                           .state = "COMPLETED", .submit = world_.now() - 400, .start = world_.now() - 400,
                           .end = world_.now() - 400 + i % 300, .in_queue = false});
  auto client = ScowClient::open(config_.client, clock_).value();
  client->begin(minutes(1));
  JobsQuestion question{.accounts = {"house"}, .window = JobsQuestion::Window::ended,
                        .from = clock_.now() - hours(1), .to = clock_.now() + hours(1)};
  EXPECT_EQ(client->jobs(question).value().size(), 900U);
  // One second that doesn't fit can't be told; it is an error, not a part.
  for (testing::WorldJob& job : world_.jobs) job.end = world_.now();
  EXPECT_EQ(client->jobs(question).error().code, ErrorCode::unavailable);
}

TEST_F(ScowOnSlurm, Pitfalls9And14CancellingWhatHasEndedIsNoError) {
  connect();
  for (int i = 0; i < 2; ++i) {  // even and odd ids are refused with different codes
    const std::string id = submit();
    run(id);
    poll(id);
    finish(id);
    EXPECT_TRUE(driver_->cancel(id, user_)) << id;
  }
  EXPECT_TRUE(driver_->cancel("999", user_)) << "not known to GetJobById";
}

TEST_F(ScowOnSlurm, Pitfall10JobIdZeroIsUnknownAndTheMarkerTells) {
  connect();
  world_.fault = testing::SubmitFault::id_zero_and_runs;
  EXPECT_EQ(outcome_of_submit(), Outcome::unknown);
  EXPECT_EQ(driver_->find_by_marker(marker()).value(), std::to_string(world_.jobs.back().id));
  world_.fault = testing::SubmitFault::id_zero_and_nothing;
  EXPECT_EQ(outcome_of_submit(), Outcome::unknown);
  EXPECT_EQ(driver_->find_by_marker(marker()).value(), std::nullopt);
}

TEST_F(ScowOnSlurm, Pitfall11CoresAndCardsAreCountedByNodeAndMemoryIsAskedForTwice) {
  world_.gpus_per_node = 4;
  connect();
  auto asked = request();
  asked.need = {.cores = 8, .gpus = 4, .nodes = 2, .mem_mib = 1001};
  asked.walltime = seconds(61);
  ASSERT_TRUE(driver_->submit(asked));
  const wire::SubmitJobRequest& sent = world_.last_submission;
  EXPECT_EQ(sent.node_count(), 2U);
  EXPECT_EQ(sent.core_count(), 4U);
  EXPECT_EQ(sent.gpu_count(), 2U);
  EXPECT_EQ(sent.time_limit_minutes(), 2U);
  ASSERT_EQ(sent.extra_options_size(), 2);
  EXPECT_EQ(sent.extra_options(0), "--mem=501M");
  EXPECT_EQ(sent.extra_options(1), "--no-requeue");
  asked = request();
  asked.need = {.cores = 7, .gpus = 0, .nodes = 2, .mem_mib = 1};
  EXPECT_EQ(driver_->submit(asked).error().outcome(), Outcome::rejected);
}

TEST_F(ScowOnSlurm, Pitfalls12And13NoTextThatAShellOrADatabaseCouldReadIsSent) {
  connect();
  ASSERT_TRUE(driver_->probe({}));
  const auto refused = [&](const std::function<void(connector::SubmitRequest&)>& spoil) {
    auto asked = request();
    spoil(asked);
    const auto id = driver_->submit(asked);
    ASSERT_FALSE(id);
    EXPECT_EQ(id.error().outcome(), Outcome::rejected);
  };
  for (const std::string bad : {"a b", "a'b", "a\nb", "$(id)", "a;b", "`id`", "-x", "a\"b", "a/b", "ä"}) {
    refused([&](auto& r) { r.pool = bad; });
    refused([&](auto& r) { r.qos = bad; });
    refused([&](auto& r) { r.marker = bad; });
    refused([&](auto& r) { r.user.scheduler_account = bad; });
    refused([&](auto& r) { r.user.name = bad; });
    if (bad != "a/b" && bad != "-x") {  // a path may hold these
      refused([&](auto& r) { r.workdir += "/" + bad; });
      refused([&](auto& r) { r.stdout_path += bad; });
    }
    EXPECT_EQ(driver_->find_by_marker(bad).error().outcome(), Outcome::rejected);
  }
  for (const char* name : {"a", "Alice", "al.ice", "9a", ""}) refused([&](auto& r) { r.user.name = name; });
  EXPECT_EQ(world_.calls["SubmitJob"], 0);
  submit();
  EXPECT_EQ(world_.calls["SubmitJob"], 1);
  EXPECT_FALSE(world_.injected);
  config_.users = {"al ice"};
  EXPECT_EQ(ScowDriver::open(config_, clock_).error().code, ErrorCode::invalid_argument);
}

TEST_F(ScowOnSlurm, Pitfall16AnAbsentMarkerIsOnlyBelievedOfAQueueThatWasAsked) {
  connect();
  const std::string id = submit();
  job(id).accounted = false;  // slurmdbd is behind; only the queue knows the job
  EXPECT_EQ(driver_->find_by_marker(marker()).value(), id);
  connect();
  world_.accounts["house"].users.clear();  // a user with limits is not listed
  EXPECT_EQ(driver_->find_by_marker(marker()).value(), id) << "known from the configuration";
  config_.users.clear(), know_user_ = false;
  world_.not_implemented.insert("GetAllAccountsWithUsers");
  connect();
  EXPECT_EQ(driver_->find_by_marker(marker()).error().outcome(), Outcome::transient) << "nobody to ask the queue for";
}

TEST_F(ScowOnSlurm, ALateAccountingStandsStillAndItsRowIsFoundBehindTheWindow) {
  connect();
  const std::string id = submit();
  run(id);
  clock_.advance(seconds(30));
  EXPECT_EQ(poll(id).running, seconds(30));
  leave_exit_code(0);
  finish(id);
  job(id).end_accounted = false;
  for (int i = 0; i < 4; ++i, clock_.advance(minutes(3))) {
    const RunStatus stands = poll(id);
    EXPECT_EQ(stands.state, RunState::running);
    EXPECT_EQ(stands.running, seconds(30));
  }
  // Later than the accounting may be, the connector's patience begins. It ends with the row, far behind every window of ends.
  for (int i = 0; i < 3; ++i, clock_.advance(hours(1))) EXPECT_EQ(poll(id).state, RunState::missing);
  job(id).end_accounted = true;
  const RunStatus over = poll_over(id);
  EXPECT_EQ(over.state, RunState::ended);
  EXPECT_EQ(over.running, seconds(30));
}

TEST_F(ScowOnSlurm, AnEndThatNobodyWatchedIsFoundAfterARestart) {
  connect();
  const std::string id = submit();
  run(id);
  poll(id);
  driver_.reset();
  clock_.advance(hours(2));
  leave_exit_code(0);
  finish(id);
  clock_.advance(hours(24));
  connect();
  EXPECT_EQ(poll_over(id).running, hours(2));
}

}  // namespace
}  // namespace bourse::scow
