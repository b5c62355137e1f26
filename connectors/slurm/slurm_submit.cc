#include "connectors/slurm/slurm_submit.h"

#include <algorithm>
#include <array>

#include "connectors/core/job_environment.h"
#include "connectors/host/text.h"
#include "connectors/slurm/slurm_text.h"

namespace bourse::slurm {
namespace {

constexpr std::int64_t kMaxMinutes = 60 * 24 * 366 * 2;

Status check(const connector::SubmitRequest& request, const std::string& account) {
  const auto plain = [](std::string_view field, const std::string& value) -> Status {
    if (host::is_plain_name(value)) return {};
    return fail(ErrorCode::invalid_argument, std::string(field) + " may have letters, digits, '.', '_' and '-' only");
  };
  CHECK_OK(plain("marker", request.marker));
  CHECK_OK(plain("pool", request.pool));
  if (!account.empty()) CHECK_OK(plain("scheduler account", account));
  if (!request.qos.empty()) CHECK_OK(plain("qos", request.qos));
  if (!request.gpu_model.empty()) CHECK_OK(plain("gpu model", request.gpu_model));
  if (!host::is_plain_path(request.workdir) || !host::is_plain_path(request.stdout_path))
    return fail(ErrorCode::invalid_argument, "the workdir's path has characters that sbatch would expand");
  if (!request.user.home.empty() && !host::is_plain_path(request.user.home))
    return fail(ErrorCode::invalid_argument, "the local user's home has odd characters");
  const connector::Allocation& need = request.need;
  if (need.nodes < 1 || need.cores < need.nodes || need.gpus < 0 || need.mem_mib < 0)
    return fail(ErrorCode::invalid_argument, "nodes, cores, gpus or memory");
  if (need.gpus % need.nodes != 0) return fail(ErrorCode::invalid_argument, "gpus must be the same on every node");
  if (request.walltime.ms <= 0 || request.walltime.ms / 60'000 > kMaxMinutes)
    return fail(ErrorCode::invalid_argument, "walltime");
  return {};
}

std::int64_t divided_up(std::int64_t value, std::int64_t by) { return (value + by - 1) / by; }

template <std::size_t N>
bool says(std::string_view text, const std::array<std::string_view, N>& phrases) {
  return std::ranges::any_of(phrases, [&](std::string_view phrase) { return text.contains(phrase); });
}

// Slurm's client library says these when the request may have reached the controller…
constexpr std::array<std::string_view, 5> kPerhapsSent = {"Socket timed out on send/recv", "Zero Bytes were transmitted",
                                                          "Unexpected message received", "Communication connection failure",
                                                          "Transport endpoint is not connected"};
// … and these when it did not, or the controller put it off unseen.
constexpr std::array<std::string_view, 8> kNotSent = {"Unable to contact slurm controller", "connect failure", "Connection refused",
                                                      "temporarily unable to accept job", "Unable to process configuration",
                                                      "Protocol authentication error", "Munge", "in standby mode"};

}  // namespace

Result<std::vector<std::string>> sbatch_arguments(const connector::SubmitRequest& request, const std::string& default_account) {
  const std::string& account = request.user.scheduler_account.empty() ? default_account : request.user.scheduler_account;
  CHECK_OK(check(request, account));
  const connector::Allocation& need = request.need;
  std::vector<std::string> all = {"--parsable"};
  const auto add = [&](std::string_view option, const auto& value) {
    if constexpr (std::is_integral_v<std::decay_t<decltype(value)>>)
      all.push_back("--" + std::string(option) + "=" + std::to_string(value));
    else
      all.push_back("--" + std::string(option) + "=" + std::string(value));
  };
  add("job-name", request.marker);
  add("comment", request.marker);
  add("partition", request.pool);
  if (!account.empty()) add("account", account);
  if (!request.qos.empty()) add("qos", request.qos);
  add("time", divided_up(request.walltime.ms, 60'000));
  add("nodes", need.nodes);
  if (need.cores % need.nodes == 0) {
    add("ntasks", need.nodes);
    add("ntasks-per-node", 1);
    add("cpus-per-task", need.cores / need.nodes);
  } else {
    add("ntasks", need.cores);
    add("cpus-per-task", 1);
  }
  if (need.mem_mib > 0) add("mem", std::to_string(divided_up(need.mem_mib, need.nodes)) + "M");
  if (need.gpus > 0) {
    const std::string model = request.gpu_model.empty() ? "" : request.gpu_model + ":";
    add("gres", "gpu:" + model + std::to_string(need.gpus / need.nodes));
  }
  add("chdir", request.workdir);
  add("input", "/dev/null");
  add("output", request.stdout_path);
  add("open-mode", "append");
  add("export", "NIL");       // nothing of the connector's environment; batch_script sets what a job gets
  add("propagate", "NONE");   // nor its limits
  all.push_back("--no-requeue");
  all.push_back("--ignore-pbs");
  return all;
}

std::string batch_script(const connector::SubmitRequest& request, std::string_view script_path) {
  std::string text = "#!/bin/sh\n";
  for (const auto& [name, value] : connector::job_environment(request)) text.append("export ").append(name).append("='").append(value).append("'\n");
  text.append("unset SLURM_EXPORT_ENV\numask 077\nexec '").append(script_path).append("'\n");
  return text;
}

Result<std::string> read_sbatch(int exit_code, std::string_view out, std::string_view err) {
  if (exit_code == 0) {
    const std::string_view id = out.substr(0, out.find_first_of(";\n"));
    if (is_job_id(id) && out.ends_with('\n')) return std::string(id);
    return fail(ErrorCode::unknown_outcome, "sbatch answered with something else than a job id");
  }
  const std::string detail = "sbatch: " + host::shown(err);
  if (says(err, kPerhapsSent)) return fail(ErrorCode::unknown_outcome, detail);
  if (says(err, kNotSent)) return fail(ErrorCode::unavailable, detail);
  // What it refuses by itself it has not sent; what the controller refuses carries this phrase.
  if (err.contains("Batch job submission failed:") || err.contains("sbatch: error: ") || err.contains("unrecognized option"))
    return fail(ErrorCode::failed_precondition, detail);
  return fail(ErrorCode::unknown_outcome, detail);
}

}  // namespace bourse::slurm
