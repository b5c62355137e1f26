// The gRPC service at which connectors join and get certificates. One thread of its own answers; gRPC's threads only queue.
#pragma once

#include <grpcpp/impl/codegen/service_type.h>

#include <memory>

#include "broker/adapters/membership/desk.h"

namespace bourse::broker {

class MembershipServer {
 public:
  MembershipServer(MembershipOptions options, Engine& engine, const CertificateAuthority& authority, const SigningKey& ack_key, const Clock& clock, Rng& rng);
  ~MembershipServer();

  grpc::Service& service();  // registered by the daemon
  // Answers what is queued, then refuses. Idempotent; before the engine stops.
  void shutdown();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bourse::broker
