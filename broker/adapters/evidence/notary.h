// The notary: what becomes a leaf, who signs for the tree, and what proves that something is in it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "broker/adapters/ca/keys.h"
#include "broker/app/evidence_log.h"
#include "federation-proto/envelope.h"

namespace bourse::federation::v1 {
class CheckpointUpdate;
}

namespace bourse::broker {

// A report, an order or an acknowledgement as a leaf; `payload` are the bytes that were signed. `subject`: of an
// acknowledgement, else zero.
EvidenceItem evidence_of(CenterId center, EvidenceKind kind, std::string_view payload, const Hash256& subject = {});

// Safe from any thread; references outlive it.
class Notary {
 public:
  Notary(std::string market, EvidenceLog& log, const SigningKey& ack_key, const Clock& clock);

  EvidenceLog& log() { return log_; }

  // Signs the tree as it stands and keeps that, dated now but not before `not_before`. For a period: the checkpoint that was
  // made for it, if one was.
  Result<KeptCheckpoint> sign(CenterId center, PeriodId period = {}, Instant not_before = {});
  // The newest one, unless the tree has grown since and it is older than `oldest`: then a new one. Nothing while the tree
  // is empty.
  Result<std::optional<KeptCheckpoint>> current(CenterId center, Duration oldest);
  // What a connector that keeps the checkpoint of `from` leaves is sent. Errors: invalid_argument (`from` is beyond).
  Result<federation::v1::CheckpointUpdate> update(CenterId center, std::uint64_t from, const KeptCheckpoint& to);
  // evidence::prove and evidence::audit_path from what is kept.
  Result<std::vector<Hash256>> prove(CenterId center, std::span<const std::uint64_t> indices, std::uint64_t size);
  Result<std::vector<Hash256>> audit_path(CenterId center, std::uint64_t index, std::uint64_t size);

 private:
  using Prove = std::function<std::vector<Hash256>(const evidence::Nodes&)>;
  Result<std::vector<Hash256>> with_nodes(CenterId center, const Prove& prove);

  const std::string market_;
  EvidenceLog& log_;
  const federation::KeyPair ack_key_;
  const Clock& clock_;
};

}  // namespace bourse::broker
