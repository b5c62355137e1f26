// The table of attempts that this connector has to do with: in memory, and in a record log where the newest line wins.
#pragma once

#include <map>
#include <span>
#include <string>

#include "connectors/core/record_log.h"
#include "connectors/core/run.h"

namespace bourse::connector {

// One thread.
class RunTable {
 public:
  // Reads `path` and rewrites it without what was superseded. Errors: integrity, unavailable.
  static Result<RunTable> open(const std::string& path);

  const std::map<AttemptId, Run>& runs() const { return runs_; }
  const Run* find(AttemptId attempt) const;
  Run* find(AttemptId attempt);
  // The run is in the table from here on, in memory only.
  Run& add(Run run);
  // Makes these attempts' present state durable, with one sync. Errors: unavailable.
  Status save(std::span<const AttemptId> attempts);
  Status save(AttemptId attempt) { return save({&attempt, 1}); }
  // Forgets an attempt at the next rewriting.
  void forget(AttemptId attempt) { runs_.erase(attempt); }

 private:
  RunTable() = default;
  Status rewrite();

  std::string path_;
  RecordLog log_;
  std::map<AttemptId, Run> runs_;
  std::uint64_t rewritten_bytes_ = 0;
};

}  // namespace bourse::connector
