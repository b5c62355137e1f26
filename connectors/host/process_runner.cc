#include "connectors/host/process_runner.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bourse::host {
namespace {

constexpr std::size_t kMaxErrorOutput = 64 * 1024;
constexpr Duration kReapLimit = seconds(5);  // how long a killed child may take to disappear

Duration after(const Clock& clock, Duration wait) { return milliseconds(clock.monotonic().ms + wait.ms); }

class Pipe {
 public:
  ~Pipe() { close_read(), close_write(); }
  bool open(int flags) { return ::pipe2(ends_.data(), O_CLOEXEC | flags) == 0; }
  int read_end() const { return ends_[0]; }
  int write_end() const { return ends_[1]; }
  void close_read() { close(ends_[0]); }
  void close_write() { close(ends_[1]); }

 private:
  static void close(int& fd) {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
  std::array<int, 2> ends_{-1, -1};
};

struct Pipes {
  Pipe in, out, err, exec;
  bool open() { return in.open(0) && out.open(0) && err.open(0) && exec.open(0); }
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

// Between fork and exec in a program with threads: only async-signal-safe calls, no allocation.
[[noreturn]] void run_child(const Command& command, char* const* argv, char* const* env, const Pipes& pipes) noexcept {
  const auto give_up = [&](int error) {
    (void)!::write(pipes.exec.write_end(), &error, sizeof error);
    ::_exit(127);
  };
  ::setpgid(0, 0);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::dup2(pipes.in.read_end(), 0) < 0 || ::dup2(pipes.out.write_end(), 1) < 0 || ::dup2(pipes.err.write_end(), 2) < 0)
    give_up(errno);
  const int report = ::fcntl(pipes.exec.write_end(), F_DUPFD_CLOEXEC, 3);
  if (report < 0) give_up(errno);
  // Everything above the standard three is closed at exec, whoever opened it and however.
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  ::umask(077);
  if (command.user) {
    if (const int error = become(*command.user); error != 0) give_up(error);
  }
  if (::chdir(command.directory.c_str()) != 0) give_up(errno);
  ::execve(argv[0], argv, env);
  give_up(errno);
  ::_exit(127);
}

// Takes what is there. False at the end of the stream.
bool take(int fd, std::string& into, std::size_t most, bool& truncated) {
  std::array<char, 65536> buffer;
  const ssize_t n = ::read(fd, buffer.data(), buffer.size());
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  if (n == 0) return false;
  const auto got = static_cast<std::size_t>(n);
  const std::size_t room = std::min(got, most - into.size());
  into.append(buffer.data(), room);
  truncated = truncated || room < got;
  return true;
}

// Feeds stdin and collects stdout and stderr until both are closed or the time is up.
class Conversation {
 public:
  Conversation(const Command& command, Pipes& pipes) : command_(command), pipes_(pipes) {}

  // False when the deadline passed first.
  bool hold(const Clock& clock, Duration deadline, Finished& finished) {
    if (command_.input.empty()) pipes_.in.close_write();
    bool ignored = false;
    while (pipes_.out.read_end() >= 0 || pipes_.err.read_end() >= 0) {
      const std::int64_t left = deadline.ms - clock.monotonic().ms;
      if (left <= 0) return false;
      std::array<pollfd, 3> fds = {pollfd{pipes_.in.write_end(), POLLOUT, 0}, pollfd{pipes_.out.read_end(), POLLIN, 0},
                                   pollfd{pipes_.err.read_end(), POLLIN, 0}};
      if (::poll(fds.data(), fds.size(), static_cast<int>(std::min<std::int64_t>(left, 1000))) < 0 && errno != EINTR)
        return false;
      if (fds[0].revents != 0) feed();
      if (fds[1].revents != 0 && !take(fds[1].fd, finished.out, command_.max_output, finished.truncated))
        pipes_.out.close_read();
      if (fds[2].revents != 0 && !take(fds[2].fd, finished.err, kMaxErrorOutput, ignored)) pipes_.err.close_read();
    }
    return true;
  }

 private:
  void feed() {
    const ssize_t n = ::write(pipes_.in.write_end(), command_.input.data() + fed_, command_.input.size() - fed_);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n > 0) fed_ += static_cast<std::size_t>(n);
    if (n <= 0 || fed_ == command_.input.size()) pipes_.in.close_write();  // it may end without reading all of it
  }

  const Command& command_;
  Pipes& pipes_;
  std::size_t fed_ = 0;
};

// Waits for the child until the deadline. Nothing = it still runs.
std::optional<int> reap(pid_t pid, const Clock& clock, Duration deadline) {
  for (;;) {
    int status = 0;
    const pid_t done = ::waitpid(pid, &status, WNOHANG);
    if (done == pid) return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (done < 0 && errno != EINTR) return 127;
    if (clock.monotonic() >= deadline) return std::nullopt;
    ::poll(nullptr, 0, 2);
  }
}

// A write to a child that has ended must not end us: the thread holds SIGPIPE back and takes what came of it.
class NoSigpipe {
 public:
  NoSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoSigpipe() {
    const timespec now{};
    if (!was_pending_)
      while (::sigtimedwait(&pipe_, nullptr, &now) < 0 && errno == EINTR) {
      }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  sigset_t pipe_, before_;
  bool was_pending_ = false;
};

Status check(const Command& command) {
  const auto has_nul = [](const std::string& text) { return text.contains('\0'); };
  if (command.argv.empty() || !command.argv.front().starts_with('/'))
    return fail(ErrorCode::invalid_argument, "the program must be an absolute path");
  if (std::ranges::any_of(command.argv, has_nul) || std::ranges::any_of(command.env, has_nul) || has_nul(command.directory))
    return fail(ErrorCode::invalid_argument, "a NUL in an argument");
  return {};
}

}  // namespace

Result<Finished> SystemProcessRunner::run(const Command& command) {
  CHECK_OK(check(command));
  const std::string& program = command.argv.front();
  const std::vector<char*> argv = pointers(command.argv);
  const std::vector<char*> env = pointers(command.env);
  const Duration deadline = after(clock_, command.limit);
  Pipes pipes;
  if (!pipes.open()) return fail(ErrorCode::unavailable, "no pipe for " + program);
  const NoSigpipe guard;
  const pid_t pid = ::fork();
  if (pid < 0) return fail(ErrorCode::unavailable, "no process for " + program);
  if (pid == 0) run_child(command, argv.data(), env.data(), pipes);
  pipes.in.close_read(), pipes.out.close_write(), pipes.err.close_write(), pipes.exec.close_write();
  ::fcntl(pipes.in.write_end(), F_SETFL, O_NONBLOCK);

  int exec_error = 0;
  ssize_t told = 0;
  while ((told = ::read(pipes.exec.read_end(), &exec_error, sizeof exec_error)) < 0 && errno == EINTR) {
  }
  if (told == sizeof exec_error) {
    (void)reap(pid, clock_, after(clock_, kReapLimit));
    return fail(ErrorCode::unavailable, "starting " + program + ": " + std::generic_category().message(exec_error));
  }

  Finished finished;
  const bool in_time = Conversation(command, pipes).hold(clock_, deadline, finished);
  std::optional<int> code;
  if (in_time) code = reap(pid, clock_, deadline);
  if (code) {
    finished.exit_code = *code;
    return finished;
  }
  ::kill(-pid, SIGKILL);
  ::kill(pid, SIGKILL);  // should it have left its group
  (void)reap(pid, clock_, after(clock_, kReapLimit));
  return fail(ErrorCode::timeout, program + " did not end within " + std::to_string(command.limit.ms) + " ms");
}

}  // namespace bourse::host
