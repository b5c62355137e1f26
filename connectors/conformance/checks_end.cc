// How runs end, stand still, and what time they are charged for.
#include <algorithm>

#include "connectors/conformance/checks.h"
#include "connectors/conformance/scripts.h"

namespace bourse::conformance {
namespace {

using connector::RunState;
using connector::RunStatus;

constexpr int kUsageSeconds = 6;
constexpr Duration kStandsStill = seconds(5);
constexpr Duration kRoundingOfOne = seconds(1);

bool shows(const Result<RunStatus>& seen, RunState state) { return seen && seen->state == state; }

}  // namespace

Status check_usage(Bench& bench) {
  TRY(const std::string id, bench.run(scripts::lasts(kUsageSeconds)));
  TRY(const RunStatus half, bench.wait(id, "two seconds of use", [](const RunStatus& s) { return s.running >= seconds(2) || s.state == RunState::ended; }));
  bench.expect(half.state == RunState::running, "its time did not count while it ran");
  bench.expect(half.allocation.cores >= 1, "a running job holds no core");
  TRY(const RunStatus over, bench.wait_over(id));  // poll looks at every figure on the way
  const Duration ran = over.running;
  bench.expect(ran + kRoundingOfOne >= seconds(kUsageSeconds), fmt::format("{} ms are charged for a job of {} s", ran.ms, kUsageSeconds));
  if (bench.expect(over.started && over.ended, "start or end are not told")) {
    const Duration between = *over.ended - *over.started;
    bench.expect(ran <= between + kRoundingOfOne, fmt::format("{} ms are charged between a start and an end {} ms apart", ran.ms, between.ms));
  }
  // The final figure is final, whoever asks and when.
  CHECK_OK(bench.reopen());
  const Duration from = bench.clock().monotonic();
  CHECK_OK(bench.until("two seconds", minutes(1), [&] { return bench.clock().monotonic() - from >= seconds(2); }));
  TRY(const RunStatus later, bench.wait_over(id));
  bench.expect(later.state == over.state && later.ended == over.ended, "after a restart its end is another");
  return {};
}

Status check_cancel_running(Bench& bench) {
  TRY(auto asked, bench.request(""));
  const std::string token = "tree-of-" + asked.marker;
  asked.script = scripts::stubborn_tree(token);
  TRY(const std::string id, bench.submit(asked));
  CHECK_OK(bench.wait_for_log(id, "child"));
  CHECK_OK(bench.wait_for_log(id, "begun"));
  CHECK_OK(bench.wait(id, "second of use", [](const RunStatus& s) { return s.running >= seconds(1); }));
  CHECK_OK(bench.driver().cancel(id, bench.setting().user));
  TRY(const RunStatus over, bench.wait_over(id, std::max(bench.setting().patience, bench.driver().capabilities().grace)));
  bench.expect(over.state == RunState::cancelled, "it did not end as cancelled: " + over.reason);
  bench.expect(over.exit_code != 0, "it ended as if all were well");
  bench.expect(over.running.ms > 0, "the time it ran is not charged");
  bench.expect(over.running < asked.walltime, "cancelling did not end it, its walltime did");
  bench.expect(bench.driver().cancel(id, bench.setting().user).has_value(), "cancelling a job that is over is an error");
  TRY(const std::string look, bench.run(scripts::looks_for(token)));
  CHECK_OK(bench.wait_over(look));
  bench.equal("what the next job sees of the cancelled one", bench.log_of(look), "gone\n");
  return {};
}

Status check_cancel_at_once(Bench& bench) {
  TRY(const std::string id, bench.run(scripts::stubborn()));
  CHECK_OK(bench.driver().cancel(id, bench.setting().user));
  TRY(const RunStatus over, bench.wait_over(id, std::max(bench.setting().patience, bench.driver().capabilities().grace)));
  bench.expect(over.state == RunState::cancelled, "it did not end as cancelled: " + over.reason);
  if (!over.started) bench.equal("the time of a job that never started, in ms,", over.running.ms, 0);
  return {};
}

Status check_queue(Bench& bench) {
  if (!bench.setting().fill_pool) return bench.skip("it takes every core of the pool: --fill-pool runs it, when the pool is idle"), Status{};
  TRY(const auto idle, bench.pool());
  TRY(auto whole, bench.request(scripts::holds()));
  whole.need.nodes = idle.nodes;
  whole.need.cores = idle.nodes * idle.cores_per_node;
  TRY(const std::string first, bench.submit(whole));
  CHECK_OK(bench.wait_running(first));
  TRY(const std::string second, bench.run("#!/bin/sh\necho second\n"));
  TRY(const std::string third, bench.run("#!/bin/sh\necho third\n"));
  TRY(const RunStatus waits, bench.wait(second, "place in the queue", [](const RunStatus& s) { return s.state == RunState::queued; }));
  bench.equal("the time of a waiting job, in ms,", waits.running.ms, 0);
  TRY(const auto busy, bench.pool());
  bench.equal("free cores of a full pool", busy.free_cores, 0);
  bench.equal("running jobs", busy.running_jobs, 1);
  bench.equal("waiting jobs", busy.pending_jobs, 2);
  bench.equal("the waiting work, core ms,", busy.pending_core_ms, 2 * bench.request_of(second).walltime.ms);
  CHECK_OK(bench.driver().cancel(third, bench.setting().user));
  TRY(const RunStatus never, bench.wait_over(third));
  bench.expect(never.state == RunState::cancelled, "cancelled in the queue, it did not end as cancelled");
  bench.expect(!never.started, "cancelled in the queue, it has a start");
  bench.equal("the time of a job that never started, in ms,", never.running.ms, 0);
  CHECK_OK(bench.let_go(first));
  TRY(const RunStatus of_first, bench.wait_over(first));
  TRY(const RunStatus of_second, bench.wait_over(second));
  bench.equal("the first's exit code", of_first.exit_code, 0);
  bench.equal("the second's exit code", of_second.exit_code, 0);
  bench.equal("the second's log", bench.log_of(second), "second\n");
  return {};
}

namespace {

// It said that it can't: then nothing has changed, and the run can still be ended.
Status without_pause(Bench& bench, const std::string& id, const Error& error) {
  bench.expect(error.outcome() == Outcome::transient, "that it can't pause must be said as unavailable: " + error.detail);
  bench.expect(shows(bench.poll(id), RunState::running), "a pause that failed has changed the run");
  CHECK_OK(bench.driver().cancel(id, bench.setting().user));
  TRY(const RunStatus over, bench.wait_over(id));
  bench.expect(over.state == RunState::cancelled, "it did not end as cancelled");
  bench.not_supported(error.detail.empty() ? "the scheduler can't pause" : error.detail);
  return {};
}

}  // namespace

Status check_pause(Bench& bench) {
  const auto user = bench.setting().user;
  const auto stands = [](const RunStatus& s) { return s.state == RunState::suspended; };
  TRY(const std::string id, bench.run(scripts::ticks()));
  CHECK_OK(bench.wait_for_log(id, "tick"));
  if (const Status paused = bench.driver().set_paused(id, user, true); !paused) return without_pause(bench, id, paused.error());
  CHECK_OK(bench.wait(id, "standstill", stands));
  TRY(const RunStatus before, bench.poll(id));
  const std::size_t said = bench.log_of(id).size();
  const Duration from = bench.clock().monotonic();
  CHECK_OK(bench.until("five seconds", minutes(1), [&] { return bench.clock().monotonic() - from >= kStandsStill; }));
  TRY(const RunStatus after, bench.poll(id));
  bench.expect(after.state == RunState::suspended, "it did not stay as it was put");
  bench.expect(after.running <= before.running + kRoundingOfOne, fmt::format("its time went from {} to {} ms while it stood still", before.running.ms, after.running.ms));
  bench.expect(bench.log_of(id).size() <= said + 3 * 5, "it went on writing");
  CHECK_OK(bench.reopen());
  CHECK_OK(bench.driver().set_paused(id, user, false));
  CHECK_OK(bench.wait(id, "going on", [](const RunStatus& s) { return s.state == RunState::running; }));
  CHECK_OK(bench.wait(id, "more use", [&](const RunStatus& s) { return s.running > before.running + seconds(2); }));
  CHECK_OK(bench.driver().set_paused(id, user, true));
  CHECK_OK(bench.wait(id, "second standstill", stands));
  CHECK_OK(bench.driver().cancel(id, user));
  TRY(const RunStatus over, bench.wait_over(id));
  bench.expect(over.state == RunState::cancelled, "cancelled while it stood still, it did not end as cancelled");
  return {};
}

Status check_walltime(Bench& bench) {
  TRY(auto asked, bench.request(scripts::stubborn()));
  asked.walltime = bench.setting().shortest_walltime;
  const Duration grace = bench.driver().capabilities().grace;
  TRY(const std::string id, bench.submit(asked));
  TRY(const RunStatus over, bench.wait_over(id, bench.setting().patience + asked.walltime + grace));
  bench.expect(over.state == RunState::ended, "its walltime counts as a cancel");
  bench.expect(over.exit_code != 0, "it ended as if all were well");
  bench.expect(!over.reason.empty(), "there is no reason for its end");
  bench.expect(over.running >= asked.walltime, fmt::format("it ran for {} of {} ms", over.running.ms, asked.walltime.ms));
  bench.expect(over.running <= asked.walltime + grace,
               fmt::format("it ran for {} ms; its walltime is {}, the grace {}: jobs would cost more than is held for them", over.running.ms, asked.walltime.ms, grace.ms));
  return {};
}

}  // namespace bourse::conformance
