#include "connectors/kubernetes/kubernetes_driver.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>

#include "connectors/kubernetes/double_fixture_test.h"

namespace bourse::kubernetes {
namespace {

using connector::RunState;
using connector::RunStatus;

class KubernetesDriverTest : public DoubleTest {};

TEST_F(KubernetesDriverTest, TheWayOfAJob) {
  open();
  const std::string id = submit();
  EXPECT_EQ(id, job_name("bourse-att_06A-1"));
  EXPECT_EQ(poll(id).state, RunState::queued);
  cluster_.step();
  const std::int64_t began = now_s() - 60;
  runs(pod(), began);
  const RunStatus running = until(id, RunState::running);
  EXPECT_EQ(running.started->unix_ms, began * 1000);
  EXPECT_GE(running.running, seconds(60));
  EXPECT_EQ(running.allocation.cores, 2);
  EXPECT_EQ(running.allocation.mem_mib, 300);
  ends(pod(), began, began + 61, 3, "Error");
  cluster_.step();
  const RunStatus over = until(id, RunState::ended);
  EXPECT_EQ(over.exit_code, 3);
  EXPECT_EQ(over.reason, "FAILED");
  EXPECT_EQ(over.running, seconds(61));
  EXPECT_EQ(over.ended->unix_ms, (began + 61) * 1000);
  EXPECT_TRUE(nlohmann::json::parse(over.raw).contains("pods"));
}

TEST_F(KubernetesDriverTest, AJobsScriptGoesWithIt) {
  open();
  const std::string id = submit();
  ASSERT_EQ(cluster_.all("secrets").size(), 1U);
  EXPECT_EQ(cluster_.all("secrets")[0]["metadata"]["ownerReferences"][0]["name"], id);
  EXPECT_EQ(cluster_.remove("jobs", "market", id, {{"propagationPolicy", "Background"}}).status, 200);
  EXPECT_TRUE(cluster_.all("secrets").empty());
}

TEST_F(KubernetesDriverTest, SubmittingTwiceIsOneJobAndAnothersNameIsRefused) {
  open();
  const std::string id = submit();
  EXPECT_EQ(submit(), id);
  EXPECT_EQ(cluster_.all("jobs").size(), 1U);
  EXPECT_EQ(cluster_.merge("jobs", "market", id, {{"metadata", {{"annotations", {{kMarker, "another"}}}}}}, false).status, 200);
  EXPECT_EQ(driver_->submit(sample()).error().outcome(), Outcome::rejected);
  EXPECT_EQ(driver_->find_by_marker("bourse-att_06A-1").value(), std::nullopt);
}

TEST_F(KubernetesDriverTest, ErrorsFollowTheirOutcome) {
  open();
  const auto outcome = [&](int code) {
    cluster_.with([&] { cluster_.habits.broken["create jobs"] = code; });
    return driver_->submit(sample()).error().outcome();
  };
  EXPECT_EQ(outcome(401), Outcome::transient);
  EXPECT_EQ(outcome(403), Outcome::rejected);
  EXPECT_EQ(outcome(404), Outcome::rejected);
  EXPECT_EQ(outcome(422), Outcome::rejected);
  EXPECT_EQ(outcome(429), Outcome::transient);
  EXPECT_EQ(outcome(503), Outcome::transient);
  EXPECT_EQ(outcome(500), Outcome::unknown);
  EXPECT_EQ(outcome(504), Outcome::unknown);
  EXPECT_TRUE(cluster_.all("jobs").empty());
  cluster_.with([&] { cluster_.habits.swallowed.insert("create jobs"); });
  EXPECT_EQ(driver_->submit(sample()).error().outcome(), Outcome::unknown);
  EXPECT_EQ(cluster_.all("jobs").size(), 1U) << "it took effect, and nobody was told";
}

TEST_F(KubernetesDriverTest, ManyThatAreGoneAreMissingAtOnce) {
  open();
  std::map<std::string, std::string> all = {{submit(), "bourse-att_06A-1"}};
  for (int i = 0; i < 200; ++i) all[job_name("gone-" + std::to_string(i))] = "gone-" + std::to_string(i);
  const auto seen = driver_->poll(all);
  ASSERT_TRUE(seen) << seen.error().message();
  EXPECT_EQ(std::ranges::count(*seen, RunState::missing, [](const auto& entry) { return entry.second.state; }), 200);
  EXPECT_EQ(driver_->cache().job_listing().lists(), 2);
  ASSERT_TRUE(driver_->poll(all));
  EXPECT_EQ(driver_->cache().job_listing().lists(), 2) << "not again and again";
}

TEST_F(KubernetesDriverTest, CancellingEndsThePodsAndKeepsTheJob) {
  open();
  const std::string id = submit();
  cluster_.step();
  const std::int64_t began = now_s() - 30;
  runs(pod(), began);
  until(id, RunState::running);
  ASSERT_TRUE(driver_->cancel(id, {}));
  for (int i = 0; i < 300 && cluster_.all("jobs")[0]["status"].value("conditions", json::array()).empty(); ++i) {
    cluster_.step();
    ::poll(nullptr, 0, 10);
  }
  ASSERT_TRUE(pod().empty()) << "its pod is on its way out";
  EXPECT_EQ(poll(id).state, RunState::running) << "until the kubelet has ended it";
  const std::string name = cluster_.all("pods")[0]["metadata"]["name"];
  ends(name, began, began + 31, 137, "Error");
  cluster_.remove("pods", "market", name, {});
  const RunStatus over = until(id, RunState::cancelled);
  EXPECT_EQ(over.exit_code, 137);
  EXPECT_EQ(over.running, seconds(31));
  EXPECT_TRUE(driver_->cancel(id, {})) << "of an ended run: success";
  open();
  EXPECT_EQ(poll(id).state, RunState::cancelled) << "a new connector knows it, too";
}

TEST_F(KubernetesDriverTest, WhereJobsMayNotBeChangedCancellingDeletes) {
  open();
  const std::string id = submit();
  cluster_.step();
  const std::int64_t began = now_s() - 30;
  runs(pod(), began);
  until(id, RunState::running);
  cluster_.with([&] { cluster_.habits.forbidden.insert("patch jobs"); });
  ASSERT_TRUE(driver_->cancel(id, {}));
  EXPECT_TRUE(cluster_.all("jobs").empty());
  ends(cluster_.all("pods")[0]["metadata"]["name"], began, began + 30, 143, "Error");
  EXPECT_EQ(until(id, RunState::cancelled).running, seconds(30));
}

TEST_F(KubernetesDriverTest, AJobThatSomebodyDeletedIsCancelledAsLastSeen) {
  open();
  const std::string id = submit();
  cluster_.step();
  runs(pod(), now_s() - 30);
  until(id, RunState::running);
  cluster_.remove("jobs", "market", id, {{"propagationPolicy", "Background"}});
  ends(cluster_.all("pods")[0]["metadata"]["name"], now_s() - 30, now_s(), 143, "Error");
  EXPECT_EQ(until(id, RunState::cancelled).reason, "CANCELLED: its Job was deleted");
  open();
  EXPECT_EQ(poll(id).state, RunState::missing) << "one that never saw it";
}

TEST_F(KubernetesDriverTest, ARunGetsItsDeadlineWhenItStarts) {
  open();
  const std::string id = submit();
  cluster_.step();
  EXPECT_EQ(poll(id).state, RunState::queued);
  EXPECT_FALSE(cluster_.all("jobs")[0]["spec"].contains("activeDeadlineSeconds")) << "waiting costs no walltime";
  const std::int64_t began = now_s() - 200;
  runs(pod(), began);
  until(id, RunState::running);
  const std::int64_t limit = cluster_.all("jobs")[0]["spec"]["activeDeadlineSeconds"];
  EXPECT_EQ(limit, 90 + 1);
  for (int i = 0; i < 2; ++i) cluster_.step();
  // Its Job is older than that only by the test's clock; the controller is told so.
  cluster_.merge("jobs", "market", id, {{"status", {{"startTime", at(began)}}}}, true);
  cluster_.step();
  ends(cluster_.all("pods")[0]["metadata"]["name"], began, began + 91, 137, "Error");
  const RunStatus over = until(id, RunState::ended);
  EXPECT_EQ(over.reason, "TIMEOUT");
  EXPECT_EQ(over.running, seconds(91));
}

TEST_F(KubernetesDriverTest, AnImageThatNeverComesEndsTheRun) {
  KubernetesConfig impatient = config();
  impatient.patience.start = seconds(5);
  open(impatient);
  const std::string id = submit();
  cluster_.step();
  cluster_.set_pod_status("market", pod(), {{"phase", "Pending"}, {"conditions", json::array({{{"type", "PodScheduled"}, {"status", "True"}, {"lastTransitionTime", at(now_s() - 60)}}})},
                                            {"containerStatuses", json::array({{{"name", "job"}, {"state", {{"waiting", {{"reason", "ImagePullBackOff"}}}}}}})}});
  until(id, [&](const RunStatus&) { return cluster_.all("jobs")[0]["spec"].contains("activeDeadlineSeconds"); });
  cluster_.merge("jobs", "market", id, {{"status", {{"startTime", at(now_s() - 60)}}}}, true);
  cluster_.step();
  cluster_.set_pod_status("market", cluster_.all("pods")[0]["metadata"]["name"], {{"phase", "Failed"}});
  const RunStatus over = until(id, RunState::ended);
  EXPECT_EQ(over.reason, "ImagePullBackOff");
  EXPECT_FALSE(over.started);
}

TEST_F(KubernetesDriverTest, RefusesWhatCannotRun) {
  open();
  const auto refused = [&](const char* what, const std::function<void(connector::SubmitRequest&)>& spoil) {
    auto request = sample();
    spoil(request);
    const auto id = driver_->submit(request);
    ASSERT_FALSE(id) << what;
    EXPECT_EQ(id.error().outcome(), Outcome::rejected) << what << ": " << id.error().message();
  };
  refused("pool", [](auto& r) { r.pool = "gone"; });
  refused("qos", [](auto& r) { r.qos = "low"; });
  refused("several nodes on 1.20", [](auto& r) { r.need.nodes = 2; });
  refused("cores", [](auto& r) { r.need.cores = 9; });
  refused("cards", [](auto& r) { r.need.gpus = 3; });
  refused("memory", [](auto& r) { r.need.mem_mib = 20'000; });
  refused("walltime", [](auto& r) { r.walltime = hours(24 * 8); });
  refused("uid", [](auto& r) { r.user.uid = 12; });
  refused("user", [](auto& r) { r.user.name = "no-such-user"; });
  refused("root", [](auto& r) { r.user.name = "root", r.user.uid = 0; });
  refused("script", [](auto& r) { r.script = "#!" + std::string(2 << 20, 'x'); });
  refused("workdir", [](auto& r) { r.workdir = "/a/../b"; });
  EXPECT_TRUE(cluster_.all("jobs").empty());
}

TEST_F(KubernetesDriverTest, SeveralNodesWhereTheServerHasIndexedJobs) {
  cluster_.add_node("n2", {{"cpu", "8"}, {"memory", "16Gi"}}, {{"kind", "cpu"}});
  cluster_.with([&] { cluster_.habits.minor = 24; });
  open();
  auto request = sample();
  request.need = {.cores = 4, .gpus = 0, .nodes = 2, .mem_mib = 600};
  const std::string id = submit(request);
  cluster_.step();
  const auto pods = cluster_.all("pods");
  ASSERT_EQ(pods.size(), 2U);
  EXPECT_EQ(pods[1]["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"], "1");
  const std::int64_t began = now_s() - 20;
  runs(pods[0]["metadata"]["name"], began);
  runs(pods[1]["metadata"]["name"], began + 5);
  const RunStatus running = until(id, [](const RunStatus& s) { return s.allocation.nodes == 2; });
  EXPECT_EQ(running.state, RunState::running);
  EXPECT_EQ(running.allocation.cores, 4);
  EXPECT_EQ(running.started->unix_ms, began * 1000);
}

TEST_F(KubernetesDriverTest, PausingIsUnavailable) {
  open();
  EXPECT_EQ(driver_->set_paused(submit(), {}, true).error().code, ErrorCode::unavailable);
}

TEST_F(KubernetesDriverTest, ReadsALogInPieces) {
  open();
  const std::string id = submit();
  EXPECT_EQ(driver_->read_log(id, {}, "", 0, 10).error().code, ErrorCode::not_found);
  cluster_.step();
  EXPECT_EQ(driver_->read_log(id, {}, "", 0, 10).error().code, ErrorCode::not_found) << "its container hasn't started";
  runs(pod(), now_s());
  cluster_.merge("pods", "market", pod(), {{"x-log", "0123456789"}}, false);
  const auto piece = driver_->read_log(id, {}, "", 4, 3).value();
  EXPECT_EQ(piece.data, "456");
  EXPECT_EQ(piece.offset, 4);
  EXPECT_EQ(piece.size, 10);
  EXPECT_EQ(driver_->read_log(id, {}, "", 10, 3).value().data, "");
}

TEST_F(KubernetesDriverTest, AnEndedJobIsRemovedAfterItsTime) {
  KubernetesConfig brief = config();
  brief.keep = minutes(2);
  open(brief);
  const std::string id = submit();
  cluster_.step();
  ends(pod(), now_s() - 500, now_s() - 400, 0, "Completed");
  cluster_.step();
  until(id, RunState::ended);
  ASSERT_TRUE(driver_->probe({}));
  EXPECT_EQ(cluster_.all("jobs").size(), 1U);
  json conditions = cluster_.all("jobs")[0]["status"]["conditions"];
  conditions[0]["lastTransitionTime"] = at(now_s() - 400);
  cluster_.merge("jobs", "market", id, {{"status", {{"conditions", conditions}}}}, true);
  until(id, [&](const RunStatus&) { return driver_->probe({}).has_value() && cluster_.all("jobs").empty(); });
  EXPECT_TRUE(cluster_.all("pods").empty());
}

TEST_F(KubernetesDriverTest, LookingChangesNothing) {
  KubernetesConfig looking = config();
  looking.only_look = true;
  open();
  const std::string id = submit();
  const std::uint64_t before = cluster_.version();
  open(looking);
  ASSERT_TRUE(driver_->probe({}));
  poll(id);
  EXPECT_EQ(driver_->submit(sample("bourse-other-1")).error().outcome(), Outcome::rejected);
  EXPECT_FALSE(driver_->cancel(id, {}));
  EXPECT_EQ(cluster_.version(), before);
}

TEST_F(KubernetesDriverTest, OthersPodsCountWhereTheyMayBeSeen) {
  open();
  submit();
  cluster_.step();
  EXPECT_EQ(driver_->probe({}).value()[0].free_cores, 6);
  cluster_.with([&] { cluster_.habits.forbidden.insert("list pods/all"); });
  const auto pools = driver_->probe({"cpu"}).value();
  ASSERT_EQ(pools.size(), 1U);
  EXPECT_EQ(pools[0].free_cores, 6) << "our own are seen all the same";
  EXPECT_EQ(pools[0].gpus_per_node, 2);
  cluster_.with([&] { cluster_.habits.forbidden.clear(), cluster_.habits.broken["list pods"] = 500; });
  EXPECT_EQ(driver_->probe({}).error().code, ErrorCode::unavailable) << "a failure is not a missing right";
  EXPECT_TRUE(driver_->probe({}));
  cluster_.with([&] { cluster_.habits.forbidden.insert("list nodes"); });
  EXPECT_EQ(driver_->probe({}).error().code, ErrorCode::unavailable);
}

TEST_F(KubernetesDriverTest, AJobWithoutAPodWaits) {
  open();
  submit();
  const auto pools = driver_->probe({}).value();
  EXPECT_EQ(pools[0].pending_jobs, 1);
  EXPECT_EQ(pools[0].pending_core_ms, 2 * 90'000);
  EXPECT_EQ(pools[0].free_cores, 8);
  cluster_.step();
  EXPECT_EQ(driver_->probe({}).value()[0].pending_jobs, 0);
  EXPECT_EQ(driver_->probe({}).value()[0].running_jobs, 1) << "it has a node";
}

TEST_F(KubernetesDriverTest, WithoutNodesOrTheRightToSeeThemAJobWaits) {
  KubernetesConfig empty = config();
  empty.pools[0].selector = {{"kind", "nothing"}};
  open(empty);
  EXPECT_EQ(poll(submit()).state, RunState::queued);
  EXPECT_FALSE(driver_->probe({}).value()[0].accepting);
  cluster_.with([&] { cluster_.habits.forbidden = {"list nodes"}; });
  open();
  EXPECT_TRUE(driver_->submit(sample("bourse-att_06B-1")));
  auto elsewhere = sample("bourse-att_06C-1");
  elsewhere.pool = "nowhere";
  EXPECT_EQ(driver_->submit(elsewhere).error().outcome(), Outcome::rejected);
}

TEST_F(KubernetesDriverTest, ATokenIsReadAgainWhenItsFileChanges) {
  cluster_.with([&] { cluster_.habits.token = "one"; });
  const std::string file = ::testing::TempDir() + "bourse-token-" + std::to_string(::getpid());
  std::ofstream(file) << "one\n";
  KubernetesConfig with_token = config();
  with_token.access.token_file = file;
  open(with_token);
  cluster_.with([&] { cluster_.habits.token = "another"; });
  EXPECT_EQ(driver_->find_by_marker("bourse-m-1").error().outcome(), Outcome::transient);
  std::ofstream(file + ".new") << "another\n";
  ASSERT_EQ(::rename((file + ".new").c_str(), file.c_str()), 0);
  EXPECT_TRUE(driver_->find_by_marker("bourse-m-1"));
  ::unlink(file.c_str());
}

TEST_F(KubernetesDriverTest, AServerThatIsTooOldIsRefused) {
  cluster_.with([&] { cluster_.habits.minor = 19; });
  EXPECT_EQ(KubernetesDriver::open(config(), clock_).error().code, ErrorCode::failed_precondition);
}

}  // namespace
}  // namespace bourse::kubernetes
