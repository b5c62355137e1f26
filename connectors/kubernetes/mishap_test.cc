// Submissions that are cut short, and pods that are taken away.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "connectors/kubernetes/double_fixture_test.h"

namespace bourse::kubernetes {
namespace {

using connector::RunState;
using connector::RunStatus;

class KubernetesMishapTest : public DoubleTest {};

TEST_F(KubernetesMishapTest, AJobWithoutItsScriptIsTakenBack) {
  open();
  cluster_.with([&] { cluster_.habits.broken["create secrets"] = 422; });
  EXPECT_EQ(driver_->submit(sample()).error().outcome(), Outcome::rejected);
  EXPECT_TRUE(cluster_.all("jobs").empty());
  cluster_.with([&] { cluster_.habits.broken = {{"create secrets", 422}, {"delete jobs", 500}}; });
  EXPECT_EQ(driver_->submit(sample()).error().outcome(), Outcome::unknown);
  ASSERT_EQ(cluster_.all("jobs").size(), 1U);
  // The connector asks for the marker: what was cut short is removed, then absent.
  EXPECT_EQ(driver_->find_by_marker("bourse-att_06A-1").error().outcome(), Outcome::transient);
  EXPECT_EQ(driver_->find_by_marker("bourse-att_06A-1").value(), std::nullopt);
}

TEST_F(KubernetesMishapTest, AScriptThatMayHaveComeIsNotTakenBack) {
  open();
  cluster_.with([&] { cluster_.habits.swallowed.insert("create secrets"); });
  EXPECT_EQ(driver_->submit(sample()).error().outcome(), Outcome::unknown);
  ASSERT_EQ(cluster_.all("jobs").size(), 1U) << "its pod may run already";
  cluster_.with([&] { cluster_.habits.broken["get secrets"] = 500; });
  EXPECT_EQ(driver_->find_by_marker("bourse-att_06A-1").error().outcome(), Outcome::transient) << "whether it has its script isn't known";
  EXPECT_EQ(driver_->find_by_marker("bourse-att_06A-1").value(), job_name("bourse-att_06A-1"));
  EXPECT_EQ(cluster_.all("jobs").size(), 1U);
  // Where the script has not come the lookup removes the Job.
  cluster_.with([&] { cluster_.habits.broken["create secrets"] = 504; });
  EXPECT_EQ(driver_->submit(sample("bourse-att_06B-1")).error().outcome(), Outcome::unknown);
  EXPECT_EQ(cluster_.all("jobs").size(), 2U);
  EXPECT_EQ(driver_->find_by_marker("bourse-att_06B-1").error().outcome(), Outcome::transient);
  EXPECT_EQ(driver_->find_by_marker("bourse-att_06B-1").value(), std::nullopt);
}

TEST_F(KubernetesMishapTest, ASecretOfAnOlderJobIsWaitedFor) {
  open();
  const std::string name = job_name("bourse-att_06A-1");
  cluster_.create("secrets", "market", {{"apiVersion", "v1"}, {"kind", "Secret"},
                                        {"metadata", {{"name", name}, {"ownerReferences", json::array({{{"apiVersion", "batch/v1"}, {"kind", "Job"}, {"name", name}, {"uid", "older"}}})}}}});
  const std::uint64_t before = cluster_.version();
  EXPECT_EQ(driver_->submit(sample()).error().outcome(), Outcome::transient);
  EXPECT_EQ(cluster_.version(), before) << "no Job was made whose pod would find the older script";
  cluster_.remove("secrets", "market", name, {});
  EXPECT_TRUE(driver_->submit(sample()));
}

TEST_F(KubernetesMishapTest, AJobThatRunsIsNotTakenBackForItsScript) {
  open();
  const std::string id = submit();
  cluster_.step();
  runs(pod(), now_s() - 5);
  cluster_.remove("secrets", "market", id, {});
  EXPECT_EQ(driver_->find_by_marker("bourse-att_06A-1").value(), id);
  EXPECT_EQ(cluster_.all("jobs").size(), 1U);
}

TEST_F(KubernetesMishapTest, ARunGoesOnInThePodThatReplacesADeletedOne) {
  open();
  const std::string id = submit();
  cluster_.step();
  const std::string first = pod();
  runs(first, now_s() - 100);
  until(id, RunState::running);
  ends(first, now_s() - 100, now_s() - 60, 143, "Error", {{"phase", "Running"}});
  cluster_.remove("pods", "market", first, {});
  cluster_.step();
  ASSERT_NE(pod(), first);
  runs(pod(), now_s() - 10);
  const RunStatus run = until(id, [](const RunStatus& s) { return s.running >= seconds(50) && s.running < seconds(90); });
  EXPECT_EQ(run.state, RunState::running) << "and the time between isn't counted";
  EXPECT_EQ(run.allocation.cores, 2);
}

TEST_F(KubernetesMishapTest, ACancelIsNotOverwrittenByTheDeadline) {
  open();
  const std::string id = submit();
  cluster_.step();
  poll(id);
  ASSERT_TRUE(driver_->cancel(id, {}));
  EXPECT_EQ(driver_->cache().find(id)->view.stopped, kCancelled) << "known before the watch tells";
  runs(pod(), now_s() - 5);
  until(id, RunState::running);
  EXPECT_EQ(cluster_.all("jobs")[0]["spec"]["activeDeadlineSeconds"], 1);
  // Another connector's later deadline is taken back by asking again.
  cluster_.merge("jobs", "market", id, {{"spec", {{"activeDeadlineSeconds", 500}}}}, false);
  ASSERT_TRUE(driver_->cancel(id, {}));
  EXPECT_EQ(cluster_.all("jobs")[0]["spec"]["activeDeadlineSeconds"], 1);
}

TEST_F(KubernetesMishapTest, ARunWhosePodIsTakenAwayIsEnded) {
  open();
  const std::string id = submit();
  cluster_.step();
  runs(pod(), now_s() - 5);
  until(id, RunState::running);
  KubernetesConfig again = config();
  open(again);  // one that has not just set the deadline
  poll(id);
  cluster_.remove("pods", "market", pod(), {});
  until(id, [&](const RunStatus&) { return cluster_.all("jobs")[0]["metadata"]["annotations"].contains(kStopped); });
  EXPECT_EQ(cluster_.all("jobs")[0]["metadata"]["annotations"][kStopped], "NODE_FAIL");
  EXPECT_EQ(cluster_.all("jobs")[0]["spec"]["activeDeadlineSeconds"], 1);
}

TEST_F(KubernetesMishapTest, AnEvictionDoesNotTakeTheStartBack) {
  open();
  const std::string id = submit();
  cluster_.step();
  const std::int64_t began = now_s() - 50;
  runs(pod(), began);
  until(id, RunState::running);
  cluster_.set_pod_status("market", pod(), {{"phase", "Failed"}, {"reason", "Evicted"}, {"containerStatuses", nullptr}});
  cluster_.step();
  const RunStatus over = until(id, RunState::ended);
  EXPECT_EQ(over.reason, "Evicted");
  ASSERT_TRUE(over.started);
  EXPECT_EQ(over.started->unix_ms, began * 1000);
  EXPECT_GE(over.running, seconds(50));
  EXPECT_TRUE(over.raw.contains("startedAt")) << over.raw;
}

}  // namespace
}  // namespace bourse::kubernetes
