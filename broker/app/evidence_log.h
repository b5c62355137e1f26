// The EvidenceLog port: what was signed with each center, in the order it was stored, as a Merkle tree that only grows.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "broker/app/blob_store.h"
#include "evidence/merkle.h"

namespace bourse::broker {

enum class EvidenceKind : std::uint8_t { report = 1, order = 2, acknowledgement = 3 };
// As what its bytes are stored.
constexpr BlobKind blob_kind(EvidenceKind kind) {
  return kind == EvidenceKind::report ? BlobKind::report : kind == EvidenceKind::order ? BlobKind::order : BlobKind::acknowledgement;
}

struct EvidenceItem {
  CenterId center;
  EvidenceKind kind{};
  Hash256 name;     // SHA-256 of the payload, by which its bytes lie in the blob store
  Hash256 leaf;     // of the tree, over PAE(type, payload)
  Hash256 subject;  // of an acknowledgement: the report that it answers; else `name`
};

// A signed checkpoint as it was given out.
struct KeptCheckpoint {
  std::uint64_t size = 0;
  Hash256 root;
  Instant at;
  PeriodId period;       // whose closing it was made for; nil = a daily one
  std::string envelope;  // serialized federation.v1.Envelope
};

struct EvidencePlace {
  std::uint64_t index = 0;
  Hash256 name;
};

// Safe from any thread. Nothing in it is ever changed or removed. Errors of all members: unavailable, overloaded,
// integrity (what is stored isn't a tree).
class EvidenceLog {
 public:
  virtual ~EvidenceLog() = default;
  // Appends what isn't there yet (by center, kind and subject), in the order given; durable when it returns. Repeating
  // it is harmless.
  virtual Status append(std::span<const EvidenceItem> items) = 0;
  virtual Result<evidence::Frontier> frontier(CenterId center) = 0;
  // Where they are, in the order asked for; nothing for what isn't there.
  virtual Result<std::vector<std::optional<EvidencePlace>>> find(CenterId center, EvidenceKind kind,
                                                                 std::span<const Hash256> subjects) = 0;
  // Hashes of perfect subtrees, in the order asked for. Errors also: not_found (beyond the tree).
  virtual Result<std::vector<Hash256>> nodes(CenterId center, std::span<const evidence::NodeId> ids) = 0;
  // Keeps it, unless the period (when it names one) has one already; returns the one that counts.
  virtual Result<KeptCheckpoint> keep(CenterId center, KeptCheckpoint checkpoint) = 0;
  virtual Result<std::optional<KeptCheckpoint>> newest(CenterId center) = 0;
  virtual Result<std::optional<KeptCheckpoint>> of_period(PeriodId period) = 0;
};

}  // namespace bourse::broker
