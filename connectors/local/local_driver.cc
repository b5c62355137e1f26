#include "connectors/local/local_driver.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <set>

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "connectors/core/log_file.h"
#include "connectors/host/files.h"
#include "connectors/local/shim/process_tree.h"

namespace bourse::local {
namespace {

using connector::PoolInfo;
using connector::RunState;
using connector::RunStatus;

constexpr std::size_t kMaxMarker = 64;
constexpr Duration kStartLimit = seconds(10);
constexpr int kMaxStartsAPoll = 16;  // so that a poll stays within its deadline

bool is_marker(std::string_view text) {
  return !text.empty() && text.size() <= kMaxMarker && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

std::string machine_architecture() {
  utsname names{};
  return ::uname(&names) == 0 ? names.machine : "";
}

std::vector<int> usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
  return cpus;
}

Status check(const LocalConfig& config) {
  if (!config.directory.starts_with('/') || !config.shim.starts_with('/'))
    return fail(ErrorCode::invalid_argument, "the local driver's directory and shim must be absolute paths");
  if (::access(config.shim.c_str(), X_OK) != 0) return fail(ErrorCode::invalid_argument, "no program " + config.shim);
  std::set<std::string> names;
  for (const LocalPool& pool : config.pools)
    if (!is_marker(pool.name) || !names.insert(pool.name).second || pool.cores < 1 || pool.mem_mib < 1 || pool.max_walltime.ms < 0)
      return fail(ErrorCode::invalid_argument, "local pool '" + pool.name + "'");
  if (config.pools.empty()) return fail(ErrorCode::invalid_argument, "the local driver needs a pool");
  return {};
}

}  // namespace

Result<std::unique_ptr<LocalDriver>> LocalDriver::open(LocalConfig config, const Clock& clock, host::ProcessRunner& runner) {
  CHECK_OK(check(config));
  std::error_code error;
  std::filesystem::create_directories(config.directory + "/jobs", error);
  if (error) return fail(ErrorCode::unavailable, "making " + config.directory + ": " + error.message());
  std::filesystem::permissions(config.directory, std::filesystem::perms::owner_all, error);
  const int lock = ::open((config.directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0) return fail(ErrorCode::unavailable, "opening the lock of " + config.directory);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock);
    return fail(ErrorCode::failed_precondition, "another driver uses " + config.directory);
  }
  std::unique_ptr<LocalDriver> driver(new LocalDriver(std::move(config), clock, runner, lock));
  CHECK_OK(driver->load());
  return driver;
}

LocalDriver::LocalDriver(LocalConfig config, const Clock& clock, host::ProcessRunner& runner, int lock)
    : config_(std::move(config)), clock_(clock), runner_(runner), lock_(lock), cpus_(usable_cpus()) {}

LocalDriver::~LocalDriver() { ::close(lock_); }

Status LocalDriver::load() {
  std::error_code error;
  for (std::filesystem::directory_iterator at(config_.directory + "/jobs", error), end; !error && at != end; at.increment(error)) {
    const JobFolder folder(at->path());
    auto request = folder.request();
    // Without a request the submission was cut short: nothing runs, and the same marker may be submitted again.
    if (!request && request.error().code == ErrorCode::not_found) continue;
    if (!request) return std::unexpected(request.error());
    next_number_ = std::max(next_number_, request->number + 1);
    const std::string marker = request->marker;
    entries_.emplace(marker, Entry{folder, std::move(*request), std::nullopt});
  }
  if (error) return fail(ErrorCode::unavailable, "reading " + config_.directory + ": " + error.message());
  refresh();
  return {};
}

connector::Capabilities LocalDriver::capabilities() const {
  return {.kind = "local", .version = "1", .grace = milliseconds(config_.kill_grace.ms + 2000), .call_deadline = seconds(15),
          .submission_settle = seconds(0), .files = true};
}

Result<std::vector<PoolInfo>> LocalDriver::probe(const std::vector<std::string>& pools) {
  refresh();
  std::vector<PoolInfo> found;
  for (const LocalPool& pool : config_.pools) {
    if (!pools.empty() && std::ranges::find(pools, pool.name) == pools.end()) continue;
    PoolInfo info{.name = pool.name, .arch = machine_architecture(), .nodes = 1, .cores_per_node = pool.cores,
                  .mem_mib_per_node = pool.mem_mib, .max_walltime = pool.max_walltime};
    info.free_cores = pool.cores - use_of(pool).cores;
    for (const auto& [marker, entry] : entries_) {
      if (entry.request.pool != pool.name || entry.ended()) continue;
      if (entry.status) ++info.running_jobs;
      else ++info.pending_jobs, info.pending_core_ms += entry.request.cores * entry.request.walltime.ms;
    }
    found.push_back(std::move(info));
  }
  return found;
}

Result<std::string> LocalDriver::submit(const connector::SubmitRequest& request) {
  if (!is_marker(request.marker)) return fail(ErrorCode::invalid_argument, "marker");
  const LocalPool* pool = pool_named(request.pool);
  if (pool == nullptr) return fail(ErrorCode::invalid_argument, "no pool '" + request.pool + "'");
  if (request.need.gpus != 0) return fail(ErrorCode::invalid_argument, "the local pool has no GPUs");
  if (request.need.nodes != 1) return fail(ErrorCode::invalid_argument, "the local pool has one node");
  if (!request.qos.empty()) return fail(ErrorCode::invalid_argument, "the local pool has no QoS");
  if (request.need.cores < 1 || request.need.cores > pool->cores) return fail(ErrorCode::invalid_argument, "cores");
  if (request.need.mem_mib < 0 || request.need.mem_mib > pool->mem_mib) return fail(ErrorCode::invalid_argument, "memory");
  if (request.walltime.ms <= 0 || (pool->max_walltime.ms != 0 && request.walltime > pool->max_walltime))
    return fail(ErrorCode::invalid_argument, "walltime");
  if (!request.workdir.starts_with('/') || !request.stdout_path.starts_with(request.workdir + "/"))
    return fail(ErrorCode::invalid_argument, "the log must be in the workdir");
  TRY(const host::RunAs user, host::find_run_as(request.user.name));
  if (user.uid != request.user.uid) return fail(ErrorCode::forbidden, "the local user's uid has changed");
  if (entries_.contains(request.marker)) return request.marker;

  JobRequest job{.number = next_number_, .marker = request.marker, .name = request.name, .pool = request.pool,
                 .user = user.name, .uid = user.uid,
                 .home = request.user.home.empty() ? request.workdir : request.user.home, .workdir = request.workdir,
                 .log_path = request.stdout_path, .cores = request.need.cores, .mem_mib = request.need.mem_mib,
                 .walltime = request.walltime, .submitted = clock_.now(), .kill_grace = config_.kill_grace,
                 .max_processes = config_.max_processes, .max_file_bytes = config_.max_file_bytes,
                 .max_log_bytes = config_.max_log_bytes};
  for (const auto& [name, value] : request.variables) job.variables.push_back(name + "=" + value);
  const JobFolder folder(config_.directory + "/jobs/" + request.marker);
  if (const Status made = folder.create(job, request.script); !made) {
    // Once the request is there, it may be found after a restart, and then it runs.
    TRY(const auto found, find_by_marker(request.marker));
    if (!found) return std::unexpected(made.error());
    return fail(ErrorCode::unknown_outcome, made.error().detail);
  }
  ++next_number_;
  entries_.emplace(request.marker, Entry{folder, std::move(job), std::nullopt});
  start_waiting();
  return request.marker;
}

Result<std::optional<std::string>> LocalDriver::find_by_marker(const std::string& marker) {
  if (!is_marker(marker)) return std::nullopt;
  if (entries_.contains(marker)) return marker;
  const JobFolder folder(config_.directory + "/jobs/" + marker);
  auto request = folder.request();
  if (!request && request.error().code == ErrorCode::not_found) return std::nullopt;
  if (!request) return std::unexpected(request.error());
  entries_.emplace(marker, Entry{folder, std::move(*request), std::nullopt});
  return marker;
}

Result<std::map<std::string, RunStatus>> LocalDriver::poll(const std::map<std::string, std::string>& marker_by_id) {
  refresh();
  start_waiting();
  std::map<std::string, RunStatus> found;
  for (const auto& [id, marker] : marker_by_id) {
    const auto entry = entries_.find(marker);
    found.emplace(id, entry == entries_.end() || id != marker ? RunStatus{} : status_of(entry->second));
  }
  return found;
}

Status LocalDriver::cancel(const std::string& id, const connector::LocalUser&) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return fail(ErrorCode::not_found, "no run " + id);
  Entry& entry = found->second;
  refresh(entry);
  if (entry.ended()) return {};
  CHECK_OK(entry.folder.request_cancel());
  // One that never started gets its end here; a shim that is just starting finds the file and writes the same.
  if (const auto held = entry.folder.held(); !entry.status && held && !*held) {
    JobStatus status;
    status.state = JobState::ended, status.reason = kCancelled, status.exit_code = 128 + SIGTERM;
    CHECK_OK(entry.folder.write_status(status));
    entry.status = status;
    return {};
  }
  if (!entry.status) return {};
  // The shim looks for the file every second anyway; the signal only saves the wait. The pid is its own as long as the
  // start time and the boot fit.
  const auto pid = static_cast<pid_t>(entry.status->shim_pid);
  const auto shim = process_info(pid);
  if (shim && shim->start == entry.status->shim_start && entry.status->boot_id == boot_id()) ::kill(pid, SIGTERM);
  return {};
}

Status LocalDriver::set_paused(const std::string& id, const connector::LocalUser&, bool paused) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return fail(ErrorCode::not_found, "no run " + id);
  return found->second.folder.request_pause(paused);
}

Result<connector::LogPiece> LocalDriver::read_log(const std::string&, const connector::LocalUser& user,
                                                  const std::string& stdout_path, std::int64_t offset, std::int64_t max_bytes) {
  return connector::read_log_file(stdout_path, user, offset, max_bytes);
}

void LocalDriver::refresh() {
  std::vector<std::string> old;
  for (auto& [marker, entry] : entries_) {
    refresh(entry);
    const Instant end = entry.request.submitted + entry.request.walltime;
    const Instant known_end = entry.status ? entry.status->started + entry.status->running : end;
    if (entry.ended() && clock_.now() > std::max(end, known_end) + config_.keep) old.push_back(marker);
  }
  for (const std::string& marker : old) {
    std::error_code ignored;
    std::filesystem::remove_all(entries_.at(marker).folder.path(), ignored);
    entries_.erase(marker);
  }
}

void LocalDriver::refresh(Entry& entry) {
  if (entry.ended()) return;
  // The lock first: a shim writes its last status before it lets go, so "not held" then "running" means that it died.
  const auto held = entry.folder.held();
  auto status = entry.folder.status();
  if (status) entry.status = std::move(*status);
  if (held && !*held && entry.status && !entry.ended()) bury(entry);
}

void LocalDriver::bury(Entry& entry) {
  JobStatus& status = *entry.status;
  if (status.boot_id == boot_id()) {
    const auto left = remnants(static_cast<uid_t>(entry.request.uid), static_cast<pid_t>(status.session),
                               "BOURSE_JOB_ID=" + entry.request.marker);
    for (const pid_t pid : left) ::kill(pid, SIGKILL);
    if (!left.empty()) return;  // until a later look finds nothing
  }
  status.state = JobState::ended, status.exit_code = 128 + SIGKILL;
  status.reason = entry.folder.cancel_requested() ? kCancelled : kLost;
  if (!entry.folder.write_status(status)) status.state = JobState::running;  // again at the next look
}

void LocalDriver::start_waiting() {
  std::map<std::int64_t, Entry*> waiting;  // by number: first come, first served, and nobody is passed
  for (auto& [marker, entry] : entries_)
    if (!entry.status) waiting.emplace(entry.request.number, &entry);
  std::set<std::string> blocked;
  int started = 0;
  for (auto& [number, entry] : waiting) {
    const LocalPool* pool = pool_named(entry->request.pool);
    if (pool == nullptr || blocked.contains(pool->name)) continue;
    const Use use = use_of(*pool);
    const bool fits = use.cores + entry->request.cores <= pool->cores && use.mem_mib + entry->request.mem_mib <= pool->mem_mib;
    if (!fits || started == kMaxStartsAPoll || !start(*entry, free_cpus(*pool, use, entry->request.cores)))
      blocked.insert(pool->name);
    else
      ++started;
  }
}

bool LocalDriver::start(Entry& entry, const std::vector<int>& cpus) {
  host::Command command{.argv = {config_.shim, entry.folder.path()}, .limit = kStartLimit};
  for (const int cpu : cpus) command.argv.push_back(std::to_string(cpu));
  // Whatever comes back, the folder tells what happened; a shim that is late finds the lock and the status by itself.
  (void)runner_.run(command);
  refresh(entry);
  return entry.status.has_value();
}

LocalDriver::Use LocalDriver::use_of(const LocalPool& pool) const {
  Use use{.cpus = std::vector<bool>(cpus_of(pool).size())};
  const std::vector<int> ours = cpus_of(pool);
  for (const auto& [marker, entry] : entries_) {
    if (entry.request.pool != pool.name || !entry.status || entry.ended()) continue;
    use.cores += entry.request.cores;
    use.mem_mib += entry.request.mem_mib;
    const std::string taken = "," + entry.status->cpus + ",";
    for (std::size_t i = 0; i < ours.size(); ++i)
      if (taken.contains("," + std::to_string(ours[i]) + ",")) use.cpus[i] = true;
  }
  return use;
}

const LocalPool* LocalDriver::pool_named(const std::string& name) const {
  const auto found = std::ranges::find(config_.pools, name, &LocalPool::name);
  return found == config_.pools.end() ? nullptr : &*found;
}

// The CPUs of a pool, or none when the pools together sell more than the machine has: then nothing is pinned.
std::vector<int> LocalDriver::cpus_of(const LocalPool& pool) const {
  std::size_t first = 0, total = 0;
  for (const LocalPool& each : config_.pools) {
    if (&each == &pool) first = total;
    total += static_cast<std::size_t>(each.cores);
  }
  if (total > cpus_.size()) return {};
  const auto begin = cpus_.begin() + static_cast<std::ptrdiff_t>(first);
  return {begin, begin + pool.cores};
}

std::vector<int> LocalDriver::free_cpus(const LocalPool& pool, const Use& use, std::int64_t count) const {
  const std::vector<int> ours = cpus_of(pool);
  std::vector<int> free;
  for (std::size_t i = 0; i < ours.size() && std::ssize(free) < count; ++i)
    if (!use.cpus[i]) free.push_back(ours[i]);
  return std::ssize(free) == count ? free : std::vector<int>{};
}

RunStatus LocalDriver::status_of(const Entry& entry) const {
  RunStatus run{.state = RunState::queued,
                .allocation = {.cores = entry.request.cores, .gpus = 0, .nodes = 1, .mem_mib = entry.request.mem_mib}};
  if (!entry.status) {
    if (const auto held = entry.folder.held(); held && *held) run.reason = "starting";
    return run;
  }
  const JobStatus& status = *entry.status;
  const bool ran = status.started.unix_ms != 0;
  run.state = status.state == JobState::running  ? RunState::running
              : status.state == JobState::paused ? RunState::suspended
              : status.reason == kCancelled     ? RunState::cancelled
                                                : RunState::ended;
  if (ran) run.started = status.started;
  run.running = status.running;
  if (entry.ended()) {
    run.ended = ran ? status.started + status.running : entry.request.submitted;
    run.exit_code = status.exit_code;
    run.reason = status.reason;
  }
  run.raw = to_text(status);
  return run;
}

}  // namespace bourse::local
