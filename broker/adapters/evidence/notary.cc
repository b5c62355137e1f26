#include "broker/adapters/evidence/notary.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"
#include "federation-proto/checkpoint.h"
#include "federation-proto/fields.h"

namespace bourse::broker {
namespace {

std::string_view type_of(EvidenceKind kind) {
  switch (kind) {
    case EvidenceKind::report: return federation::kReportType;
    case EvidenceKind::order: return federation::kOrderType;
    case EvidenceKind::acknowledgement: return federation::kAckType;
  }
  return {};
}

}  // namespace

EvidenceItem evidence_of(CenterId center, EvidenceKind kind, std::string_view payload, const Hash256& subject) {
  const Hash256 name = sha256(payload);
  return {center, kind, name, evidence::leaf_hash(federation::pae(type_of(kind), payload)), subject.is_zero() ? name : subject};
}

Notary::Notary(std::string market, EvidenceLog& log, const SigningKey& ack_key, const Clock& clock)
    : market_(std::move(market)), log_(log), ack_key_{ack_key.secret, ack_key.public_key}, clock_(clock) {}

Result<KeptCheckpoint> Notary::sign(CenterId center, PeriodId period, Instant not_before) {
  if (!period.is_nil()) {
    TRY(const auto made, log_.of_period(period));
    if (made) return *made;
  }
  TRY(const evidence::Frontier tree, log_.frontier(center));
  const federation::Checkpoint checkpoint{market_, center, tree.size(), tree.root(), std::max(clock_.now(), not_before)};
  return log_.keep(center, {tree.size(), checkpoint.root, checkpoint.at, period,
                            federation::seal_checkpoint(ack_key_, checkpoint).SerializeAsString()});
}

Result<std::optional<KeptCheckpoint>> Notary::current(CenterId center, Duration oldest) {
  TRY(const auto newest, log_.newest(center));
  if (newest && clock_.now() < newest->at + oldest) return newest;
  TRY(const evidence::Frontier tree, log_.frontier(center));
  if (tree.size() == (newest ? newest->size : 0)) return newest;
  TRY(KeptCheckpoint made, sign(center));
  return std::optional(std::move(made));
}

Result<federation::v1::CheckpointUpdate> Notary::update(CenterId center, std::uint64_t from, const KeptCheckpoint& to) {
  if (from > to.size) return fail(ErrorCode::invalid_argument, "the tree had fewer leaves than that");
  TRY(const auto proof, with_nodes(center, [&](const evidence::Nodes& nodes) { return evidence::prove_consistency(from, to.size, nodes); }));
  federation::v1::CheckpointUpdate out;
  if (!out.mutable_checkpoint()->ParseFromString(to.envelope)) return fail(ErrorCode::integrity, "a kept checkpoint is not readable");
  out.set_from_size(from);
  for (const Hash256& hash : proof) out.add_consistency(federation::to_bytes(hash));
  return out;
}

Result<std::vector<Hash256>> Notary::prove(CenterId center, std::span<const std::uint64_t> indices, std::uint64_t size) {
  return with_nodes(center, [&](const evidence::Nodes& nodes) { return evidence::prove(indices, size, nodes); });
}

Result<std::vector<Hash256>> Notary::audit_path(CenterId center, std::uint64_t index, std::uint64_t size) {
  return with_nodes(center, [&](const evidence::Nodes& nodes) { return evidence::audit_path(index, size, nodes); });
}

// Once to learn which subtrees are needed, then with them: one question to the log instead of hundreds.
Result<std::vector<Hash256>> Notary::with_nodes(CenterId center, const Prove& prove) {
  std::set<evidence::NodeId> needed;
  prove([&](evidence::NodeId id) {
    needed.insert(id);
    return Hash256{};
  });
  const std::vector<evidence::NodeId> ids(needed.begin(), needed.end());
  TRY(const std::vector<Hash256> hashes, log_.nodes(center, ids));
  std::map<evidence::NodeId, Hash256> found;
  for (std::size_t i = 0; i < ids.size(); ++i) found[ids[i]] = hashes[i];
  return prove([&](evidence::NodeId id) { return found.at(id); });
}

}  // namespace bourse::broker
