#include "broker/adapters/api/contract/market_world.h"

#include <filesystem>

#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"
#include "broker/adapters/link/link_server.h"
#include "federation-proto/fields.h"

namespace bourse::test {
namespace {

namespace wire = federation::v1;
using namespace broker;

void fill(wire::Record& out, const ReportRecord& in) {
  if (const auto* event = std::get_if<EventRecord>(&in)) {
    wire::JobEvent& to = *out.mutable_event();
    to.set_job(federation::to_bytes(event->job));
    to.set_attempt(federation::to_bytes(event->attempt));
    to.set_fence(event->fence);
    to.set_order_hash(federation::to_bytes(event->order_hash));
    to.set_kind(static_cast<wire::JobEvent::Kind>(event->happening));
    to.set_at_ms(event->at.unix_ms);
    return;
  }
  if (const auto* day = std::get_if<DayRecord>(&in)) {
    wire::DayDigest& to = *out.mutable_day();
    to.set_day(day->day);
    to.set_revision(day->revision);
    to.mutable_sum()->set_attempts(day->said.attempts);
    to.mutable_sum()->set_core_ms(day->said.core_ms);
    to.mutable_sum()->set_digest(federation::to_bytes(day->said.digest));
    return;
  }
  const auto& usage = std::get<UsageRecord>(in);
  wire::UsageRecord& to = *out.mutable_usage();
  to.set_record_id(federation::to_bytes(usage.id));
  to.set_job(federation::to_bytes(usage.job));
  to.set_attempt(federation::to_bytes(usage.attempt));
  to.set_fence(usage.fence);
  to.set_order_hash(federation::to_bytes(usage.order_hash));
  to.set_start_ms(usage.start.unix_ms);
  to.set_end_ms(usage.end.unix_ms);
  to.set_final(usage.final);
  to.set_revision(usage.revision);
  to.set_core_ms(usage.meters[pricing::Meter::core_ms]);
  to.set_gpu_ms(usage.meters[pricing::Meter::gpu_ms]);
  to.set_node_ms(usage.meters[pricing::Meter::node_ms]);
  to.set_mem_mib_s(usage.meters[pricing::Meter::mem_mib_s]);
}

}  // namespace

void MarketWorld::SetUp() {
  directory_ = std::filesystem::temp_directory_path() / ("bourse-api-" + to_crockford(make_uuid_v7(clock_.now(), rng_)).substr(16));
  std::filesystem::create_directories(directory_);
  const auto keys = load_or_create_keys(directory_ + "/keys", rng_);
  ASSERT_TRUE(keys) << keys.error().message();
  broker_keys_ = *keys;
  auto authority = CertificateAuthority::open(directory_ + "/keys", directory_ + "/root", clock_.now());
  ASSERT_TRUE(authority) << authority.error().message();
  authority_ = std::move(*authority);
  start();
  operator_ = sign_in("olga", "The Market", {"operator"});
  finance_ = sign_in("fu", "The Market", {"finance"});
}

void MarketWorld::TearDown() {
  stop();
  std::filesystem::remove_all(directory_);
}

void MarketWorld::start() {
  blobs_ = std::make_unique<PgBlobStore>(database_.as("bourse_writer"));
  auto journal = PgJournal::open(database_.as("bourse_writer"));
  ASSERT_TRUE(journal) << journal.error().message();
  journal_ = std::move(*journal);
  projector_ = std::make_unique<Projector>(ProjectorOptions{.conninfo = database_.as("bourse_projector")});
  engine_ = std::make_unique<Engine>(EngineOptions{}, *journal_, clock_, rng_);
  evidence_ = std::make_unique<PgEvidenceLog>(database_.as("bourse_writer"));
  notary_ = std::make_unique<Notary>("bourse.test", *evidence_, broker_keys_.ack, clock_);
  link_ = std::make_unique<LinkServer>(LinkOptions{.audience = "bourse.test", .files = &files_}, *engine_, *blobs_, *notary_, broker_keys_, clock_, rng_);
  const auto wait = [this](std::uint64_t position, Duration timeout) -> Status {
    if (projector_->wait_for(position, timeout)) return {};
    return fail(ErrorCode::timeout);
  };
  sealer_ = std::make_unique<Sealer>(SealerOptions{.market = "bourse.test", .reader_conninfo = database_.as("bourse_reader")}, *engine_,
                                     *blobs_, *notary_, broker_keys_.ack, clock_, wait);
  service_ = std::make_unique<MarketService>(MarketServiceOptions{.name = "bourse.test",
                                                                  .edge_connect = "127.0.0.1:8443",
                                                                  .edge_server_name = "link.bourse.internal",
                                                                  .writer_conninfo = database_.as("bourse_writer"),
                                                                  .reader_conninfo = database_.as("bourse_reader"),
                                                                  .debtor = {.name = "The Market", .account = "DE89370400440532013000", .agent = "COBADEFFXXX"},
                                                                  .two_people = two_people_,
                                                                  .factor_tables = factor_tables_,
                                                                  .command_threads = 4,
                                                                  .query_threads = 4},
                                             MarketServiceParts{*engine_, *blobs_, *notary_, *link_, *authority_, broker_keys_, *sealer_, clock_, rng_, wait, &files_});
  engine_->on_committed([this](std::uint64_t position, const std::vector<Event>& events) {
    projector_->notify(position);
    link_->committed(events);
    sealer_->committed(position, events);
  });
  const auto started = engine_->start();
  ASSERT_TRUE(started) << started.error().message();
  ASSERT_TRUE(projector_->start());
  sealer_->start();
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + directory_ + "/market.sock", grpc::InsecureServerCredentials());
  builder.SetMaxReceiveMessageSize(4 << 20);
  builder.RegisterService(&service_->service());
  server_ = builder.BuildAndStart();
  ASSERT_TRUE(server_);
  stub_ = v1::Market::NewStub(grpc::CreateChannel("unix:" + directory_ + "/market.sock", grpc::InsecureChannelCredentials()));
}

void MarketWorld::stop() {
  stub_.reset();
  if (link_) link_->shutdown();
  if (server_) server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(2));
  if (service_) service_->shutdown();
  if (sealer_) sealer_->stop();
  if (engine_) engine_->stop();
  if (projector_) projector_->stop();
  server_.reset();
  service_.reset();
  sealer_.reset();
  link_.reset();
  engine_.reset();
  projector_.reset();
  journal_.reset();
  blobs_.reset();
}

std::string MarketWorld::earned(const std::string& month) {
  EXPECT_TRUE(projector_->wait_for(engine_->stats().position, seconds(20)));
  return database_.ask("SELECT coalesce(sum(gross_micros), 0)::bigint || '/' || coalesce(sum(tax_micros), 0)::bigint || coalesce(' ' || string_agg(DISTINCT item::text, ','), '') "
                       "FROM market.earned WHERE '" + month + "' IN ('', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM'))");
}

std::string MarketWorld::gross_and_tax(const v1::Report& report) {
  Amount gross, tax;
  for (const v1::RevenueRow& row : report.revenue()) {
    gross += *parse_amount(row.gross().amount());
    tax += *parse_amount(row.tax().amount());
  }
  return std::to_string(gross.micros) + "/" + std::to_string(tax.micros);
}

Answer MarketWorld::answer(const grpc::Status& status, const grpc::ClientContext& context) {
  Answer out{status, {}, {}};
  const auto& trailers = context.GetServerTrailingMetadata();
  if (const auto it = trailers.find("bourse-problem-bin"); it != trailers.end()) {
    v1::Problem problem;
    problem.ParseFromArray(it->second.data(), static_cast<int>(it->second.size()));
    out.code = problem.code();
    out.detail = problem.detail();
  }
  return out;
}

v1::Principal MarketWorld::sign_in(const std::string& subject, const std::string& tenant, std::vector<std::string> roles) {
  v1::SignInRequest request;
  request.set_issuer("https://idp.test");
  request.set_subject(subject);
  request.set_name("Person " + subject);
  request.set_tenant_name(tenant);
  for (const std::string& role : roles) request.add_roles(role);
  v1::Principal principal;
  const Answer got = call(&v1::Market::Stub::SignIn, request, &principal);
  EXPECT_TRUE(got.ok()) << got.code << " " << got.status.error_message();
  return principal;
}

void MarketWorld::fund(const v1::Principal& who, const std::string& amount) {
  v1::FundAccountRequest request;
  *request.mutable_principal() = finance_;
  request.set_key(key());
  request.set_account(who.accounts(0));
  request.mutable_money()->set_amount(amount);
  request.mutable_money()->set_unit("CNY");
  request.set_bank_reference("wire " + key());
  v1::Wallet wallet;
  const Answer got = call(&v1::Market::Stub::FundAccount, request, &wallet);
  ASSERT_TRUE(got.ok()) << got.code << " " << got.detail;
}

federation::JoinBundle MarketWorld::invite(const std::string& name, const std::string& unit, std::int64_t validity_ms) {
  v1::InviteCenterRequest request;
  *request.mutable_principal() = operator_;
  request.set_key(key());
  request.set_name(name);
  request.set_unit(unit);
  request.set_validity_ms(validity_ms);
  v1::InviteCenterReply reply;
  const Answer got = call(&v1::Market::Stub::InviteCenter, request, &reply);
  EXPECT_TRUE(got.ok()) << got.code << " " << got.detail;
  const auto bundle = federation::parse_join_bundle(reply.bundle_json());
  EXPECT_TRUE(bundle) << bundle.error().message();
  return bundle.value_or(federation::JoinBundle{});
}

Status MarketWorld::join(const federation::JoinBundle& bundle, StubCenter& center) {
  center.name = bundle.center_name;
  center.id = bundle.center;
  if (center.connector.is_nil()) {  // else its keys are used again
    center.connector = ConnectorId::make(clock_.now(), rng_);
    center.identity = federation::make_key_pair(rng_);
    center.billing = federation::make_key_pair(rng_);
  }
  CHECK_OK(engine_->execute({.key = {},
                             .fingerprint = 0,
                             .now = clock_.now(),
                             .body = UseInvitation{.center = bundle.center,
                                                   .token = federation::token_hash(bundle.token),
                                                   .connector = center.connector,
                                                   .identity_key = center.identity.public_key,
                                                   .billing_key = center.billing.public_key}}));
  return {};
}

v1::AdmitCenterRequest MarketWorld::admission(const StubCenter& center) {
  v1::AdmitCenterRequest request;
  *request.mutable_principal() = operator_;
  request.set_key(key());
  request.set_center(center.name);
  request.set_fingerprint(federation::shown_fingerprint(federation::keys_fingerprint(center.identity.public_key, center.billing.public_key)));
  return request;
}

StubCenter MarketWorld::enrol(const std::string& name, const std::string& unit) {
  StubCenter center;
  const Status joined = join(invite(name, unit), center);
  EXPECT_TRUE(joined) << joined.error().message();
  v1::Admission admitted;
  const Answer got = call(&v1::Market::Stub::AdmitCenter, admission(center), &admitted);
  EXPECT_TRUE(got.ok()) << got.code << " " << got.detail;
  if (!admitted.has_proposal()) return center;
  v1::EndProposalRequest approval;
  *approval.mutable_principal() = sign_in("orla", "The Market", {"operator"});
  approval.set_key(key());
  approval.set_proposal(admitted.proposal().id());
  v1::Proposal done;
  const Answer approved = call(&v1::Market::Stub::ApproveProposal, approval, &done);
  EXPECT_TRUE(approved.ok()) << approved.code << " " << approved.detail;
  return center;
}

void MarketWorld::open_for_business(const StubCenter& center, const std::string& unit) {
  v1::PublishPricesRequest prices;
  *prices.mutable_principal() = operator_;
  prices.set_key(key());
  for (const auto& [meter, per, price] : {std::tuple("core_ms", "core-hour", "0.36"), std::tuple("gpu_ms", "gpu-hour", "9"),
                                          std::tuple("node_ms", "node-hour", "0"), std::tuple("mem_mib_s", "gib-hour", "0.0125")}) {
    v1::PriceRow& row = *prices.add_rows();
    row.set_center(center.name);
    row.set_meter(meter);
    row.set_per(per);
    row.set_price(price);
    row.set_unit(unit);
    row.set_valid_from_ms(1);
  }
  v1::PublishPricesReply published;
  const Answer priced = call(&v1::Market::Stub::PublishPrices, prices, &published);
  ASSERT_TRUE(priced.ok()) << priced.code << " " << priced.detail;
  v1::SetContractRequest contract;
  *contract.mutable_principal() = operator_;
  contract.set_key(key());
  contract.mutable_contract()->set_center(center.name);
  contract.mutable_contract()->set_unit(unit);
  contract.mutable_contract()->set_tax_bps(600);
  contract.mutable_contract()->set_margin_bps(1000);
  contract.mutable_contract()->set_valid_from_ms(1);
  v1::Contract kept;
  const Answer agreed = call(&v1::Market::Stub::SetContract, contract, &kept);
  ASSERT_TRUE(agreed.ok()) << agreed.code << " " << agreed.detail;
  routing::Pool pool{.center = center.id, .name = "cpu", .arch = "x86_64", .nodes = 4, .cores_per_node = 16, .mem_mib_per_node = 65'536,
                     .files = true, .free_cores = 64, .observed_at = clock_.now(), .online = true};
  const auto observed = engine_->execute({.key = {}, .fingerprint = 0, .now = clock_.now(), .body = ObservePools{center.id, true, {pool}}});
  ASSERT_TRUE(observed) << observed.error().message();
}

v1::JobSpec MarketWorld::spec(const std::string& name) const {
  v1::JobSpec spec;
  spec.set_name(name);
  spec.set_script("#!/bin/sh\necho " + name + "\n");
  spec.set_cores(4);
  spec.set_nodes(1);
  spec.set_mem_mib(2048);
  spec.set_walltime_ms(600'000);
  spec.set_expected_ms(120'000);
  return spec;
}

v1::Job MarketWorld::submit(const v1::Principal& who, const v1::JobSpec& spec) {
  v1::SubmitRequest request;
  *request.mutable_principal() = who;
  request.set_key(key());
  *request.mutable_spec() = spec;
  v1::Job job;
  const Answer got = call(&v1::Market::Stub::Submit, request, &job);
  EXPECT_TRUE(got.ok()) << got.code << " " << got.detail;
  return job;
}

Job MarketWorld::job(const std::string& id) {
  Job out;
  EXPECT_TRUE(engine_->read_wait([&](const Market& market) {
    if (const Job* found = market.job(*parse_id<JobIdKind>(id))) out = *found;
  }));
  return out;
}

v1::Job MarketWorld::see(const v1::Principal& who, const std::string& id) {
  v1::GetJobRequest request;
  *request.mutable_principal() = who;
  request.set_job(id);
  v1::Job job;
  const Answer got = call(&v1::Market::Stub::GetJob, request, &job);
  EXPECT_TRUE(got.ok()) << got.code;
  return job;
}

CommandResult MarketWorld::report(StubCenter& center, const std::string&, std::vector<ReportRecord> records) {
  const Instant now = clock_.now();
  wire::Report report;
  report.set_version(1);
  report.set_audience("bourse.test");
  report.set_center(federation::to_bytes(center.id));
  report.set_connector(federation::to_bytes(center.connector));
  report.set_epoch(1);
  report.set_seq(++center.seq);
  report.set_previous(federation::to_bytes(center.previous));
  report.set_created_ms(now.unix_ms);
  for (const ReportRecord& record : records) fill(*report.add_records(), record);
  const std::string payload = report.SerializeAsString();
  const std::string envelope = federation::seal(center.billing, federation::kReportType, payload).SerializeAsString();
  const auto stored = blobs_->put(BlobKind::report, std::as_bytes(std::span(envelope)));
  EXPECT_TRUE(stored) << stored.error().message();
  ApplyReport command{.center = center.id, .epoch = 1, .seq = center.seq, .hash = sha256(payload), .previous = center.previous, .created = now, .records = std::move(records)};
  center.previous = command.hash;
  const auto applied = engine_->execute({.key = {}, .fingerprint = 0, .now = now, .body = std::move(command)});
  EXPECT_TRUE(applied) << applied.error().message();
  return applied.value_or(CommandResult{});
}

void MarketWorld::run_job(StubCenter& center, const std::string& id, Duration ran) {
  const Job now = job(id);
  const Hash256 order = sha256(order_bytes(now));
  const Instant end = clock_.now(), start = end - ran;
  const auto event = [&](Happening happening, Instant at) {
    return EventRecord{.job = now.id, .attempt = now.attempt().id, .fence = now.attempt().fence, .order_hash = order,
                       .happening = happening, .at = at, .scheduler_job = "4711", .exit_code = 0, .reason = {}};
  };
  const UsageRecord usage{.id = UsageRecordId::make(end, rng_), .job = now.id, .attempt = now.attempt().id, .fence = now.attempt().fence,
                          .order_hash = order, .scheduler_job = "4711", .start = start, .end = end, .final = true, .revision = 1,
                          .meters = pricing::readings_of(now.plan().allocation, ran)};
  const CommandResult result = report(center, id, {event(Happening::accepted, start), event(Happening::started, start), event(Happening::ended, end), usage});
  EXPECT_TRUE(result.quarantined.empty());
}

}  // namespace bourse::test
