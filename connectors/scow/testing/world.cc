#include "connectors/scow/testing/world.h"

#include <algorithm>

#include "scow/error_details.pb.h"

namespace bourse::scow::testing {
namespace {

bool plain(const std::string& text, const char* also) {
  return std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-").contains(c) || std::string_view(also).contains(c);
  });
}

bool slurm_takes_user(const std::string& user) {  // ^[^-][a-z0-9_-]+$
  return user.size() >= 2 && user.front() != '-' && std::ranges::all_of(user.substr(1), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
         });
}

std::int64_t memory_asked(const World& world, const wire::SubmitJobRequest& request) {
  if (world.crane) return static_cast<std::int64_t>(request.memory_mb());
  for (const std::string& option : request.extra_options())
    if (option.starts_with("--mem=") && option.ends_with('M')) return std::stoll(option.substr(6)) * request.node_count();
  return world.mem_mib_per_node * request.node_count();
}

bool works(const WorldJob& job) { return job.state == "RUNNING" || job.state == "SUSPENDED"; }

}  // namespace

WorldJob* World::find(std::uint32_t id) {
  for (WorldJob& job : jobs)
    if (job.id == id) return &job;
  return nullptr;
}

grpc::Status refusal(grpc::StatusCode code, const std::string& reason, const std::string& message, const std::string& why) {
  scow_details::ErrorInfo info;
  info.set_reason(reason);
  if (!why.empty()) (*info.mutable_metadata())["reason"] = why;
  scow_details::StatusDetails details;
  details.set_code(static_cast<std::int32_t>(code));
  details.set_message(message);
  auto* packed = details.add_details();
  packed->set_type_url("type.googleapis.com/google.rpc.ErrorInfo");
  packed->set_value(info.SerializeAsString());
  return {code, message, details.SerializeAsString()};
}

bool gate(World& world, const std::string& rpc, grpc::Status& status) {
  ++world.calls[rpc];
  if (world.died || world.away || world.failing.contains(rpc)) {
    status = {grpc::StatusCode::UNAVAILABLE, "connection refused"};
    return false;
  }
  if (world.not_implemented.contains(rpc)) {
    status = {grpc::StatusCode::UNIMPLEMENTED, "unknown method " + rpc};
    return false;
  }
  if (world.on_look) world.on_look(world);
  return true;
}

grpc::Status submit_job(World& world, const wire::SubmitJobRequest& request, wire::SubmitJobResponse& response) {
  world.last_submission = request;
  for (const std::string& text : {request.job_name(), request.account(), request.partition(), request.qos()})
    world.injected = world.injected || !plain(text, "");
  for (const std::string& text : {request.working_directory(), request.stdout(), request.stderr()})
    world.injected = world.injected || !plain(text, "/");
  for (const std::string& text : request.extra_options()) world.injected = world.injected || !plain(text, "=");
  if (world.crane && request.node_count() == 0) {
    world.died = true;  // memory_mb is divided by it
    return {grpc::StatusCode::UNAVAILABLE, "panic"};
  }
  if (!world.crane && !slurm_takes_user(request.user_id()))
    return refusal(grpc::StatusCode::INVALID_ARGUMENT, "USER_INVALID", "the user name is not valid");
  const auto sbatch_failed = [](const std::string& why) {
    return refusal(grpc::StatusCode::UNKNOWN, "SBATCH_FAILED", "sbatch failed", why);
  };
  const auto account = world.accounts.find(request.account());
  if (account == world.accounts.end() || account->second.blocked || !account->second.users.contains(request.user_id()))
    return sbatch_failed("sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified");
  const SubmitFault fault = std::exchange(world.fault, SubmitFault::none);
  if (fault == SubmitFault::id_zero_and_nothing) return grpc::Status::OK;
  if (fault == SubmitFault::script_not_made) return refusal(grpc::StatusCode::ABORTED, "CREATE_SCRIPT_FAILED", "Create submit script failed.");
  if (fault == SubmitFault::illegal_characters) return refusal(grpc::StatusCode::INTERNAL, "JOBNAME_CONTAINS_ILLEGAL_CHARACTERS", "job name");
  if (fault == SubmitFault::sbatch_refused)
    return sbatch_failed("sbatch: error: Batch job submission failed: Requested node configuration is not available");
  WorldJob job{.id = world.next_id++, .name = request.job_name(), .account = request.account(), .user = request.user_id(),
               .partition = request.partition(), .qos = request.qos(), .workdir = request.working_directory()};
  job.nodes = request.node_count();
  job.cores = static_cast<std::int64_t>(request.core_count()) * job.nodes;
  job.gpus = static_cast<std::int64_t>(request.gpu_count()) * job.nodes;
  job.mem_mib = memory_asked(world, request);
  job.limit_minutes = request.time_limit_minutes();
  job.submit = world.now();
  if (world.on_submit) world.on_submit(job, request);
  world.jobs.push_back(job);
  if (fault == SubmitFault::answer_lost) return {grpc::StatusCode::UNAVAILABLE, "the connection broke"};
  if (fault == SubmitFault::sbatch_timed_out) return sbatch_failed("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation");
  if (fault == SubmitFault::crane_call_failed) return refusal(grpc::StatusCode::UNKNOWN, "CRANE_CALL_FAILED", "context deadline exceeded");
  if (fault != SubmitFault::id_zero_and_runs) response.set_job_id(job.id);
  return grpc::Status::OK;
}

grpc::Status cancel_job(World& world, const wire::CancelJobRequest& request) {
  WorldJob* job = nullptr;
  for (WorldJob& each : world.jobs)
    if (each.id == request.job_id() && each.in_queue) job = &each;
  if (job == nullptr) {
    if (world.crane) return refusal(grpc::StatusCode::UNKNOWN, "CRANE_CALL_FAILED", "cancel failed");
    // Either of the two, depending on which look fails.
    if (request.job_id() % 2 == 0) return refusal(grpc::StatusCode::NOT_FOUND, "JOB_NOT_FOUND", "the job is not in the queue");
    return refusal(grpc::StatusCode::UNKNOWN, "CANCEL_JOB_FAILED", "scancel failed");
  }
  if (!world.crane && job->user != request.user_id())
    return refusal(grpc::StatusCode::UNKNOWN, "CANCEL_JOB_FAILED", "scancel: error: Access/permission denied");
  if (world.on_cancel) {
    world.on_cancel(*job);
    return grpc::Status::OK;
  }
  job->state = "CANCELLED", job->end = world.now(), job->in_queue = false;
  return grpc::Status::OK;
}

void cluster_config(const World& world, wire::GetClusterConfigResponse& response) {
  response.set_scheduler_name(world.scheduler_name);
  wire::Partition& partition = *response.add_partitions();
  partition.set_name(world.partition);
  partition.set_nodes(static_cast<std::uint32_t>(world.nodes));
  partition.set_cores(static_cast<std::uint32_t>(world.nodes * world.cores_per_node));
  partition.set_gpus(static_cast<std::uint32_t>(world.nodes * world.gpus_per_node));
  partition.set_mem_mb(static_cast<std::uint64_t>(world.nodes * world.mem_mib_per_node));
  partition.add_qos(world.qos);
}

void cluster_info(const World& world, wire::GetClusterInfoResponse& response) {
  std::int64_t used = 0, running = 0, pending = 0;
  for (const WorldJob& job : world.jobs) {
    if (job.state == "PENDING") ++pending;
    if (works(job)) ++running, used += job.cores;
  }
  wire::PartitionInfo& info = *response.add_partitions();
  info.set_partition_name(world.partition);
  info.set_node_count(static_cast<std::uint32_t>(world.nodes));
  info.set_cpu_core_count(static_cast<std::uint32_t>(world.nodes * world.cores_per_node));
  info.set_running_cpu_count(static_cast<std::uint32_t>(used));
  info.set_idle_cpu_count(static_cast<std::uint32_t>(world.nodes * world.cores_per_node - used));
  info.set_running_job_count(static_cast<std::uint32_t>(running));
  info.set_pending_job_count(static_cast<std::uint32_t>(pending));
  info.set_partition_status(wire::PartitionInfo::AVAILABLE);
}

void cluster_nodes(const World& world, wire::GetClusterNodesInfoResponse& response) {
  std::int64_t used = 0;
  for (const WorldJob& job : world.jobs)
    if (works(job)) used += job.cores;
  for (std::int64_t i = 0; i < world.nodes; ++i) {
    const std::int64_t here = std::min(used, world.cores_per_node);
    used -= here;
    wire::NodeInfo& node = *response.add_nodes();
    node.set_node_name("n" + std::to_string(i));
    node.add_partitions(world.partition);
    node.set_state(here > 0 ? wire::NodeInfo::RUNNING : wire::NodeInfo::IDLE);
    node.set_cpu_core_count(static_cast<std::uint32_t>(world.cores_per_node));
    node.set_alloc_cpu_core_count(static_cast<std::uint32_t>(here));
    node.set_idle_cpu_core_count(static_cast<std::uint32_t>(world.cores_per_node - here));
    node.set_total_mem_mb(static_cast<std::uint32_t>(world.mem_mib_per_node));
    node.set_gpu_count(static_cast<std::uint32_t>(world.gpus_per_node));
    node.set_idle_gpu_count(static_cast<std::uint32_t>(world.gpus_per_node));
  }
}

}  // namespace bourse::scow::testing
