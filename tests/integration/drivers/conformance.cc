// What every driver must do, whatever scheduler it speaks to.
#include <algorithm>
#include <csignal>
#include <filesystem>

#include <unistd.h>

#include "connectors/host/files.h"
#include "tests/integration/drivers/harness.h"

namespace bourse::test {
namespace {

using connector::RunState;
using connector::RunStatus;

class Conformance : public DriverTest {};

bool has_line(const std::string& text, const std::string& line) { return ("\n" + text).contains("\n" + line + "\n"); }

TEST_F(Conformance, RunsTheScriptAsTheMappedUserInACleanEnvironment) {
  auto asked = request("#!/bin/sh\nid -un; id -Gn; pwd; umask; env; echo err >&2; echo \"args:$#\"; ls -ld .\n");
  const std::string id = submit(asked);
  const RunStatus over = wait_over(id);
  EXPECT_EQ(over.state, RunState::ended);
  EXPECT_EQ(over.exit_code, 0) << over.reason;
  EXPECT_EQ(over.reason, "");
  ASSERT_TRUE(over.started && over.ended);
  EXPECT_LE(over.started->unix_ms + over.running.ms, over.ended->unix_ms + 1000);
  EXPECT_EQ(over.allocation.cores, 1);
  EXPECT_EQ(over.allocation.nodes, 1);
  // Crane's adapter tells no memory; the connector takes what was ordered.
  EXPECT_EQ(over.allocation.mem_mib, driver_->capabilities().version.contains("Crane") ? 0 : 200);
  EXPECT_FALSE(over.raw.empty());
  const std::string log = log_of(id);
  EXPECT_TRUE(has_line(log, user().name)) << log;
  EXPECT_TRUE(has_line(log, asked.workdir)) << log;
  EXPECT_TRUE(has_line(log, "0077")) << log;
  EXPECT_TRUE(has_line(log, "err")) << log;
  EXPECT_TRUE(has_line(log, "args:0")) << log;
  EXPECT_TRUE(has_line(log, "HOME=" + asked.workdir)) << log;
  EXPECT_TRUE(has_line(log, "USER=" + user().name)) << log;
  EXPECT_TRUE(has_line(log, "BOURSE_JOB_ID=" + asked.marker)) << log;
  EXPECT_TRUE(has_line(log, "BOURSE_CORES=1")) << log;
  EXPECT_TRUE(log.contains("PATH=/usr/local/bin:/usr/bin:/bin\n")) << log;
  for (const char* secret : {"root", "LD_PRELOAD", "BASH_ENV", "BOURSE_SECRET", "SBATCH_PARTITION", "hunter2", "CONFORMANCE"})
    EXPECT_FALSE(log.contains(secret)) << secret << " in\n" << log;
}

TEST_F(Conformance, TellsExitCodesAndSignals) {
  const std::string three = submit(request("#!/bin/sh\nexit 3\n"));
  const std::string killed = submit(request("#!/bin/sh\nkill -9 $$\n"));
  EXPECT_EQ(wait_over(three).exit_code, 3);
  EXPECT_EQ(wait_over(killed).exit_code, 137);
}

TEST_F(Conformance, RunsAnyInterpreterAndExactBytes) {
  // Neither a name for options nor a shell's comment may change what runs.
  auto asked = request("#!/usr/bin/python3\n#SBATCH --job-name=evil\n#SBATCH --output=/tmp/evil\n#PBS -N evil\nprint('sum', 6 * 7)\n");
  const std::string id = submit(asked);
  const RunStatus over = wait_over(id);
  EXPECT_EQ(over.exit_code, 0) << over.reason;
  EXPECT_TRUE(log_of(id).contains("sum 42"));
  EXPECT_FALSE(std::filesystem::exists("/tmp/evil"));
  EXPECT_EQ(driver_->find_by_marker(asked.marker).value(), id);
}

TEST_F(Conformance, FindsARunByItsMarkerAlone) {
  const auto asked = request("#!/bin/sh\nexit 0\n");
  EXPECT_EQ(driver_->find_by_marker(asked.marker).value(), std::nullopt);
  const std::string id = submit(asked);
  EXPECT_EQ(driver_->find_by_marker(asked.marker).value(), id);
  wait_over(id);
  EXPECT_EQ(driver_->find_by_marker(asked.marker).value(), id);
  restart();
  EXPECT_EQ(driver_->find_by_marker(asked.marker).value(), id);
}

TEST_F(Conformance, AnUnknownIdOrAnothersMarkerIsMissing) {
  const std::string id = submit(request("#!/bin/sh\nexit 0\n"));
  wait_over(id);
  const auto seen = driver_->poll({{id, "bourse-another-marker-1"}, {"999999", "bourse-nobody-1"}}).value();
  EXPECT_EQ(seen.at(id).state, RunState::missing);
  EXPECT_EQ(seen.at("999999").state, RunState::missing);
}

TEST_F(Conformance, CancelEndsTheWholeTree) {
  // A grandchild in a session of its own that ignores SIGTERM.
  const std::string id = submit(request("#!/bin/bash\ntrap '' TERM\nsetsid bash -c 'trap \"\" TERM; echo pid:$$; while :; do sleep 1; done' &\n"
                                        "echo ready; while :; do sleep 1; done\n"));
  wait_for_log(id, "pid:");
  wait_for_log(id, "ready");
  const std::string log = log_of(id);
  const int pid = std::stoi(log.substr(log.find("pid:") + 4));
  ASSERT_EQ(::kill(pid, 0), 0);
  wait(id, "a second", [](const RunStatus& s) { return s.running.ms >= 1000; });  // Slurm counts whole ones
  ASSERT_TRUE(driver_->cancel(id, user()));
  const RunStatus over = wait_over(id);
  EXPECT_EQ(over.state, RunState::cancelled);
  EXPECT_NE(over.exit_code, 0);
  EXPECT_GT(over.running.ms, 0);
  EXPECT_LT(over.running.ms, 60'000);
  EXPECT_TRUE(driver_->cancel(id, user())) << "of an ended run: success";
  for (int i = 0; i < 500 && ::kill(pid, 0) == 0 && std::filesystem::exists("/proc/" + std::to_string(pid) + "/exe"); ++i)
    poll(id);
  std::error_code gone;
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/exe", gone)));
}

TEST_F(Conformance, APausedRunStandsStillAndItsTimeDoesNotCount) {
  const std::string id = submit(request("#!/bin/bash\nfor i in $(seq 1 400); do echo tick; sleep 0.1; done\n"));
  wait_for_log(id, "tick");
  if (is_scow() || is_kubernetes()) {  // the interface can't; it must say so, and the run must be as it was
    EXPECT_EQ(driver_->set_paused(id, user(), true).error().outcome(), Outcome::transient);
    EXPECT_EQ(poll(id).state, RunState::running);
    ASSERT_TRUE(driver_->cancel(id, user()));
    EXPECT_EQ(wait_over(id).state, RunState::cancelled);
    return;
  }
  ASSERT_TRUE(driver_->set_paused(id, user(), true));
  wait(id, "that it stands", [](const RunStatus& s) { return s.state == RunState::suspended; });
  const Duration before = poll(id).running;
  const std::size_t said = log_of(id).size();
  std::this_thread::sleep_for(std::chrono::seconds(5));
  const RunStatus stands = poll(id);
  EXPECT_EQ(stands.state, RunState::suspended);
  EXPECT_LE(stands.running.ms, before.ms + 1000) << "a second of rounding";
  EXPECT_LE(log_of(id).size(), said + 3 * 5);
  restart();
  ASSERT_TRUE(driver_->set_paused(id, user(), false));
  wait(id, "that it goes on", [](const RunStatus& s) { return s.state == RunState::running; });
  wait(id, "more", [&](const RunStatus& s) { return s.running.ms > before.ms + 2000; });
  ASSERT_TRUE(driver_->set_paused(id, user(), true));
  wait(id, "that it stands again", [](const RunStatus& s) { return s.state == RunState::suspended; });
  ASSERT_TRUE(driver_->cancel(id, user()));
  EXPECT_EQ(wait_over(id).state, RunState::cancelled);
}

TEST_F(Conformance, QueuesBeyondTheCoresAndCancelsInTheQueue) {
  auto whole = request("#!/bin/sh\necho started; while [ ! -e go ]; do sleep 0.1; done\n");
  const auto pools = driver_->probe({pool()}).value();
  ASSERT_EQ(pools.size(), 1U);
  whole.need.nodes = pools[0].nodes;
  whole.need.cores = pools[0].nodes * pools[0].cores_per_node;
  const std::string first = submit(whole);
  wait_running(first);
  const std::string second = submit(request("#!/bin/sh\necho second\n"));
  const std::string third = submit(request("#!/bin/sh\necho third\n"));
  EXPECT_EQ(wait(second, "queueing", [](const RunStatus& s) { return s.state == RunState::queued; }).running.ms, 0);
  const auto busy = driver_->probe({pool()}).value();
  EXPECT_EQ(busy[0].free_cores, 0);
  EXPECT_EQ(busy[0].running_jobs, 1);
  EXPECT_EQ(busy[0].pending_jobs, 2);
  EXPECT_EQ(busy[0].pending_core_ms, 120'000);
  ASSERT_TRUE(driver_->cancel(third, user()));
  const RunStatus never = wait_over(third);
  EXPECT_EQ(never.state, RunState::cancelled);
  EXPECT_FALSE(never.started);
  EXPECT_EQ(never.running.ms, 0);
  ASSERT_TRUE(host::write_new(whole.workdir + "/go", "", {.mode = 0644}));
  EXPECT_EQ(wait_over(first).exit_code, 0);
  EXPECT_EQ(wait_over(second).exit_code, 0);
  EXPECT_EQ(log_of(second), "second\n");
}

TEST_F(Conformance, ARunOutlivesTheConnector) {
  const auto asked = request("#!/bin/sh\necho begun; while [ ! -e go ]; do sleep 0.1; done; echo done\n");
  const std::string id = submit(asked);
  wait_for_log(id, "begun");
  const Instant started = wait_running(id).started.value();
  restart();
  EXPECT_EQ(poll(id).state, RunState::running);
  EXPECT_EQ(poll(id).started, started);
  driver_.reset();
  ASSERT_TRUE(host::write_new(asked.workdir + "/go", "", {.mode = 0644}));
  restart();
  const RunStatus over = wait_over(id);
  EXPECT_EQ(over.exit_code, 0);
  EXPECT_EQ(over.started, started);
  EXPECT_EQ(log_of(id), "begun\ndone\n");
}

TEST_F(Conformance, ReadsALogInPieces) {
  const auto asked = request("#!/bin/sh\nprintf 0123456789\n");
  EXPECT_EQ(driver_->read_log("1", user(), asked.stdout_path, 0, 10).error().code, ErrorCode::not_found);
  const std::string id = submit(asked);
  wait_over(id);
  const auto piece = driver_->read_log(id, user(), asked.stdout_path, 4, 3).value();
  EXPECT_EQ(piece.data, "456");
  EXPECT_EQ(piece.size, 10);
  EXPECT_EQ(driver_->read_log(id, user(), asked.stdout_path, 10, 3).value().data, "");
}

TEST_F(Conformance, RefusesWhatCannotRunAndNothingRuns) {
  const auto refused = [&](const char* what, const std::function<void(connector::SubmitRequest&)>& spoil) {
    auto asked = request("#!/bin/sh\nexit 0\n");
    spoil(asked);
    const auto id = driver_->submit(asked);
    ASSERT_FALSE(id) << what;
    EXPECT_EQ(id.error().outcome(), Outcome::rejected) << what << ": " << id.error().message();
  };
  refused("pool", [](auto& r) { r.pool = "nowhere"; });
  refused("pool", [](auto& r) { r.pool = "x --wrap=id"; });
  refused("pool", [](auto& r) { r.pool = "-x"; });
  refused("qos", [](auto& r) { r.qos = "$(id)\n"; });
  refused("marker", [](auto& r) { r.marker = "../../etc"; });
  refused("marker", [](auto& r) { r.marker = "a\nb"; });
  refused("cores", [](auto& r) { r.need.cores = 1'000'000; });
  refused("cores", [](auto& r) { r.need.cores = -1; });
  refused("memory", [](auto& r) { r.need.mem_mib = 1'000'000'000; });
  refused("gpus", [](auto& r) { r.need.gpus = 5; });
  refused("nodes", [](auto& r) { r.need.nodes = 0; });
  refused("walltime", [](auto& r) { r.walltime = Duration{}; });
  refused("walltime", [](auto& r) { r.walltime = hours(24 * 365); });
  refused("root", [](auto& r) { r.user.name = "root", r.user.uid = 0; });
  refused("user", [](auto& r) { r.user.name = "no-such-user"; });
  refused("user", [](auto& r) { r.user.name = "-x y"; });
  refused("uid", [](auto& r) { r.user.uid += 1; });
}

TEST_F(Conformance, WalltimeEndsARun) {
  auto asked = request("#!/bin/sh\ntrap '' TERM\necho begun\nwhile :; do sleep 1; done\n");
  asked.walltime = is_slurm() || is_scow() ? seconds(60) : seconds(2);
  const std::string id = submit(asked);
  const RunStatus over = wait_over(id, minutes(3));
  EXPECT_EQ(over.state, RunState::ended);
  EXPECT_NE(over.exit_code, 0);
  EXPECT_NE(over.reason, "");
  EXPECT_GE(over.running, asked.walltime);
  EXPECT_LE(over.running.ms, asked.walltime.ms + driver_->capabilities().grace.ms);
}

}  // namespace
}  // namespace bourse::test
