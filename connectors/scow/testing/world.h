// What stands behind the adapter's double: a scheduler's truth, and what the two adapters in the field make of it. Each habit is
// named as in the README.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "scow/config.pb.h"
#include "scow/job.pb.h"

namespace bourse::scow::testing {

namespace wire = ::scow::scheduler_adapter;

// One incarnation of a job, as the scheduler itself knows it. Seconds since 1970; 0 = not yet.
struct WorldJob {
  std::uint32_t id = 0;
  std::string name, account, user, partition, qos, workdir;
  std::string state = "PENDING";  // the scheduler's own word, which an adapter may not know
  std::int64_t cores = 1, gpus = 0, nodes = 1, mem_mib = 0, limit_minutes = 60;
  std::int64_t submit = 0, start = 0, end = 0;
  std::string reason = "None";  // why it waits, in the controller's words
  bool in_queue = true;      // the controller knows it
  bool accounted = true;     // so does the accounting
  bool end_accounted = true; // and that it ended
};

struct WorldAccount {
  std::set<std::string> users;
  bool may_use_partition = true;
  bool blocked = false;
};

enum class SubmitFault : std::uint8_t {
  none, id_zero_and_runs, id_zero_and_nothing, answer_lost, sbatch_timed_out, sbatch_refused, crane_call_failed,
  script_not_made, illegal_characters
};

// Everything is under `mutex`; tests take it too.
struct World {
  std::mutex mutex;
  bool crane = false;
  std::function<std::int64_t()> now;      // seconds
  std::set<std::string> not_implemented;  // RPCs
  std::set<std::string> failing;          // RPCs that end as UNAVAILABLE
  std::string scheduler_name = "slurm";
  std::int64_t nodes = 2, cores_per_node = 4, gpus_per_node = 0, mem_mib_per_node = 8'000;
  std::string partition = "cpu", qos = "normal";
  std::vector<WorldJob> jobs;
  std::map<std::string, WorldAccount> accounts;
  std::uint32_t next_id = 100;
  SubmitFault fault = SubmitFault::none;  // of the next submission
  bool away = false;                      // answers nothing
  // Where jobs really run, if anywhere. Without these they stay PENDING until a test says otherwise.
  std::function<void(WorldJob&, const wire::SubmitJobRequest&)> on_submit;
  std::function<void(World&)> on_look;
  std::function<void(const WorldJob&)> on_cancel;

  // What the caller did.
  bool died = false;                      // a handler panicked; there is nothing to catch that
  bool injected = false;                  // a text with quotes, spaces or line breaks came
  std::map<std::string, int> calls;       // by RPC
  int squeues = 0;                        // processes that Slurm's adapter started for single rows
  wire::SubmitJobRequest last_submission;

  WorldJob* find(std::uint32_t id);       // its first row
};

// With google.rpc.ErrorInfo in the details, as adapters do.
grpc::Status refusal(grpc::StatusCode code, const std::string& reason, const std::string& message, const std::string& why = "");
// False: the RPC ends with `status`.
bool gate(World& world, const std::string& rpc, grpc::Status& status);

grpc::Status get_jobs(World& world, const wire::GetJobsRequest& request, wire::GetJobsResponse& response);
grpc::Status get_job(World& world, const wire::GetJobByIdRequest& request, wire::GetJobByIdResponse& response);
grpc::Status submit_job(World& world, const wire::SubmitJobRequest& request, wire::SubmitJobResponse& response);
grpc::Status cancel_job(World& world, const wire::CancelJobRequest& request);
void cluster_config(const World& world, wire::GetClusterConfigResponse& response);
void cluster_info(const World& world, wire::GetClusterInfoResponse& response);
void cluster_nodes(const World& world, wire::GetClusterNodesInfoResponse& response);

}  // namespace bourse::scow::testing
