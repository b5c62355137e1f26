#include "cli/up/leftovers.h"

#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/time.h"
#include "cli/embedded/child.h"

namespace bourse::embedded {
namespace {

namespace fs = std::filesystem;

std::vector<pid_t> members_of(pid_t group, const std::string& program) {
  std::vector<pid_t> members;
  std::error_code error;
  const fs::path executable = fs::canonical(program, error);
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad != std::errc() || end != name.data() + name.size()) continue;
    std::error_code gone;
    if (getpgid(pid) == group && fs::read_symlink(entry.path() / "exe", gone) == executable) members.push_back(pid);
  }
  return members;
}

}  // namespace

void end_leftovers(const std::string& pid_file, const std::string& program) {
  pid_t group = 0;
  if (!(std::ifstream(pid_file) >> group) || group <= 1) return;
  const std::vector<pid_t> members = members_of(group, program);
  for (const pid_t pid : members) kill(pid, SIGKILL);
  for (const pid_t pid : members) wait_gone(pid, seconds(5));
}

}  // namespace bourse::embedded
