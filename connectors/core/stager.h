// Brings a job's input files into its folder before it is submitted, and hands over what its run left there, with the end of its
// log, afterwards (docs/adr/0025). Works on threads of its own, an attempt at a time each; whatever breaks is tried again, and an
// attempt that is begun anew, after a restart say, goes on from what lies there.
//
// No money follows from any of it: inputs that can't be had make a rejection, outputs that can't be had stay out with a reason.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "connectors/core/driver.h"
#include "connectors/core/file_link.h"
#include "connectors/core/identity.h"

namespace bourse::connector {

struct StagerOptions {
  std::string directory;                                // private: the manifests of jobs whose outputs are owed
  std::int64_t file_bytes = std::int64_t{10} << 30;     // of one input or output
  std::int64_t job_bytes = std::int64_t{100} << 30;     // of all inputs of a job, and of all outputs
  std::int64_t log_bytes = 1 << 20;                     // of a log's end; 0 = logs stay here
  std::size_t entries = 1'000'000;                      // files and folders that are looked at for outputs
  std::size_t threads = 4;
  Duration retry = seconds(2);
};

struct Staging {
  JobId job;
  AttemptId attempt;
  Hash256 manifest;  // zero = the job has no files
  LocalUser user;
  std::string workdir;
};

class Stager {
 public:
  // `log` reads a run's log, as LogSource does. Both outlive the stager.
  Stager(StagerOptions options, FileLink& link, std::function<Result<LogPiece>(AttemptId, std::int64_t offset, std::int64_t most)> log);
  ~Stager();  // stops

  enum class State { busy, done, failed };
  struct Progress {
    State state = State::busy;
    std::string reason;  // failed: why; busy: what went wrong last. For people
  };
  // What has become of it; begins it where that hasn't been done.
  Progress bring_in(const Staging& staging);
  // Never fails: what can't be handed over is said.
  Progress hand_over(const Staging& staging);
  // Ends what is done for it, and drops what became of it. Never blocks for long.
  void forget(AttemptId attempt);
  void stop();  // idempotent, from one thread

 private:
  struct Task {
    Staging staging;
    bool out = false;
    bool dropped = false;  // nobody asks any more
    Progress progress;
  };
  Progress look(const Staging& staging, bool out);
  void work();
  bool over(const Task& task);

  Status bring(const Task& task, const Staging& staging);
  Status bring_file(const Task& task, const Staging& staging, const federation::v1::InputFile& file);
  Status hand(const Task& task, const Staging& staging);
  Result<federation::v1::OutputsTold> look_for_outputs(const Task& task, const Staging& staging);
  Status hash_outputs(const Task& task, const Staging& staging, federation::v1::OutputsTold& told);
  Result<std::string> log_end(const Staging& staging, federation::v1::OutputsTold& told);
  Status push_file(const Task& task, const Staging& staging, federation::v1::OutputFile& file, std::int64_t from, const std::string& log);
  std::string manifest_path(AttemptId attempt) const;

  const StagerOptions options_;
  FileLink& link_;
  const std::function<Result<LogPiece>(AttemptId, std::int64_t, std::int64_t)> log_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::map<std::pair<AttemptId, bool>, std::shared_ptr<Task>> tasks_;
  std::deque<std::shared_ptr<Task>> waiting_;
  std::vector<std::thread> threads_;
};

}  // namespace bourse::connector
