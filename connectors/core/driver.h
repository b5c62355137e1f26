// The driver port: what the connector needs of a scheduler. One driver a connector; implementations are named for the
// scheduler (connectors/slurm, connectors/local) and registered by the daemon.
//
// Threads: every member but read_log is called from one thread, the connector's; read_log comes from another one and may
// overlap with any of them. Every call returns within the driver's own deadline (capabilities().call_deadline), having
// ended any child process that it started for the call. A driver keeps no state that must survive: after a restart the
// scheduler itself, asked by marker, is the truth.
//
// Errors follow their outcome (base/error.h), and the connector acts on nothing else:
//   rejected   the scheduler said no; nothing runs and nothing will (bad account, limit, unknown pool)
//   transient  nothing happened, it may work later (scheduler down before the request was sent)
//   unknown    it may have happened (no answer in time, connection lost after sending): use timeout or unknown_outcome
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "base/time.h"
#include "connectors/core/identity.h"

namespace bourse::connector {

// A set of like nodes, as it can be sold. Names are the scheduler's (partition). Static figures first, live ones after.
struct PoolInfo {
  std::string name;
  std::string arch;                // "x86_64"
  std::int64_t nodes = 0;          // usable ones
  std::int64_t cores_per_node = 0;
  std::int64_t mem_mib_per_node = 0;
  std::int64_t gpus_per_node = 0;
  std::string gpu_model;           // lower case, "" without gpus
  Duration max_walltime;           // 0 = no limit
  bool whole_nodes = false;        // the scheduler gives out nodes only
  bool accepting = true;           // up and not drained as a whole
  std::int64_t free_cores = 0;
  std::int64_t free_gpus = 0;
  std::int64_t pending_jobs = 0;
  std::int64_t running_jobs = 0;
  std::int64_t pending_core_ms = 0;  // Σ over waiting jobs of cores × time limit
};

// Totals over all nodes of the run.
struct Allocation {
  std::int64_t cores = 0;
  std::int64_t gpus = 0;
  std::int64_t nodes = 1;
  std::int64_t mem_mib = 0;
};

struct SubmitRequest {
  // Names job attempt and fence: "bourse-<attempt in text>-<fence>"; [a-z0-9A-Z_-] only, at most 64 characters. The driver
  // attaches it so that find_by_marker finds the run by it alone (Slurm: --comment and the job name's prefix).
  std::string marker;
  std::string name;          // the user's, printable, may hold spaces; for people, never for a shell
  std::string script;        // the exact bytes to run, starting with "#!"; lines in it never become options
  std::string pool;
  Allocation need;           // what the order allows; ask for exactly this
  Duration walltime;         // whole seconds; round up to what the scheduler can express
  std::string qos;           // empty = the pool's default
  std::string gpu_model;     // empty = any
  LocalUser user;            // never root: the job, and the submission where possible, run as this user
  std::string workdir;       // absolute; exists, 0700, owned by `user`, in a folder that users can't write to
  std::string stdout_path;   // in workdir; stdout and stderr both go there; does not exist yet
  // Names and values of what else is to be in its environment; neither has control characters or quotes (see job_environment.h).
  std::vector<std::pair<std::string, std::string>> variables;
};

enum class RunState : std::uint8_t {
  queued = 1,
  running = 2,
  suspended = 3,  // has its allocation, runs not: its time doesn't count
  ended = 4,      // by itself or by the scheduler (walltime, node failure): exit_code and reason say how
  cancelled = 5,  // ended because somebody cancelled it
  missing = 6,    // the scheduler answered, and doesn't know the id just now; proves nothing unless it stays so
};

struct RunStatus {
  RunState state = RunState::missing;
  std::optional<Instant> started;  // absent while it never ran
  std::optional<Instant> ended;    // present when ended or cancelled
  Duration running;                // since the start, suspension excluded; the final figure once ended
  Allocation allocation;           // what the scheduler gave, in all
  std::int32_t exit_code = 0;      // 128 + signal when a signal ended it; not 0 when ended otherwise than well
  std::string reason;              // for people: "TIMEOUT", "NODE_FAIL"…; empty when it ended well
  std::string raw;                 // the accounting row, kept by the center; its SHA-256 goes into the usage record
};

struct LogPiece {
  std::string data;
  std::int64_t offset = 0;  // of data
  std::int64_t size = 0;    // of the log now
};

struct Capabilities {
  std::string kind;             // "slurm"
  std::string version;          // of the scheduler, for people
  Duration grace;               // a run may exceed its walltime by this before the scheduler ends it
  Duration call_deadline = seconds(15);
  Duration submission_settle = seconds(5);  // an absent marker proves absence only this long after an unknown submission
  bool files = false;           // jobs run in their workdir, on a file system of the connector's: files can be staged there
  bool silent_of_cards_and_memory = false;  // an allocation that has cores and 0 of these may only not be told
};

class Driver {
 public:
  virtual ~Driver() = default;

  virtual Capabilities capabilities() const = 0;
  // All pools if `pools` is empty. Errors: unavailable.
  virtual Result<std::vector<PoolInfo>> probe(const std::vector<std::string>& pools) = 0;
  // The scheduler's own job id ([A-Za-z0-9._-], at most 64). Called at most once for a marker unless the connector knows
  // that the marker is absent.
  virtual Result<std::string> submit(const SubmitRequest& request) = 0;
  // The id of the run with this marker, live or ended; nullopt = the scheduler was asked, live queue and accounting both,
  // and has no such run. Anything short of that is an error of outcome transient or unknown.
  virtual Result<std::optional<std::string>> find_by_marker(const std::string& marker) = 0;
  // Live queue and accounting together, in few calls for all ids. Ids that the scheduler doesn't know are `missing`.
  // An id is given with its marker so that a reused number isn't mistaken for ours (then it is `missing` too).
  virtual Result<std::map<std::string, RunStatus>> poll(const std::map<std::string, std::string>& marker_by_id) = 0;
  // Asks for the end; the end itself is seen by poll. Of an ended run: success.
  virtual Status cancel(const std::string& id, const LocalUser& user) = 0;
  // Suspends a run, or lets it go on; that it did is seen by poll. Its time doesn't count meanwhile, and cancel works all the
  // same. Errors: unavailable (also where the scheduler does not let us).
  virtual Status set_paused(const std::string& id, const LocalUser& user, bool paused) = 0;
  // At most max_bytes from offset; past the end: no data. See connectors/core/log_file.h for logs that are files.
  // Errors: not_found (no log yet), unavailable.
  virtual Result<LogPiece> read_log(const std::string& id, const LocalUser& user, const std::string& stdout_path,
                                    std::int64_t offset, std::int64_t max_bytes) = 0;
};

}  // namespace bourse::connector
