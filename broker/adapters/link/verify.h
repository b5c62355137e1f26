// What a connector signed, from bytes to commands: the checks of the protocol, in its order.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "broker/adapters/link/peer.h"
#include "broker/domain/commands.h"

namespace bourse::federation::v1 {
class Envelope;
class Hello;
class Pool;
}  // namespace bourse::federation::v1

namespace bourse::broker {

// The receiving side of one stream, for addressing.
struct Addressee {
  const std::string& audience;
  const Peer& peer;
};

// Size → signature by K_id → strict parse → addressing → nonce. Errors: too_large, bad_signature, invalid_argument, forbidden.
Result<federation::v1::Hello> verify_hello(const federation::v1::Envelope& envelope, const PublicKey& identity_key,
                                           const Addressee& to, std::string_view nonce);

// Size → signature by K_bill → strict parse → addressing → key fingerprint → records. Epoch, sequence and what is in the
// records are the engine's to judge. Errors: too_large, bad_signature, invalid_argument, forbidden.
Result<ApplyReport> verify_report(const federation::v1::Envelope& envelope, const PublicKey& billing_key, const Addressee& to);

// Errors: invalid_argument, naming the pool and the field.
Result<std::vector<routing::Pool>> read_pools(const std::vector<const federation::v1::Pool*>& pools, CenterId center, Instant now);

}  // namespace bourse::broker
