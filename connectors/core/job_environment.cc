#include "connectors/core/job_environment.h"

namespace bourse::connector {

std::vector<std::pair<std::string, std::string>> job_environment(const SubmitRequest& request) {
  return {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
          {"HOME", request.user.home.empty() ? request.workdir : request.user.home},
          {"USER", request.user.name},
          {"LOGNAME", request.user.name},
          {"LANG", "C.UTF-8"},
          {"TMPDIR", request.workdir},
          {"BOURSE_JOB_ID", request.marker},
          {"BOURSE_CORES", std::to_string(request.need.cores)},
          {"BOURSE_MEM_MIB", std::to_string(request.need.mem_mib)},
          {"BOURSE_WALLTIME_S", std::to_string(request.walltime.ms / 1000)}};
}

}  // namespace bourse::connector
