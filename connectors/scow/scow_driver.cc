#include "connectors/scow/scow_driver.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include <sys/utsname.h>

#include "connectors/core/log_file.h"
#include "connectors/host/files.h"
#include "connectors/host/run_as.h"
#include "connectors/host/text.h"
#include "connectors/slurm/slurm_text.h"

namespace bourse::scow {
namespace {

using host::is_plain_name;

constexpr Duration kQueueAge = hours(24 * 7);  // what has waited longer is not counted
constexpr std::size_t kMaxQueue = 50'000;

constexpr const char* kLooking = "this driver was opened to look only";

std::string machine_architecture() {
  utsname names{};
  return ::uname(&names) == 0 ? names.machine : "";
}

Status check(const ScowConfig& config) {
  if (!is_plain_name(config.account)) return fail(ErrorCode::invalid_argument, "scow: the house account is missing or has odd characters");
  if (!config.owner.empty() && !is_safe_user(config.owner)) return fail(ErrorCode::invalid_argument, "scow: owner");
  for (const std::string& account : config.accounts)
    if (!is_plain_name(account)) return fail(ErrorCode::invalid_argument, "scow: account " + host::shown(account));
  for (const std::string& user : config.users)
    if (!is_safe_user(user))
      return fail(ErrorCode::invalid_argument, "scow: the adapter does not take a user named '" + host::shown(user) + "'");
  if (config.users.size() > kMaxUsers) return fail(ErrorCode::invalid_argument, "scow: more local users than can be asked for");
  if (config.max_walltime.ms < 60'000 || config.accounting_days < 1 || config.overlap.ms < 0 || config.queue_kept.ms < 0 ||
      config.client.call_limit.ms < 1)
    return fail(ErrorCode::invalid_argument, "scow: limits");
  return {};
}

bool says_crane(std::string name) {
  std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return name.contains("crane");
}

}  // namespace

ScowDriver::ScowDriver(ScowConfig config, const Clock& clock, std::unique_ptr<ScowClient> client)
    : config_(std::move(config)), clock_(clock), client_(std::move(client)) {
  std::set<std::string> all(config_.accounts.begin(), config_.accounts.end());
  all.insert(config_.account);
  accounts_.assign(all.begin(), all.end());
}

Result<std::unique_ptr<ScowDriver>> ScowDriver::open(ScowConfig config, const Clock& clock) {
  CHECK_OK(check(config));
  if (config.arch.empty()) config.arch = machine_architecture();
  TRY(std::unique_ptr<ScowClient> client, ScowClient::open(config.client, clock));
  std::unique_ptr<ScowDriver> driver(new ScowDriver(std::move(config), clock, std::move(client)));
  CHECK_OK(driver->greet());
  return driver;
}

void ScowDriver::begin() { client_->begin(capabilities().call_deadline); }

Status ScowDriver::greet() {
  begin();
  wire::GetVersionResponse version;
  const Said said = client_->call("GetVersion", [&](grpc::ClientContext* c) { return client_->version().GetVersion(c, {}, &version); });
  if (!said.ok() && !said.not_implemented()) return std::unexpected(unanswered("GetVersion", said));
  // Only for people: one adapter tells its own version instead of the interface's.
  if (said.ok())
    version_ = std::to_string(version.major()) + "." + std::to_string(version.minor()) + "." + std::to_string(version.patch());
  wire::GetClusterConfigResponse cluster;
  const Said told =
      client_->call("GetClusterConfig", [&](grpc::ClientContext* c) { return client_->config().GetClusterConfig(c, {}, &cluster); });
  if (!told.ok()) return std::unexpected(unanswered("GetClusterConfig", told));
  scheduler_ = host::shown(cluster.scheduler_name()).substr(0, 32);
  flavour_ = config_.flavour.value_or(says_crane(cluster.scheduler_name()) ? Flavour::crane : Flavour::slurm);
  return {};
}

connector::Capabilities ScowDriver::capabilities() const {
  return {.kind = "scow", .version = version_ + " (" + scheduler_ + ")", .grace = minutes(2),
          .call_deadline = milliseconds(4 * config_.client.call_limit.ms),
          // The adapter goes on with sbatch when nobody waits for its answer any more, and sbatch itself tries a busy controller
          // again for two minutes, longer each time.
          .submission_settle = minutes(5), .silent_of_cards_and_memory = true};
}

Result<std::vector<connector::PoolInfo>> ScowDriver::probe(const std::vector<std::string>& pools) {
  for (const std::string& pool : pools)
    if (!is_plain_name(pool)) return fail(ErrorCode::invalid_argument, "pool");
  begin();
  if (const Status kept = keep_house(); !kept) spdlog::warn("house account {}: {}", config_.account, kept.error().message());
  ClusterSaid said;
  const Said config =
      client_->call("GetClusterConfig", [&](grpc::ClientContext* c) { return client_->config().GetClusterConfig(c, {}, &said.config); });
  if (!config.ok()) return std::unexpected(unanswered("GetClusterConfig", config));
  const Said info = client_->call("GetClusterInfo", [&](grpc::ClientContext* c) {
    return client_->config().GetClusterInfo(c, {}, &said.info.emplace());
  });
  if (!info.ok()) said.info.reset();
  const Said nodes = client_->call("GetClusterNodesInfo", [&](grpc::ClientContext* c) {
    return client_->config().GetClusterNodesInfo(c, {}, &said.nodes.emplace());
  });
  if (!nodes.ok()) said.nodes.reset();
  read_members();
  const auto usable = usable_pools();
  // Without it the waiting work is not known; the pools still are.
  said.queue = queue_of_everybody(!said.info);
  std::vector<connector::PoolInfo> found = pools_from(said, config_.arch, config_.max_walltime);
  pools_.clear();
  qos_.clear();
  for (connector::PoolInfo& pool : found) {
    pool.accepting = pool.accepting && !blocked_ && !blocked_pools_.contains(pool.name) &&
                     (!usable || usable->contains(pool.name));
    pools_.insert_or_assign(pool.name, pool);
  }
  for (const wire::Partition& partition : said.config.partitions())
    qos_[partition.name()] = {partition.qos().begin(), partition.qos().end()};
  if (!pools.empty())
    std::erase_if(found, [&](const connector::PoolInfo& pool) { return std::ranges::find(pools, pool.name) == pools.end(); });
  return found;
}

// What waits, and where nothing else tells of it what runs. Kept for minutes, since Slurm's adapter starts a process for each row of
// what runs; after a failure it is empty as long.
const std::vector<JobRow>& ScowDriver::queue_of_everybody(bool running_too) {
  const Duration tick = clock_.monotonic();
  if (queue_asked_ && tick - *queue_asked_ < config_.queue_kept && (queue_runs_ || !running_too)) return queue_;
  queue_asked_ = tick;
  queue_runs_ = running_too;
  queue_.clear();
  JobsQuestion question{.states = {"PENDING"}, .roughly = true};
  if (running_too) question.states.push_back("RUNNING");
  if (flavour_ == Flavour::slurm) {
    // Live states alone would make Slurm's adapter ask squeue, which tells neither cores nor limits and fails without a user. One
    // state more, a rare one that every level has, and it asks the accounting. Crane's takes a window for one of end times.
    if (running_too) question.states.push_back("SUSPENDED");
    question.states.push_back("CANCELED");
    question.window = JobsQuestion::Window::submitted;
    question.from = clock_.now() - kQueueAge, question.to = clock_.now() + hours(24);
  }
  auto rows = client_->jobs(question);
  if (!rows) {
    spdlog::warn("the cluster's queue: {}", rows.error().message());
    return queue_;
  }
  for (JobRow& row : *rows) {
    if (!row.live() || queue_.size() == kMaxQueue) continue;
    row.raw.clear(), row.workdir.clear();
    queue_.push_back(std::move(row));
  }
  return queue_;
}

// Makes the house account what the configuration says, and sees whether it may submit. What isn't told is blocked.
Status ScowDriver::keep_house() {
  blocked_ = true;
  wire::QueryAccountBlockStatusRequest request;
  request.set_account_name(config_.account);
  wire::QueryAccountBlockStatusResponse status;
  Said said = client_->call("QueryAccountBlockStatus", [&](grpc::ClientContext* c) {
    return client_->accounts().QueryAccountBlockStatus(c, request, &status);
  });
  if (said.not_found() && !config_.owner.empty() && !config_.only_look) {
    CHECK_OK(make_house());
    said = Said{};
    status.Clear();
  }
  if (said.not_found()) return {};  // nobody can submit to an account that isn't there
  if (!said.ok() && !said.not_implemented()) return std::unexpected(unanswered("QueryAccountBlockStatus", said));
  blocked_pools_.clear();
  for (const wire::AccountStatusInPartition& detail : status.account_blocked_details())
    if (detail.blocked()) blocked_pools_.insert(detail.partition());
  const bool found_blocked = status.blocked();
  blocked_ = found_blocked || config_.house == House::blocked;
  if (config_.only_look) return {};
  // Where it can't be told, it is said all the same: saying it twice is no error.
  if (config_.house == House::open && (said.not_implemented() || blocked_ || !blocked_pools_.empty())) {
    wire::UnblockAccountRequest open;
    open.set_account_name(config_.account);
    wire::UnblockAccountResponse done;
    const Said opened =
        client_->call("UnblockAccount", [&](grpc::ClientContext* c) { return client_->accounts().UnblockAccount(c, open, &done); });
    if (opened.ok()) blocked_ = false, blocked_pools_.clear();
  }
  if (config_.house == House::blocked && !found_blocked) {
    wire::BlockAccountRequest close;
    close.set_account_name(config_.account);
    wire::BlockAccountResponse done;
    // Whether it works or not: nothing more is sold.
    client_->call("BlockAccount", [&](grpc::ClientContext* c) { return client_->accounts().BlockAccount(c, close, &done); });
  }
  return {};
}

Status ScowDriver::make_house() {
  wire::CreateAccountRequest request;
  request.set_account_name(config_.account);
  request.set_owner_user_id(config_.owner);
  wire::CreateAccountResponse done;
  const Said said =
      client_->call("CreateAccount", [&](grpc::ClientContext* c) { return client_->accounts().CreateAccount(c, request, &done); });
  if (said.ok() || said.already()) return {};
  return std::unexpected(unanswered("CreateAccount", said));
}

// Who is in the house account. Slurm's adapter leaves out users with limits, so this is no proof of absence.
void ScowDriver::read_members() {
  wire::GetAllAccountsWithUsersResponse all;
  const Said said = client_->call("GetAllAccountsWithUsers", [&](grpc::ClientContext* c) {
    return client_->accounts().GetAllAccountsWithUsers(c, {}, &all);
  });
  if (!said.ok()) return;
  members_.clear();
  for (const wire::ClusterAccountInfo& account : all.accounts()) {
    if (std::ranges::find(accounts_, account.account_name()) == accounts_.end()) continue;
    for (const auto& user : account.users())
      if (is_safe_user(user.user_id()) && members_.size() <= kMaxUsers) members_.insert(user.user_id());
  }
}

// What the house account may use. Nothing: the adapter doesn't tell, or there is no user to ask for yet.
std::optional<std::set<std::string>> ScowDriver::usable_pools() {
  const std::set<std::string> users = known_users();
  if (users.empty()) return std::nullopt;
  wire::GetAvailablePartitionsRequest request;
  request.set_account_name(config_.account);
  request.set_user_id(config_.owner.empty() ? *users.begin() : config_.owner);
  wire::GetAvailablePartitionsResponse told;
  const Said said = client_->call("GetAvailablePartitions", [&](grpc::ClientContext* c) {
    return client_->config().GetAvailablePartitions(c, request, &told);
  });
  if (!said.ok()) return std::nullopt;
  std::set<std::string> names;
  for (const wire::Partition& partition : told.partitions()) names.insert(partition.name());
  return names;
}

Status ScowDriver::admit(const std::string& user, const std::string& account) {
  if (config_.owner.empty() || account != config_.account || members_.contains(user)) return {};
  wire::AddUserToAccountRequest request;
  request.set_user_id(user);
  request.set_account_name(account);
  wire::AddUserToAccountResponse done;
  const Said said =
      client_->call("AddUserToAccount", [&](grpc::ClientContext* c) { return client_->users().AddUserToAccount(c, request, &done); });
  if (!said.ok() && !said.already() && !said.not_implemented()) return std::unexpected(unanswered("AddUserToAccount", said));
  if (members_.size() <= kMaxUsers) members_.insert(user);
  return {};
}

// A scheduler may queue for ever what no node can run, so that is refused here.
Status ScowDriver::check_fits(const connector::SubmitRequest& request) {
  if (!pools_.contains(request.pool)) CHECK_OK(probe({request.pool}));
  const auto found = pools_.find(request.pool);
  if (found == pools_.end()) return fail(ErrorCode::invalid_argument, "no partition " + request.pool);
  const connector::PoolInfo& pool = found->second;
  const auto refuse = [&](std::string_view what) {
    return fail(ErrorCode::failed_precondition, std::string(what) + " beyond what partition " + request.pool + " has");
  };
  const connector::Allocation& need = request.need;
  if (pool.nodes != 0) {
    if (need.nodes > pool.nodes) return refuse("nodes");
    if (need.cores > need.nodes * pool.cores_per_node) return refuse("cores");
    if (need.mem_mib > need.nodes * pool.mem_mib_per_node) return refuse("memory");
    if (need.gpus > need.nodes * pool.gpus_per_node) return refuse("gpus");
  }
  if (request.walltime > config_.max_walltime) return refuse("walltime");
  // The interface can't ask for a kind of card; a partition has one.
  if (!request.gpu_model.empty() && request.gpu_model != pool.gpu_model) return refuse("a kind of card");
  const std::vector<std::string>& qos = qos_[request.pool];
  if (!request.qos.empty() && !qos.empty() && std::ranges::find(qos, request.qos) == qos.end()) return refuse("a QoS");
  return {};
}

Result<std::string> ScowDriver::submit(const connector::SubmitRequest& request) {
  if (config_.only_look) return fail(ErrorCode::forbidden, kLooking);
  const std::string& account = request.user.scheduler_account.empty() ? config_.account : request.user.scheduler_account;
  TRY(const wire::SubmitJobRequest call, submit_request(request, account, flavour_));
  // What is looked for afterwards is looked for in these accounts.
  if (std::ranges::find(accounts_, account) == accounts_.end())
    return fail(ErrorCode::failed_precondition, "scheduler account " + account + " is not among the driver's accounts");
  TRY(const host::RunAs user, host::find_run_as(request.user.name));
  if (user.uid != request.user.uid) return fail(ErrorCode::forbidden, "the local user's uid has changed");
  CHECK_OK(check_fits(request));
  begin();
  if (!client_->reachable()) return fail(ErrorCode::unavailable, "the scheduler adapter can't be reached");
  CHECK_OK(admit(user.name, account));
  CHECK_OK(host::write_new(script_path(request.workdir), request.script, {.mode = 0500, .uid = user.uid, .gid = user.gid}));
  if (submitted_as_.size() <= kMaxUsers) submitted_as_.insert(user.name);
  wire::SubmitJobResponse answer;
  const Said said = client_->call("SubmitJob", [&](grpc::ClientContext* c) { return client_->job().SubmitJob(c, call, &answer); });
  return read_submission(said, answer.job_id());
}

Status ScowDriver::cancel(const std::string& id, const connector::LocalUser& user) {
  if (config_.only_look) return fail(ErrorCode::forbidden, kLooking);
  if (!slurm::is_job_id(id) || !is_safe_user(user.name)) return fail(ErrorCode::invalid_argument, "job id or user");
  begin();
  // Crane's adapter cancels anybody's job, so whose it is is asked here.
  wire::GetJobByIdRequest question;
  question.set_job_id(static_cast<std::uint32_t>(std::min<std::uint64_t>(std::stoull(id), UINT32_MAX)));
  for (const char* field : {"job_id", "name", "user"}) question.add_fields(field);
  wire::GetJobByIdResponse job;
  const Said known = client_->call("GetJobById", [&](grpc::ClientContext* c) { return client_->job().GetJobById(c, question, &job); });
  if (known.not_found()) return {};  // perhaps it has ended; poll tells
  if (!known.ok()) return std::unexpected(unanswered("GetJobById", known));
  if (std::to_string(job.job().job_id()) != id || job.job().user() != user.name || !job.job().name().starts_with("bourse-") ||
      !is_marker(job.job().name()))
    return fail(ErrorCode::forbidden, "job " + id + " is not ours");
  wire::CancelJobRequest request;
  request.set_user_id(user.name);
  request.set_job_id(question.job_id());
  wire::CancelJobResponse done;
  const Said said = client_->call("CancelJob", [&](grpc::ClientContext* c) { return client_->job().CancelJob(c, request, &done); });
  if (said.ok() || said.not_found()) return {};
  // It says so too of a job that has left the queue.
  TRY(const std::vector<JobRow> live, live_rows({user.name}, job.job().name()));
  if (std::ranges::none_of(live, [&](const JobRow& row) { return row.id == id; })) return {};
  return std::unexpected(unanswered("CancelJob", said));
}

Status ScowDriver::set_paused(const std::string&, const connector::LocalUser&, bool) {
  return fail(ErrorCode::unavailable, "a SCOW scheduler adapter can't suspend jobs");
}

Result<connector::LogPiece> ScowDriver::read_log(const std::string&, const connector::LocalUser& user, const std::string& stdout_path,
                                                 std::int64_t offset, std::int64_t max_bytes) {
  return connector::read_log_file(stdout_path, user, offset, max_bytes);
}

}  // namespace bourse::scow
