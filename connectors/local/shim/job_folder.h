// JobFolder: what is kept of one local run, as files in a folder named by its marker. The driver and the shim share it; no
// other state exists.
//
//   script   the bytes to run                          written by the driver before `request`
//   request  what was asked for                        its appearance is the moment of submission
//   cancel   exists once somebody asked for the end    driver
//   pause    exists while it is to stand still         driver
//   lock     locked as long as a shim lives            shim
//   status   what became of it                         shim (driver: only for a run that no shim holds)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace bourse::local {

struct JobRequest {
  std::int64_t number = 0;   // rising with submission; the queue's order
  std::string marker;
  std::string name;          // for people
  std::string pool;
  std::string user;          // local user's name
  std::int64_t uid = 0;
  std::string home;          // HOME of the job
  std::string workdir;
  std::string log_path;
  std::int64_t cores = 1;
  std::int64_t mem_mib = 0;  // 0 = no limit
  Duration walltime;
  Instant submitted;
  // Limits from the driver's configuration.
  Duration kill_grace = seconds(5);       // between SIGTERM and SIGKILL
  std::int64_t max_processes = 0;         // RLIMIT_NPROC; 0 = unchanged
  std::int64_t max_file_bytes = 0;        // RLIMIT_FSIZE; 0 = unchanged
  std::int64_t max_log_bytes = 64 << 20;  // what comes beyond is dropped
  std::vector<std::string> variables;     // "NAME=value", besides those that every job has; without line breaks
};

enum class JobState : std::uint8_t { running = 1, ended = 2, paused = 3 };

struct JobStatus {
  JobState state = JobState::running;
  std::int64_t shim_pid = 0;
  std::int64_t shim_start = 0;   // in clock ticks since boot: with the pid and the boot id it names the process for good
  std::int64_t session = 0;      // of the job's first process, its pid too; 0 = it never ran
  std::string boot_id;
  std::string cpus;              // the CPUs it is pinned to ("0,1"); empty = not pinned
  Instant started;               // 0 = it never ran
  Duration running;              // by the monotonic clock, since the start, without the time it stood still
  std::int32_t exit_code = 0;    // 128 + signal when a signal ended it
  std::string reason;            // "", "cancelled", "walltime", "memory", "terminated", "lost", "not started: …"
  // For information; money never follows from these.
  std::int64_t user_ms = 0;
  std::int64_t system_ms = 0;
  std::int64_t max_rss_kib = 0;  // of the whole tree, as sampled
  std::int64_t log_dropped = 0;  // bytes beyond max_log_bytes
};

inline constexpr std::string_view kCancelled = "cancelled";
inline constexpr std::string_view kWalltime = "walltime";
inline constexpr std::string_view kMemory = "memory";
inline constexpr std::string_view kTerminated = "terminated";  // somebody sent the shim a SIGTERM: a shutdown
inline constexpr std::string_view kLost = "lost";              // the shim died

class JobFolder {
 public:
  explicit JobFolder(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

  // Submission. Repeating it after a crash completes it. Errors: conflict (it is complete), unavailable.
  Status create(const JobRequest& request, std::string_view script) const;
  // Errors of all reads: not_found, integrity (not what we write), unavailable.
  Result<JobRequest> request() const;
  Result<std::string> script() const;
  Result<JobStatus> status() const;
  Status write_status(const JobStatus& status) const;
  Status request_cancel() const;
  bool cancel_requested() const;
  Status request_pause(bool paused) const;
  bool pause_requested() const;

  // True while a shim lives, whatever the files say. Errors: unavailable.
  Result<bool> held() const;
  // Becomes the holder, as long as the process lives. False = another one is. Errors: unavailable.
  Result<bool> hold() const;

 private:
  std::string path_;
};

std::string to_text(const JobRequest& request);
Result<JobRequest> parse_request(std::string_view text);
std::string to_text(const JobStatus& status);
Result<JobStatus> parse_status(std::string_view text);

}  // namespace bourse::local
