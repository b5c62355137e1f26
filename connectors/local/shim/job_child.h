// The job's first process: a fork of the shim that takes on the local user, the limits and the clean environment, then
// becomes the script.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "connectors/host/run_as.h"
#include "connectors/local/shim/job_folder.h"

namespace bourse::local {

// The script and the log lie in the run's workdir, made anew by the shim and given to the user.
struct JobFiles {
  std::string script_path;
  int log = -1;  // open for appending, close-on-exec
};
// Errors: unavailable (no such workdir, not the user's, disk full).
Result<JobFiles> prepare_files(const JobRequest& request, const host::RunAs& user, const std::string& script);

// The whole environment of a job: PATH, HOME, USER, LOGNAME, LANG, TMPDIR and BOURSE_*; nothing of ours.
std::vector<std::string> job_environment(const JobRequest& request);

// Starts it in a session of its own, stdout and stderr to `output`, pinned to `cpus` if there are any. Errors: unavailable
// (the script did not start; nothing runs).
Result<pid_t> start_job(const JobRequest& request, const host::RunAs& user, const std::string& script_path, int output,
                        const std::vector<int>& cpus);

}  // namespace bourse::local
