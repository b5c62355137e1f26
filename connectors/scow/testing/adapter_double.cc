#include "connectors/scow/testing/adapter_double.h"

#include "scow/account.grpc.pb.h"
#include "scow/config.grpc.pb.h"
#include "scow/job.grpc.pb.h"
#include "scow/user.grpc.pb.h"
#include "scow/version.grpc.pb.h"

namespace bourse::scow::testing {
namespace {

using grpc::ServerContext;

// Runs `work` under the world's lock if the RPC is there at all.
template <class Work>
grpc::Status guarded(World& world, const char* rpc, Work&& work) {
  const std::scoped_lock lock(world.mutex);
  grpc::Status status;
  if (!gate(world, rpc, status)) return status;
  return work();
}

grpc::Status account_missing() { return refusal(grpc::StatusCode::NOT_FOUND, "ACCOUNT_NOT_FOUND", "no such account"); }

class Versions final : public wire::VersionService::Service {
 public:
  explicit Versions(World& world) : world_(world) {}
  grpc::Status GetVersion(ServerContext*, const wire::GetVersionRequest*, wire::GetVersionResponse* response) override {
    return guarded(world_, "GetVersion", [&] {
      response->set_major(1);
      response->set_minor(world_.crane ? 10 : 6);  // Crane's tells its own version
      return grpc::Status::OK;
    });
  }

 private:
  World& world_;
};

class Configs final : public wire::ConfigService::Service {
 public:
  explicit Configs(World& world) : world_(world) {}
  grpc::Status GetClusterConfig(ServerContext*, const wire::GetClusterConfigRequest*, wire::GetClusterConfigResponse* r) override {
    return guarded(world_, "GetClusterConfig", [&] { return cluster_config(world_, *r), grpc::Status::OK; });
  }
  grpc::Status GetAvailablePartitions(ServerContext*, const wire::GetAvailablePartitionsRequest* q,
                                      wire::GetAvailablePartitionsResponse* r) override {
    return guarded(world_, "GetAvailablePartitions", [&] {
      const auto account = world_.accounts.find(q->account_name());
      if (account == world_.accounts.end() || !account->second.users.contains(q->user_id()))
        return refusal(grpc::StatusCode::NOT_FOUND, "USER_ACCOUNT_NOT_FOUND", "the user is not in the account");
      if (account->second.may_use_partition) r->add_partitions()->set_name(world_.partition);
      return grpc::Status::OK;
    });
  }
  grpc::Status GetClusterInfo(ServerContext*, const wire::GetClusterInfoRequest*, wire::GetClusterInfoResponse* r) override {
    return guarded(world_, "GetClusterInfo", [&] { return cluster_info(world_, *r), grpc::Status::OK; });
  }
  grpc::Status GetClusterNodesInfo(ServerContext*, const wire::GetClusterNodesInfoRequest*, wire::GetClusterNodesInfoResponse* r) override {
    return guarded(world_, "GetClusterNodesInfo", [&] { return cluster_nodes(world_, *r), grpc::Status::OK; });
  }

 private:
  World& world_;
};

class Accounts final : public wire::AccountService::Service {
 public:
  explicit Accounts(World& world) : world_(world) {}
  grpc::Status CreateAccount(ServerContext*, const wire::CreateAccountRequest* q, wire::CreateAccountResponse*) override {
    return guarded(world_, "CreateAccount", [&] {
      if (!world_.accounts.try_emplace(q->account_name()).second)
        return refusal(grpc::StatusCode::ALREADY_EXISTS, "ACCOUNT_ALREADY_EXISTS", "the account exists");
      world_.accounts[q->account_name()].users.insert(q->owner_user_id());
      return grpc::Status::OK;
    });
  }
  grpc::Status BlockAccount(ServerContext*, const wire::BlockAccountRequest* q, wire::BlockAccountResponse*) override {
    return set_blocked("BlockAccount", q->account_name(), true);
  }
  grpc::Status UnblockAccount(ServerContext*, const wire::UnblockAccountRequest* q, wire::UnblockAccountResponse*) override {
    return set_blocked("UnblockAccount", q->account_name(), false);
  }
  grpc::Status QueryAccountBlockStatus(ServerContext*, const wire::QueryAccountBlockStatusRequest* q,
                                       wire::QueryAccountBlockStatusResponse* r) override {
    return guarded(world_, "QueryAccountBlockStatus", [&] {
      const auto account = world_.accounts.find(q->account_name());
      if (account == world_.accounts.end()) return account_missing();
      r->set_blocked(account->second.blocked);
      return grpc::Status::OK;
    });
  }
  grpc::Status GetAllAccountsWithUsers(ServerContext*, const wire::GetAllAccountsWithUsersRequest*,
                                       wire::GetAllAccountsWithUsersResponse* r) override {
    return guarded(world_, "GetAllAccountsWithUsers", [&] {
      for (const auto& [name, account] : world_.accounts) {
        auto* told = r->add_accounts();
        told->set_account_name(name);
        told->set_blocked(account.blocked);
        for (const std::string& user : account.users) told->add_users()->set_user_id(user);
      }
      return grpc::Status::OK;
    });
  }

 private:
  grpc::Status set_blocked(const char* rpc, const std::string& name, bool blocked) {
    return guarded(world_, rpc, [&] {
      const auto account = world_.accounts.find(name);
      if (account == world_.accounts.end()) return account_missing();
      account->second.blocked = blocked;
      return grpc::Status::OK;
    });
  }
  World& world_;
};

class Users final : public wire::UserService::Service {
 public:
  explicit Users(World& world) : world_(world) {}
  grpc::Status AddUserToAccount(ServerContext*, const wire::AddUserToAccountRequest* q, wire::AddUserToAccountResponse*) override {
    return guarded(world_, "AddUserToAccount", [&] {
      const auto account = world_.accounts.find(q->account_name());
      if (account == world_.accounts.end()) return account_missing();
      if (!account->second.users.insert(q->user_id()).second)
        return refusal(grpc::StatusCode::ALREADY_EXISTS, "USER_ACCOUNT_ALREADY_EXISTS", "the user is in the account");
      return grpc::Status::OK;
    });
  }

 private:
  World& world_;
};

class Jobs final : public wire::JobService::Service {
 public:
  explicit Jobs(World& world) : world_(world) {}
  grpc::Status GetJobs(ServerContext*, const wire::GetJobsRequest* q, wire::GetJobsResponse* r) override {
    return guarded(world_, "GetJobs", [&] { return get_jobs(world_, *q, *r); });
  }
  grpc::Status GetJobById(ServerContext*, const wire::GetJobByIdRequest* q, wire::GetJobByIdResponse* r) override {
    return guarded(world_, "GetJobById", [&] { return get_job(world_, *q, *r); });
  }
  grpc::Status SubmitJob(ServerContext*, const wire::SubmitJobRequest* q, wire::SubmitJobResponse* r) override {
    return guarded(world_, "SubmitJob", [&] { return submit_job(world_, *q, *r); });
  }
  grpc::Status CancelJob(ServerContext*, const wire::CancelJobRequest* q, wire::CancelJobResponse*) override {
    return guarded(world_, "CancelJob", [&] { return cancel_job(world_, *q); });
  }

 private:
  World& world_;
};

std::shared_ptr<grpc::ServerCredentials> credentials_of(const std::optional<ServerTls>& tls) {
  if (!tls) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = tls->ca;
  options.pem_key_cert_pairs.push_back({tls->key, tls->certificate});
  return grpc::SslServerCredentials(options);
}

}  // namespace

struct AdapterDouble::Server {
  Server(World& world, std::optional<ServerTls> t, std::string at)
      : tls(std::move(t)), address(std::move(at)), versions(world), configs(world), accounts(world), users(world), jobs(world) {}
  std::optional<ServerTls> tls;
  std::string address;
  Versions versions;
  Configs configs;
  Accounts accounts;
  Users users;
  Jobs jobs;
  std::unique_ptr<grpc::Server> server;
};

AdapterDouble::AdapterDouble(World& world, std::optional<ServerTls> tls, std::string address)
    : server_(std::make_unique<Server>(world, std::move(tls), std::move(address))) {
  start();
}
AdapterDouble::~AdapterDouble() { stop(); }

std::string AdapterDouble::address() const { return server_->address; }

void AdapterDouble::stop() {
  if (!server_->server) return;
  server_->server->Shutdown(std::chrono::system_clock::time_point{});  // at once
  server_->server->Wait();
  server_->server.reset();
}

void AdapterDouble::start() {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(server_->address, credentials_of(server_->tls), &port);
  builder.SetMaxSendMessageSize(1 << 30);
  for (grpc::Service* service : std::initializer_list<grpc::Service*>{&server_->versions, &server_->configs, &server_->accounts,
                                                                      &server_->users, &server_->jobs})
    builder.RegisterService(service);
  server_->server = builder.BuildAndStart();
  if (server_->address.ends_with(":0")) server_->address = "127.0.0.1:" + std::to_string(port);
}

}  // namespace bourse::scow::testing
