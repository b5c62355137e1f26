#include "connectors/scow/scow_runs.h"

#include <algorithm>
#include <vector>

namespace bourse::scow {

using connector::RunState;
using connector::RunStatus;

namespace {

constexpr std::int32_t kNoExitCode = 255;
constexpr std::int32_t kTerminated = 128 + 15;

Duration at_least_zero(Duration d) { return std::max(d, Duration{}); }

}  // namespace

void learn(Seen& seen, const JobRow& row) {
  if (!row.user.empty()) seen.user = row.user;
  if (row.over()) {
    const auto ms = [](const std::optional<Instant>& t) { return t ? t->unix_ms : 0; };
    if (seen.over.size() < kMaxIncarnations) seen.over.insert_or_assign({ms(row.submit), ms(row.start), ms(row.end)}, row);
    if (seen.start == row.start) seen.start.reset();
    return;
  }
  if (row.state.phase == Phase::waiting) seen.start.reset();
  if (!row.live() || !row.start || row.state.phase == Phase::waiting) return;
  seen.start = row.start;
  if (row.allocation.cores > 0) seen.allocation = row.allocation;
}

void watch_suspension(Seen& seen, Phase phase, Instant now) {
  if (phase == Phase::suspended) {
    if (!seen.suspended_since) seen.suspended_since = now;
    return;
  }
  if (!seen.suspended_since) return;
  seen.suspended = seen.suspended + at_least_zero(now - *seen.suspended_since);
  seen.suspended_since.reset();
}

Duration covered(const Seen& seen) {
  std::vector<std::pair<std::int64_t, std::int64_t>> times;
  for (const auto& [key, row] : seen.over)
    if (row.start && row.end) times.emplace_back(row.start->unix_ms, row.end->unix_ms);
  std::ranges::sort(times);
  std::int64_t sum = 0, until = 0;
  for (const auto& [from, to] : times) {
    sum = saturating_add(sum, std::max<std::int64_t>(0, to - std::max(from, until)));
    until = std::max(until, to);
  }
  return milliseconds(sum);
}

RunStatus live_status(Seen& seen, const JobRow& live, Instant now) {
  RunStatus run;
  run.raw = live.raw;
  if (live.state.phase == Phase::waiting) {
    run.state = RunState::queued;
    return run;
  }
  run.state = live.state.phase == Phase::suspended ? RunState::suspended : RunState::running;
  const std::optional<Instant> start = live.start ? live.start : seen.start;
  // Since when, and with what, is not known yet; or it ended after the queue was asked, and its last row was told already.
  if (!start) {
    run.running = seen.running;
    return run;
  }
  const Duration pause = seen.suspended + (seen.suspended_since ? at_least_zero(now - *seen.suspended_since) : Duration{});
  Duration running = at_least_zero(now - *start - pause);
  if (live.elapsed) running = std::min(running, *live.elapsed);
  running = std::max(covered(seen) + running, seen.running);
  // While it stands, what it had run is what it has.
  if (run.state == RunState::suspended && seen.running.ms > 0) running = seen.running;
  seen.running = running;
  run.running = running;
  run.started = *start;
  for (const auto& [key, row] : seen.over)
    if (row.start) run.started = std::min(*run.started, *row.start);
  run.allocation = live.allocation.cores > 0 && live.start ? live.allocation : seen.allocation;
  return run;
}

RunStatus final_status(const Seen& seen, std::optional<std::int32_t> exit_code) {
  RunStatus run;
  const JobRow* last = nullptr;
  for (const auto& [key, row] : seen.over) {
    run.raw.append(row.raw).append("\n");
    if (last == nullptr || *row.end >= *last->end) last = &row;
    // Cancelled before it ran, its start and its end are often one.
    if (!row.start || (row.state.word == "CANCELED" && *row.start == *row.end)) continue;
    run.started = std::min(run.started.value_or(*row.start), *row.start);
    run.allocation = row.allocation;
  }
  if (last == nullptr) return RunStatus{};
  run.ended = last->end;
  const Duration pause = seen.suspended + (seen.suspended_since ? at_least_zero(*last->end - *seen.suspended_since) : Duration{});
  run.running = at_least_zero(covered(seen) - pause);
  const std::string& word = last->state.word;
  run.state = word == "CANCELED" ? RunState::cancelled : RunState::ended;
  if (word == "COMPLETED") {
    // Adapters call states COMPLETED that they don't know (out of memory, preempted…): only the script's own word is good.
    run.exit_code = exit_code.value_or(kNoExitCode);
    if (!exit_code) run.reason = "COMPLETED, but the script left no exit code";
    else if (*exit_code != 0) run.reason = "FAILED";
    return run;
  }
  run.reason = word.empty() ? "ended in a state without a name" : word;
  const std::int32_t otherwise = word == "CANCELED" || word == "TIMEOUT" ? kTerminated : word == "FAILED" ? 1 : kNoExitCode;
  run.exit_code = exit_code && *exit_code != 0 ? *exit_code : otherwise;
  return run;
}

}  // namespace bourse::scow
