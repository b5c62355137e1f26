#include "connectors/daemon/run.h"

#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "connectors/core/connector.h"
#include "connectors/core/link_client.h"
#include "connectors/daemon/config.h"
#include "connectors/daemon/enrol.h"
#include "connectors/daemon/scow.h"
#include "connectors/host/process_runner.h"
#include "connectors/local/local_driver.h"
#include "connectors/slurm/slurm_driver.h"
#include "federation-proto/key_file.h"

namespace bourse::connector {
namespace {

constexpr int kMaxMessageBytes = 4 << 20;

// Held while we run: two connectors on one folder would sign two chains.
class Lock {
 public:
  static Result<Lock> take(const std::string& path) {
    Lock lock;
    lock.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock.fd_ < 0) return fail(ErrorCode::unavailable, path + " can't be opened");
    if (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) return fail(ErrorCode::failed_precondition, "another connector runs on this folder");
    return lock;
  }
  Lock(Lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Lock() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  Lock() = default;
  int fd_ = -1;
};

std::string program_directory() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path().string();
}

Result<std::unique_ptr<Driver>> open_driver(const DaemonConfig& all, const std::string& directory, const Clock& clock,
                                            host::ProcessRunner& runner) {
  const DriverConfig& config = all.driver;
  if (config.kind == "scow") {
    TRY(scow::ScowConfig scow, scow_config(config, all.identity));
    return scow::ScowDriver::open(std::move(scow), clock);
  }
  if (config.kind == "slurm") {
    slurm::SlurmConfig slurm;
    slurm.conf = config.slurm_conf;
    slurm.bin_directory = config.bin_directory;
    slurm.account = config.account;
    return slurm::SlurmDriver::open(std::move(slurm), runner);
  }
  local::LocalConfig local;
  local.directory = directory + "/local";
  local.shim = config.shim.empty() ? program_directory() + "/bourse-job-shim" : config.shim;
  for (const auto& pool : config.pools) local.pools.push_back({pool.name, pool.cores, pool.mem_mib, pool.max_walltime});
  return local::LocalDriver::open(std::move(local), clock, runner);
}

// A fresh channel for every dial, with the certificate as it is then: a renewed one is used without a restart.
std::shared_ptr<grpc::Channel> dial(const std::string& directory, const ConnectorKeys& keys, const federation::JoinBundle& first) {
  auto renewed = load_bundle(directory);
  const federation::JoinBundle& bundle = renewed ? *renewed : first;
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = bundle.root_pem;
  tls.pem_cert_chain = bundle.certificate_pem;
  tls.pem_private_key = keys.tls_key_pem;
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(bundle.server_name);
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, bundle.server_name);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  return grpc::CreateCustomChannel(bundle.connect, grpc::SslCredentials(tls), arguments);
}

// Jobs' users must be able to reach their folders; nothing else tells an administrator why every job fails at once.
void warn_if_unreachable(const std::string& path) {
  for (std::filesystem::path at = std::filesystem::path(path).parent_path(); !at.empty(); at = at.parent_path()) {
    struct stat info{};
    if (::stat(at.c_str(), &info) == 0 && (info.st_mode & S_IXOTH) == 0 && ::geteuid() == 0)
      spdlog::warn("{} is closed to other users, so jobs can't reach their folders in {}", at.string(), path);
    if (at == at.root_path()) return;
  }
}

}  // namespace

Status run(const RunOptions& options, std::stop_token stop) {
  std::error_code error;
  const std::string directory = std::filesystem::absolute(options.directory, error).lexically_normal().string();
  TRY(const DaemonConfig config, read_config(options.config_path.empty() ? directory + "/connector.toml" : options.config_path));
  TRY(const ConnectorKeys keys, load_keys(directory));
  TRY(const federation::JoinBundle bundle, load_bundle(directory));
  TRY(const Lock lock, Lock::take(directory + "/lock"));

  SystemClock clock;
  SystemRng rng;
  SystemUserDirectory users;
  host::SystemProcessRunner runner(clock);
  TRY(const std::unique_ptr<Driver> driver, open_driver(config, directory, clock, runner));

  ConnectorOptions connector_options;
  connector_options.directory = directory;
  connector_options.jobs_directory = config.jobs_directory.empty() ? directory + "-jobs" : config.jobs_directory;
  connector_options.software = "bourse-connector " BOURSE_VERSION;
  connector_options.membership = {.audience = bundle.audience, .center = bundle.center, .connector = bundle.connector,
                                  .epoch = bundle.epoch, .order_key = bundle.order_key, .ack_key = bundle.ack_key};
  connector_options.identity = config.identity;
  connector_options.sell = config.sell;
  connector_options.poll_interval = config.poll;
  connector_options.pools_interval = config.pools;
  connector_options.usage_interval = config.usage;
  connector_options.lost_patience = config.lost_after;
  connector_options.missing_patience = std::min(connector_options.missing_patience, config.lost_after);
  connector_options.max_held = static_cast<std::size_t>(config.max_held);
  warn_if_unreachable(connector_options.jobs_directory);
  TRY(const std::unique_ptr<Connector> connector,
      Connector::open(std::move(connector_options), keys.identity, keys.billing, *driver, users, clock, rng));

  LinkClient link({.channel = [&] { return dial(directory, keys, bundle); }, .metadata = {}}, [&](LinkEvent event) { connector->on_link(std::move(event)); },
                  [&](JobId, AttemptId attempt, std::int64_t offset, std::int64_t max_bytes) { return connector->read_log(attempt, offset, max_bytes); },
                  clock, rng);
  connector->attach(link, options.on_ready);
  spdlog::info("center {} ({}), driver {}", bundle.center_name, to_text(bundle.center), config.driver.kind);
  CHECK_OK(connector->step());  // asks the scheduler what became of earlier runs, before anybody can order new ones
  link.start();
  Status ended = connector->run(stop);
  connector->refuse_link_events();
  link.stop();
  return ended;
}

}  // namespace bourse::connector
