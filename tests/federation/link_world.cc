#include "tests/federation/link_world.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "broker/domain/enrolment.h"

namespace bourse::testing {
namespace {

constexpr Duration kPatience = seconds(10);

std::string make_csr() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509_REQ* request = X509_REQ_new();
  X509_REQ_set_pubkey(request, key);
  X509_REQ_sign(request, key, EVP_sha256());
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509_REQ(bio, request);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  X509_REQ_free(request);
  EVP_PKEY_free(key);
  return pem;
}

// As nginx writes $ssl_client_escaped_cert.
std::string escaped(const std::string& chain) {
  const std::string leaf = chain.substr(0, chain.find("-----END CERTIFICATE-----") + 26);
  std::string out;
  for (const char c : leaf) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_') {
      out.push_back(c);
    } else {
      char hex[4];
      std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out.append(hex);
    }
  }
  return out;
}

}  // namespace

// ── blobs ──

Result<Hash256> MemoryBlobStore::put(broker::BlobKind kind, std::span<const std::byte> bytes) {
  const std::span<const std::byte> one[] = {bytes};
  TRY(const auto hashes, put_all(kind, one));
  return hashes.front();
}

Result<std::vector<Hash256>> MemoryBlobStore::put_all(broker::BlobKind kind, std::span<const std::span<const std::byte>> blobs) {
  if (failing_ > 0 && failing_-- > 0) return fail(ErrorCode::unavailable, "as asked");
  const std::scoped_lock lock(mutex_);
  std::vector<Hash256> hashes;
  for (const auto bytes : blobs) {
    Hash256 name = sha256(bytes);
    if (kind == broker::BlobKind::report || kind == broker::BlobKind::acknowledgement) {
      TRY(name, federation::payload_hash({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
    }
    blobs_[{kind, name}].assign(bytes.begin(), bytes.end());
    hashes.push_back(name);
  }
  return hashes;
}

Result<std::vector<std::byte>> MemoryBlobStore::get(broker::BlobKind kind, const Hash256& hash) {
  const std::scoped_lock lock(mutex_);
  const auto found = blobs_.find({kind, hash});
  if (found == blobs_.end()) return fail(ErrorCode::not_found);
  return found->second;
}

// ── the broker ──

void LinkWorld::SetUp() {
  std::string pattern = (std::filesystem::temp_directory_path() / "bourse-link-XXXXXX").string();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  directory_ = pattern;
  ::chmod(directory_.c_str(), 0755);
  auto keys = broker::load_or_create_keys(directory_ + "/keys", rng_);
  ASSERT_TRUE(keys) << keys.error().message();
  keys_ = *keys;
  auto authority = broker::CertificateAuthority::open(directory_ + "/keys", directory_ + "/root", clock_.now());
  ASSERT_TRUE(authority) << authority.error().message();
  authority_ = std::move(*authority);
  engine_ = std::make_unique<broker::Engine>(broker::EngineOptions{.tick = {}}, journal_, clock_, rng_);
  engine_->on_committed([this](std::uint64_t, const std::vector<broker::Event>& events) {
    const std::scoped_lock lock(link_mutex_);
    if (link_) link_->committed(events);
  });
  ASSERT_TRUE(engine_->start());
  notary_ = std::make_unique<broker::Notary>(kAudience, evidence_, keys_.ack, clock_);
  start_server();
  const auto opened = engine_->execute({.now = clock_.now(), .body = broker::OpenBillingAccount{id_of<BillingAccountId>(1), id_of<TenantId>(1), "physics", kCny, id_of<UserId>(1)}});
  ASSERT_TRUE(opened) << opened.error().message();
  const auto funded = engine_->execute({.now = clock_.now(), .body = broker::FundAccount{id_of<BillingAccountId>(1), Amount::whole(10'000), id_of<TransferId>(1), Uuid{1, 1}}});
  ASSERT_TRUE(funded) << funded.error().message();
}

void LinkWorld::start_server() {
  const std::scoped_lock lock(link_mutex_);
  link_ = std::make_unique<broker::LinkServer>(
      broker::LinkOptions{.audience = kAudience, .heartbeat = milliseconds(200), .offline_after = offline_after_, .proof_deadline = proof_deadline_,
                          .checkpoint_every = checkpoint_every_, .repeat_after = repeat_after_, .files = files_}, *engine_, blobs_, *notary_, keys_, clock_, rng_);
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(4 << 20);
  for (const auto packed : {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) builder.SetCompressionAlgorithmSupportStatus(packed, false);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 32 * 1024);
  builder.AddListeningPort("unix:" + directory_ + "/link.sock", grpc::InsecureServerCredentials());
  builder.RegisterService(&link_->service());
  server_ = builder.BuildAndStart();
}

void LinkWorld::stop_server() {
  std::unique_ptr<broker::LinkServer> link;
  {
    const std::scoped_lock lock(link_mutex_);
    link = std::move(link_);
  }
  if (link) link->shutdown();
  if (server_) server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
  server_.reset();
}

void LinkWorld::TearDown() {
  stop_server();
  if (engine_) engine_->stop();
  std::error_code error;
  std::filesystem::remove_all(directory_, error);
}

std::shared_ptr<grpc::Channel> LinkWorld::channel() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, 32 * 1024);
  return grpc::CreateCustomChannel("unix:" + directory_ + "/link.sock", grpc::InsecureChannelCredentials(), arguments);
}

std::string LinkWorld::certificate(CenterId center, ConnectorId connector, Duration lifetime) const {
  const auto chain = authority_->issue_connector(make_csr(), kAudience, center, connector, clock_.now(), lifetime);
  EXPECT_TRUE(chain) << chain.error().message();
  return chain ? escaped(*chain) : "";
}

Member LinkWorld::enrol(const std::string& name) {
  Member member{id_of<CenterId>(++serial_), id_of<ConnectorId>(++serial_), federation::make_key_pair(rng_), federation::make_key_pair(rng_), {}};
  member.certificate_header = certificate(member.center, member.connector);
  const auto run = [&](broker::CommandBody body) {
    const auto done = engine_->execute({.now = clock_.now(), .body = std::move(body)});
    EXPECT_TRUE(done) << done.error().message();
  };
  for (broker::CommandBody& step : broker::enrolment({member.center, name, member.connector, member.identity.public_key, member.billing.public_key}))
    run(std::move(step));
  const Instant since = clock_.now() - hours(1);
  run(broker::SetContract{{id_of<ContractId>(++serial_), member.center, kCny, {.tax_bps = 600, .margin_bps = 1000}, since, {}}});
  broker::PublishPrices prices;
  for (const auto meter : pricing::kHeldMeters)
    prices.rows.push_back({.id = id_of<PriceRowId>(++serial_), .scope = {.center = member.center}, .meter = meter,
                           .price = meter == pricing::Meter::core_ms ? *parse_decimal("0.36") : Decimal{},
                           .per = meter == pricing::Meter::core_ms ? 3'600'000 : 1, .valid_from = since});
  run(prices);
  return member;
}

JobId LinkWorld::submit(std::int64_t cores, Duration hold_window) {
  const auto script = blobs_.put(broker::BlobKind::script, std::as_bytes(std::span(kScript)));
  EXPECT_TRUE(script);
  const JobId job = id_of<JobId>(++serial_);
  broker::JobSpec spec{.name = "primes of the day", .script = *script, .need = {.cores = cores, .nodes = 1, .mem_mib = 1024}, .walltime = hours(1), .hold_window = hold_window};
  const auto done = engine_->execute({.now = clock_.now(), .body = broker::SubmitJob{job, id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_),
                                                                                     id_of<BillingAccountId>(1), id_of<UserId>(1), {}, spec}});
  EXPECT_TRUE(done) << done.error().message();
  return job;
}

void LinkWorld::cancel(JobId id) {
  const auto done = engine_->execute({.now = clock_.now(), .body = broker::CancelJob{id, id_of<UserId>(1), "changed my mind"}});
  EXPECT_TRUE(done) << done.error().message();
}

broker::Job LinkWorld::job(JobId id) {
  broker::Job copy;
  EXPECT_TRUE(engine_->read_wait([&](const broker::Market& market) {
    if (const broker::Job* found = market.job(id)) copy = *found;
  }));
  return copy;
}

broker::Center LinkWorld::center(CenterId id) {
  broker::Center copy;
  EXPECT_TRUE(engine_->read_wait([&](const broker::Market& market) { copy = *market.center(id); }));
  return copy;
}

bool LinkWorld::eventually(const std::function<bool()>& condition) {
  const Duration until = clock_.monotonic() + kPatience;
  while (!condition()) {
    if (clock_.monotonic() > until) return false;
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, std::chrono::milliseconds(5));
  }
  return true;
}

bool LinkWorld::reaches(JobId id, broker::JobState state) {
  return eventually([&] { return job(id).state == state; });
}

// ── the connector ──

TestConnector::TestConnector(const Member& member, const broker::BrokerKeys& keys, std::string directory, FakeDriver& driver,
                             std::function<std::shared_ptr<grpc::Channel>()> channel, std::uint64_t generation) {
  connector::ConnectorOptions options;
  options.directory = directory;
  options.jobs_directory = directory + "-jobs";
  options.software = "test 1";
  options.generation = [generation] { return generation; };
  options.membership = {kAudience, member.center, member.connector, 1, keys.order.public_key, keys.ack.public_key};
  options.identity.table.push_back({{}, {}, {}, "runner", {}});
  options.poll_interval = milliseconds(20);
  options.pools_interval = milliseconds(1500);
  options.usage_interval = milliseconds(100);
  options.files.retry = milliseconds(20);
  options.days_interval = milliseconds(200);
  options.missing_patience = milliseconds(200);
  options.lost_patience = milliseconds(500);
  auto opened = connector::Connector::open(std::move(options), member.identity, member.billing, driver, users_, clock_, rng_);
  if (!opened) {
    status_ = std::unexpected(opened.error());
    return;
  }
  connector_ = std::move(*opened);
  connector::LinkClientOptions link_options;
  link_options.channel = std::move(channel);
  link_options.metadata = {{"x-bourse-client-cert", member.certificate_header}};
  link_options.backoff_min = milliseconds(20);
  link_options.backoff_max = milliseconds(100);
  link_ = std::make_unique<connector::LinkClient>(
      std::move(link_options), [this](connector::LinkEvent event) { connector_->on_link(std::move(event)); },
      [this](JobId, AttemptId attempt, std::int64_t offset, std::int64_t most) { return connector_->read_log(attempt, offset, most); }, clock_, rng_);
  connector_->attach(*link_, [this] { ready_ = true; });
  thread_ = std::jthread([this](std::stop_token stop) {
    status_ = connector_->step();
    if (!status_) return;
    link_->start();
    status_ = connector_->run(stop);
  });
}

Status TestConnector::ended() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  if (connector_) connector_->refuse_link_events();
  if (link_) link_->stop();
  if (connector_) connector_->stop_files();
  return status_;
}

TestConnector::~TestConnector() { ended(); }

void LinkedWorld::SetUp() {
  LinkWorld::SetUp();
  if (HasFatalFailure()) return;
  member_ = enrol("north");
  connect();
}

void LinkedWorld::TearDown() {
  connector_.reset();
  LinkWorld::TearDown();
}

void LinkedWorld::connect() {
  connector_ = std::make_unique<TestConnector>(member_, keys_, directory_ + "/north", driver_, [this] { return channel(); }, generation_);
  const auto why = [this] {
    const Status ended = connector_->ended();
    return ended ? "it waits" : ended.error().message();
  };
  ASSERT_TRUE(eventually([&] { return connector_->ready(); })) << why();
  ASSERT_TRUE(eventually([&] { return online(); }));
}

bool LinkedWorld::online() {
  bool on = false;
  EXPECT_TRUE(engine_->read_wait([&](const broker::Market& market) { on = market.online(member_.center); }));
  return on;
}

}  // namespace bourse::testing
