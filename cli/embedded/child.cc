#include "cli/embedded/child.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

namespace bourse::embedded {
namespace {

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
};

std::string reason() { return std::strerror(errno); }

Result<User> find_user(const std::string& name) {
  char buffer[4096];
  passwd entry{};
  passwd* found = nullptr;
  if (getpwnam_r(name.c_str(), &entry, buffer, sizeof buffer, &found) != 0 || found == nullptr)
    return fail(ErrorCode::unavailable, "there is no user '" + name + "' on this machine");
  User user{entry.pw_uid, entry.pw_gid, {}};
  int count = 64;
  user.groups.resize(static_cast<std::size_t>(count));
  if (getgrouplist(name.c_str(), user.gid, user.groups.data(), &count) < 0)
    return fail(ErrorCode::unavailable, "user '" + name + "' has too many groups");
  user.groups.resize(static_cast<std::size_t>(count));
  return user;
}

// What the child does between fork and exec: system calls only, since other threads may have held any lock.
struct Launch {
  std::vector<char*> argv;
  const User* user = nullptr;
  const char* directory = nullptr;
  int program = -1;
  int log = -1;
  bool dies_with_parent = false;
  pid_t parent = -1;
  char* const* environment = environ;
};

[[noreturn]] void become(const Launch& launch, int report) {
  sigset_t none;
  sigemptyset(&none);
  for (int signal_number = 1; signal_number < 32; ++signal_number) ::signal(signal_number, SIG_DFL);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  setsid();
  const int null = ::open("/dev/null", O_RDONLY);
  bool ok = null >= 0 && dup2(null, 0) >= 0 && dup2(launch.log, 1) >= 0 && dup2(launch.log, 2) >= 0;
  if (ok && launch.user != nullptr)
    ok = setgroups(launch.user->groups.size(), launch.user->groups.data()) == 0 && setgid(launch.user->gid) == 0 &&
         setuid(launch.user->uid) == 0;
  if (ok && launch.directory != nullptr) ok = chdir(launch.directory) == 0;
  // A change of user clears the parent-death signal, so it is set after; and the parent may have gone meanwhile.
  if (ok && launch.dies_with_parent) ok = prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == launch.parent;
  if (ok) {
    syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
    umask(077);
    syscall(SYS_execveat, launch.program, "", launch.argv.data(), launch.environment, AT_EMPTY_PATH);
  }
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(report, &error, sizeof error);
  _exit(127);
}

}  // namespace

Result<pid_t> spawn(const Program& program) {
  std::optional<User> user;
  if (!program.user.empty() && geteuid() == 0) {
    TRY(user, find_user(program.user));
  }
  const int log = ::open(program.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (log < 0) return fail(ErrorCode::unavailable, "can't open the log " + program.log + ": " + reason());
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) {
    ::close(log);
    return fail(ErrorCode::unavailable, "pipe: " + reason());
  }
  static char* const kBareEnvironment[] = {
      const_cast<char*>("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
      const_cast<char*>("LANG=C.UTF-8"), const_cast<char*>("TZ=UTC"), nullptr};
  // Opened with our rights: the program may lie where its user can't go (a private checkout).
  const int executable = ::open(program.argv[0].c_str(), O_PATH | O_CLOEXEC);
  Launch launch;
  launch.program = executable;
  launch.user = user ? &*user : nullptr;
  launch.directory = program.directory.empty() ? nullptr : program.directory.c_str();
  launch.log = log;
  launch.dies_with_parent = program.dies_with_parent;
  launch.parent = getpid();
  if (program.bare_environment) launch.environment = kBareEnvironment;
  for (const std::string& argument : program.argv) launch.argv.push_back(const_cast<char*>(argument.c_str()));
  launch.argv.push_back(nullptr);

  const pid_t pid = fork();
  if (pid == 0) become(launch, report[1]);
  ::close(report[1]);
  ::close(log);
  if (executable >= 0) ::close(executable);
  int error = 0;
  const ssize_t got = pid < 0 ? -1 : ::read(report[0], &error, sizeof error);  // ends when exec closes the other side
  ::close(report[0]);
  if (pid < 0) return fail(ErrorCode::unavailable, "fork: " + reason());
  if (got > 0) {
    waitpid(pid, nullptr, 0);
    return fail(ErrorCode::unavailable, "can't run " + program.argv[0] + ": " + std::strerror(error));
  }
  return pid;
}

bool wait_gone(pid_t pid, Duration timeout) {
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, pid, 0U));
  if (handle < 0) return !alive(pid);
  pollfd ready{handle, POLLIN, 0};
  const int n = poll(&ready, 1, static_cast<int>(timeout.ms));
  ::close(handle);
  if (n > 0) waitpid(pid, nullptr, WNOHANG);
  return n > 0;
}

bool alive(pid_t pid) {
  if (pid <= 0) return false;
  if (waitpid(pid, nullptr, WNOHANG) == pid) return false;
  if (::kill(pid, 0) != 0 && errno == ESRCH) return false;
  // A zombie of somebody else's is gone for our purposes.
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(stat, line);
  const std::size_t end = line.rfind(')');
  return end != std::string::npos && end + 2 < line.size() && line[end + 2] != 'Z';
}

Result<int> wait_status(pid_t pid, Duration timeout) {
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, pid, 0U));
  if (handle >= 0) {
    pollfd ready{handle, POLLIN, 0};
    const int n = poll(&ready, 1, static_cast<int>(timeout.ms));
    ::close(handle);
    if (n <= 0) return fail(ErrorCode::timeout, "the process " + std::to_string(pid) + " is still running");
  }
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) return fail(ErrorCode::unavailable, "waitpid: " + reason());
  return status;
}

std::vector<pid_t> children_of(pid_t pid) {
  const std::string process = std::to_string(pid);
  std::ifstream in("/proc/" + process + "/task/" + process + "/children");
  std::vector<pid_t> children;
  for (pid_t child = 0; in >> child;) children.push_back(child);
  return children;
}

bool socket_accepts(const std::string& path) {
  sockaddr_un address{};
  if (path.size() >= sizeof address.sun_path) return false;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool accepted = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return accepted;
}

Status make_directory(const std::string& directory, unsigned mode, const std::string& user) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail(ErrorCode::unavailable, "can't create " + directory + ": " + error.message());
  if (!user.empty() && geteuid() == 0) {
    TRY(const User owner, find_user(user));
    if (chown(directory.c_str(), owner.uid, owner.gid) != 0)
      return fail(ErrorCode::unavailable, "can't give " + directory + " to " + user + ": " + reason());
  }
  if (chmod(directory.c_str(), mode) != 0)
    return fail(ErrorCode::unavailable, "can't set the mode of " + directory + ": " + reason());
  return {};
}

std::string end_of_log(const std::string& path, std::size_t bytes) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream all;
  all << in.rdbuf();
  const std::string text = all.str();
  return text.size() <= bytes ? text : text.substr(text.size() - bytes);
}

}  // namespace bourse::embedded
