// One signed message and the proof that it is in its center's evidence tree, as a file that anybody can check offline.
//
// JSON, format "bourse.evidence-proof.v1"; docs/statement.md lists its fields. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/time.h"
#include "federation-proto/envelope.h"

namespace bourse::statement {

inline constexpr std::string_view kProofFormat = "bourse.evidence-proof.v1";
inline constexpr std::size_t kMaxProofBytes = 8 << 20;

struct EvidenceProof {
  std::string kind;           // "report", "order" or "acknowledgement"
  std::string message;        // serialized federation.v1.Envelope; of an order its own bytes
  std::optional<federation::PublicKey> billing_key;  // whose signature a report carries
  federation::PublicKey ack_key{};
  std::uint64_t leaf = 0;
  std::vector<Hash256> path;  // RFC 6962, 2.1.1
  std::string checkpoint;     // serialized federation.v1.Envelope
};

std::string proof_json(const EvidenceProof& proof);

// What the message says, for people: trust it only if ok.
struct ProofVerification {
  bool ok = false;
  std::vector<std::string> differences;
  std::string kind, market, center;
  Hash256 sha256;  // of the message's payload: what statements, traces and the journal name it by
  std::uint64_t leaf = 0, tree_size = 0;
  Instant at;      // of the checkpoint
  Hash256 root;
  federation::PublicKey ack_key{};
  struct Reading {
    std::string record, job, attempt;
    bool final = false;
    std::int64_t core_ms = 0, gpu_ms = 0, node_ms = 0, mem_mib_s = 0;
  };
  std::vector<Reading> readings;  // of a report
};

// Form, signatures (the checkpoint's by `pinned_ack_key` when given), the path. Never fails: what can't be read is a difference.
ProofVerification verify_proof(std::string_view file, const std::optional<federation::PublicKey>& pinned_ack_key = std::nullopt);

}  // namespace bourse::statement
