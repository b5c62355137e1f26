// JobWatch: the shim's life beside its job: passes the output on, meters, enforces the limits, keeps `status` true.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/time.h"
#include "connectors/host/run_as.h"
#include "connectors/local/shim/job_folder.h"

namespace bourse::local {

// Seconds between two updates of the status: what a killed shim can lose of its job's time.
inline constexpr Duration kStatusInterval = seconds(1);

class JobWatch {
 public:
  // The process must be the folder's holder, have one thread, and be a subreaper (all orphans of the job come to it).
  JobWatch(const JobFolder& folder, JobRequest request, const Clock& clock);

  // Starts the job and writes the first status. An ended status is written when it can't start, or was cancelled before.
  // True if the job runs. Errors: unavailable (the status could not be written: nothing runs).
  Result<bool> start(const std::vector<int>& cpus);
  // Until the job and all its descendants have ended; writes the final status.
  void attend();

 private:
  enum class Phase : std::uint8_t { running, ending, killing };

  Result<pid_t> launch(const std::vector<int>& cpus);
  Duration running_time() const;
  void wait_for_something();
  void pass_output();
  void reap();
  void look_at_signals();
  void tick();
  void keep_pace();
  void sample();
  void end(std::string_view reason);
  void signal_tree(int number);
  bool tree_gone() const;
  void save();

  const JobFolder& folder_;
  const JobRequest request_;
  const Clock& clock_;
  JobStatus job_;
  int signals_ = -1;         // signalfd
  int output_ = -1;          // read end of the job's stdout and stderr
  int log_ = -1;
  std::int64_t logged_ = 0;  // bytes in the log
  Phase phase_ = Phase::running;
  Duration started_{};       // monotonic
  std::optional<Duration> stopped_at_;  // monotonic, while it stands still
  Duration stood_still_{};   // before that
  Duration next_tick_{};
  Duration kill_at_{};       // while ending
  bool main_ended_ = false;
  bool children_gone_ = false;
};

}  // namespace bourse::local
