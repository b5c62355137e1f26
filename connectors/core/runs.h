// The life of an attempt at this center: order → intent → submission under a marker → watching → its end.
//
// Durable before each step that can't be taken back, and after any doubt the scheduler is asked by marker before
// anything is submitted. What can't be told is unknown, and nothing follows from it.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/time.h"
#include "connectors/core/driver.h"
#include "connectors/core/order_check.h"
#include "connectors/core/reporter.h"
#include "connectors/core/run_table.h"
#include "connectors/core/sell.h"
#include "connectors/core/stager.h"

namespace bourse::connector {

struct RunsOptions {
  std::string scripts_directory;        // private
  std::string jobs_directory;           // see workdir.h
  std::string accounting_path;          // the raw accounting rows that usage records name by hash
  SellConfig sell;
  std::size_t max_held = 10'000;        // attempts not yet finally reported and acknowledged; more are rejected
  std::size_t submissions_per_step = 25;
  Duration usage_interval = seconds(30);
  // An id that the scheduler, asked again and again, doesn't know for so long is reported as unknown, then given up.
  Duration missing_patience = minutes(10), lost_patience = hours(1);
};

// One thread, but for log_of.
class Runs {
 public:
  Runs(RunsOptions options, const Membership& us, Driver& driver, IdentityMap& identities, RunTable& table, Reporter& reporter,
       const Clock& clock);

  // Who moves files; without one, orders with files are rejected. Before anything else, and it outlives the use of these runs.
  void attach(Stager& stager) { stager_ = &stager; }

  // Before anything else after a start. Errors: unavailable, integrity.
  Status recover();

  // Orders and cancels of the broker. Their errors are the disk's; what is wrong with an order is reported, not returned.
  Status accept(const OrderBatch& batch, bool spool_full);
  Status cancel(JobId job, AttemptId attempt, std::uint32_t fence, const std::string& reason);
  // What runs is suspended, or goes on, at the next poll; the broker is told when the scheduler shows it.
  Status pause(AttemptId attempt, std::uint32_t fence, bool paused);

  // Submits what waits (at most submissions_per_step), resolves what is in doubt. True: there is more to submit.
  Result<bool> advance();
  // Hands over what ended runs left behind, as far as that has come by now.
  Status deliver();
  Status poll();    // asks the scheduler about what it has
  Status observe(); // asks it about its pools; a scheduler that doesn't answer leaves the last figures
  // Everything said of these attempts up to `seq` is acknowledged.
  void acknowledged(std::uint64_t seq);
  // The broker set a usage record aside; what follows it must take its number.
  void set_aside(AttemptId attempt, std::uint32_t revision, bool final, bool only_numbering);

  const std::map<std::string, Offered>& pools() const { return pools_; }
  const Run* find(AttemptId attempt) const { return std::as_const(table_).find(attempt); }
  // What is not finally reported and acknowledged.
  const std::set<AttemptId>& held() const { return held_; }

  // Where an attempt's log is. Safe from any thread. Errors: not_found.
  struct LogPlace {
    std::string scheduler_job;
    LocalUser user;
    std::string path;
  };
  Result<LogPlace> log_of(AttemptId attempt) const;

 private:
  struct Doubt {
    Duration asked;           // monotonic, of the first answer "absent"
    bool absent = false;
    bool needs_settling = false;  // a submission may still be on its way
  };
  Status accept_one(const std::string& bytes, const OrderBatch& batch, bool spool_full);
  Status check_caps(const federation::v1::DispatchOrder& order) const;
  Status map_and_keep(Run& run, const federation::v1::DispatchOrder& order, const std::string& script);
  Result<bool> resolve(Run& run, Doubt& doubt);
  Status submit(Run& run);
  Status check_files(const federation::v1::DispatchOrder& order) const;
  Result<bool> brought_in(Run& run);
  bool owes_files(const Run& run) const { return stager_ != nullptr && run.phase == RunPhase::over && !run.handed_over; }
  static Staging staging_of(const Run& run);
  Status submission_failed(Run& run, const Error& error);
  Status stop(Run& run);
  Status refuse(Run& run, bool rejected, std::string reason);
  Status adopt(Run& run, std::string scheduler_job);
  Status apply(Run& run, const RunStatus& status);
  void keep_pace(Run& run, RunState state);
  Status apply_missing(Run& run);
  Status give_back(Run& run);
  Status give_up(Run& run);
  Status keep_row(Run& run, const std::string& raw);
  void prune();
  void drop_script(const Run& run);
  void publish_log(const Run& run);
  std::string script_path(const Hash256& hash) const;

  RunsOptions options_;
  const Membership& us_;
  Driver& driver_;
  IdentityMap& identities_;
  RunTable& table_;
  Reporter& reporter_;
  const Clock& clock_;
  Stager* stager_ = nullptr;

  std::map<std::string, Offered> pools_;
  bool pools_known_ = false;                        // the scheduler has told them once
  std::vector<OrderBatch> early_;                   // orders that came before that
  std::optional<Duration> pruned_;
  std::set<AttemptId> held_;
  std::set<AttemptId> waiting_;                     // accepted, to be submitted
  std::set<AttemptId> owing_;                       // over, and what they left is not handed over
  std::map<AttemptId, Doubt> doubts_;               // ask the scheduler first
  std::map<AttemptId, Duration> not_before_;        // monotonic: the next try after a transient failure
  std::map<AttemptId, Duration> read_at_, missing_since_, cancelled_at_;
  std::unordered_map<JobId, AttemptId> newest_;     // of each job
  RecordLog accounting_;

  mutable std::mutex log_mutex_;
  std::unordered_map<AttemptId, LogPlace> logs_;
};

}  // namespace bourse::connector
