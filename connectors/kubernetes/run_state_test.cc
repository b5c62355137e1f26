#include "connectors/kubernetes/run_state.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace bourse::kubernetes {
namespace {

using connector::RunState;
using connector::RunStatus;
using nlohmann::json;

// As a server of 1.20 writes them, shortened to what matters and what could mislead.
json job(const std::string& status) {
  json object = json::parse(R"({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"bourse-x","namespace":"market","uid":"j-1",
    "resourceVersion":"812","creationTimestamp":"2026-11-21T08:00:00Z","labels":{"bourse.internal/pool":"cpu"},
    "annotations":{"bourse.internal/marker":"bourse-att_1-1","bourse.internal/walltime-seconds":"60"}},
    "spec":{"parallelism":1,"completions":1,"backoffLimit":0}})");
  object["status"] = json::parse(status);
  return object;
}

json pod(const std::string& status, const std::string& uid = "p-1") {
  json object = json::parse(R"({"metadata":{"name":"bourse-x-abcde","namespace":"market","labels":{"bourse.internal/job":"bourse-x","job-name":"bourse-x"}},
    "spec":{"nodeName":"n1","containers":[{"name":"sidecar","resources":{"requests":{"cpu":"500m","memory":"64Mi"}}},
      {"name":"job","resources":{"requests":{"cpu":"1500m","memory":"1Gi","nvidia.com/gpu":"2"}}}]}})");
  object["metadata"]["uid"] = uid;
  object["status"] = json::parse(status);
  return object;
}

KnownJob known(const json& job_object, const std::vector<json>& pods) {
  KnownJob all{.view = *read_job(job_object), .gone = {}, .pods = {}};
  for (const json& one : pods) {
    auto view = read_pod(one);
    all.pods[view->uid].view = *view;
  }
  return all;
}

Instant at(const char* text) { return parse_instant(text).value(); }
const Instant kNow = at("2026-11-21T08:05:00Z");

RunStatus see(const json& job_object, const std::vector<json>& pods) { return status_of(known(job_object, pods), kNow, {}); }

const char* kActive = R"({"startTime":"2026-11-21T08:00:01Z","active":1})";
std::string failed(const std::string& reason) {
  return R"({"startTime":"2026-11-21T08:00:01Z","failed":1,"conditions":[{"type":"Suspended","status":"False"},{"type":"Failed","status":"True",
    "lastTransitionTime":"2026-11-21T08:04:00Z","reason":")" + reason + R"("}]})";
}
std::string terminated(int code, const std::string& reason, const std::string& more = "") {
  return R"({"phase":"Failed",)" + more + R"("containerStatuses":[{"name":"job","state":{"terminated":{"exitCode":)" + std::to_string(code) +
         R"(,"reason":")" + reason + R"(","startedAt":"2026-11-21T08:01:00Z","finishedAt":"2026-11-21T08:03:30Z"}}}]})";
}

TEST(RunState, WaitsUntilItsContainerRuns) {
  EXPECT_EQ(see(job("{}"), {}).state, RunState::queued);
  EXPECT_EQ(see(job(kActive), {pod(R"({"phase":"Pending"})")}).state, RunState::queued);
  EXPECT_EQ(see(job(kActive), {pod(R"({"phase":"Pending","containerStatuses":[{"name":"job","state":{"waiting":{"reason":"ContainerCreating"}}}]})")}).state, RunState::queued);
  // Another container of the pod is not the job.
  EXPECT_EQ(see(job(kActive), {pod(R"({"phase":"Running","containerStatuses":[{"name":"sidecar","state":{"running":{"startedAt":"2026-11-21T08:01:00Z"}}}]})")}).state, RunState::queued);
  const RunStatus run = see(job(kActive), {pod(R"({"phase":"Running","containerStatuses":[{"name":"job","state":{"running":{"startedAt":"2026-11-21T08:01:00Z"}}}]})")});
  EXPECT_EQ(run.state, RunState::running);
  EXPECT_EQ(run.started, at("2026-11-21T08:01:00Z"));
  EXPECT_EQ(run.running, minutes(4));
  EXPECT_EQ(run.allocation.cores, 2);
  EXPECT_EQ(run.allocation.gpus, 2);
  EXPECT_EQ(run.allocation.mem_mib, 1088);
  EXPECT_FALSE(run.ended);
}

TEST(RunState, NoTimeIsTakenBackAtTheEnd) {
  const KnownJob runs = known(job(kActive), {pod(R"({"phase":"Running","containerStatuses":[{"name":"job","state":{"running":{"startedAt":"2026-11-21T08:01:00Z"}}}]})")});
  EXPECT_EQ(status_of(runs, at("2026-11-21T08:01:01Z") + milliseconds(900), {}).running, seconds(1)) << "kubelets tell whole seconds";
}

TEST(RunState, EndsAsItsContainerDid) {
  const RunStatus well = see(job(R"({"succeeded":1,"completionTime":"2026-11-21T08:04:00Z","conditions":[{"type":"Complete","status":"True","lastTransitionTime":"2026-11-21T08:04:00Z"}]})"),
                             {pod(R"({"phase":"Succeeded","containerStatuses":[{"name":"job","state":{"terminated":{"exitCode":0,"reason":"Completed","startedAt":"2026-11-21T08:01:00Z","finishedAt":"2026-11-21T08:03:30Z"}}}]})")});
  EXPECT_EQ(well.state, RunState::ended);
  EXPECT_EQ(well.exit_code, 0);
  EXPECT_EQ(well.reason, "");
  EXPECT_EQ(well.running, seconds(150));
  EXPECT_EQ(well.ended, at("2026-11-21T08:03:30Z"));
  const RunStatus killed = see(job(failed("BackoffLimitExceeded")), {pod(terminated(137, "OOMKilled"))});
  EXPECT_EQ(killed.state, RunState::ended);
  EXPECT_EQ(killed.exit_code, 137);
  EXPECT_EQ(killed.reason, "OOMKilled");
  EXPECT_EQ(see(job(failed("BackoffLimitExceeded")), {pod(terminated(3, "Error"))}).reason, "FAILED");
}

TEST(RunState, TellsWhoEndedIt) {
  EXPECT_EQ(see(job(failed("DeadlineExceeded")), {pod(terminated(143, "Error"))}).reason, "TIMEOUT");
  EXPECT_EQ(see(job(failed("BackoffLimitExceeded")), {pod(terminated(137, "Error", R"("reason":"DeadlineExceeded",)"))}).reason, "TIMEOUT");
  EXPECT_EQ(see(job(failed("BackoffLimitExceeded")), {pod(terminated(137, "Error", R"("reason":"Evicted",)"))}).reason, "Evicted");
  EXPECT_EQ(see(job(failed("BackoffLimitExceeded")), {pod(terminated(137, "Error", R"("reason":"NodeLost",)"))}).reason, "NODE_FAIL");
  EXPECT_EQ(see(job(failed("BackoffLimitExceeded")), {pod(R"({"phase":"Failed","reason":"OutOfcpu"})")}).exit_code, kNoExitCode);
  json stopped = job(failed("DeadlineExceeded"));
  stopped["metadata"]["annotations"]["bourse.internal/stopped"] = "cancelled";
  EXPECT_EQ(see(stopped, {pod(terminated(143, "Error"))}).state, RunState::cancelled);
  stopped["metadata"]["annotations"]["bourse.internal/stopped"] = "ImagePullBackOff";
  EXPECT_EQ(see(stopped, {}).state, RunState::ended);
  EXPECT_EQ(see(stopped, {}).reason, "ImagePullBackOff");
  // It had ended by itself before the cancel came to it.
  stopped["metadata"]["annotations"]["bourse.internal/stopped"] = "cancelled";
  stopped["status"] = json::parse(failed("BackoffLimitExceeded"));
  EXPECT_EQ(see(stopped, {pod(terminated(3, "Error"))}).state, RunState::ended);
  // No exit code of 0 where the Job failed.
  EXPECT_EQ(see(job(failed("DeadlineExceeded")), {pod(terminated(0, "Completed"))}).exit_code, kNoExitCode);
}

TEST(RunState, AnEndWaitsForItsContainersButNotForEver) {
  const json running = pod(R"({"phase":"Running","containerStatuses":[{"name":"job","state":{"running":{"startedAt":"2026-11-21T08:01:00Z"}}}]})");
  const KnownJob all = known(job(failed("DeadlineExceeded")), {running});
  EXPECT_EQ(status_of(all, at("2026-11-21T08:04:30Z"), {}).state, RunState::running);
  const RunStatus over = status_of(all, at("2026-11-21T08:04:31Z"), {});
  EXPECT_EQ(over.state, RunState::ended);
  EXPECT_EQ(over.ended, at("2026-11-21T08:04:00Z"));
  EXPECT_EQ(over.running, minutes(3)) << "a kubelet that stays silent is believed to have ended it with its Job";
}

TEST(RunState, WhatIsGoneEndsAsLastSeen) {
  KnownJob all = known(job(kActive), {pod(R"({"phase":"Running","containerStatuses":[{"name":"job","state":{"running":{"startedAt":"2026-11-21T08:01:00Z"}}}]})")});
  all.gone = at("2026-11-21T08:02:00Z");
  all.pods["p-1"].gone = at("2026-11-21T08:02:10Z");
  const RunStatus over = status_of(all, kNow, {});
  EXPECT_EQ(over.state, RunState::cancelled);
  EXPECT_EQ(over.running, seconds(70));
  EXPECT_NE(over.exit_code, 0);
}

TEST(RunState, AReplacedPodIsCountedWithoutTheGap) {
  // Somebody removed the first pod; the controller made another.
  KnownJob all = known(job(kActive), {pod(R"({"phase":"Running","containerStatuses":[{"name":"job","state":{"running":{"startedAt":"2026-11-21T08:01:00Z"}}}]})", "p-1"),
                                      pod(R"({"phase":"Running","containerStatuses":[{"name":"job","state":{"running":{"startedAt":"2026-11-21T08:04:00Z"}}}]})", "p-2")});
  all.pods["p-1"].gone = at("2026-11-21T08:02:00Z");
  const RunStatus run = status_of(all, kNow, {});
  EXPECT_EQ(run.state, RunState::running);
  EXPECT_EQ(run.running, minutes(2));
  EXPECT_EQ(run.allocation.cores, 2) << "never both";
}

TEST(RunState, WishesADeadlineAndAnEndOfWhatIsStuck) {
  const KnownJob runs = known(job(kActive), {pod(R"({"phase":"Running","containerStatuses":[{"name":"job","state":{"running":{"startedAt":"2026-11-21T08:01:01Z"}}}]})")});
  EXPECT_EQ(wish_of(runs, kNow, {}).deadline_s, 60 + 60 + 1) << "a minute in the queue and the walltime";
  const json stuck = pod(R"({"phase":"Pending","conditions":[{"type":"PodScheduled","status":"True","lastTransitionTime":"2026-11-21T08:00:02Z"}],
    "containerStatuses":[{"name":"job","state":{"waiting":{"reason":"ImagePullBackOff"}}}]})");
  EXPECT_EQ(wish_of(known(job(kActive), {stuck}), kNow, {}).stop, "") << "five minutes are none";
  EXPECT_EQ(wish_of(known(job(kActive), {stuck}), kNow + minutes(6), {}).stop, "ImagePullBackOff");
  EXPECT_FALSE(wish_of(known(job(failed("DeadlineExceeded")), {stuck}), kNow + minutes(6), {}).deadline_s);
}

TEST(RunState, WhatWasFoundGoneLateEndedWithItsJob) {
  KnownJob all = known(job(failed("DeadlineExceeded")), {pod(R"({"phase":"Running","containerStatuses":[{"name":"job","state":{"running":{"startedAt":"2026-11-21T08:01:00Z"}}}]})")});
  all.pods["p-1"].gone = at("2026-11-21T09:00:00Z");
  const RunStatus over = status_of(all, at("2026-11-21T09:00:01Z"), {});
  EXPECT_EQ(over.state, RunState::ended);
  EXPECT_EQ(over.running, minutes(3) + Patience{}.settle);
  all.pods["p-1"].gone = at("2026-11-21T08:04:02Z");
  EXPECT_EQ(status_of(all, at("2026-11-21T09:00:01Z"), {}).running, seconds(182));
}

TEST(RunState, WishesTheEndOfWhatLostItsPod) {
  const char* running = R"({"phase":"Running","containerStatuses":[{"name":"job","state":{"running":{"startedAt":"2026-11-21T08:01:00Z"}}}]})";
  KnownJob all = known(job(kActive), {pod(running)});
  EXPECT_EQ(wish_of(all, kNow, {}).stop, "");
  all.pods["p-1"].view.deleting = true;
  EXPECT_EQ(wish_of(all, kNow, {}).stop, "NODE_FAIL");
  all.view.deadline_s = 300;
  EXPECT_EQ(wish_of(all, kNow, {}).stop, "") << "that is its deadline";
  all = known(job(kActive), {pod(running), pod(terminated(3, "Error"), "p-2")});
  all.pods["p-1"].gone = kNow;
  EXPECT_EQ(wish_of(all, kNow, {}).stop, "") << "another node's failure ends it";
  all.pods.erase("p-2");
  EXPECT_EQ(wish_of(all, kNow, {}).stop, "NODE_FAIL");
  all.pods.clear();
  EXPECT_EQ(wish_of(all, kNow, {}).stop, "");
  EXPECT_EQ(wish_of(all, kNow + hours(1), {}).stop, "NO_POD");
}

TEST(RunState, NonsenseIsNothing) {
  EXPECT_FALSE(read_job(json::parse(R"([1,2])")));
  EXPECT_FALSE(read_job(json::parse(R"({"metadata":{"name":7,"uid":{}}})")));
  EXPECT_FALSE(read_pod(json::parse(R"({"metadata":{"name":"a","uid":"b"}})"))) << "not of ours";
  const auto odd = read_pod(json::parse(R"({"metadata":{"name":"a","uid":"b","labels":{"bourse.internal/job":"j"}},"spec":{"containers":{"x":1}},
    "status":{"conditions":"no","containerStatuses":[7,{"name":"job","state":{"terminated":{"exitCode":99999,"startedAt":"yesterday"}}}]}})"));
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->exit_code, 255);
  EXPECT_FALSE(odd->started);
  EXPECT_EQ(odd->allocation.cores, 0);
  EXPECT_FALSE(parse_answer(std::string(100'000, '[')));
  EXPECT_FALSE(parse_answer("{\"a\":"));
}

}  // namespace
}  // namespace bourse::kubernetes
