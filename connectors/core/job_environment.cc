#include "connectors/core/job_environment.h"

namespace bourse::connector {

std::vector<std::pair<std::string, std::string>> job_environment(const SubmitRequest& request) {
  std::vector<std::pair<std::string, std::string>> all = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                                          {"HOME", request.user.home.empty() ? request.workdir : request.user.home},
                                                          {"USER", request.user.name},
                                                          {"LOGNAME", request.user.name},
                                                          {"LANG", "C.UTF-8"},
                                                          {"TMPDIR", request.workdir},
                                                          {"BOURSE_JOB_ID", request.marker},
                                                          {"BOURSE_CORES", std::to_string(request.need.cores)},
                                                          {"BOURSE_MEM_MIB", std::to_string(request.need.mem_mib)},
                                                          {"BOURSE_WALLTIME_S", std::to_string(request.walltime.ms / 1000)}};
  all.insert(all.end(), request.variables.begin(), request.variables.end());
  return all;
}

std::vector<std::pair<std::string, std::string>> variables_of(const federation::v1::DispatchOrder& order) {
  if (!order.has_array()) return {};
  const federation::v1::ArrayElement& element = order.array();
  std::vector<std::pair<std::string, std::string>> all;
  const auto add = [&all](const char* name, std::string value) { all.emplace_back(name, std::move(value)); };
  const auto add_number = [&add](const std::string& name, std::uint32_t value) {
    add(("BOURSE_ARRAY_" + name).c_str(), std::to_string(value));
    add(("SLURM_ARRAY_TASK_" + name).c_str(), std::to_string(value));
  };
  add("BOURSE_ARRAY_ID", element.array());
  add("BOURSE_ARRAY_INDEX", std::to_string(element.index()));
  add("SLURM_ARRAY_JOB_ID", element.array());
  add("SLURM_ARRAY_TASK_ID", std::to_string(element.index()));
  add_number("COUNT", element.count());
  add_number("MIN", element.least());
  add_number("MAX", element.most());
  add_number("STEP", element.step());
  add("LSB_JOBINDEX", std::to_string(element.index()));
  add("LSB_JOBINDEX_STEP", std::to_string(element.step()));
  return all;
}

}  // namespace bourse::connector
