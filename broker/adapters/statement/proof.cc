#include "broker/adapters/statement/proof.h"

#include <nlohmann/json.hpp>

#include "base/id.h"
#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"
#include "broker/adapters/statement/checks.h"
#include "broker/adapters/statement/encoding.h"
#include "evidence/merkle.h"
#include "federation-proto/checkpoint.h"
#include "federation-proto/fields.h"

namespace bourse::statement {
namespace {

using nlohmann::json;
namespace wire = federation::v1;

// What the file's fields are, as far as they can be read.
std::optional<EvidenceProof> read_proof(std::string_view file, Differences& differences) {
  if (file.size() > kMaxProofBytes) return differences.add("file", "larger than 8 MiB"), std::nullopt;
  const json document = json::parse(file, nullptr, false);
  if (!document.is_object()) return differences.add("file", "not a JSON object"), std::nullopt;
  bool readable = true;
  const auto wrong = [&](const char* field) { differences.add(field, "missing or not readable"), readable = false; };
  const auto text = [&](const char* field) -> std::string {
    if (document.contains(field) && document[field].is_string()) return document[field].get<std::string>();
    wrong(field);
    return {};
  };
  const auto bytes = [&](const char* field) -> std::string {
    const auto value = unbase64(text(field));
    if (!value) wrong(field);
    return value.value_or("");
  };
  const auto key = [&](const char* field) -> federation::PublicKey {
    const auto value = parse_hash(text(field));
    if (!value) wrong(field);
    return value ? value->bytes : federation::PublicKey{};
  };
  EvidenceProof out;
  if (text("format") != kProofFormat) differences.add("format", "not " + std::string(kProofFormat));
  out.kind = text("kind");
  out.message = bytes("message");
  out.checkpoint = bytes("checkpoint");
  out.ack_key = key("ack_key");
  if (out.kind == "report") out.billing_key = key("billing_key");
  if (document.contains("leaf") && document["leaf"].is_number_unsigned()) out.leaf = document["leaf"].get<std::uint64_t>();
  else wrong("leaf");
  if (!document.contains("path") || !document["path"].is_array()) wrong("path");
  else
    for (const json& one : document["path"]) {
      const auto hash = one.is_string() ? parse_hash(one.get<std::string>()) : fail(ErrorCode::invalid_argument);
      if (!hash) return wrong("path"), std::nullopt;
      out.path.push_back(*hash);
    }
  if (!readable) return std::nullopt;
  if (proof_json(out) != file) differences.add("file", "not in canonical form, or has fields that are not of this format");
  return out;
}

void describe_report(const wire::Report& report, ProofVerification& out) {
  for (const wire::Record& record : report.records()) {
    if (!record.has_usage()) continue;
    const wire::UsageRecord& usage = record.usage();
    const auto text = [](const auto& id) { return id ? to_text(*id) : std::string("?"); };
    out.readings.push_back({text(federation::id_of<UsageRecordId>(usage.record_id(), "record")), text(federation::id_of<JobId>(usage.job(), "job")),
                            text(federation::id_of<AttemptId>(usage.attempt(), "attempt")), usage.final(), usage.core_ms(), usage.gpu_ms(),
                            usage.node_ms(), usage.mem_mib_s()});
  }
}

// The bytes that the leaf is over; nothing when the message isn't what it is said to be.
std::optional<std::string> signed_bytes(const EvidenceProof& proof, const federation::PublicKey& ack_key, const federation::Checkpoint& checkpoint,
                                        ProofVerification& out, Differences& differences) {
  const auto refuse = [&](const char* what) { return differences.add("message", what), std::nullopt; };
  const std::string center = federation::to_bytes(checkpoint.center);
  if (proof.kind == "order") {
    wire::DispatchOrder order;
    if (!federation::parse_strict(proof.message, order) || order.center() != center) return refuse("not an order to the checkpoint's center");
    out.sha256 = sha256(proof.message);
    return federation::pae(federation::kOrderType, proof.message);
  }
  wire::Envelope envelope;
  if (!federation::parse_strict(proof.message, envelope)) return refuse("not an envelope");
  out.sha256 = sha256(envelope.payload());
  if (proof.kind == "acknowledgement") {
    wire::Ack ack;
    if (!federation::open(envelope, federation::kAckType, ack_key)) return refuse("not signed by the broker");
    if (!federation::parse_strict(envelope.payload(), ack) || ack.center() != center) return refuse("not an acknowledgement to the checkpoint's center");
    return federation::pae(federation::kAckType, envelope.payload());
  }
  if (proof.kind != "report") return refuse("of an unknown kind");
  wire::Report report;
  if (!federation::open(envelope, federation::kReportType, *proof.billing_key)) return refuse("not signed by the billing key");
  if (!federation::parse_strict(envelope.payload(), report) || report.center() != center || report.audience() != checkpoint.market)
    return refuse("not a report of the checkpoint's center to its market");
  describe_report(report, out);
  return federation::pae(federation::kReportType, envelope.payload());
}

void check_proof(std::string_view file, const std::optional<federation::PublicKey>& pinned, ProofVerification& out, Differences& differences) {
  const auto proof = read_proof(file, differences);
  if (!proof) return;
  out.kind = proof->kind;
  out.leaf = proof->leaf;
  out.ack_key = proof->ack_key;
  if (pinned && *pinned != proof->ack_key) differences.add("ack_key", "not the pinned key");
  const federation::PublicKey ack_key = pinned.value_or(proof->ack_key);
  wire::Envelope envelope;
  if (!federation::parse_strict(proof->checkpoint, envelope)) return differences.add("checkpoint", "not an envelope");
  const auto checkpoint = federation::open_checkpoint(envelope, ack_key);
  if (!checkpoint) return differences.add("checkpoint", "not a checkpoint signed by the broker");
  out.market = checkpoint->market;
  out.center = to_text(checkpoint->center);
  out.tree_size = checkpoint->size;
  out.at = checkpoint->at;
  out.root = checkpoint->root;
  const auto bytes = signed_bytes(*proof, ack_key, *checkpoint, out, differences);
  if (!bytes) return;
  const auto root = evidence::root_by_path(proof->leaf, checkpoint->size, evidence::leaf_hash(*bytes), proof->path);
  if (!root) return differences.add("path", "does not fit a leaf at that place in a tree of that size");
  if (*root != checkpoint->root) differences.add("path", "makes the root " + to_hex(*root) + ", the checkpoint has " + to_hex(checkpoint->root));
}

}  // namespace

std::string proof_json(const EvidenceProof& proof) {
  json path = json::array();
  for (const Hash256& hash : proof.path) path.push_back(to_hex(hash));
  json out = {{"format", std::string(kProofFormat)}, {"kind", proof.kind},
              {"message", base64(proof.message)},    {"leaf", proof.leaf},
              {"path", std::move(path)},             {"checkpoint", base64(proof.checkpoint)},
              {"ack_key", to_hex(Hash256{proof.ack_key})}};
  if (proof.billing_key) out["billing_key"] = to_hex(Hash256{*proof.billing_key});
  return out.dump();
}

ProofVerification verify_proof(std::string_view file, const std::optional<federation::PublicKey>& pinned_ack_key) {
  ProofVerification out;
  Differences differences(out.differences);
  check_proof(file, pinned_ack_key, out, differences);
  out.ok = out.differences.empty();
  return out;
}

}  // namespace bourse::statement
