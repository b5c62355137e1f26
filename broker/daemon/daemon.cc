#include "broker/daemon/daemon.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "broker/adapters/api/market_service.h"
#include "broker/adapters/ca/keys.h"
#include "broker/adapters/evidence/notary.h"
#include "broker/adapters/files/directory_file_store.h"
#include "broker/daemon/file_sweeper.h"
#include "broker/adapters/link/link_server.h"
#include "broker/adapters/membership/membership_server.h"
#include "broker/adapters/statement/sealer/sealer.h"
#include "broker/adapters/store/migrations.h"
#include "broker/adapters/store/pg_blob_store.h"
#include "broker/adapters/store/pg_evidence_log.h"
#include "broker/adapters/store/pg_journal.h"
#include "broker/adapters/store/projector.h"
#include "broker/app/follower.h"
#include "broker/daemon/sockets.h"

namespace bourse::broker {
namespace {

constexpr int kMaxMessage = 4 << 20;
constexpr int kMaxMarketMessage = 20 << 20;  // a bank's file has up to 16 MiB
constexpr Duration kStartPatience = seconds(30);
constexpr Duration kDrain = seconds(5);

std::string path_of(const std::string& address) { return address.substr(std::string_view("unix:").size()); }

std::chrono::system_clock::time_point deadline_in(const Clock& clock, Duration patience) {
  return std::chrono::system_clock::time_point(std::chrono::milliseconds((clock.now() + patience).unix_ms));
}

// Servers are bounded in memory and message size; connections come from the edge and the gateways only.
Result<std::unique_ptr<grpc::Server>> serve(const std::string& address, const std::string& group, std::initializer_list<grpc::Service*> services,
                                            std::size_t memory, const char* quota_name, int max_message) {
  CHECK_OK(clear_stale_socket(path_of(address)));
  grpc::ServerBuilder builder;
  grpc::ResourceQuota quota(quota_name);
  quota.Resize(memory);
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(max_message);
  // A limit on messages counts their bytes as sent: packed, a few would unpack to gigabytes.
  for (const auto packed : {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) builder.SetCompressionAlgorithmSupportStatus(packed, false);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 32 * 1024);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  for (grpc::Service* service : services) builder.RegisterService(service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server) return fail(ErrorCode::unavailable, fmt::format("{} can't be listened on.", address));
  CHECK_OK(protect_socket(path_of(address), group));
  return server;
}

// Silence of three heartbeats and a half ends a link; what is unanswered for three is said again.
LinkOptions link_options(const Config& config, FileStore* files) {
  const Duration heartbeat = seconds(config.heartbeat_seconds);
  return {.audience = config.name, .heartbeat = heartbeat, .offline_after = milliseconds(heartbeat.ms * 7 / 2), .repeat_after = milliseconds(heartbeat.ms * 3),
          .files = files};
}

FileLimits limits_of(const Config& config) {
  return {.file_bytes = std::int64_t{config.files_gib} << 30, .account_bytes = std::int64_t{config.files_account_gib} << 30,
          .retention = hours(24 * config.files_days)};
}

}  // namespace

struct Daemon::Parts {
  SystemClock clock;
  SystemRng rng;
  std::mutex pause_mutex;
  std::condition_variable pause;
  BrokerKeys keys;
  std::optional<CertificateAuthority> authority;
  std::unique_ptr<PgBlobStore> blobs;
  std::unique_ptr<PgEvidenceLog> evidence;
  std::unique_ptr<DirectoryFileStore> files;
  std::unique_ptr<Notary> notary;
  std::unique_ptr<PgJournal> journal, follower_journal;
  std::unique_ptr<Projector> projector;
  std::unique_ptr<Follower> follower;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<LinkServer> link;
  std::unique_ptr<MembershipServer> membership;
  std::unique_ptr<Sealer> sealer;
  std::unique_ptr<FileSweeper> sweeper;
  std::unique_ptr<MarketService> market;
  std::unique_ptr<grpc::Server> market_server, link_server;

  factors::FactorTables factor_tables;

  Status open_stores(const Config& config);
  void build(const Config& config);
  Status run(const Config& config, std::function<void(const Error&)> on_fatal);
  void stop();
};

Status Daemon::Parts::open_stores(const Config& config) {
  const Duration began = clock.monotonic();
  for (;;) {
    const Status migrated = store::migrate(config.migrator);
    if (migrated) break;
    if (migrated.error().code != ErrorCode::unavailable || clock.monotonic() - began > kStartPatience) return migrated;
    spdlog::info("waiting for PostgreSQL: {}", migrated.error().detail);
    // tidy: allow clock, a start waits for its database, for kStartPatience at most
    std::unique_lock lock(pause_mutex);
    pause.wait_for(lock, std::chrono::milliseconds(250));
  }
  TRY(factor_tables, factors::load_factor_tables(config.factors));
  TRY(keys, load_or_create_keys(config.keys_directory, rng));
  TRY(authority, CertificateAuthority::open(config.keys_directory, config.root_directory, clock.now()));
  blobs = std::make_unique<PgBlobStore>(config.writer, 16);
  evidence = std::make_unique<PgEvidenceLog>(config.writer, 4);
  if (!config.files_directory.empty()) {
    TRY(files, DirectoryFileStore::open(config.files_directory, limits_of(config), clock));
  }
  TRY(journal, PgJournal::open(config.writer));
  TRY(follower_journal, PgJournal::open(config.writer));
  return {};
}

void Daemon::Parts::build(const Config& config) {
  projector = std::make_unique<Projector>(ProjectorOptions{.conninfo = config.projector});
  follower = std::make_unique<Follower>(FollowerOptions{}, *follower_journal);
  engine = std::make_unique<Engine>(EngineOptions{}, *journal, clock, rng);
  notary = std::make_unique<Notary>(config.name, *evidence, keys.ack, clock);
  link = std::make_unique<LinkServer>(link_options(config, files.get()), *engine, *blobs, *notary, keys, clock, rng);
  membership = std::make_unique<MembershipServer>(MembershipOptions{.audience = config.name, .certificate_lifetime = minutes(config.certificate_minutes)}, *engine,
                                                  *authority, keys.ack, clock, rng);
  const auto wait_projected = [this](std::uint64_t position, Duration timeout) -> Status {
    if (projector->wait_for(position, timeout)) return {};
    return fail(ErrorCode::timeout, "The projections are behind.");
  };
  sealer = std::make_unique<Sealer>(SealerOptions{.market = config.name, .reader_conninfo = config.reader}, *engine, *blobs, *notary,
                                    keys.ack, clock, wait_projected);
  market = std::make_unique<MarketService>(
      MarketServiceOptions{.name = config.name,
                           .edge_connect = config.edge_connect,
                           .edge_server_name = config.edge_server_name,
                           .edge_join_server_name = config.edge_join_server_name,
                           .writer_conninfo = config.writer,
                           .reader_conninfo = config.reader,
                           .debtor = {.name = config.debtor_name, .account = config.debtor_account, .agent = config.debtor_bank},
                           .two_people = config.two_people,
                           .bill_net_days = config.bill_net_days,
                           .factor_tables = std::make_shared<const factors::FactorTables>(factor_tables)},
      MarketServiceParts{*engine, *blobs, *notary, *link, *authority, keys, *sealer, clock, rng, wait_projected, files.get()});
  if (files) sweeper = std::make_unique<FileSweeper>(*files, *engine, *blobs);
}

Status Daemon::Parts::run(const Config& config, std::function<void(const Error&)> on_fatal) {
  engine->on_committed([this](std::uint64_t position, const std::vector<Event>& events) {
    projector->notify(position);
    link->committed(events);
    sealer->committed(position, events);
  });
  engine->on_fatal(on_fatal);
  follower->on_fatal(on_fatal);
  CHECK_OK(engine->start());
  spdlog::info("engine started at journal position {}", engine->stats().position);
  CHECK_OK(projector->start());
  CHECK_OK(follower->start());
  sealer->start();
  if (sweeper) sweeper->start();
  TRY(market_server, serve(config.listen_market, config.listen_group, {&market->service()}, 512U << 20, "market", kMaxMarketMessage));
  TRY(link_server, serve(config.listen_link, config.listen_group, {&link->service(), &membership->service()}, 1U << 30, "link", kMaxMessage));
  return {};
}

// From the outside in: no new calls, then what answers them, then what decides, then what follows.
void Daemon::Parts::stop() {
  if (link) link->shutdown();
  if (link_server) link_server->Shutdown(deadline_in(clock, kDrain));
  if (membership) membership->shutdown();
  if (market_server) market_server->Shutdown(deadline_in(clock, kDrain));
  if (market) market->shutdown();
  if (sweeper) sweeper->stop();
  if (sealer) sealer->stop();
  if (engine) engine->stop();
  if (projector) projector->stop();
  if (follower) follower->stop();
}

Daemon::Daemon(Config config) : config_(std::move(config)), parts_(std::make_unique<Parts>()) {}
Daemon::~Daemon() { stop(); }

void Daemon::on_fatal(std::function<void(const Error&)> observer) { on_fatal_ = std::move(observer); }

Status Daemon::start() {
  // Before anything else: taking the journal over would depose a broker that serves these very sockets.
  for (const std::string& address : {config_.listen_market, config_.listen_link}) CHECK_OK(clear_stale_socket(path_of(address)));
  CHECK_OK(parts_->open_stores(config_));
  parts_->build(config_);
  return parts_->run(config_, on_fatal_);
}

void Daemon::stop() {
  if (!parts_) return;
  parts_->stop();
  parts_.reset();
}

}  // namespace bourse::broker
