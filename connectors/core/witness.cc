#include "connectors/core/witness.h"

#include <vector>

#include "bourse/federation/v1/federation.pb.h"
#include "evidence/merkle.h"
#include "federation-proto/fields.h"

namespace bourse::connector {

namespace wire = federation::v1;

namespace {

constexpr const char* kRewritten = "The broker signed a checkpoint that contradicts the one kept here: it changed what was signed before.";

constexpr int kMostUnproven = 3;  // a bit may be turned over on the way, but not each time

Result<std::vector<Hash256>> proof_of(const wire::CheckpointUpdate& update) {
  std::vector<Hash256> proof;
  if (update.consistency_size() > 128) return fail(ErrorCode::too_large, "no proof of consistency is that long");
  for (const std::string& bytes : update.consistency()) {
    TRY(const Hash256 hash, federation::hash_of(bytes, "consistency"));
    proof.push_back(hash);
  }
  return proof;
}

}  // namespace

Result<Witness> Witness::open(const std::string& path, const Membership& us) {
  Witness witness(us);
  TRY(witness.log_, RecordLog::open(path, [&](std::uint64_t, std::string_view record) { return witness.read(record); }));
  if (witness.contradicted_) return fail(ErrorCode::integrity, path + ": " + kRewritten);
  return witness;
}

// What was taken had been checked; a record that doesn't follow is the proof of a contradiction.
Status Witness::read(std::string_view record) {
  wire::CheckpointUpdate update;
  if (!update.ParseFromArray(record.data(), static_cast<int>(record.size())))
    return fail(ErrorCode::integrity, "a kept checkpoint is not readable");
  auto checkpoint = federation::open_checkpoint(update.checkpoint(), us_->ack_key);
  if (!checkpoint || checkpoint->center != us_->center) return fail(ErrorCode::integrity, "a kept checkpoint is not of this center's broker");
  TRY(const auto proof, proof_of(update));
  const Hash256 before = newest_.size == 0 ? evidence::empty_root() : newest_.root;
  contradicted_ = contradicted_ || !evidence::is_consistent(newest_.size, before, checkpoint->size, checkpoint->root, proof);
  newest_ = std::move(*checkpoint);
  return {};
}

Status Witness::take(const wire::CheckpointUpdate& update) {
  TRY(federation::Checkpoint checkpoint, federation::open_checkpoint(update.checkpoint(), us_->ack_key));
  if (checkpoint.market != us_->audience || checkpoint.center != us_->center) return fail(ErrorCode::forbidden, "another center's checkpoint");
  TRY(const auto proof, proof_of(update));
  if (update.from_size() != size()) return fail(ErrorCode::invalid_argument, "the proof begins at another checkpoint than the one kept here");
  const Hash256 before = newest_.size == 0 ? evidence::empty_root() : newest_.root;
  const bool follows = evidence::is_consistent(size(), before, checkpoint.size, checkpoint.root, proof);
  const bool grown = checkpoint.size > size();  // else two signatures contradict each other without any proof
  if (!follows && grown && ++unproven_ < kMostUnproven)
    return fail(ErrorCode::bad_signature, "the proof doesn't lead from the checkpoint kept here to the new one");
  TRY(const std::uint64_t at, log_.append(update.SerializeAsString()));
  static_cast<void>(at);
  CHECK_OK(log_.sync());
  if (!follows) {
    contradicted_ = true;
    return fail(ErrorCode::integrity, kRewritten);
  }
  unproven_ = 0;
  newest_ = std::move(checkpoint);
  return {};
}

}  // namespace bourse::connector
