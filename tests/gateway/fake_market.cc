#include "tests/gateway/fake_market.h"

#include <grpcpp/grpcpp.h>

#include <map>
#include <mutex>

#include "base/error.h"
#include "base/sha256.h"

namespace bourse::testing {

namespace v1 = market::v1;
using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

namespace {

std::string key_of(const std::string& token) {
  const Hash256 hash = sha256(token);
  return {reinterpret_cast<const char*>(hash.bytes.data()), hash.bytes.size()};
}

Reactor* done(Context* context, grpc::Status status = grpc::Status::OK) {
  auto* reactor = context->DefaultReactor();
  reactor->Finish(std::move(status));
  return reactor;
}

Reactor* refuse(Context* context, ErrorCode code, const std::string& detail) {
  v1::Problem problem;
  problem.set_code(std::string(info(code).name));
  problem.set_detail(detail);
  context->AddTrailingMetadata("bourse-problem-bin", problem.SerializeAsString());
  return done(context, {static_cast<grpc::StatusCode>(info(code).grpc_status), detail});
}

// Says nothing until the caller has had enough.
class Silence final : public Reactor {
 public:
  void OnCancel() override { Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }
};

// Three pieces, then the end.
class Export final : public grpc::ServerWriteReactor<v1::Chunk> {
 public:
  Export() { next(); }
  void OnWriteDone(bool ok) override { ok ? next() : Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

 private:
  void next() {
    static constexpr const char* kPieces[] = {"2026-01-01 * one\n", "2026-01-02 * two\n", "2026-01-03 * three\n"};
    if (at_ == std::size(kPieces)) return Finish(grpc::Status::OK);
    chunk_.set_data(kPieces[at_++]);
    StartWrite(&chunk_);
  }
  v1::Chunk chunk_;
  std::size_t at_ = 0;
};

// Refuses before the first piece.
class NoExport final : public grpc::ServerWriteReactor<v1::Chunk> {
 public:
  NoExport(Context* context) {
    v1::Problem problem;
    problem.set_code("forbidden");
    problem.set_detail("It needs the role finance.");
    context->AddTrailingMetadata("bourse-problem-bin", problem.SerializeAsString());
    Finish({grpc::StatusCode::PERMISSION_DENIED, "no"});
  }
  void OnDone() override { delete this; }
};

void fill_job(v1::Job& job, const std::string& id, const v1::JobSpec& spec) {
  job.set_id(id);
  job.set_name(spec.name());
  job.set_state("routed");
  job.set_submitted_ms(1'795'250'000'250);
  job.mutable_held()->set_amount("1.25");
  job.mutable_held()->set_unit("CNY");
  *job.mutable_spec() = spec;
  job.mutable_spec()->clear_script();
  job.set_position(77);
}

}  // namespace

class FakeMarket::Service final : public v1::Market::CallbackService {
 public:
  Reactor* SignIn(Context* context, const v1::SignInRequest* request, v1::Principal* reply) override {
    const std::lock_guard lock(mutex_);
    ++calls_["SignIn"];
    sign_in_ = *request;
    reply->set_user("usr_" + request->subject());
    reply->set_tenant("ten_demo");
    reply->set_name(request->name());
    *reply->mutable_roles() = request->roles();
    users_[reply->user()] = *reply;
    return done(context);
  }
  Reactor* CreateSession(Context* context, const v1::CreateSessionRequest* request, v1::Empty*) override {
    const std::lock_guard lock(mutex_);
    ++calls_["CreateSession"];
    v1::Principal principal = users_[request->user()];
    *principal.mutable_roles() = request->roles();
    principal.clear_accounts();
    principal.add_accounts("acc_1");
    sessions_[request->token_sha256()] = principal;
    return done(context);
  }
  Reactor* ResolveSession(Context* context, const v1::ResolveSessionRequest* request, v1::Principal* reply) override {
    const std::lock_guard lock(mutex_);
    ++calls_["ResolveSession"];
    const auto found = sessions_.find(request->token_sha256());
    if (found == sessions_.end()) return refuse(context, ErrorCode::unauthenticated, "");
    *reply = found->second;
    return done(context);
  }
  Reactor* EndSession(Context* context, const v1::EndSessionRequest* request, v1::Empty*) override {
    const std::lock_guard lock(mutex_);
    ++calls_["EndSession"];
    sessions_.erase(request->token_sha256());
    return done(context);
  }
  Reactor* ListOffers(Context* context, const v1::ListOffersRequest*, v1::ListOffersReply* reply) override {
    const std::lock_guard lock(mutex_);
    ++calls_["ListOffers"];
    auto& offer = *reply->add_offers();
    offer.set_center_name("alpha");
    offer.set_free_cores(9'007'199'254'740'993);  // 2^53 + 1
    auto& price = *offer.add_prices();
    price.set_price("0.012");
    price.set_unit("CNY");
    price.set_valid_from_ms(1'795'250'000'000);
    return done(context);
  }
  Reactor* Submit(Context* context, const v1::SubmitRequest* request, v1::Job* reply) override {
    const std::lock_guard lock(mutex_);
    ++calls_["Submit"];
    submit_ = *request;
    const std::string& name = request->spec().name();
    if (name.starts_with("refuse:"))
      return refuse(context, error_code_named(name.substr(7)).value(), "as the test asked");
    if (name == "silent") return new Silence;
    auto [known, fresh] = jobs_.try_emplace(request->principal().user() + "/" + request->key(), *request);
    if (!fresh && known->second.SerializeAsString() != request->SerializeAsString())
      return refuse(context, ErrorCode::conflict, "");
    fill_job(*reply, "job_1", request->spec());
    return done(context);
  }
  Reactor* GetJob(Context* context, const v1::GetJobRequest* request, v1::Job* reply) override {
    const std::lock_guard lock(mutex_);
    ++calls_["GetJob"];
    if (request->job() != "job_1") return refuse(context, ErrorCode::not_found, "");
    fill_job(*reply, "job_1", submit_.spec());
    return done(context);
  }
  Reactor* ListJobs(Context* context, const v1::ListJobsRequest* request, v1::ListJobsReply* reply) override {
    const std::lock_guard lock(mutex_);
    ++calls_["ListJobs"];
    list_ = *request;
    reply->set_next_cursor("c2");
    return done(context);
  }
  Reactor* GetLog(Context* context, const v1::GetLogRequest* request, v1::LogReply* reply) override {
    reply->set_data(std::string("\x00\xFF<script>", 10));
    reply->set_offset(request->offset());
    reply->set_size(request->offset() + 10);
    reply->set_ended(true);
    return done(context);
  }
  Reactor* PublishPrices(Context* context, const v1::PublishPricesRequest* request,
                         v1::PublishPricesReply* reply) override {
    const std::lock_guard lock(mutex_);
    ++calls_["PublishPrices"];
    prices_ = *request;
    reply->add_ids("prc_1");
    return done(context);
  }
  Reactor* GetStatement(Context* context, const v1::GetStatementRequest*, v1::Document* reply) override {
    reply->set_name("statement\r\nx: y");
    reply->set_media_type("application/vnd.bourse.statement");
    reply->set_data(std::string("\x01\x00\x02", 3));
    return done(context);
  }
  grpc::ServerWriteReactor<v1::Chunk>* ExportLedger(Context* context, const v1::ExportLedgerRequest* request) override {
    if (request->principal().user() == "usr_poor") return new NoExport(context);
    return new Export;
  }

  mutable std::mutex mutex_;
  std::map<std::string, int> calls_;
  std::map<std::string, v1::Principal> users_, sessions_;
  std::map<std::string, v1::SubmitRequest> jobs_;
  v1::SignInRequest sign_in_;
  v1::SubmitRequest submit_;
  v1::ListJobsRequest list_;
  v1::PublishPricesRequest prices_;
};

FakeMarket::FakeMarket(const std::string& target) : target_(target), service_(std::make_unique<Service>()) {
  start();
}
FakeMarket::~FakeMarket() {
  stop();
}

void FakeMarket::start() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(target_, grpc::InsecureServerCredentials());
  builder.RegisterService(service_.get());
  server_ = builder.BuildAndStart();
}

void FakeMarket::stop() {
  if (!server_) return;
  server_->Shutdown(gpr_now(GPR_CLOCK_REALTIME));
  server_->Wait();
  server_.reset();
}

void FakeMarket::add_session(const std::string& token, const std::string& user, const std::vector<std::string>& roles) {
  v1::Principal principal;
  principal.set_user(user);
  principal.set_tenant("ten_demo");
  principal.set_name("Test");
  for (const std::string& role : roles) principal.add_roles(role);
  principal.add_accounts("acc_1");
  const std::lock_guard lock(service_->mutex_);
  service_->sessions_[key_of(token)] = principal;
}

int FakeMarket::calls(const std::string& rpc) const {
  const std::lock_guard lock(service_->mutex_);
  const auto found = service_->calls_.find(rpc);
  return found == service_->calls_.end() ? 0 : found->second;
}
v1::SubmitRequest FakeMarket::last_submit() const {
  const std::lock_guard lock(service_->mutex_);
  return service_->submit_;
}
v1::ListJobsRequest FakeMarket::last_list() const {
  const std::lock_guard lock(service_->mutex_);
  return service_->list_;
}
v1::SignInRequest FakeMarket::last_sign_in() const {
  const std::lock_guard lock(service_->mutex_);
  return service_->sign_in_;
}
v1::PublishPricesRequest FakeMarket::last_prices() const {
  const std::lock_guard lock(service_->mutex_);
  return service_->prices_;
}
std::size_t FakeMarket::sessions() const {
  const std::lock_guard lock(service_->mutex_);
  return service_->sessions_.size();
}

}  // namespace bourse::testing
