// Rows that Slurm's adapter loses or is asked for too often: runaway jobs, the whole cluster's queue, users that nobody named.
#include "connectors/scow/scow_world_test.h"

namespace bourse::scow {
namespace {

class ScowLostRows : public ScowWorld {};

// A runaway job: the controller lost it, and the accounting says for ever that it runs.
TEST_F(ScowLostRows, ARowThatIsCountedAndNotToldConcernsThatRunOnly) {
  connect();
  const std::string lost = submit(), lost_marker = marker();
  const std::string id = submit();
  run(lost), run(id);
  ASSERT_TRUE(driver_->poll({{lost, lost_marker}, {id, marker()}}));
  job(lost).in_queue = false;
  clock_.advance(seconds(10));
  leave_exit_code(0);
  finish(id);
  world_.calls.clear();
  std::map<std::string, RunStatus> seen;
  for (int i = 0; i < 4; ++i, clock_.advance(seconds(1))) {
    auto told = driver_->poll({{lost, lost_marker}, {id, marker()}});
    ASSERT_TRUE(told) << told.error().message();
    seen = *told;
  }
  EXPECT_EQ(seen[id].state, RunState::ended);
  EXPECT_EQ(seen[lost].state, RunState::running) << "perhaps the accounting is late";
  EXPECT_LE(world_.calls["GetJobs"], 4 * 4) << "halves of a window would tell no more";
  // Nothing may be submitted on the strength of a row that isn't told.
  EXPECT_EQ(driver_->find_by_marker(lost_marker).error().outcome(), Outcome::unknown);
  clock_.advance(minutes(11));
  EXPECT_EQ(driver_->poll({{lost, lost_marker}}).value().at(lost).state, RunState::missing);
  connect();
  EXPECT_EQ(driver_->poll({{lost, lost_marker}}).value().at(lost).state, RunState::missing);
}

TEST_F(ScowLostRows, ARunawayJobOfAnybodyDoesNotHideTheWaitingWork) {
  world_.jobs.push_back({.id = 7, .name = "theirs", .account = "physics", .user = "alice", .partition = "cpu", .cores = 3,
                         .limit_minutes = 20, .submit = world_.now() - 60});
  world_.jobs.push_back({.id = 8, .name = "runaway", .account = "physics", .user = "alice", .partition = "cpu", .state = "RUNNING",
                         .submit = world_.now() - 60, .start = world_.now() - 50, .in_queue = false});
  world_.not_implemented.insert("GetClusterInfo");  // so that what runs is asked for
  connect();
  const auto pools = driver_->probe({}).value();
  EXPECT_EQ(pools[0].pending_jobs, 1);
  EXPECT_EQ(pools[0].pending_core_ms, 3LL * 20 * 60'000);
}

TEST_F(ScowLostRows, ABusyClusterIsNotAskedForEachRunningJob) {
  for (std::uint32_t i = 0; i < 50; ++i)
    world_.jobs.push_back({.id = 1'000 + i, .name = "theirs", .account = "physics", .user = "alice", .partition = "cpu", .state = "RUNNING",
                           .submit = world_.now() - 60, .start = world_.now() - 50});
  connect();
  for (int i = 0; i < 10; ++i, clock_.advance(seconds(10))) EXPECT_EQ(driver_->probe({}).value()[0].running_jobs, 50);
  EXPECT_EQ(world_.squeues, 0) << "the cluster's own figures tell what runs";
  EXPECT_EQ(world_.calls["GetJobs"], 1) << "what waits is asked for seldom";
  clock_.advance(minutes(5));
  ASSERT_TRUE(driver_->probe({}));
  EXPECT_EQ(world_.calls["GetJobs"], 2);
  world_.not_implemented.insert("GetClusterInfo");
  for (int i = 0; i < 10; ++i, clock_.advance(seconds(10))) EXPECT_EQ(driver_->probe({}).value()[0].running_jobs, 50);
  EXPECT_EQ(world_.squeues, 50);
  world_.failing.insert("GetJobs");
  clock_.advance(minutes(5));
  const int asked = world_.calls["GetJobs"];
  for (int i = 0; i < 10; ++i, clock_.advance(seconds(10))) ASSERT_TRUE(driver_->probe({}));
  EXPECT_EQ(world_.calls["GetJobs"], asked + 1) << "nor one that couldn't answer";
}

TEST_F(ScowLostRows, AWaitingJobThatTheQueueLosesIsNotMissing) {
  connect();
  const std::string id = submit();
  job(id).reason = "Nodes required for job are DOWN";  // its row has spaces
  for (int i = 0; i < 4; ++i, clock_.advance(hours(1))) EXPECT_EQ(poll(id).state, RunState::queued);
  job(id).reason = "None";
  run(id);
  clock_.advance(seconds(5));
  EXPECT_EQ(poll(id).running, seconds(5));
}

TEST_F(ScowLostRows, ARunOfAUserThatTheQueueIsNotAskedForIsSeenByName) {
  connect();
  const std::string id = submit();
  run(id);
  know_user_ = false;
  config_.users = {"another"};
  world_.accounts["house"].users.clear();
  connect();
  clock_.advance(seconds(5));
  const RunStatus seen = poll(id);
  EXPECT_EQ(seen.state, RunState::running);
  EXPECT_EQ(seen.running, seconds(5));
}

TEST_F(ScowLostRows, AQueueThatNobodyWasAskedForProvesNothing) {
  connect();
  const std::string id = submit();
  config_.users.clear(), know_user_ = false;
  world_.accounts["house"].users.clear();  // listed, and nobody is in it
  connect();
  EXPECT_EQ(driver_->find_by_marker(marker()).error().outcome(), Outcome::transient);
  EXPECT_EQ(driver_->poll({{id, marker()}}).error().outcome(), Outcome::transient);
  world_.accounts["house"].users = {user_.name};
  EXPECT_EQ(poll(id).state, RunState::queued) << "without a probe";
  for (int i = 0; i < 1'001; ++i) world_.accounts["house"].users.insert("u" + std::to_string(i));
  EXPECT_NE(driver_->find_by_marker(marker()).error().detail.find("more than can be asked for"), std::string::npos);
  EXPECT_EQ(driver_->poll({{id, marker()}}).error().outcome(), Outcome::transient) << "some are never cut";
}

}  // namespace
}  // namespace bourse::scow
