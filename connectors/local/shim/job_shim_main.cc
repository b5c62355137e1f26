// bourse-job-shim FOLDER [CPU…]: runs the job in FOLDER and stays beside it until its end.
//
// It leaves the starter's session and is nobody's child, so the connector may die and come back. The command returns when
// the job runs (or is known not to), its status written: 0; 3 when another shim has or had the job; 2 on bad usage; 1 when
// nothing could be done, and nothing runs.
#include <array>
#include <cerrno>
#include <cstdio>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "connectors/host/key_values.h"
#include "connectors/local/shim/job_watch.h"

namespace {

using bourse::local::JobFolder;
using bourse::local::JobWatch;

constexpr char kBusy = 3, kFailed = 1, kStarted = 0;

// Leaves the session, and the job's pipe as the only descriptor beside the standard ones.
void detach(int& report) {
  ::setsid();
  const int null = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
  report = ::fcntl(report, F_DUPFD_CLOEXEC, 3);
  if (report != 3) report = ::dup3(report, 3, O_CLOEXEC);
  ::close_range(4, ~0U, 0);
  ::umask(077);
  (void)::chdir("/");
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

char run(const std::string& path, const std::vector<int>& cpus, int report) {
  const bourse::SystemClock clock;
  const JobFolder folder(path);
  const auto held = folder.hold();
  if (!held) return kFailed;
  if (!*held || folder.status()) return kBusy;  // now, or before us
  auto request = folder.request();
  if (!request) return kFailed;
  JobWatch watch(folder, std::move(*request), clock);
  const auto running = watch.start(cpus);
  if (!running) return kFailed;
  (void)!::write(report, &kStarted, 1);
  ::close(report);
  if (*running) watch.attend();
  return kStarted;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argv[1][0] != '/') {
    std::fputs("usage: bourse-job-shim FOLDER [CPU...]   (started by the local driver)\n", stderr);
    return 2;
  }
  std::vector<int> cpus;
  for (int i = 2; i < argc; ++i) {
    const auto cpu = bourse::host::parse_integer(argv[i], 0, 65535);
    if (!cpu) return 2;
    cpus.push_back(static_cast<int>(*cpu));
  }
  std::array<int, 2> report{};
  if (::pipe2(report.data(), O_CLOEXEC) != 0) return 1;
  const pid_t child = ::fork();
  if (child < 0) return 1;
  if (child == 0) {
    detach(report[1]);
    const pid_t shim = ::fork();  // no longer a session's leader: it can't get a terminal
    if (shim != 0) ::_exit(shim < 0 ? 1 : 0);
    const char code = run(argv[1], cpus, report[1]);
    if (code != kStarted) (void)!::write(report[1], &code, 1);
    ::_exit(code);
  }
  ::close(report[1]);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  char code = kFailed;
  if (::read(report[0], &code, 1) != 1) return kFailed;
  return code;
}
