#include "connectors/local/shim/job_child.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <system_error>

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "connectors/host/files.h"

namespace bourse::local {
namespace {

constexpr rlim_t kOpenFiles = 4096;
constexpr std::int64_t kCpuSlackSeconds = 60;

std::unexpected<Error> failed(std::string_view act) {
  return fail(ErrorCode::unavailable, std::string(act) + ": " + std::generic_category().message(errno));
}

bool limit(decltype(RLIMIT_AS) what, rlim_t most) {
  const rlimit both{most, most};
  return ::setrlimit(what, &both) == 0;
}

bool set_limits(const JobRequest& request) {
  const std::int64_t cpu_seconds = request.cores * (request.walltime.ms / 1000) + kCpuSlackSeconds;
  return limit(RLIMIT_CORE, 0) && limit(RLIMIT_NOFILE, kOpenFiles) && limit(RLIMIT_CPU, static_cast<rlim_t>(cpu_seconds)) &&
         (request.mem_mib == 0 || limit(RLIMIT_AS, static_cast<rlim_t>(request.mem_mib) << 20)) &&
         (request.max_processes == 0 || limit(RLIMIT_NPROC, static_cast<rlim_t>(request.max_processes))) &&
         (request.max_file_bytes == 0 || limit(RLIMIT_FSIZE, static_cast<rlim_t>(request.max_file_bytes)));
}

void pin(const std::vector<int>& cpus) {
  if (cpus.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus)
    if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_SET(static_cast<std::size_t>(cpu), &set);
  (void)::sched_setaffinity(0, sizeof set, &set);  // a machine that lost a CPU still runs the job
}

// Should memory run out, the kernel is to take the job and not the connector.
void offer_to_oom_killer() {
  const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  (void)!::write(fd, "500", 3);
  ::close(fd);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

struct Failure {
  int error = 0;
  std::array<char, 60> act{};
};

// Runs in the child; the shim has one thread, so anything is allowed here. Returns only by _exit or exec.
[[noreturn]] void become_job(const JobRequest& request, const host::RunAs& user, const std::string& script_path, int output,
                             const std::vector<int>& cpus, pid_t shim, int report) {
  const auto give_up = [report](const char* act, int error) {
    Failure failure{error, {}};
    std::snprintf(failure.act.data(), failure.act.size(), "%s", act);
    (void)!::write(report, &failure, sizeof failure);
    ::_exit(127);
  };
  ::setsid();
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0 || ::dup2(null, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(output, 2) < 0) give_up("its descriptors", errno);
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  ::umask(077);
  pin(cpus);
  offer_to_oom_killer();
  if (!set_limits(request)) give_up("its limits", errno);
  if (const int error = host::become(user); error != 0) give_up("becoming its user", error);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up("no new privileges", errno);
  // After the change of user, which clears it: without its shim nobody would meter or stop the job.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != shim) give_up("following the shim", errno);
  if (::chdir(request.workdir.c_str()) != 0) give_up("entering the workdir", errno);
  const std::vector<std::string> environment = job_environment(request);
  const std::vector<char*> env = pointers(environment);
  const std::vector<std::string> direct = {script_path};
  ::execve(script_path.c_str(), pointers(direct).data(), env.data());
  if (errno == ENOEXEC) {  // no "#!" line
    const std::vector<std::string> by_shell = {"/bin/sh", script_path};
    ::execve("/bin/sh", pointers(by_shell).data(), env.data());
  }
  give_up("starting the script", errno);
  ::_exit(127);
}

}  // namespace

std::vector<std::string> job_environment(const JobRequest& request) {
  std::vector<std::string> all = {"PATH=/usr/local/bin:/usr/bin:/bin",
                                  "HOME=" + request.home,
                                  "USER=" + request.user,
                                  "LOGNAME=" + request.user,
                                  "LANG=C.UTF-8",
                                  "TMPDIR=" + request.workdir,
                                  "BOURSE_JOB_ID=" + request.marker,
                                  "BOURSE_CORES=" + std::to_string(request.cores),
                                  "BOURSE_MEM_MIB=" + std::to_string(request.mem_mib),
                                  "BOURSE_WALLTIME_S=" + std::to_string(request.walltime.ms / 1000)};
  all.insert(all.end(), request.variables.begin(), request.variables.end());
  return all;
}

Result<JobFiles> prepare_files(const JobRequest& request, const host::RunAs& user, const std::string& script) {
  struct stat info{};
  if (::lstat(request.workdir.c_str(), &info) != 0) return failed("looking at " + request.workdir);
  if (!S_ISDIR(info.st_mode) || info.st_uid != user.uid)
    return fail(ErrorCode::unavailable, request.workdir + " is not a folder of " + user.name);
  JobFiles files{request.workdir + "/.bourse-script", -1};
  CHECK_OK(host::write_new(files.script_path, script, {.mode = 0500, .uid = user.uid, .gid = user.gid}));
  TRY(files.log, host::create_new(request.log_path, {.mode = 0600, .uid = user.uid, .gid = user.gid}));
  return files;
}

Result<pid_t> start_job(const JobRequest& request, const host::RunAs& user, const std::string& script_path, int output,
                        const std::vector<int>& cpus) {
  std::array<int, 2> report{};
  if (::pipe2(report.data(), O_CLOEXEC) != 0) return failed("a pipe");
  const pid_t shim = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return failed("a process");
  if (pid == 0) become_job(request, user, script_path, output, cpus, shim, report[1]);
  ::close(report[1]);
  Failure failure;
  ssize_t told = 0;
  while ((told = ::read(report[0], &failure, sizeof failure)) < 0 && errno == EINTR) {
  }
  ::close(report[0]);
  if (told == 0) return pid;
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  failure.act.back() = '\0';
  return fail(ErrorCode::unavailable, std::string(failure.act.data()) + ": " + std::generic_category().message(failure.error));
}

}  // namespace bourse::local
