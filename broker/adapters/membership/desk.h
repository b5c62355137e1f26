// What the broker says to connectors that join or renew (membership.proto), over the engine.
#pragma once

#include <string>

#include "base/result.h"
#include "base/rng.h"
#include "base/time.h"
#include "bourse/federation/v1/membership.pb.h"
#include "broker/adapters/ca/keys.h"
#include "broker/adapters/membership/nonces.h"
#include "broker/app/engine.h"
#include "federation-proto/envelope.h"

namespace bourse::broker {

struct MembershipOptions {
  std::string audience;                        // the broker's name
  Duration certificate_lifetime = hours(1);
  std::size_t max_waiting = 1'000;             // requests; beyond: overloaded
};

// Calls wait for the engine, so one thread of its own serves them; `begin` is safe from any.
class Desk {
 public:
  Desk(MembershipOptions options, Engine& engine, const CertificateAuthority& authority, const SigningKey& ack_key, const Clock& clock, Rng& rng);

  std::string begin();
  // Errors: invalid_argument, unauthenticated (nonce), bad_signature, and those of UseInvitation.
  Result<federation::v1::JoinReply> join(const federation::v1::JoinCall& call);
  // Errors: likewise, and those of CertifyConnector; forbidden when this very request showed that there is a copy.
  Result<federation::v1::CertifyReply> certify(const federation::v1::Envelope& envelope);

 private:
  Result<Center> member(CenterId center, ConnectorId connector);
  Result<CommandResult> run(CommandBody body);

  MembershipOptions options_;
  Engine& engine_;
  const CertificateAuthority& authority_;
  federation::KeyPair ack_key_;
  const Clock& clock_;
  Rng& rng_;
  Nonces nonces_;
};

}  // namespace bourse::broker
