#include "connectors/local/shim/job_watch.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "connectors/local/shim/job_child.h"
#include "connectors/local/shim/process_tree.h"

namespace bourse::local {
namespace {

constexpr Duration kKillInterval = milliseconds(50);  // between rounds of SIGKILL: a tree can grow while it is being killed
constexpr std::int32_t kNotStarted = 127;

Duration later(Duration a, Duration b) { return milliseconds(a.ms + b.ms); }

std::int64_t to_ms(const timeval& time) { return std::int64_t{time.tv_sec} * 1000 + time.tv_usec / 1000; }

std::string joined(const std::vector<int>& cpus) {
  std::string text;
  for (const int cpu : cpus) text.append(text.empty() ? "" : ",").append(std::to_string(cpu));
  return text;
}

}  // namespace

JobWatch::JobWatch(const JobFolder& folder, JobRequest request, const Clock& clock)
    : folder_(folder), request_(std::move(request)), clock_(clock) {
  job_.shim_pid = ::getpid();
  if (const auto self = process_info(::getpid())) job_.shim_start = self->start;
  job_.boot_id = boot_id();
}

Result<bool> JobWatch::start(const std::vector<int>& cpus) {
  if (folder_.cancel_requested()) {
    job_.state = JobState::ended, job_.reason = kCancelled, job_.exit_code = 128 + SIGTERM;
    CHECK_OK(folder_.write_status(job_));
    return false;
  }
  job_.cpus = joined(cpus);
  const auto pid = launch(cpus);
  if (!pid) {
    job_.state = JobState::ended, job_.exit_code = kNotStarted;
    job_.reason = "not started: " + pid.error().detail;
    CHECK_OK(folder_.write_status(job_));
    return false;
  }
  started_ = clock_.monotonic();
  job_.started = clock_.now();
  job_.session = *pid;
  next_tick_ = later(started_, kStatusInterval);
  if (Status written = folder_.write_status(job_); !written) {
    signal_tree(SIGKILL);  // what nobody can account for must not run
    return std::unexpected(written.error());
  }
  return true;
}

Result<pid_t> JobWatch::launch(const std::vector<int>& cpus) {
  TRY(const host::RunAs user, host::find_run_as(request_.user));
  if (user.uid != static_cast<uid_t>(request_.uid)) return fail(ErrorCode::forbidden, request_.user + " is another user now");
  TRY(const std::string script, folder_.script());
  TRY(const JobFiles files, prepare_files(request_, user, script));
  log_ = files.log;
  sigset_t watched;
  sigemptyset(&watched);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&watched, number);
  ::sigprocmask(SIG_BLOCK, &watched, nullptr);
  signals_ = ::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
  std::array<int, 2> pipe{};
  if (signals_ < 0 || ::pipe2(pipe.data(), O_CLOEXEC) != 0) return fail(ErrorCode::unavailable, "no descriptors");
  output_ = pipe[0];
  ::fcntl(output_, F_SETFL, O_NONBLOCK);
  (void)::fchown(pipe[1], user.uid, user.gid);  // so that the job may open /dev/stderr
  const auto pid = start_job(request_, user, files.script_path, pipe[1], cpus);
  ::close(pipe[1]);
  return pid;
}

void JobWatch::attend() {
  while (!(main_ended_ && tree_gone())) {
    wait_for_something();
    look_at_signals();
    reap();
    pass_output();
    tick();
  }
  pass_output();
  job_.state = JobState::ended;
  sample();
  save();
}

Duration JobWatch::running_time() const {
  const Duration until = stopped_at_.value_or(clock_.monotonic());
  return milliseconds(until.ms - started_.ms - stood_still_.ms);
}

void JobWatch::wait_for_something() {
  std::int64_t until = next_tick_.ms;
  if (phase_ == Phase::running && !stopped_at_) until = std::min(until, started_.ms + stood_still_.ms + request_.walltime.ms);
  if (phase_ == Phase::ending) until = std::min(until, kill_at_.ms);
  if (phase_ == Phase::killing) until = std::min(until, clock_.monotonic().ms + kKillInterval.ms);
  const std::int64_t wait = std::max<std::int64_t>(0, until - clock_.monotonic().ms);
  std::array<pollfd, 2> fds = {pollfd{signals_, POLLIN, 0}, pollfd{output_, POLLIN, 0}};
  (void)::poll(fds.data(), fds.size(), static_cast<int>(wait));
}

// Copies what there is. At most a few MiB in one go, so that a job that writes without end can't hold up its own end.
void JobWatch::pass_output() {
  std::array<char, 65536> buffer;
  for (int round = 0; output_ >= 0 && round < 64; ++round) {
    const ssize_t n = ::read(output_, buffer.data(), buffer.size());
    if (n < 0) return;
    if (n == 0) {
      ::close(output_);
      output_ = -1;
      return;
    }
    const std::int64_t room = std::min<std::int64_t>(n, request_.max_log_bytes - logged_);
    std::int64_t kept = 0;
    while (kept < room) {
      const ssize_t written = ::write(log_, buffer.data() + kept, static_cast<std::size_t>(room - kept));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) break;  // disk full: the rest counts as dropped
      kept += written;
    }
    logged_ += kept;
    job_.log_dropped += n - kept;
  }
}

void JobWatch::look_at_signals() {
  signalfd_siginfo info{};
  while (::read(signals_, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD) continue;
    end(folder_.cancel_requested() ? kCancelled : kTerminated);
  }
}

void JobWatch::reap() {
  for (;;) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid < 0 && errno == EINTR) continue;
    children_gone_ = pid < 0;
    if (pid <= 0) return;
    if (pid != job_.session) continue;
    main_ended_ = true;
    job_.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (job_.exit_code == 0 && !job_.reason.empty()) job_.exit_code = 128 + SIGTERM;
    job_.running = running_time();
    // As in a batch system, what the script left behind ends with it.
    phase_ = Phase::killing;
    signal_tree(SIGKILL);
  }
}

void JobWatch::tick() {
  const Duration now = clock_.monotonic();
  if (phase_ == Phase::running && running_time() >= request_.walltime) end(kWalltime);
  if (phase_ == Phase::ending && now >= kill_at_) phase_ = Phase::killing;
  if (phase_ == Phase::killing) signal_tree(SIGKILL);
  if (now < next_tick_) return;
  next_tick_ = later(now, kStatusInterval);
  if (folder_.cancel_requested()) end(kCancelled);
  keep_pace();
  if (!main_ended_) job_.running = running_time();
  sample();
  save();
}

// A tree that is standing still is told so again, for a process may have been born in between.
void JobWatch::keep_pace() {
  const bool stand = phase_ == Phase::running && folder_.pause_requested();
  if (stand) {
    signal_tree(SIGSTOP);
    if (!stopped_at_) stopped_at_ = clock_.monotonic();
    job_.state = JobState::paused;
  } else if (stopped_at_) {
    stood_still_ = later(stood_still_, milliseconds(clock_.monotonic().ms - stopped_at_->ms));
    stopped_at_.reset();
    job_.state = JobState::running;
    signal_tree(SIGCONT);
  }
}

void JobWatch::sample() {
  rusage ended{};
  ::getrusage(RUSAGE_CHILDREN, &ended);
  std::int64_t user_ms = to_ms(ended.ru_utime), system_ms = to_ms(ended.ru_stime), rss_kib = 0;
  for (const ProcessInfo& process : descendants(::getpid())) {
    user_ms += process.user_ms;
    system_ms += process.system_ms;
    rss_kib += private_rss_kib(process.pid);
  }
  job_.user_ms = std::max(job_.user_ms, user_ms);
  job_.system_ms = std::max(job_.system_ms, system_ms);
  job_.max_rss_kib = std::max({job_.max_rss_kib, rss_kib, std::int64_t{ended.ru_maxrss}});
  if (request_.mem_mib != 0 && rss_kib > request_.mem_mib * 1024) end(kMemory);
}

void JobWatch::end(std::string_view reason) {
  if (phase_ != Phase::running) return;
  job_.reason = reason;
  phase_ = reason == kMemory ? Phase::killing : Phase::ending;
  kill_at_ = later(clock_.monotonic(), request_.kill_grace);
  signal_tree(phase_ == Phase::killing ? SIGKILL : SIGTERM);
  keep_pace();  // what stands still must go on to hear it
}

void JobWatch::signal_tree(int number) {
  for (const ProcessInfo& process : descendants(::getpid())) ::kill(process.pid, number);
}

bool JobWatch::tree_gone() const { return children_gone_; }

// A status that can't be written now (disk full) is tried again at the next tick; only the last one must not be lost.
void JobWatch::save() {
  const bool last = job_.state == JobState::ended;
  for (;;) {
    const Status written = folder_.write_status(job_);
    if (written || !last || written.error().code == ErrorCode::not_found) return;  // not_found: the folder was removed
    ::poll(nullptr, 0, static_cast<int>(kStatusInterval.ms));
  }
}

}  // namespace bourse::local
