// What holds for every adapter: lost answers, silence, levels.
#include "connectors/scow/scow_world_test.h"

namespace bourse::scow {
namespace {

class ScowDriverTest : public ScowWorld {};

TEST_F(ScowDriverTest, ALostAnswerIsFoundAgainByTheMarker) {
  connect();
  world_.fault = testing::SubmitFault::answer_lost;
  EXPECT_EQ(outcome_of_submit(), Outcome::unknown);
  connect();
  EXPECT_EQ(driver_->find_by_marker(marker()).value(), std::to_string(world_.jobs.back().id));
  world_.fault = testing::SubmitFault::sbatch_timed_out;
  EXPECT_EQ(outcome_of_submit(), Outcome::unknown);
  EXPECT_EQ(driver_->find_by_marker(marker()).value(), std::to_string(world_.jobs.back().id));
}

TEST_F(ScowDriverTest, WhatTheSchedulerRefusesIsRejectedInItsWords) {
  connect();
  world_.fault = testing::SubmitFault::sbatch_refused;
  newest_ = request();
  const auto id = driver_->submit(newest_);
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().outcome(), Outcome::rejected);
  EXPECT_NE(id.error().detail.find("node configuration is not available"), std::string::npos);
}

TEST_F(ScowDriverTest, WhatFailsBeforeTheSubmissionIsRejected) {
  connect();
  for (const auto fault : {testing::SubmitFault::script_not_made, testing::SubmitFault::illegal_characters}) {
    world_.fault = fault;
    EXPECT_EQ(outcome_of_submit(), Outcome::rejected);
  }
  EXPECT_TRUE(world_.jobs.empty());
  EXPECT_GE(driver_->capabilities().submission_settle, minutes(3)) << "sbatch tries a busy controller again for two minutes";
}

TEST_F(ScowDriverTest, AnAdapterThatIsAwaySaysNothingOfJobsAndIsFoundAgain) {
  connect();
  const std::string id = submit();
  run(id);
  clock_.advance(seconds(10));
  EXPECT_EQ(poll(id).running, seconds(10));
  adapter_->stop();
  EXPECT_EQ(driver_->poll({{id, marker()}}).error().outcome(), Outcome::transient);
  EXPECT_EQ(driver_->probe({}).error().outcome(), Outcome::transient);
  EXPECT_EQ(driver_->find_by_marker(marker()).error().outcome(), Outcome::transient);
  EXPECT_EQ(driver_->submit(request()).error().outcome(), Outcome::transient) << "nothing was sent";
  EXPECT_FALSE(driver_->cancel(id, user_));
  clock_.advance(seconds(10));
  adapter_->start();
  for (int i = 0; i < 100 && !driver_->probe({}); ++i) ::usleep(50'000);  // tidy: allow clock, gRPC dials again in its own time
  EXPECT_EQ(poll(id).running, seconds(20));
}

TEST_F(ScowDriverTest, TheLowestLevelIsEnoughAndIsFoundOutByCalling) {
  for (const char* rpc : {"GetVersion", "GetClusterInfo", "GetClusterNodesInfo", "QueryAccountBlockStatus", "GetAllAccountsWithUsers",
                          "AddUserToAccount"})
    world_.not_implemented.insert(rpc);
  world_.jobs.push_back({.id = 7, .name = "theirs", .account = "physics", .user = "alice", .partition = "cpu", .state = "RUNNING", .cores = 3,
                         .submit = world_.now() - 60, .start = world_.now() - 60});
  connect();
  EXPECT_EQ(driver_->capabilities().version, "1.0.0 (slurm)");
  const auto pools = driver_->probe({}).value();
  ASSERT_EQ(pools.size(), 1U);
  EXPECT_TRUE(pools[0].accepting);
  EXPECT_EQ(pools[0].nodes, 2);
  EXPECT_EQ(pools[0].cores_per_node, 4);
  EXPECT_EQ(pools[0].mem_mib_per_node, 8'000);
  EXPECT_EQ(pools[0].running_jobs, 1);
  EXPECT_EQ(pools[0].free_cores, 5);
  const std::string id = submit();
  run(id);
  clock_.advance(seconds(5));
  EXPECT_EQ(poll(id).running, seconds(5));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(driver_->probe({}));
  EXPECT_EQ(world_.calls["GetClusterInfo"], 1) << "not asked again at once";
  world_.not_implemented.clear();  // the adapter was renewed
  clock_.advance(hours(2));
  EXPECT_EQ(driver_->probe({}).value()[0].running_jobs, 2);
  EXPECT_EQ(world_.calls["GetClusterInfo"], 2);
}

TEST_F(ScowDriverTest, AnUnknownIdOrAnothersMarkerIsMissing) {
  connect();
  const std::string id = submit();
  run(id);
  const auto seen = driver_->poll({{id, "bourse-another-1"}, {"999999", "bourse-nobody-1"}, {"x", "bourse-x-1"}}).value();
  for (const auto& [asked, status] : seen) EXPECT_EQ(status.state, RunState::missing) << asked;
}

TEST_F(ScowDriverTest, ManyEndsAtOnceAreAllTold) {
  connect();
  std::map<std::string, std::string> held;
  for (int i = 0; i < 150; ++i) {
    const std::string id = submit();
    run(id);
    held[id] = marker();
  }
  ASSERT_TRUE(driver_->poll(held));
  clock_.advance(seconds(10));
  for (const auto& [id, name] : held) finish(id, "FAILED");
  std::size_t over = 0;
  for (int i = 0; i < 30 && over < held.size(); ++i, clock_.advance(seconds(1))) {
    over = 0;
    const auto seen = driver_->poll(held).value();
    for (const auto& [id, status] : seen) over += status.state == RunState::ended && status.running == seconds(10);
  }
  EXPECT_EQ(over, held.size());
}

TEST_F(ScowDriverTest, AClusterWithoutOurJobsIsAskedNothingForThem) {
  connect();
  EXPECT_TRUE(driver_->poll({}).value().empty());
  EXPECT_EQ(driver_->set_paused("1", user_, true).error().code, ErrorCode::unavailable);
}

TEST_F(ScowDriverTest, ANonsenseConfigurationIsRefused) {
  connect();
  const auto refused = [&](const std::function<void(ScowConfig&)>& spoil) {
    ScowConfig config = config_;
    spoil(config);
    const auto opened = ScowDriver::open(config, clock_);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::invalid_argument);
  };
  refused([](auto& c) { c.account = ""; });
  refused([](auto& c) { c.account = "a'b"; });
  refused([](auto& c) { c.owner = "Root User"; });
  refused([](auto& c) { c.accounts = {"x y"}; });
  refused([](auto& c) { c.client.address = ""; });
  refused([](auto& c) { c.client.address = "a b"; });
  refused([](auto& c) { c.max_walltime = Duration{}; });
}

}  // namespace
}  // namespace bourse::scow
