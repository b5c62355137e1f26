#include "connectors/kubernetes/kubernetes_driver.h"

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>

#include "connectors/host/run_as.h"
#include "connectors/kubernetes/names.h"
#include "connectors/kubernetes/objects.h"
#include "connectors/host/text.h"

namespace bourse::kubernetes {

using nlohmann::json;

namespace {

constexpr Duration kCallDeadline = seconds(15);
constexpr std::size_t kMostNodes = 20'000;
constexpr int kOldest = 20;  // 1.20

std::unexpected<Error> unfit(const std::string& what) { return fail(ErrorCode::invalid_argument, "kubernetes: " + what); }

Status check_pool(const PoolConfig& pool, const KubernetesConfig& config) {
  if (pool.name.empty() || !is_label_value(pool.name)) return unfit("a pool's name must be a label's value: '" + host::shown(pool.name) + "'");
  for (const auto& [key, value] : pool.selector)
    if (!is_qualified_name(key) || !is_label_value(value)) return unfit("pool " + pool.name + ": the selector's '" + host::shown(key) + "'");
  if (!pool.gpu_resource.empty() && (!is_qualified_name(pool.gpu_resource) || !pool.gpu_resource.contains('/')))
    return unfit("pool " + pool.name + ": gpu_resource is like nvidia.com/gpu");
  const std::string& image = pool.image.empty() ? config.image : pool.image;
  if (!is_image(image)) return unfit("pool " + pool.name + " has no image, or one that can't be read");
  return {};
}

Status check(const KubernetesConfig& config) {
  if (!is_dns_label(config.name_space)) return unfit("the namespace is missing or has odd characters");
  if (config.pools.empty()) return unfit("a pool is needed");
  std::set<std::string> names;
  for (const PoolConfig& pool : config.pools) {
    CHECK_OK(check_pool(pool, config));
    if (!names.insert(pool.name).second) return unfit("pool " + pool.name + " is there twice");
  }
  if (!config.service_account.empty() && !is_dns_subdomain(config.service_account)) return unfit("service_account");
  if (!config.claim.empty() && !is_dns_subdomain(config.claim)) return unfit("claim");
  for (const auto& [qos, priority] : config.qos)
    if (qos.empty() || !is_dns_subdomain(priority)) return unfit("qos " + host::shown(qos) + ": a priority class");
  if (config.scratch_mib < 1 || config.max_walltime.ms < 1000 || config.start_allowance.ms < 0 || config.kill_grace.ms < 1000 ||
      config.keep.ms < 60'000 || config.figures_kept.ms < 0 || config.limits.call.ms < 1)
    return unfit("limits");
  return {};
}

// "20+" of a vendor's build is 20.
int leading_number(const std::string& text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

bool is_owned_by(const json& object, const std::string& uid) {
  const json& owners = value_at(object, {"metadata", "ownerReferences"});
  return !uid.empty() && owners.is_array() && std::ranges::any_of(owners, [&](const json& owner) { return text_at(owner, {"uid"}) == uid; });
}

}  // namespace

KubernetesDriver::KubernetesDriver(KubernetesConfig config, const Clock& clock, std::unique_ptr<ApiClient> client,
                                   std::unique_ptr<ApiClient> log_client)
    : config_(std::move(config)), clock_(clock), client_(std::move(client)), cache_(config_.name_space, config_.listing, clock),
      log_client_(std::move(log_client)) {}

Result<std::unique_ptr<KubernetesDriver>> KubernetesDriver::open(KubernetesConfig config, const Clock& clock) {
  TRY(const Access access, open_access(config.access));
  if (config.name_space.empty()) config.name_space = access.name_space;
  CHECK_OK(check(config));
  config.patience.settle = std::max(config.patience.settle, config.kill_grace + seconds(15));
  TRY(auto client, ApiClient::open(access, config.limits, clock));
  TRY(auto log_client, ApiClient::open(access, config.limits, clock));
  std::unique_ptr<KubernetesDriver> driver(new KubernetesDriver(std::move(config), clock, std::move(client), std::move(log_client)));
  CHECK_OK(driver->greet());
  return driver;
}

Status KubernetesDriver::greet() {
  begin();
  const Answer told = client_->call(Method::get, "/version");
  if (!told.ok()) return std::unexpected(failure("the API server's version", told, false));
  TRY(const json version, parse_answer(told.body));
  version_ = {.major = leading_number(text_at(version, {"major"})), .minor = leading_number(text_at(version, {"minor"}))};
  version_text_ = text_at(version, {"gitVersion"}).substr(0, 64);
  if (version_.major < 1 || (version_.major == 1 && version_.minor < kOldest))
    return fail(ErrorCode::failed_precondition, "the API server is " + version_text_ + "; 1.20 or later is needed");
  const Answer has = client_->call(Method::get, "/apis/batch/v1");
  if (has.status == 404) return fail(ErrorCode::failed_precondition, "the API server has no batch/v1");
  if (!has.ok()) return std::unexpected(failure("batch/v1", has, false));
  TRY(const json resources, parse_answer(has.body));
  const json& all = value_at(resources, {"resources"});
  const bool jobs = all.is_array() && std::ranges::any_of(all, [](const json& r) { return text_at(r, {"name"}) == "jobs"; });
  if (!jobs) return fail(ErrorCode::failed_precondition, "the API server has no batch/v1 Jobs");
  return {};
}

connector::Capabilities KubernetesDriver::capabilities() const {
  // The controller ends a run at its walltime once the driver has told it when that is; else the kubelet does, later by the allowance.
  return {.kind = "kubernetes", .version = version_text_,
          .grace = config_.start_allowance + config_.kill_grace + seconds(30), .call_deadline = kCallDeadline,
          .submission_settle = seconds(5)};
}

Status KubernetesDriver::look_at_pools() {
  const Duration now = clock_.monotonic();
  if (pools_asked_ && now - *pools_asked_ < config_.figures_kept) return {};
  std::vector<NodeView> nodes;
  auto listed = list_all(*client_, "/api/v1/nodes", kMostNodes, [&](const json& object) {
    if (auto node = read_node(object)) nodes.push_back(std::move(*node));
  });
  if (!listed) return fail(ErrorCode::unavailable, "nodes: " + listed.error().detail);
  std::vector<PodUse> pods;
  const std::string alive = "?fieldSelector=" + percent_encoded("status.phase!=Succeeded,status.phase!=Failed");
  const auto read = [&](const json& object) {
    if (auto pod = read_pod_use(object)) pods.push_back(std::move(*pod));
  };
  auto seen = list_all(*client_, "/api/v1/pods" + alive, kMostListed, read);
  if (!seen) {
    // Only a missing right is lived with: after a passing failure free figures would be too high for as long as they are kept.
    if (client_->call(Method::get, "/api/v1/pods?limit=1").status != 403) return fail(ErrorCode::unavailable, "pods: " + seen.error().detail);
    // Without that right only our own use is known, and free figures are too high by the others'.
    if (sees_all_pods_) spdlog::warn("other namespaces' pods can't be seen, so what they use is not known: {}", seen.error().detail);
    pods.clear();
    seen = list_all(*client_, pods_path(config_.name_space) + alive, kMostListed, read);
    if (!seen) return fail(ErrorCode::unavailable, "pods: " + seen.error().detail);
    sees_all_pods_ = false;
  } else {
    sees_all_pods_ = true;
  }
  // Jobs that the controller has made no pods of yet (or may not, by a quota) wait, too.
  CHECK_OK(cache_.refresh(*client_));
  std::set<std::string> with_pods;
  for (const PodUse& pod : pods) with_pods.insert(pod.job);
  for (const auto& [name, job] : cache_.jobs()) {
    if (job.gone || !job.view.condition.empty() || !job.pods.empty() || with_pods.contains(name)) continue;
    pods.push_back({.node = {}, .pool = job.view.pool, .phase = "Pending", .job = name, .system = false, .cpu_milli = job.view.cpu_milli,
                    .mem_bytes = 0, .devices = {}, .walltime_s = job.view.walltime_s, .node_selector = {}});
  }
  pools_ = pools_from(nodes, pods, config_.pools, config_.max_walltime);
  pools_asked_ = now;
  return {};
}

Result<std::vector<connector::PoolInfo>> KubernetesDriver::probe(const std::vector<std::string>& pools) {
  begin();
  CHECK_OK(look_at_pools());
  remove_finished();
  std::vector<connector::PoolInfo> result;
  for (const PoolFigures& pool : pools_)
    if (pools.empty() || std::ranges::find(pools, pool.info.name) != pools.end()) result.push_back(pool.info);
  return result;
}

Status KubernetesDriver::check_fits(const connector::SubmitRequest& request, const PoolFigures& pool) const {
  const connector::PoolInfo& info = pool.info;
  const connector::Allocation& need = request.need;
  const auto each = [&](std::int64_t all) { return (all + need.nodes - 1) / need.nodes; };
  // With no node at all just now (an autoscaled pool, one that is being mended) there is nothing to compare with: the Job waits.
  if (info.nodes > 0 && need.nodes > info.nodes) return fail(ErrorCode::failed_precondition, "the pool has not so many nodes");
  if (info.nodes > 0 && (each(need.cores) > info.cores_per_node || each(need.mem_mib) > info.mem_mib_per_node || each(need.gpus) > info.gpus_per_node))
    return fail(ErrorCode::failed_precondition, "no node of the pool has so much");
  if (info.max_walltime.ms > 0 && request.walltime > info.max_walltime) return fail(ErrorCode::failed_precondition, "walltime");
  if (info.nodes > 0 && !request.gpu_model.empty() && request.gpu_model != info.gpu_model) return fail(ErrorCode::failed_precondition, "gpu model");
  return {};
}

Result<JobSettings> KubernetesDriver::settings_for(const connector::SubmitRequest& request) {
  const auto configured = std::ranges::find(config_.pools, request.pool, &PoolConfig::name);
  if (configured == config_.pools.end()) return fail(ErrorCode::failed_precondition, "there is no such pool");
  JobSettings settings{.name_space = config_.name_space, .pool = *configured, .image = config_.image, .gpu_resource = {},
                       .service_account = config_.service_account, .priority_class = {}, .claim = config_.claim,
                       .scratch_mib = config_.scratch_mib, .start_allowance = config_.start_allowance,
                       .kill_grace = config_.kill_grace, .keep = config_.keep, .version = version_};
  if (!request.qos.empty()) {
    const auto found = config_.qos.find(request.qos);
    if (found == config_.qos.end()) return fail(ErrorCode::failed_precondition, "no priority class is configured for this QoS");
    settings.priority_class = found->second;
  }
  // The card's name is a figure of the pool.
  const auto figures = std::ranges::find(pools_, request.pool, [](const PoolFigures& p) { return p.info.name; });
  if (figures != pools_.end()) settings.gpu_resource = figures->gpu_resource;
  if (settings.gpu_resource.empty() && (figures == pools_.end() || figures->info.nodes == 0)) settings.gpu_resource = configured->gpu_resource;
  CHECK_OK(check_request(request, settings));
  // Pods run by number: a name that has another one on this machine would own other files.
  const auto known = host::find_run_as(request.user.name);
  if (!known) return fail(known.error().outcome() == Outcome::rejected ? ErrorCode::failed_precondition : ErrorCode::unavailable, known.error().detail);
  if (known->uid != request.user.uid || known->gid != request.user.gid) return fail(ErrorCode::failed_precondition, "the local user's ids are others");
  if (figures != pools_.end()) CHECK_OK(check_fits(request, *figures));
  return settings;
}

// The pod of a new Job would run the script of an older Job of its name as long as that one's Secret is there. Asked before the Job is
// made; true: there is a Job already, and the Secret is its own.
Result<bool> KubernetesDriver::has_secret(const std::string& name) {
  const Answer answer = client_->call(Method::get, secrets_path(config_.name_space) + "/" + name);
  if (answer.status == 404) return false;
  if (!answer.ok()) return fail(ErrorCode::unavailable, failure("secret " + name, answer, false).detail);
  TRY(const json secret, parse_answer(answer.body));
  const Answer there = client_->call(Method::get, jobs_path(config_.name_space) + "/" + name);
  if (!there.ok() && there.status != 404) return fail(ErrorCode::unavailable, failure("job " + name, there, false).detail);
  if (there.ok()) {
    TRY(const json job, parse_answer(there.body));
    if (is_owned_by(secret, text_at(job, {"metadata", "uid"}))) return true;
  }
  // An earlier Job's, which the garbage collector has yet to take.
  return fail(ErrorCode::unavailable, "secret " + name + " is still another Job's");
}

// The uid of the Job, made now or by an earlier try.
Result<std::string> KubernetesDriver::create_job(const connector::SubmitRequest& request, const std::string& body) {
  const std::string path = jobs_path(config_.name_space), name = job_name(request.marker);
  Answer answer = client_->call(Method::post, path, body);
  if (answer.status == 409 && reason_of(answer.body) != "AlreadyExists")
    return fail(ErrorCode::unavailable, failure("job " + name, answer, true).detail);  // an object in the way is being changed
  const bool already = answer.status == 409;
  if (already) {
    answer = client_->call(Method::get, path + "/" + name);
    if (!answer.ok()) return fail(ErrorCode::unknown_outcome, failure("job " + name, answer, false).detail);
  } else if (!answer.ok()) {
    return std::unexpected(failure("job " + name, answer, true));
  }
  const auto object = parse_answer(answer.body);
  const auto job = object ? read_job(*object) : std::nullopt;
  if (!job) return fail(ErrorCode::unknown_outcome, "job " + name + ": the API server's answer is no Job");
  if (already && job->marker != request.marker) return fail(ErrorCode::conflict, "a Job of the name " + name + " is somebody else's");
  if (already && job->deleting) return fail(ErrorCode::unavailable, "an older Job of the name " + name + " is being deleted");
  cache_.learn(*object);
  return job->uid;
}

Status KubernetesDriver::create_secret(const connector::SubmitRequest& request, const JobSettings& settings, const std::string& uid) {
  const std::string path = secrets_path(config_.name_space), name = job_name(request.marker);
  const Answer answer = client_->call(Method::post, path, secret_body(request, settings, uid));
  if (answer.ok()) return {};
  if (answer.status != 409) return std::unexpected(failure("secret " + name, answer, true));
  const Answer there = client_->call(Method::get, path + "/" + name);
  // It may be this Job's, which runs then.
  if (!there.ok() && there.status != 404) return fail(ErrorCode::unknown_outcome, failure("secret " + name, there, false).detail);
  const auto secret = parse_answer(there.body);
  if (!secret) return fail(ErrorCode::unknown_outcome, "secret " + name + ": " + secret.error().detail);
  if (there.ok() && is_owned_by(*secret, uid)) return {};
  return fail(ErrorCode::unavailable, "secret " + name + " is still another Job's");
}

// A Job without its script runs nothing; it must not stay. Where it does, nobody can tell what comes of it.
void KubernetesDriver::take_back(const std::string& name, const std::string& uid, Error& why) {
  const Answer answer = client_->call(Method::remove, jobs_path(config_.name_space) + "/" + name, delete_body(uid));
  if (answer.ok() || answer.status == 404) return;
  why = {ErrorCode::unknown_outcome, why.detail + "; and " + failure("deleting its Job", answer, true).detail};
}

Result<std::string> KubernetesDriver::submit(const connector::SubmitRequest& request) {
  if (config_.only_look) return fail(ErrorCode::failed_precondition, "this driver was opened to look only");
  begin();
  // Without figures nothing can be compared; what the API server says counts all the same.
  if (pools_.empty())
    if (const Status looked = look_at_pools(); !looked) spdlog::warn("the pools' figures: {}", looked.error().message());
  TRY(const JobSettings settings, settings_for(request));
  const std::string name = job_name(request.marker);
  TRY(const bool has_script, has_secret(name));
  TRY(const std::string uid, create_job(request, job_body(request, settings)));
  if (has_script) return name;
  if (Status secret = create_secret(request, settings, uid); !secret) {
    Error why = std::move(secret.error());
    // If the script may have come its pod may run: deleting that and saying "not now" would run it twice. The marker's lookup decides.
    if (why.outcome() != Outcome::unknown) take_back(name, uid, why);
    return std::unexpected(std::move(why));
  }
  return name;
}

Result<std::optional<std::string>> KubernetesDriver::find_by_marker(const std::string& marker) {
  begin();
  const std::string name = job_name(marker);
  const Answer answer = client_->call(Method::get, jobs_path(config_.name_space) + "/" + name);
  if (answer.status == 404) return std::nullopt;
  if (!answer.ok()) return std::unexpected(failure("job " + name, answer, false));
  TRY(const json object, parse_answer(answer.body));
  const auto job = read_job(object);
  if (!job) return fail(ErrorCode::unavailable, "job " + name + ": the API server's answer is no Job");
  if (job->marker != marker) return std::nullopt;
  if (!job->condition.empty()) return name;
  // A submission that was cut short left a Job that waits for its script for ever: it has run nothing, and is removed.
  const Answer script = client_->call(Method::get, secrets_path(config_.name_space) + "/" + name);
  if (!script.ok() && script.status != 404 && script.status != 403) return std::unexpected(failure("secret " + name, script, false));
  if (script.status != 404 || config_.only_look) return name;
  // (Unless somebody removed the script of a Job that runs.)
  cache_.learn(object);
  CHECK_OK(cache_.ask_for_pods(*client_, name));
  if (const KnownJob* known = cache_.find(name); known != nullptr)
    for (const auto& [uid, pod] : known->pods)
      if (pod.view.started || pod.view.over()) return name;
  Error why{ErrorCode::unavailable, "its submission was cut short; its Job is being removed"};
  take_back(name, job->uid, why);
  return std::unexpected(std::move(why));
}

}  // namespace bourse::kubernetes
