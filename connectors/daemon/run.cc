#include "connectors/daemon/run.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <thread>
#include <utility>

#include "connectors/core/connector.h"
#include "connectors/core/link_client.h"
#include "connectors/daemon/config.h"
#include "connectors/daemon/renewer.h"
#include "connectors/daemon/wiring.h"
#include "connectors/host/process_runner.h"
#include "federation-proto/key_file.h"

namespace bourse::connector {
namespace {

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

}  // namespace

Status run(const RunOptions& options, std::stop_token stop) {
  std::error_code error;
  const std::string directory = std::filesystem::absolute(options.directory, error).lexically_normal().string();
  TRY(const DaemonConfig config, read_config(options.config_path.empty() ? directory + "/connector.toml" : options.config_path));
  TRY(const ConnectorKeys keys, load_keys(directory));
  TRY(const federation::JoinBundle bundle, load_bundle(directory));
  const auto credentials = load_credentials(directory);
  if (!credentials && credentials.error().code == ErrorCode::not_found)
    return fail(ErrorCode::failed_precondition, "the market has not admitted this connector yet; go on with: bourse-connector join --dir " + directory);
  if (!credentials) return std::unexpected(credentials.error());
  TRY(const Lock lock, Lock::take(directory + "/lock"));

  SystemClock clock;
  SystemRng rng;
  SystemUserDirectory users;
  host::SystemProcessRunner runner(clock);
  TRY(const std::unique_ptr<Driver> driver, open_driver(config, directory, clock, runner));

  ConnectorOptions connector_options;
  connector_options.directory = directory;
  connector_options.jobs_directory = jobs_directory(config, directory);
  connector_options.software = "bourse-connector " BOURSE_VERSION;
  connector_options.membership = {.audience = bundle.audience, .center = bundle.center, .connector = credentials->connector,
                                  .epoch = credentials->epoch, .order_key = bundle.order_key, .ack_key = bundle.ack_key};
  connector_options.identity = config.identity;
  connector_options.sell = config.sell;
  connector_options.poll_interval = config.poll;
  connector_options.pools_interval = config.pools;
  connector_options.usage_interval = config.usage;
  connector_options.lost_patience = config.lost_after;
  connector_options.missing_patience = std::min(connector_options.missing_patience, config.lost_after);
  connector_options.files.file_bytes = config.file_gib << 30;
  connector_options.files.job_bytes = config.files_gib << 30;
  connector_options.files.log_bytes = config.log_kib << 10;
  connector_options.max_held = static_cast<std::size_t>(config.max_held);
  // Nothing else tells an administrator why every job fails at once.
  if (const auto closed = closed_to_others(connector_options.jobs_directory))
    spdlog::warn("{} is closed to other users, so jobs can't reach their folders in {}", *closed, connector_options.jobs_directory);
  MembershipClient desk([&] { return dial_membership(bundle); }, seconds(8));  // ending waits for it
  Renewer renewer(directory, bundle, keys, *credentials, desk, clock, rng);
  connector_options.generation = [&renewer] { return renewer.generation(); };
  TRY(const std::unique_ptr<Connector> connector,
      Connector::open(std::move(connector_options), keys.identity, keys.billing, *driver, users, clock, rng));

  LinkClient link({.channel = [&] { return dial_link(directory, bundle, *credentials); }, .metadata = {}, .backoff_max = config.retry}, [&](LinkEvent event) { connector->on_link(std::move(event)); },
                  [&](JobId, AttemptId attempt, std::int64_t offset, std::int64_t max_bytes) { return connector->read_log(attempt, offset, max_bytes); },
                  clock, rng);
  connector->attach(link, options.on_ready);
  spdlog::info("center {} ({}), driver {}", bundle.center_name, to_text(bundle.center), config.driver.kind);
  CHECK_OK(connector->step());  // asks the scheduler what became of earlier runs, before anybody can order new ones
  const std::jthread renewing([&renewer](std::stop_token done) { renewer.run(std::move(done)); });
  link.start();
  Status ended = connector->run(stop);
  connector->refuse_link_events();
  link.stop();
  connector->stop_files();  // their calls ended with the link
  return ended;
}

}  // namespace bourse::connector
