#include "connectors/scow/scow_submit.h"

#include <charconv>

#include "connectors/core/job_environment.h"
#include "connectors/slurm/slurm_submit.h"
#include "connectors/host/text.h"
#include "connectors/slurm/slurm_text.h"

namespace bourse::scow {
namespace {

using host::is_plain_name;
using host::is_plain_path;

constexpr std::int64_t kMaxMinutes = 60 * 24 * 366;

Status plain(std::string_view field, const std::string& value) {
  if (is_plain_name(value)) return {};
  return fail(ErrorCode::invalid_argument, std::string(field) + " may have letters, digits, '.', '_' and '-' only");
}

Status check_texts(const connector::SubmitRequest& request, const std::string& account) {
  if (!is_marker(request.marker)) return fail(ErrorCode::invalid_argument, "marker");
  CHECK_OK(plain("pool", request.pool));
  CHECK_OK(plain("scheduler account", account));
  if (!request.qos.empty()) CHECK_OK(plain("qos", request.qos));
  if (!is_safe_user(request.user.name))
    return fail(ErrorCode::invalid_argument, "the adapter takes local users of two or more of a-z, 0-9, '_' and '-' only");
  if (!is_plain_path(request.workdir) || !is_plain_path(request.stdout_path))
    return fail(ErrorCode::invalid_argument, "the workdir's path has characters that a shell would expand");
  if (!request.user.home.empty() && !is_plain_path(request.user.home))
    return fail(ErrorCode::invalid_argument, "the local user's home has odd characters");
  return {};
}

Status check_figures(const connector::SubmitRequest& request) {
  const connector::Allocation& need = request.need;
  const auto sane = [](std::int64_t n) { return n >= 0 && n <= host::kMaxCount; };
  if (need.nodes < 1 || !sane(need.nodes) || need.cores < need.nodes || !sane(need.cores) || !sane(need.gpus) || !sane(need.mem_mib))
    return fail(ErrorCode::invalid_argument, "nodes, cores, gpus or memory");
  // The interface counts cores and cards by node.
  if (need.cores % need.nodes != 0) return fail(ErrorCode::invalid_argument, "cores must be the same on every node");
  if (need.gpus % need.nodes != 0) return fail(ErrorCode::invalid_argument, "gpus must be the same on every node");
  if (request.walltime.ms <= 0 || request.walltime.ms / 60'000 > kMaxMinutes)
    return fail(ErrorCode::invalid_argument, "walltime");
  return {};
}

std::int64_t divided_up(std::int64_t value, std::int64_t by) { return (value + by - 1) / by; }

constexpr std::string_view kEnvironment = R"sh(set --
for name in $(/usr/bin/awk 'BEGIN { for (n in ENVIRON) if (n ~ /^((SLURM|CRANE|PMI|PMIX)_[A-Z0-9_]+|(CUDA|ROCR|HIP|ASCEND_RT)_VISIBLE_DEVICES)$/ && n != "SLURM_EXPORT_ENV") print n }'); do
  eval "set -- \"\$@\" \"$name=\$$name\""
done
)sh";

// A signal to end is the script's to answer; this shell stays for its exit code.
constexpr std::string_view kRun = R"sh(/bin/sh -c 'umask 077
cd "$1" || exit 1
exec </dev/null >>"$2" 2>&1
trap : TERM
"$3"
code=$?
echo "$code" >"$4.new" && mv "$4.new" "$4"
exit "$code"' )sh";

}  // namespace

std::string script_path(const std::string& workdir) { return workdir + "/.bourse-user-script"; }
std::string exit_code_path(const std::string& workdir) { return workdir + "/.bourse-exit"; }

std::optional<std::int32_t> parse_exit_code(std::string_view text) {
  if (!text.ends_with('\n')) return std::nullopt;
  text.remove_suffix(1);
  std::int32_t code = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
  if (error != std::errc{} || end != text.data() + text.size() || code < 0 || code > 255) return std::nullopt;
  return code;
}

Result<wire::SubmitJobRequest> submit_request(const connector::SubmitRequest& request, const std::string& account, Flavour flavour) {
  CHECK_OK(check_texts(request, account));
  CHECK_OK(check_figures(request));
  const connector::Allocation& need = request.need;
  wire::SubmitJobRequest call;
  call.set_user_id(request.user.name);
  call.set_job_name(request.marker);
  call.set_account(account);
  call.set_partition(request.pool);
  if (!request.qos.empty()) call.set_qos(request.qos);
  call.set_node_count(static_cast<std::uint32_t>(need.nodes));
  call.set_core_count(static_cast<std::uint32_t>(need.cores / need.nodes));
  call.set_gpu_count(static_cast<std::uint32_t>(need.gpus / need.nodes));
  call.set_time_limit_minutes(static_cast<std::uint32_t>(divided_up(request.walltime.ms, 60'000)));
  const std::int64_t memory = divided_up(need.mem_mib, need.nodes);
  if (memory > 0) call.set_memory_mb(static_cast<std::uint64_t>(memory * need.nodes));  // Crane's divides it by the nodes
  call.set_script(batch_script(request));
  call.set_working_directory(request.workdir);
  // The log is written by our script; these are for what the scheduler itself has to say.
  call.set_stdout(request.workdir + "/.bourse-scheduler.out");
  call.set_stderr(request.workdir + "/.bourse-scheduler.out");
  if (flavour == Flavour::slurm) {
    // Slurm's adapter ignores memory_mb and pastes these after "#SBATCH".
    if (memory > 0) call.add_extra_options("--mem=" + std::to_string(memory) + "M");
    call.add_extra_options("--no-requeue");
  }
  return call;
}

std::string batch_script(const connector::SubmitRequest& request) {
  std::string text(kEnvironment);
  text += "exec /usr/bin/env -i \"$@\"";
  for (const auto& [name, value] : connector::job_environment(request)) text.append(" ").append(name).append("='").append(value).append("'");
  text.append(" ").append(kRun).append("bourse");
  for (const std::string& path :
       {request.workdir, request.stdout_path, script_path(request.workdir), exit_code_path(request.workdir)})
    text.append(" '").append(path).append("'");
  text += "\n";
  return text;
}

Result<std::string> read_submission(const Said& said, std::uint32_t job_id) {
  const std::string detail = "SubmitJob: " + (said.why.empty() ? said.text : host::shown(said.why));
  switch (said.code) {
    case grpc::StatusCode::OK:
      // The adapter reads the id off sbatch's output and swallows what it can't read: the job may be there.
      if (job_id == 0) return fail(ErrorCode::unknown_outcome, "the adapter answered with job id 0");
      return std::to_string(job_id);
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::ALREADY_EXISTS:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::UNIMPLEMENTED:
      return fail(ErrorCode::failed_precondition, detail);
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
      return fail(ErrorCode::unavailable, detail);
    default:
      break;
  }
  // sbatch did not succeed; only its words tell whether the controller has the job.
  if (said.reason == "SBATCH_FAILED") return slurm::read_sbatch(1, "", said.why.empty() ? said.text : said.why);
  // The adapter had not come to sbatch.
  if (said.reason == "CREATE_SCRIPT_FAILED" || said.reason.ends_with("_ILLEGAL_CHARACTERS"))
    return fail(ErrorCode::failed_precondition, detail);
  if (said.reason == "BUDGET") return fail(ErrorCode::unavailable, detail);
  return fail(ErrorCode::unknown_outcome, detail);
}

}  // namespace bourse::scow
