#include "broker/adapters/membership/membership_server.h"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "bourse/federation/v1/membership.grpc.pb.h"

namespace bourse::broker {

namespace wire = federation::v1;

namespace {

grpc::Status status_of(const Error& error) { return {static_cast<grpc::StatusCode>(info(error.code).grpc_status), error.message()}; }

}  // namespace

struct MembershipServer::Impl final : wire::Membership::CallbackService {
  Impl(MembershipOptions options, Engine& engine, const CertificateAuthority& authority, const SigningKey& ack_key, const Clock& clock, Rng& rng)
      : max_waiting(options.max_waiting), desk(std::move(options), engine, authority, ack_key, clock, rng), thread([this] { work(); }) {}

  grpc::ServerUnaryReactor* Begin(grpc::CallbackServerContext* context, const wire::BeginRequest*, wire::Challenge* reply) override {
    auto* reactor = context->DefaultReactor();
    reply->set_nonce(desk.begin());
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  grpc::ServerUnaryReactor* Join(grpc::CallbackServerContext* context, const wire::JoinCall* call, wire::JoinReply* reply) override {
    return queue(context, reply, [this, call] { return desk.join(*call); });
  }
  grpc::ServerUnaryReactor* Certify(grpc::CallbackServerContext* context, const wire::Envelope* envelope, wire::CertifyReply* reply) override {
    return queue(context, reply, [this, envelope] { return desk.certify(*envelope); });
  }

  // gRPC keeps request and reply until the reactor has finished.
  template <class Reply, class Answer>
  grpc::ServerUnaryReactor* queue(grpc::CallbackServerContext* context, Reply* reply, Answer answer) {
    auto* reactor = context->DefaultReactor();
    {
      const std::scoped_lock lock(mutex);
      if (!stopping && tasks.size() < max_waiting) {
        tasks.push_back([reactor, reply, answer] {
          auto result = answer();
          if (result) *reply = std::move(*result);
          reactor->Finish(result ? grpc::Status::OK : status_of(result.error()));
        });
        wake.notify_one();
        return reactor;
      }
    }
    reactor->Finish(status_of({ErrorCode::overloaded, "too many connectors join or renew at once"}));
    return reactor;
  }

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      wake.wait(lock, [this] { return stopping || !tasks.empty(); });
      if (tasks.empty()) return;
      const auto task = std::move(tasks.front());
      tasks.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  const std::size_t max_waiting;
  Desk desk;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> tasks;
  bool stopping = false;
  std::thread thread;
};

MembershipServer::MembershipServer(MembershipOptions options, Engine& engine, const CertificateAuthority& authority, const SigningKey& ack_key,
                                   const Clock& clock, Rng& rng)
    : impl_(std::make_unique<Impl>(std::move(options), engine, authority, ack_key, clock, rng)) {}
MembershipServer::~MembershipServer() { shutdown(); }

grpc::Service& MembershipServer::service() { return *impl_; }

void MembershipServer::shutdown() {
  {
    const std::scoped_lock lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake.notify_all();
  if (impl_->thread.joinable()) impl_->thread.join();
}

}  // namespace bourse::broker
