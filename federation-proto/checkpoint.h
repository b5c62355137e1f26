// Signed checkpoints of a center's evidence tree, and what its leaves are made of.
#pragma once

#include <cstdint>
#include <string>

#include "base/hash.h"
#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "federation-proto/envelope.h"

namespace bourse::federation {

struct Checkpoint {
  std::string market;
  CenterId center;
  std::uint64_t size = 0;
  Hash256 root;
  Instant at;
};

v1::Envelope seal_checkpoint(const KeyPair& ack_key, const Checkpoint& checkpoint);
// Signature → strict parse → form. Whose it is, the caller compares. Errors: bad_signature, invalid_argument.
Result<Checkpoint> open_checkpoint(const v1::Envelope& envelope, const PublicKey& ack_key);

}  // namespace bourse::federation
