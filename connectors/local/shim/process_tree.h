// What /proc knows of processes: trees, identities, use.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace bourse::local {

struct ProcessInfo {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t session = 0;
  bool zombie = false;
  std::int64_t start = 0;     // clock ticks since boot
  std::int64_t user_ms = 0;   // its own and that of the children it waited for
  std::int64_t system_ms = 0;
};

// Nothing when there is no such process.
std::optional<ProcessInfo> process_info(pid_t pid);
// Every process; those that end meanwhile are left out.
std::vector<ProcessInfo> all_processes();
// Living descendants of `root`, without it. Zombies are left out, their children are not.
std::vector<ProcessInfo> descendants(pid_t root);
// Private resident memory: what this process alone keeps in use.
std::int64_t private_rss_kib(pid_t pid);
// The machine's boot, as the kernel names it; pids and start ticks mean nothing across boots.
std::string boot_id();

// Living processes of `uid` that are of `session`, or carry `variable` ("KEY=value") in their environment: what is left of a
// job whose shim died.
std::vector<pid_t> remnants(uid_t uid, pid_t session, const std::string& variable);

}  // namespace bourse::local
