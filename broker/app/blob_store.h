// The BlobStore port: content-addressed bytes, stored before the command whose events name their hash.
//
// A blob is found by its kind and the SHA-256 of its bytes; but a report or an acknowledgement (its bytes are a serialized
// federation.v1.Envelope) by the SHA-256 of its payload, for that is the hash by which the chain, the journal and the statements name it.
// Kinds have names of their own: whoever stores a script with the bytes of another's report takes nothing from it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"

namespace bourse::broker {

enum class BlobKind : std::uint8_t { script = 1, report = 2, order = 3, statement = 4, acknowledgement = 5, payment_file = 6, dispute_evidence = 7, manifest = 8 };

// Safe from any thread. Blobs are immutable; putting one twice is harmless.
class BlobStore {
 public:
  virtual ~BlobStore() = default;
  // Durable when it returns. Errors: unavailable, too_large (8 MiB; statements 256 MiB), invalid_argument (a report or
  // acknowledgement that is no envelope).
  virtual Result<Hash256> put(BlobKind kind, std::span<const std::byte> bytes) = 0;
  // Many at once, in one transaction; hashes in order.
  virtual Result<std::vector<Hash256>> put_all(BlobKind kind, std::span<const std::span<const std::byte>> blobs) = 0;
  // Errors: not_found, unavailable, integrity (the bytes don't have that hash).
  virtual Result<std::vector<std::byte>> get(BlobKind kind, const Hash256& hash) = 0;
};

}  // namespace bourse::broker
