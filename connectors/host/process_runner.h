// The ProcessRunner port: a program run to its end, by argument vector, never through a shell.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "connectors/host/run_as.h"

namespace bourse::host {

struct Command {
  std::vector<std::string> argv;    // argv[0] is an absolute path
  std::vector<std::string> env;     // "KEY=value"; the whole environment
  std::string input;                // its standard input
  std::optional<RunAs> user;    // run as this user; nothing = as ourselves
  std::string directory = "/";
  Duration limit = seconds(30);     // then it is killed, with its process group
  std::size_t max_output = 8 << 20; // of stdout; what comes beyond is read and dropped. stderr keeps 64 KiB.
};

struct Finished {
  int exit_code = 0;                // 128 + signal when a signal ended it
  std::string out;
  std::string err;
  bool truncated = false;           // stdout was longer than max_output
};

class ProcessRunner {
 public:
  virtual ~ProcessRunner() = default;
  // Blocks the calling thread, at most `limit` and a moment. A non-zero exit code is a result, not an error. Errors:
  // invalid_argument (a NUL in an argument, a relative program), unavailable (it was not started: nothing happened),
  // timeout (it was killed: it may have done its work).
  virtual Result<Finished> run(const Command& command) = 0;
};

// Thread-safe. The child gets /dev/null or `input` as stdin, no descriptors but 0 to 2, default signals, and umask 077.
class SystemProcessRunner final : public ProcessRunner {
 public:
  explicit SystemProcessRunner(const Clock& clock) : clock_(clock) {}
  Result<Finished> run(const Command& command) override;

 private:
  const Clock& clock_;
};

}  // namespace bourse::host
