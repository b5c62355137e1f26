#include "connectors/slurm/slurm_driver.h"

#include <algorithm>
#include <tuple>

#include <sys/utsname.h>
#include <unistd.h>

#include "connectors/core/log_file.h"
#include "connectors/host/files.h"
#include "connectors/host/text.h"
#include "connectors/slurm/slurm_pools.h"
#include "connectors/slurm/slurm_submit.h"

namespace bourse::slurm {
namespace {

using connector::RunState;
using connector::RunStatus;

constexpr std::size_t kChunk = 400;          // ids in one command line
constexpr std::size_t kMaxRenamed = 8;       // looked into one by one, each poll
constexpr std::size_t kMaxOutput = 48 << 20;
constexpr std::size_t kMaxIncarnations = 100;  // of one job; what is beyond is nonsense, and would fill our own records

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text.append(text.empty() ? "" : ",").append(part);
  return text;
}

std::string machine_architecture() {
  utsname names{};
  return ::uname(&names) == 0 ? names.machine : "";
}

bool is_marker(std::string_view text) { return host::is_plain_name(text) && !text.contains('.'); }

// By submission; of two rows for one incarnation the smaller claim goes first.
bool earlier(const AccountingRow& a, const AccountingRow& b) {
  return std::tie(a.id, a.submit, a.elapsed, a.raw) < std::tie(b.id, b.submit, b.elapsed, b.raw);
}
bool same_incarnation(const AccountingRow& a, const AccountingRow& b) { return a.id == b.id && a.submit == b.submit; }

}  // namespace

Result<std::unique_ptr<SlurmDriver>> SlurmDriver::open(SlurmConfig config, host::ProcessRunner& runner) {
  if (!host::is_plain_path(config.bin_directory) || (!config.conf.empty() && !host::is_plain_path(config.conf)))
    return fail(ErrorCode::invalid_argument, "slurm: bin_directory and conf must be plain absolute paths");
  if (!config.account.empty() && !host::is_plain_name(config.account)) return fail(ErrorCode::invalid_argument, "slurm: account");
  if (config.accounting_days < 1 || config.call_limit.ms < 1) return fail(ErrorCode::invalid_argument, "slurm: limits");
  // A missing file would make every command wait for it for a minute.
  if (!config.conf.empty() && ::access(config.conf.c_str(), R_OK) != 0)
    return fail(ErrorCode::invalid_argument, "slurm: can't read " + config.conf);
  if (config.arch.empty()) config.arch = machine_architecture();
  SlurmDriver asking(config, "", runner);
  TRY(std::string version, asking.ask("sinfo", {"--version"}));
  version.resize(std::min(version.find('\n'), std::min<std::size_t>(version.size(), 64)));
  return std::unique_ptr<SlurmDriver>(new SlurmDriver(std::move(config), std::move(version), runner));
}

connector::Capabilities SlurmDriver::capabilities() const {
  // A minute of rounding, and the controller looks at time limits every half a minute.
  return {.kind = "slurm", .version = version_, .grace = minutes(2), .call_deadline = milliseconds(4 * config_.call_limit.ms),
          .submission_settle = seconds(5), .files = true};
}

host::Command SlurmDriver::command(std::string_view program, std::vector<std::string> arguments) const {
  host::Command call{.argv = {config_.bin_directory + "/" + std::string(program)},
                     .env = {"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "SLURM_TIME_FORMAT=%s"},
                     .limit = config_.call_limit,
                     .max_output = kMaxOutput};
  if (!config_.conf.empty()) call.env.push_back("SLURM_CONF=" + config_.conf);
  std::ranges::move(arguments, std::back_inserter(call.argv));
  return call;
}

Result<std::string> SlurmDriver::ask(std::string_view program, std::vector<std::string> arguments) {
  auto done = runner_.run(command(program, std::move(arguments)));
  // A question changes nothing, so one without an answer is only unavailable.
  if (!done) return fail(ErrorCode::unavailable, done.error().detail);
  if (done->exit_code != 0) return fail(ErrorCode::unavailable, std::string(program) + ": " + host::shown(done->err));
  if (done->truncated) return fail(ErrorCode::unavailable, std::string(program) + " printed more than it may");
  return std::move(done->out);
}

Result<std::vector<connector::PoolInfo>> SlurmDriver::probe(const std::vector<std::string>& pools) {
  std::vector<std::string> only;
  for (const std::string& pool : pools) {
    if (!host::is_plain_name(pool)) return fail(ErrorCode::invalid_argument, "pool");
    only.push_back(pool);
  }
  const std::string partitions = "--partition=" + joined(only);
  std::vector<std::string> nodes = {"--noheader", "--Node", "--Format=" + std::string(kNodeFields)};
  std::vector<std::string> queue = {"--noheader", "--all", "--states=PENDING,CONFIGURING,RUNNING,SUSPENDED",
                                    "--Format=" + std::string(kQueueFields)};
  nodes.push_back(only.empty() ? "--all" : partitions);  // sinfo takes one or the other
  if (!only.empty()) queue.push_back(partitions);
  TRY(const std::string node_lines, ask("sinfo", std::move(nodes)));
  TRY(const std::string queue_lines, ask("squeue", std::move(queue)));
  std::vector<connector::PoolInfo> found = pools_from(node_lines, queue_lines, config_.arch);
  for (const connector::PoolInfo& pool : found) pools_.insert_or_assign(pool.name, pool);
  return found;
}

// Slurm may queue for ever what no node can run (EnforcePartLimits=NO is its default), so that is refused here.
Status SlurmDriver::check_fits(const connector::SubmitRequest& request) {
  if (!pools_.contains(request.pool)) CHECK_OK(probe({request.pool}));
  const auto found = pools_.find(request.pool);
  if (found == pools_.end()) return fail(ErrorCode::invalid_argument, "no partition " + request.pool);
  const connector::PoolInfo& pool = found->second;
  if (pool.nodes == 0) return {};  // all nodes are down: what they have is not known
  const connector::Allocation& need = request.need;
  const auto refuse = [&](std::string_view what) {
    return fail(ErrorCode::failed_precondition, std::string(what) + " beyond what partition " + request.pool + " has");
  };
  if (need.nodes > pool.nodes) return refuse("nodes");
  if (need.cores > need.nodes * pool.cores_per_node) return refuse("cores");
  if (need.mem_mib > need.nodes * pool.mem_mib_per_node) return refuse("memory");
  if (need.gpus > need.nodes * pool.gpus_per_node) return refuse("gpus");
  if (pool.max_walltime.ms != 0 && request.walltime > pool.max_walltime) return refuse("walltime");
  return {};
}

Result<std::string> SlurmDriver::submit(const connector::SubmitRequest& request) {
  if (!is_marker(request.marker)) return fail(ErrorCode::invalid_argument, "marker");
  TRY(std::vector<std::string> arguments, sbatch_arguments(request, config_.account));
  TRY(const host::RunAs user, host::find_run_as(request.user.name));
  if (user.uid != request.user.uid) return fail(ErrorCode::forbidden, "the local user's uid has changed");
  CHECK_OK(check_fits(request));
  const std::string script_path = request.workdir + "/.bourse-script";
  CHECK_OK(host::write_new(script_path, request.script, {.mode = 0500, .uid = user.uid, .gid = user.gid}));
  host::Command call = command("sbatch", std::move(arguments));
  call.user = user;
  call.input = batch_script(request, script_path);
  TRY(const host::Finished done, runner_.run(call));
  return read_sbatch(done.exit_code, done.out, done.err);
}

Result<std::vector<LiveRow>> SlurmDriver::live_rows(std::vector<std::string> filter) {
  std::vector<std::string> arguments = {"--noheader", "--all", "--states=all", "--Format=" + std::string(kLiveFields)};
  std::ranges::move(filter, std::back_inserter(arguments));
  const auto done = ask("squeue", std::move(arguments));
  // Asked for one job that it has forgotten, squeue fails instead of printing nothing.
  if (!done && done.error().detail.contains("Invalid job id specified")) return std::vector<LiveRow>{};
  if (!done) return std::unexpected(done.error());
  std::vector<LiveRow> found;
  for (const auto& row : rows(*done))
    if (auto read = parse_live(row)) found.push_back(std::move(*read));
  return found;
}

Result<std::vector<AccountingRow>> SlurmDriver::accounting_rows(std::vector<std::string> filter) {
  std::vector<std::string> arguments = {"--noheader", "--parsable", "--allocations", "--allusers",
                                        "--format=" + std::string(kAccountingFields)};
  std::ranges::move(filter, std::back_inserter(arguments));
  TRY(const std::string out, ask("sacct", std::move(arguments)));
  std::vector<AccountingRow> found;
  for (const auto& row : rows(out))
    if (auto read = parse_accounting(row)) found.push_back(std::move(*read));
  std::ranges::sort(found, earlier);
  // A damaged accounting may hold a row twice; it is charged once.
  const auto twice = std::ranges::unique(found, same_incarnation);
  found.erase(twice.begin(), twice.end());
  return found;
}

Result<std::optional<std::string>> SlurmDriver::find_by_marker(const std::string& marker) {
  if (!is_marker(marker)) return fail(ErrorCode::invalid_argument, "marker");
  // In this order: a job goes from the queue to the accounting, never back, so it can't slip through between the two.
  TRY(const std::vector<LiveRow> live, live_rows({"--name=" + marker}));
  if (!live.empty()) return live.front().id;
  TRY(const std::vector<AccountingRow> accounted,
      accounting_rows({"--duplicates", "--name=" + marker, "--starttime=now-" + std::to_string(config_.accounting_days) + "days"}));
  if (!accounted.empty()) return accounted.front().id;
  return std::nullopt;
}

Result<std::map<std::string, RunStatus>> SlurmDriver::poll(const MarkerById& marker_by_id) {
  Seen seen;
  MarkerById chunk;
  for (const auto& [id, marker] : marker_by_id) {
    if (!is_job_id(id) || !is_marker(marker)) continue;
    chunk.emplace(id, marker);
    if (chunk.size() == kChunk) {
      CHECK_OK(ask_chunk(chunk, seen));
      chunk.clear();
    }
  }
  if (!chunk.empty()) CHECK_OK(ask_chunk(chunk, seen));
  CHECK_OK(ask_renamed(marker_by_id, seen));
  std::map<std::string, RunStatus> found;
  for (const auto& [id, marker] : marker_by_id) {
    const auto live = seen.live.find(id);
    const auto accounted = seen.accounted.find(id);
    found.emplace(id, status_of(live == seen.live.end() ? nullptr : &live->second,
                                accounted == seen.accounted.end() ? std::vector<AccountingRow>{} : accounted->second));
  }
  return found;
}

// Both questions are filtered by our markers, so a number that Slurm gave out again (after it lost its state) is not taken
// for ours.
Status SlurmDriver::ask_chunk(const MarkerById& ids, Seen& seen) {
  std::vector<std::string> numbers, markers;
  for (const auto& [id, marker] : ids) numbers.push_back(id), markers.push_back(marker);
  const std::string names = "--name=" + joined(markers);
  TRY(std::vector<LiveRow> live, live_rows({names}));
  for (LiveRow& row : live) {
    if (!ids.contains(row.id)) continue;
    seen.live.insert_or_assign(row.id, std::move(row));
  }
  // A live one that was never restarted needs no accounting yet.
  std::vector<std::string> wanted;
  for (const std::string& id : numbers) {
    const auto at = seen.live.find(id);
    if (at == seen.live.end() || at->second.state.phase == Phase::over || at->second.restarts > 0) wanted.push_back(id);
  }
  if (wanted.empty()) return {};
  TRY(std::vector<AccountingRow> accounted, accounting_rows({"--duplicates", "--jobs=" + joined(wanted), names}));
  for (AccountingRow& row : accounted) {
    if (!ids.contains(row.id)) continue;
    std::vector<AccountingRow>& known = seen.accounted[row.id];
    if (known.size() < kMaxIncarnations) known.push_back(std::move(row));
  }
  return {};
}

// A user may rename a job; the line it was submitted with stays. Asked for by id alone, and only for those that the names
// did not find. Without --duplicates: a number that Slurm gave out twice has rows of a stranger's job too, and the submit
// line speaks for the newest alone.
Status SlurmDriver::ask_renamed(const MarkerById& ids, Seen& seen) {
  std::size_t asked = 0;
  for (const auto& [id, marker] : ids) {
    if (!is_job_id(id) || seen.live.contains(id) || seen.accounted.contains(id) || ++asked > kMaxRenamed) continue;
    TRY(const std::string lines,
        ask("sacct", {"--noheader", "--parsable", "--allocations", "--allusers", "--format=SubmitLine", "--jobs=" + id}));
    if (!lines.contains(" --job-name=" + marker + " ")) continue;
    TRY(std::vector<LiveRow> live, live_rows({"--jobs=" + id}));
    if (!live.empty() && live.front().id == id) seen.live.emplace(id, live.front());
    TRY(std::vector<AccountingRow> accounted, accounting_rows({"--jobs=" + id}));
    std::erase_if(accounted, [&](const AccountingRow& row) { return row.id != id; });
    if (!accounted.empty()) seen.accounted.emplace(id, std::move(accounted));
  }
  return {};
}

Status SlurmDriver::cancel(const std::string& id, const connector::LocalUser& user) {
  if (!is_job_id(id)) return fail(ErrorCode::invalid_argument, "job id");
  TRY(const host::RunAs run_as, host::find_run_as(user.name));
  host::Command call = command("scancel", {"--quiet", id});
  call.user = run_as;  // so that it can only be a job of that user
  TRY(const host::Finished done, runner_.run(call));
  if (done.exit_code == 0 || done.err.contains("already completing or completed") || done.err.contains("Invalid job id"))
    return {};
  return fail(ErrorCode::unavailable, "scancel: " + host::shown(done.err));
}

// Suspending is an operator's right in Slurm, so this is asked as ourselves.
Status SlurmDriver::set_paused(const std::string& id, const connector::LocalUser&, bool paused) {
  if (!is_job_id(id)) return fail(ErrorCode::invalid_argument, "job id");
  TRY(const host::Finished done, runner_.run(command("scontrol", {paused ? "suspend" : "resume", id})));
  if (done.exit_code == 0) return {};
  return fail(ErrorCode::unavailable, "scontrol: " + host::shown(done.err));
}

Result<connector::LogPiece> SlurmDriver::read_log(const std::string&, const connector::LocalUser& user,
                                                  const std::string& stdout_path, std::int64_t offset, std::int64_t max_bytes) {
  return connector::read_log_file(stdout_path, user, offset, max_bytes);
}

RunStatus status_of(const LiveRow* live, const std::vector<AccountingRow>& accounted) {
  RunStatus run;
  const bool alive = live != nullptr && live->state.phase != Phase::over;
  // Incarnations that are over: more than one if the job was requeued. All of them held the resources.
  const AccountingRow* last = nullptr;
  for (const AccountingRow& row : accounted) {
    if (row.state.phase != Phase::over) {
      last = nullptr;
      continue;
    }
    last = &row;
    run.running = milliseconds(run.running.ms + row.elapsed.ms);
    run.raw.append(row.raw).append("\n");
    if (!row.allocation) continue;
    run.allocation = *row.allocation;
    if (!run.started) run.started = row.start;
  }
  const bool ended = !alive && last != nullptr && !last->state.requeued;
  // A script that ended by itself is not waited for any longer: clearing up takes Slurm some seconds. One that was made to
  // end may have processes until then.
  const bool clearing = live != nullptr && live->state.word == "COMPLETING";
  if (ended && clearing && last->state.word != "COMPLETED" && last->state.word != "FAILED") {
    run.state = RunState::running;
    run.reason = "ending";
    run.raw.clear();
    return run;
  }
  if (ended) {
    run.state = last->state.word == "CANCELLED" ? RunState::cancelled : RunState::ended;
    run.ended = last->end;
    run.exit_code = last->exit_code;
    run.reason = last->state.word == "COMPLETED" ? "" : last->state.word;
    return run;
  }
  run.raw.clear();
  if (live == nullptr) return RunStatus{};  // in neither, or only half in the accounting: that proves nothing
  switch (live->state.phase) {
    case Phase::waiting: run.state = RunState::queued; break;
    case Phase::suspended: run.state = RunState::suspended; break;
    case Phase::running: run.state = RunState::running; break;
    case Phase::over:  // the accounting has not caught up
      if (live->used.ms == 0) return RunStatus{};  // perhaps it never ran
      run.state = RunState::running;
      run.reason = "ending";
      break;
  }
  if (live->allocation) run.allocation = *live->allocation;
  if (run.state != RunState::queued) {
    if (!run.started) run.started = live->start;
    run.running = milliseconds(run.running.ms + live->used.ms);
  }
  return run;
}

}  // namespace bourse::slurm
