#include "connectors/conformance/checks.h"

#include <algorithm>
#include <array>

namespace bourse::conformance {
namespace {

constexpr std::string_view kLogs = "The scheduler's log of this job, and whether the jobs' folder ([jobs] directory) is the same one on the nodes.";

constexpr std::array kChecks = {
    Check{"pools", "The pool has figures that can be: nodes, cores, memory, and no more free than there is.",
          "What the scheduler itself says of the partition (Slurm: sinfo -p POOL).", check_pools},
    Check{"environment", "A job runs as the mapped user, in its own folder, with a clean environment and without rights.",
          "[identity] in connector.toml; prologs and login scripts of the scheduler that set variables.", check_environment},
    Check{"exit-codes", "Exit codes and signals come back as they were.", kLogs, check_exit_codes},
    Check{"script-bytes", "A script reaches the node byte for byte, with any interpreter; no line of it becomes an option.",
          "Submission filters of the scheduler (Slurm: job_submit plugins, cli_filter).", check_script_bytes},
    Check{"log", "A job's output can be read in pieces.", kLogs, check_log_in_pieces},
    Check{"files", "A job sees neither another's folder nor the names in the folder above; its own is closed to others.",
          "Modes and owners from / down to the jobs' folder; a file system without Unix rights on the nodes.", check_files_apart},
    Check{"marker", "A run is found by its marker alone, and one that never was is not.",
          "Whether the accounting is on and answers (Slurm: sacct); without it an absence proves nothing.", check_marker},
    Check{"strangers", "An id that is not ours, or that now is another's, is missing.", "Job ids that the scheduler gives out again.", check_strangers},
    Check{"restart", "The connector goes away while a job runs, comes back, and finds it by its marker, as it was.",
          "The scheduler's log; does anything end jobs whose submitter is gone?", check_restart},
    Check{"usage", "The time that is charged rises, never falls, and is the time that the job ran.",
          "The clocks of the scheduler's machines; what the accounting says of this job (Slurm: sacct -j ID).", check_usage},
    Check{"many", "Many jobs at once keep their ids, exit codes and logs.", "Limits of the user at the scheduler (Slurm: MaxSubmitJobs).", check_many_at_once},
    Check{"cancel-running", "Cancelling ends a job with everything it started, also what hears no SIGTERM.",
          "How the scheduler ends jobs (Slurm: ProctrackType, KillWait).", check_cancel_running},
    Check{"cancel-at-once", "A job that is cancelled as soon as it is submitted ends as cancelled.", "The scheduler's log of this job.", check_cancel_at_once},
    Check{"queue", "In a full pool jobs wait, are counted as waiting, and can be cancelled there.",
          "Whether the pool was idle: this check takes all of it.", check_queue},
    Check{"pause", "A paused run stands still, its time doesn't count, and it goes on.",
          "Whether the connector's user may suspend (Slurm: operator); without that long jobs are stopped where money runs out.", check_pause},
    Check{"walltime", "A job ends at its walltime, within the grace that the driver tells.",
          "Slurm: OverTimeLimit, KillWait; a time limit must be enforced.", check_walltime},
    Check{"refusals", "What can't run is refused, and nothing of it runs.", "Limits of the partition that the scheduler doesn't enforce.", check_refusals},
};

}  // namespace

std::span<const Check> checks() { return kChecks; }

const Check* find_check(std::string_view name) {
  const auto at = std::ranges::find(kChecks, name, &Check::name);
  return at == kChecks.end() ? nullptr : &*at;
}

}  // namespace bourse::conformance
