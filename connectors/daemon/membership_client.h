// How the connector joins and gets its certificates (membership.proto).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/rng.h"
#include "bourse/federation/v1/membership.pb.h"
#include "connectors/daemon/credentials.h"

namespace grpc {
class Channel;
}

namespace bourse::connector {

// The broker's desk, as a port. Errors are the broker's own, or unavailable and timeout. One thread.
class MembershipPort {
 public:
  virtual ~MembershipPort() = default;
  virtual Result<std::string> begin() = 0;  // a nonce
  virtual Result<federation::v1::JoinReply> join(const federation::v1::JoinCall& call) = 0;
  virtual Result<federation::v1::CertifyReply> certify(const federation::v1::Envelope& request) = 0;
};

class MembershipClient final : public MembershipPort {
 public:
  // `channel` is called for each call: after a failure a new one is dialled.
  explicit MembershipClient(std::function<std::shared_ptr<grpc::Channel>()> channel, Duration deadline = seconds(20));
  Result<std::string> begin() override;
  Result<federation::v1::JoinReply> join(const federation::v1::JoinCall& call) override;
  Result<federation::v1::CertifyReply> certify(const federation::v1::Envelope& request) override;

 private:
  std::function<std::shared_ptr<grpc::Channel>()> channel_;
  Duration deadline_;
};

struct Joined {
  ConnectorId connector;
  bool admitted = false;
};
// Uses the invitation, or hears what became of it. Errors: the desk's; integrity (an answer about somebody else).
Result<Joined> join(MembershipPort& desk, const federation::JoinBundle& bundle, const ConnectorKeys& keys);

// The next certificate, with a new key, checked: signed by K_ack and meant for us, a newer generation, leading to the bundle's root, in
// time. `current.generation` 0: the first. Errors: the desk's; integrity.
Result<Credentials> certify(MembershipPort& desk, const federation::JoinBundle& bundle, const ConnectorKeys& keys, const Credentials& current, Instant now);

}  // namespace bourse::connector
