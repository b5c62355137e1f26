// GetJobs and GetJobById as the two adapters in the field answer them.
#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "connectors/scow/testing/world.h"

namespace bourse::scow::testing {
namespace {

using Filter = wire::GetJobsRequest::Filter;

template <class Texts>
bool has(const Texts& texts, std::string_view text) {
  return std::ranges::any_of(texts, [&](const std::string& each) { return each == text; });
}
template <class Texts>
bool fits(const Texts& texts, std::string_view text) { return texts.empty() || has(texts, text); }

void set_time(google::protobuf::Timestamp* time, std::int64_t at) { time->set_seconds(at); }

std::string slurm_state(const WorldJob& job) {
  if (job.end != 0 && !job.end_accounted) return "RUNNING";
  if (job.state == "CANCELLED") return "CANCELED";
  constexpr std::array<std::string_view, 7> kKnown = {"PENDING", "RUNNING", "SUSPENDED", "COMPLETED", "FAILED", "TIMEOUT", "NODE_FAIL"};
  return std::ranges::find(kKnown, job.state) != kKnown.end() ? job.state : "COMPLETED";
}

void fill_common(const WorldJob& job, wire::JobInfo& info) {
  info.set_job_id(job.id);
  info.set_name(job.name);
  info.set_account(job.account);
  info.set_user(job.user);
  info.set_partition(job.partition);
  info.set_qos(job.qos);
  info.set_working_directory(job.workdir);
  info.set_time_limit_minutes(job.limit_minutes);
}

void fill_allocation(const WorldJob& job, wire::JobInfo& info) {
  info.set_cpus_req(static_cast<std::int32_t>(job.cores));
  info.set_nodes_req(static_cast<std::int32_t>(job.nodes));
  if (job.start == 0) return;
  info.set_cpus_alloc(static_cast<std::int32_t>(job.cores));
  info.set_nodes_alloc(static_cast<std::int32_t>(job.nodes));
  info.set_gpus_alloc(static_cast<std::int32_t>(job.gpus));
  info.set_mem_alloc_mb(job.mem_mib);
}

grpc::Status squeue_jobs(World& world, const Filter& filter, wire::GetJobsResponse& response) {
  if (filter.users().empty()) return refusal(grpc::StatusCode::UNKNOWN, "SQUEUE_FAILED", "squeue: error: invalid user");
  for (const std::string& user : filter.users()) world.injected = world.injected || user.find_first_of(" ;'\"\n,") != std::string::npos;
  for (const WorldJob& job : world.jobs) {
    if (!job.in_queue || !has(filter.users(), job.user) || !has(filter.states(), job.state)) continue;
    if (job.name.contains(' ') || job.workdir.contains(' ') || job.reason.contains(' ')) continue;  // not 17 columns any more
    wire::JobInfo& info = *response.add_jobs();
    fill_common(job, info);
    info.set_state(job.state);
    set_time(info.mutable_submit_time(), world.now());
    if (job.start != 0) info.set_elapsed_seconds(world.now() - job.start);
  }
  return grpc::Status::OK;
}

bool in_range(const wire::TimeRange& range, std::int64_t at) {
  const std::int64_t from = range.start_time().seconds(), to = range.end_time().seconds();
  return (from == 0 || at >= from) && (to == 0 || at <= to);  // a 0 is left out of the SQL
}

void fill_sql(const World& world, const WorldJob& job, wire::JobInfo& info) {
  fill_common(job, info);
  fill_allocation(job, info);
  const std::int64_t end = job.end_accounted ? job.end : 0;
  info.set_state(slurm_state(job));
  set_time(info.mutable_submit_time(), job.submit);
  set_time(info.mutable_start_time(), job.start);
  set_time(info.mutable_end_time(), end);
  if (job.start != 0) info.set_elapsed_seconds((end != 0 ? end : world.now()) - job.start);
  info.set_mem_req_mb(job.mem_mib);
}

grpc::Status sql_jobs(World& world, const wire::GetJobsRequest& request, wire::GetJobsResponse& response) {
  const Filter& filter = request.filter();
  for (const std::string& account : filter.accounts()) world.injected = world.injected || account.find_first_of(" ;'\"\n") != std::string::npos;
  std::vector<const WorldJob*> found;
  for (const WorldJob& job : world.jobs) {
    const std::int64_t end = job.end_accounted ? job.end : 0;
    const bool asked = job.accounted && fits(filter.users(), job.user) && fits(filter.accounts(), job.account) &&
                       fits(filter.states(), slurm_state(job)) && (!filter.has_job_id() || filter.job_id() == job.id) &&
                       (!filter.has_job_name() || filter.job_name() == job.name) &&
                       (!filter.has_submit_time() || in_range(filter.submit_time(), job.submit)) &&
                       (!filter.has_end_time() || in_range(filter.end_time(), end));
    if (asked) found.push_back(&job);
  }
  if (request.has_page_info()) response.set_total_count(static_cast<std::uint32_t>(found.size()));
  const std::uint64_t size = request.has_page_info() ? request.page_info().page_size() : found.size();
  const std::uint64_t first = request.has_page_info() ? (request.page_info().page() - 1) * size : 0;
  for (std::uint64_t i = first; i < std::min<std::uint64_t>(found.size(), first + size); ++i) {
    const WorldJob& job = *found[i];
    const std::string state = slurm_state(job);
    // What waits is known from one squeue for all. For each other live row there is one of its own, and what it doesn't find is
    // left out, though counted.
    if (state == "RUNNING" || state == "SUSPENDED" || (state == "PENDING" && !job.in_queue)) {
      ++world.squeues;
      if (!job.in_queue) continue;
    }
    fill_sql(world, job, *response.add_jobs());
  }
  return grpc::Status::OK;
}

grpc::Status slurm_jobs(World& world, const wire::GetJobsRequest& request, wire::GetJobsResponse& response) {
  if (!request.has_filter()) {
    world.died = true;
    return {grpc::StatusCode::UNAVAILABLE, "panic: nil dereference"};
  }
  const Filter& filter = request.filter();
  const bool live_only = !filter.states().empty() && std::ranges::all_of(filter.states(), [](const std::string& state) {
    return state == "RUNNING" || state == "PENDING" || state == "SUSPENDED";
  });
  if (live_only) return squeue_jobs(world, filter, response);
  if (filter.users().empty() && filter.accounts().empty() && filter.states().empty() && !filter.has_submit_time() &&
      !filter.has_end_time() && !filter.has_job_id() && !filter.has_job_name())
    return refusal(grpc::StatusCode::UNKNOWN, "SQL_QUERY_FAILED", "You have an error in your SQL syntax");
  return sql_jobs(world, request, response);
}

// The state as Crane's adapter says it; nothing = it does not know it.
std::optional<std::string> crane_state(const WorldJob& job) {
  constexpr std::array<std::string_view, 6> kKnown = {"PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT"};
  if (std::ranges::find(kKnown, job.state) == kKnown.end()) return std::nullopt;
  return job.state;
}

void fill_crane(const World& world, const WorldJob& job, wire::JobInfo& info) {
  fill_common(job, info);
  fill_allocation(job, info);
  info.set_gpus_alloc(0), info.set_mem_alloc_mb(0);  // always
  const auto state = crane_state(job);
  info.set_state(state.value_or("IVALID"));
  if (job.limit_minutes == 0) info.set_time_limit_minutes(4'294'967'295);
  set_time(info.mutable_submit_time(), job.submit);
  if (job.start != 0) {
    set_time(info.mutable_start_time(), job.start);
    info.set_elapsed_seconds((job.end != 0 ? job.end : world.now()) - job.start);
  }
  if (job.end != 0 && state) set_time(info.mutable_end_time(), job.end);
}

grpc::Status crane_jobs(World& world, const wire::GetJobsRequest& request, wire::GetJobsResponse& response) {
  const Filter& filter = request.filter();
  for (const WorldJob& job : world.jobs) {
    std::string state = crane_state(job).value_or("?");
    if (state == "CANCELLED") state = "CANCELED";  // what it filters by is not what it says
    const auto ended_in = [&](const wire::TimeRange& range) { return job.end != 0 && in_range(range, job.end); };
    const bool asked = fits(filter.users(), job.user) && fits(filter.accounts(), job.account) && fits(filter.states(), state) &&
                       (!filter.has_job_name() || filter.job_name() == job.name) &&
                       (!filter.has_submit_time() || ended_in(filter.submit_time())) &&
                       (!filter.has_end_time() || ended_in(filter.end_time()));
    if (asked) fill_crane(world, job, *response.add_jobs());  // neither paged nor counted
  }
  return grpc::Status::OK;
}

}  // namespace

grpc::Status get_jobs(World& world, const wire::GetJobsRequest& request, wire::GetJobsResponse& response) {
  return world.crane ? crane_jobs(world, request, response) : slurm_jobs(world, request, response);
}

grpc::Status get_job(World& world, const wire::GetJobByIdRequest& request, wire::GetJobByIdResponse& response) {
  const WorldJob* job = world.find(request.job_id());
  if (job == nullptr) return refusal(grpc::StatusCode::NOT_FOUND, "JOB_NOT_FOUND", "the job is not found");
  wire::JobInfo& info = *response.mutable_job();
  if (!world.crane) {
    fill_sql(world, *job, info);
    info.set_mem_req_mb(0);
    return grpc::Status::OK;
  }
  fill_common(*job, info);
  info.set_state(job->state == "TIMEOUT" ? "" : crane_state(*job).value_or("IVALID"));
  set_time(info.mutable_submit_time(), job->start);
  set_time(info.mutable_start_time(), job->start);
  if (job->end != 0) set_time(info.mutable_end_time(), job->end);
  return grpc::Status::OK;
}

}  // namespace bourse::scow::testing
