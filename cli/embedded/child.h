// Child processes by argv: the servers that `bourse up` and the tests run for themselves.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace bourse::embedded {

struct Program {
  std::vector<std::string> argv;   // argv[0] is the absolute path
  std::string user;                // drop to this user and its groups when run by root; empty = stay
  std::string directory;           // working directory
  std::string log;                 // stdout and stderr are appended here (made by the caller's rights); stdin is empty
  bool dies_with_parent = false;   // SIGTERM when the thread that spawned it ends, however it ends
  bool bare_environment = false;   // PATH, LANG and TZ only, instead of ours
};

// Starts it in a session of its own, with default signal handling and no inherited descriptors; it outlives us unless it
// is ended. Errors: unavailable (no such user or program, no right).
Result<pid_t> spawn(const Program& program);

// Waits until the process has ended, at most `timeout`; reaps it when it is our child. True when it is gone. Works for
// processes that aren't our children.
bool wait_gone(pid_t pid, Duration timeout);
bool alive(pid_t pid);  // reaps a dead child of ours

// Its exit status (waitpid's), at most after `timeout`. Our children only. Errors: timeout, unavailable (not a child).
Result<int> wait_status(pid_t pid, Duration timeout);

// Pids of its children, as the kernel has them now.
std::vector<pid_t> children_of(pid_t pid);

// Whether something accepts connections on that Unix socket.
bool socket_accepts(const std::string& path);

// Creates `directory` (and parents, 0755) with `mode`, owned by `user` when run by root. An existing one is given both.
Status make_directory(const std::string& directory, unsigned mode, const std::string& user);

// The last `bytes` of a file, for error messages; empty when unreadable.
std::string end_of_log(const std::string& path, std::size_t bytes = 2000);

}  // namespace bourse::embedded
