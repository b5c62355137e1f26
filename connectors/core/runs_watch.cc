// Submissions and what the scheduler says of them.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>

#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"
#include "connectors/core/job_environment.h"
#include "connectors/core/runs.h"
#include "federation-proto/fields.h"
#include "federation-proto/key_file.h"

namespace bourse::connector {

namespace wire = federation::v1;

namespace {

constexpr Duration kRetry = seconds(5);
constexpr Duration kAskAgain = seconds(1);
constexpr std::int32_t kLostExitCode = 255;  // no real one is known
constexpr std::uint64_t kMaxAccountingBytes = 64 << 20;

Allocation least_of(const Allocation& a, const Allocation& b) {
  return {std::min(a.cores, b.cores), std::min(a.gpus, b.gpus), std::min(a.nodes, b.nodes), std::min(a.mem_mib, b.mem_mib)};
}

// Of a scheduler that is silent about cards and memory: it was asked for exactly what was ordered, and gave cores.
Allocation told_or_ordered(Allocation told, const Allocation& ordered) {
  if (told.cores == 0) return told;
  if (told.gpus == 0) told.gpus = ordered.gpus;
  if (told.mem_mib == 0) told.mem_mib = ordered.mem_mib;
  return told;
}

}  // namespace

Result<bool> Runs::advance() {
  if (pools_known_)
    for (const OrderBatch& batch : std::exchange(early_, {})) CHECK_OK(accept(batch, false));
  for (const auto& [attempt, doubt] : std::map(doubts_)) {
    Run* run = table_.find(attempt);
    const auto wait = not_before_.find(attempt);
    if (wait != not_before_.end() && clock_.monotonic() < wait->second) continue;
    TRY(const bool resolved, resolve(*run, doubts_[attempt]));
    if (resolved) doubts_.erase(attempt);
  }
  std::size_t submitted = 0;
  for (const AttemptId attempt : std::set(waiting_)) {
    const auto wait = not_before_.find(attempt);
    if (wait != not_before_.end() && clock_.monotonic() < wait->second) continue;
    TRY(const bool complete, brought_in(*table_.find(attempt)));
    if (!complete) continue;
    if (submitted++ == options_.submissions_per_step) return true;
    waiting_.erase(attempt);
    not_before_.erase(attempt);
    CHECK_OK(submit(*table_.find(attempt)));
  }
  return false;
}

// Asks for the marker. True: no doubt is left.
Result<bool> Runs::resolve(Run& run, Doubt& doubt) {
  const auto found = driver_.find_by_marker(marker_of(run.attempt, run.fence));
  if (!found) {
    doubt.absent = false;
    not_before_[run.attempt] = clock_.monotonic() + kRetry;
    if (!run.has(Happening::unknown) && !run.order_hash.is_zero()) reporter_.touch_unknown(run.attempt);
    return false;
  }
  if (*found) {
    CHECK_OK(adopt(run, **found));
    return true;
  }
  const Duration now = clock_.monotonic();
  const Duration settle = driver_.capabilities().submission_settle;
  if (doubt.needs_settling && (!doubt.absent || now - doubt.asked < settle)) {
    if (!doubt.absent) doubt.asked = now;
    doubt.absent = true;
    not_before_[run.attempt] = now + std::max(kAskAgain, milliseconds(settle.ms / 30));
    return false;
  }
  if (run.cancel || run.order.empty()) {
    CHECK_OK(refuse(run, false, "cancelled before it was submitted"));
    return false;  // refuse has dropped the doubt
  }
  run.phase = RunPhase::accepted;
  waiting_.insert(run.attempt);
  not_before_.erase(run.attempt);
  CHECK_OK(table_.save(run.attempt));
  return true;
}

Status Runs::adopt(Run& run, std::string scheduler_job) {
  run.scheduler_job = std::move(scheduler_job);
  run.phase = RunPhase::submitted;
  not_before_.erase(run.attempt);
  CHECK_OK(table_.save(run.attempt));
  publish_log(run);
  drop_script(run);
  reporter_.touch(run.attempt);
  return run.cancel ? stop(run) : Status{};
}

Status Runs::submit(Run& run) {
  if (run.cancel) return refuse(run, false, "cancelled before it was submitted");
  if (clock_.now() > run.not_after) return refuse(run, false, "the order's time was over before the scheduler took it");
  if (run.start_before_ms != 0 && clock_.now().unix_ms > run.start_before_ms) return refuse(run, true, "it could no longer end before the pool's sale closes");
  wire::DispatchOrder order;
  if (!order.ParseFromString(run.order)) return fail(ErrorCode::integrity, "run table: an order is not readable");
  TRY(const Hash256 script_hash, federation::hash_of(order.script_sha256(), "script_sha256"));
  auto script = federation::read_private_file(script_path(script_hash));
  if (!script) return refuse(run, false, "the center lost the job's script");

  run.phase = RunPhase::submitting;
  CHECK_OK(table_.save(run.attempt));
  const auto id = driver_.submit({.marker = marker_of(run.attempt, run.fence), .name = order.name(), .script = std::move(*script),
                                  .pool = order.pool(), .need = allocation_of(order), .walltime = milliseconds(order.walltime_ms()),
                                  .qos = order.qos(), .gpu_model = order.gpu_model(), .user = run.user, .workdir = run.workdir,
                                  .stdout_path = run.stdout_path, .variables = variables_of(order)});
  if (id) return adopt(run, *id);
  return submission_failed(run, id.error());
}

Status Runs::submission_failed(Run& run, const Error& error) {
  spdlog::warn("submission of {} failed: {}", to_text(run.attempt), error.message());
  switch (error.outcome()) {
    case Outcome::rejected:
      return refuse(run, true, error.detail.empty() ? std::string(info(error.code).sentence) : error.detail);
    case Outcome::transient:
      run.phase = RunPhase::accepted;
      waiting_.insert(run.attempt);
      not_before_[run.attempt] = clock_.monotonic() + kRetry;
      return table_.save(run.attempt);
    case Outcome::unknown:
      doubts_[run.attempt] = {.asked = {}, .absent = false, .needs_settling = true};
      return {};
  }
  return {};
}

// Asks the scheduler for the end of a run that it has; the end is seen by poll.
Status Runs::stop(Run& run) {
  if (run.phase != RunPhase::submitted) return {};
  cancelled_at_[run.attempt] = clock_.monotonic();
  if (auto asked = driver_.cancel(run.scheduler_job, run.user); !asked)
    spdlog::warn("cancelling {} ({}): {}", to_text(run.attempt), run.scheduler_job, asked.error().message());
  return {};
}

Status Runs::poll() {
  std::map<std::string, std::string> markers;
  std::map<std::string, AttemptId> by_id;
  for (const AttemptId attempt : held_) {
    const Run& run = *table_.find(attempt);
    if (run.phase != RunPhase::submitted) continue;
    markers[run.scheduler_job] = marker_of(run.attempt, run.fence);
    by_id[run.scheduler_job] = attempt;
  }
  if (markers.empty()) return {};
  const auto states = driver_.poll(markers);
  if (!states) {
    missing_since_.clear();  // only what it says counts, not its silence
    spdlog::warn("the scheduler did not answer: {}", states.error().message());
    return {};
  }
  for (const auto& [id, attempt] : by_id) {
    const auto state = states->find(id);
    CHECK_OK(apply(*table_.find(attempt), state == states->end() ? RunStatus{} : state->second));
  }
  return {};
}

// What a center's own people suspended is left to them.
void Runs::keep_pace(Run& run, RunState state) {
  if (state != RunState::running && state != RunState::suspended) return;
  const bool stands = state == RunState::suspended;
  if (run.pause == stands) {
    if (run.pause != run.pause_reported) reporter_.touch_pause(run.attempt);
    return;
  }
  if (!run.pause && !run.pause_reported) return;
  if (auto asked = driver_.set_paused(run.scheduler_job, run.user, run.pause); !asked)
    spdlog::warn("{} {} ({}): {}", run.pause ? "pausing" : "resuming", to_text(run.attempt), run.scheduler_job, asked.error().message());
}

Status Runs::apply_missing(Run& run) {
  const Duration now = clock_.monotonic();
  const Duration missing = now - missing_since_.try_emplace(run.attempt, now).first->second;
  if (missing >= options_.lost_patience) return give_up(run);
  if (missing >= options_.missing_patience && !run.has(Happening::unknown)) reporter_.touch_unknown(run.attempt);
  return {};
}

// A scheduler that lost its state ends what it finds running of it, and never tells of it again. What was seen is charged,
// no more: the rest is the center's loss.
Status Runs::give_up(Run& run) {
  if (run.given_back && run.started_ms == 0) return refuse(run, true, run.reason);
  spdlog::error("{} ({}) is given up: the scheduler answers and has not known it for {} minutes", to_text(run.attempt),
                run.scheduler_job, options_.lost_patience.ms / minutes(1).ms);
  run.phase = RunPhase::over;
  run.cancelled = run.cancel;
  run.ended_ms = run.started_ms != 0 ? run.started_ms + run.running_ms : clock_.now().unix_ms;
  run.exit_code = kLostExitCode;
  if (run.reason.empty()) run.reason = "LOST: the scheduler no longer knows the job";
  missing_since_.erase(run.attempt);
  cancelled_at_.erase(run.attempt);
  read_at_.erase(run.attempt);
  owing_.insert(run.attempt);
  CHECK_OK(keep_row(run, "lost " + run.scheduler_job));
  CHECK_OK(table_.save(run.attempt));
  reporter_.touch(run.attempt);
  return {};
}

// It waited until it could no longer end within the hours that are sold. Nothing ran, so another center may have it.
Status Runs::give_back(Run& run) {
  run.cancel = run.given_back = true;
  run.reason = "it waited until it could no longer end before the pool's sale closes";
  CHECK_OK(table_.save(run.attempt));
  return stop(run);
}

Status Runs::apply(Run& run, const RunStatus& status) {
  if (status.state == RunState::missing) return apply_missing(run);
  const Duration now = clock_.monotonic();
  missing_since_.erase(run.attempt);
  const bool just_started = run.started_ms == 0 && status.started.has_value();
  if (status.started && just_started) run.started_ms = std::max<std::int64_t>(status.started->unix_ms, 1);
  const bool over = status.state == RunState::ended || status.state == RunState::cancelled;
  if (over && run.given_back && run.started_ms == 0) {
    cancelled_at_.erase(run.attempt);
    return refuse(run, true, run.reason);
  }
  if (status.state == RunState::queued && !run.cancel && run.start_before_ms != 0 && clock_.now().unix_ms > run.start_before_ms) return give_back(run);
  wire::DispatchOrder order;
  const bool known = status.started && !run.order.empty() && order.ParseFromString(run.order);
  const Instant at = over ? status.ended.value_or(clock_.now()) : clock_.now();
  see_running(run, at.unix_ms, status.running.ms,
              {order.tariff_edges_ms().data(), static_cast<std::size_t>(order.tariff_edges_ms_size())});
  if (status.started) {
    run.allocation = status.allocation;
    if (known && driver_.capabilities().silent_of_cards_and_memory) run.allocation = told_or_ordered(run.allocation, allocation_of(order));
    // What the scheduler gave beyond the order is the center's own affair.
    if (known) run.allocation = least_of(run.allocation, allocation_of(order));
  }
  if (over) {
    run.phase = RunPhase::over;
    owing_.insert(run.attempt);
    run.cancelled = status.state == RunState::cancelled;
    run.ended_ms = std::max(status.ended.value_or(clock_.now()).unix_ms, run.started_ms);
    run.exit_code = status.exit_code;
    if (!run.cancelled || run.reason.empty()) run.reason = status.reason;
    cancelled_at_.erase(run.attempt);
  } else if (run.cancel && now - cancelled_at_[run.attempt] > kRetry) {
    CHECK_OK(stop(run));
  }
  if (!over && !run.cancel) keep_pace(run, status.state);
  const Duration last_read = read_at_.try_emplace(run.attempt, now).first->second;
  const bool reading = !over && run.started_ms != 0 && now - last_read >= options_.usage_interval;
  if (reading || over) CHECK_OK(keep_row(run, status.raw));
  if (reading) read_at_[run.attempt] = now;
  if (over) read_at_.erase(run.attempt);
  if (!just_started && !over && !reading) return {};
  CHECK_OK(table_.save(run.attempt));
  reporter_.touch(run.attempt, reading);
  return {};
}

Status Runs::keep_row(Run& run, const std::string& raw) {
  run.raw = sha256(raw);
  if (accounting_.bytes() > kMaxAccountingBytes) {
    const std::string kept = options_.accounting_path + "." + std::to_string(clock_.now().unix_ms);
    std::error_code error;
    std::filesystem::rename(options_.accounting_path, kept, error);
    if (error) return fail(ErrorCode::unavailable, kept + ": " + error.message());
    TRY(accounting_, RecordLog::open(options_.accounting_path, [](std::uint64_t, std::string_view) -> Status { return {}; }));
  }
  CHECK_OK(accounting_.append(raw));
  return accounting_.sync();
}

Status Runs::observe() {
  std::vector<std::string> wanted;
  for (const auto& [name, terms] : options_.sell.pools) wanted.push_back(name);
  const auto found = driver_.probe(wanted);
  pools_known_ = pools_known_ || found.has_value();
  if (found) pools_ = offered(*found, options_.sell);
  else spdlog::warn("the scheduler did not tell its pools: {}", found.error().message());
  return {};
}

}  // namespace bourse::connector
