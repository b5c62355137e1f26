#include "connectors/local/shim/process_tree.h"

#include <cctype>
#include <cstdio>
#include <unordered_map>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connectors/host/key_values.h"

namespace bourse::local {
namespace {

constexpr std::size_t kMaxProcFile = 256 * 1024;

// Files in /proc have no size, so they are read to their end, up to a bound.
std::string read_proc(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; text.size() < kMaxProcFile && (n = ::read(fd, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  ::close(fd);
  return text;
}

std::string proc(pid_t pid, const char* name) { return "/proc/" + std::to_string(pid) + "/" + name; }

std::vector<pid_t> all_pids() {
  std::vector<pid_t> pids;
  DIR* const dir = ::opendir("/proc");
  if (dir == nullptr) return pids;
  while (const dirent* entry = ::readdir(dir)) {
    if (auto pid = host::parse_integer(entry->d_name, 1, 1 << 30)) pids.push_back(static_cast<pid_t>(*pid));
  }
  ::closedir(dir);
  return pids;
}

std::int64_t ticks_to_ms(long ticks) {
  static const long per_second = ::sysconf(_SC_CLK_TCK);
  return std::int64_t{ticks} * 1000 / per_second;
}

}  // namespace

std::optional<ProcessInfo> process_info(pid_t pid) {
  const std::string text = read_proc(proc(pid, "stat"));
  const std::size_t name_end = text.rfind(')');  // the name before it may hold anything, brackets and spaces too
  if (name_end == std::string::npos) return std::nullopt;
  char state = 0;
  int parent = 0, session = 0;
  long user = 0, system = 0, child_user = 0, child_system = 0;
  long long start = 0;
  const int got = std::sscanf(text.c_str() + name_end + 1,
                              " %c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %ld %ld %ld %ld %*d %*d %*d %*d %lld", &state, &parent,
                              &session, &user, &system, &child_user, &child_system, &start);
  if (got != 8) return std::nullopt;
  return ProcessInfo{pid, parent, session, state == 'Z' || state == 'X', start, ticks_to_ms(user + child_user),
                     ticks_to_ms(system + child_system)};
}

std::vector<ProcessInfo> all_processes() {
  std::vector<ProcessInfo> all;
  for (const pid_t pid : all_pids())
    if (auto info = process_info(pid)) all.push_back(*info);
  return all;
}

std::vector<ProcessInfo> descendants(pid_t root) {
  std::unordered_multimap<pid_t, ProcessInfo> by_parent;
  for (const ProcessInfo& info : all_processes()) by_parent.emplace(info.parent, info);
  std::vector<ProcessInfo> found;
  std::vector<pid_t> todo = {root};
  while (!todo.empty()) {
    const auto [first, last] = by_parent.equal_range(todo.back());
    todo.pop_back();
    for (auto child = first; child != last; ++child) {
      todo.push_back(child->second.pid);
      if (!child->second.zombie) found.push_back(child->second);
    }
    by_parent.erase(first, last);  // each parent once, so a snapshot with a loop can't hold us
  }
  return found;
}

std::int64_t private_rss_kib(pid_t pid) {
  long resident = 0, shared = 0;
  if (std::sscanf(read_proc(proc(pid, "statm")).c_str(), "%*d %ld %ld", &resident, &shared) != 2) return 0;
  static const long page_kib = ::sysconf(_SC_PAGESIZE) / 1024;
  return std::int64_t{resident - shared} * page_kib;
}

std::string boot_id() {
  std::string id = read_proc("/proc/sys/kernel/random/boot_id");
  while (!id.empty() && std::isspace(static_cast<unsigned char>(id.back())) != 0) id.pop_back();
  return id;
}

std::vector<pid_t> remnants(uid_t uid, pid_t session, const std::string& variable) {
  std::vector<pid_t> found;
  for (const ProcessInfo& info : all_processes()) {
    struct stat owner{};
    if (info.zombie || ::stat(("/proc/" + std::to_string(info.pid)).c_str(), &owner) != 0 || owner.st_uid != uid) continue;
    const std::string environment = std::string(1, '\0') + read_proc(proc(info.pid, "environ"));
    const std::string wanted = std::string(1, '\0') + variable + std::string(1, '\0');
    if (info.session == session || environment.contains(wanted)) found.push_back(info.pid);
  }
  return found;
}

}  // namespace bourse::local
