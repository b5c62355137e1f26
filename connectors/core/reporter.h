// From what the run table knows to signed, chained reports in the spool.
#pragma once

#include <set>
#include <string>

#include "base/rng.h"
#include "base/time.h"
#include "connectors/core/days.h"
#include "connectors/core/order_check.h"
#include "connectors/core/run_table.h"
#include "connectors/core/spool.h"
#include "federation-proto/envelope.h"

namespace bourse::connector {

// One thread. What was said is marked in the run after the report is durable, so a crash in between makes recover() find
// it in the spool instead.
class Reporter {
 public:
  Reporter(const Membership& us, const federation::KeyPair& billing, Spool& spool, RunTable& table, const Clock& clock, Rng& rng);

  // Says the center's days too; before recover(). `interval`: how often the day that runs is said, 0 = never.
  void offer(Days& days, Duration interval) { days_ = &days, days_interval_ = interval; }

  // After opening: marks what the newest report already said. Errors: integrity.
  Status recover();

  // Something may be owed about this attempt; the next flush works out what. `usage` asks for a reading while it runs.
  void touch(AttemptId attempt, bool usage = false);
  void touch_unknown(AttemptId attempt);  // we can't tell what became of it: said once
  void touch_pause(AttemptId attempt);    // it stands still, or goes on, as the broker wanted: each time

  // Writes reports of at most 1000 records until nothing is owed. Each is durable before it is marked. Errors: unavailable
  // (stop: the disk can't be trusted any more).
  Status flush();

 private:
  struct Batch;
  // What was asked to be said of an attempt, beyond what its state tells.
  struct Asked {
    bool usage = false, unknown = false, pause = false;
  };
  void collect(Run& run, Asked asked, Batch& batch);
  void add_usage(Run& run, bool final, Batch& batch);
  Status write(Batch& batch);
  Status say_days();

  const Membership& us_;
  const federation::KeyPair& billing_;
  Spool& spool_;
  RunTable& table_;
  const Clock& clock_;
  Rng& rng_;
  std::set<AttemptId> touched_, readings_, unknown_, paces_;
  Days* days_ = nullptr;
  Duration days_interval_;
};

}  // namespace bourse::connector
