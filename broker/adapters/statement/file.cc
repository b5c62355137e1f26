// The file around the body: exact bytes in base64, their hash, a signature.
#include <nlohmann/json.hpp>

#include "base/sha256.h"
#include "broker/adapters/statement/checks.h"
#include "broker/adapters/statement/encoding.h"
#include "broker/adapters/statement/statement.h"

namespace bourse::statement {
namespace {

using nlohmann::json;

std::string file_json(std::string_view body, const federation::PublicKey& key, std::string_view signature) {
  return json{{"format", std::string(kFileFormat)},
              {"payload_type", std::string(kPayloadType)},
              {"payload", base64(body)},
              {"sha256", to_hex(sha256(body))},
              {"key", to_hex(Hash256{key})},
              {"signature", base64(signature)}}
      .dump();
}

// The file's parts, as far as they can be read.
struct Outer {
  std::string body, signature;
  Hash256 sha256;
  federation::PublicKey key{};
};

std::optional<Outer> open_file(std::string_view file, Differences& differences) {
  const json document = json::parse(file, nullptr, false);
  if (!document.is_object()) {
    differences.add("file", "not a JSON object");
    return std::nullopt;
  }
  const auto text = [&](const char* field) -> std::optional<std::string> {
    if (document.contains(field) && document[field].is_string()) return document[field].get<std::string>();
    differences.add(field, "missing or not text");
    return std::nullopt;
  };
  const auto format = text("format"), type = text("payload_type"), payload = text("payload"), hash = text("sha256"),
             key = text("key"), signature = text("signature");
  if (!format || !type || !payload || !hash || !key || !signature) return std::nullopt;
  if (*format != kFileFormat) differences.add("format", "not " + std::string(kFileFormat));
  if (*type != kPayloadType) differences.add("payload_type", "not " + std::string(kPayloadType));
  const auto body = unbase64(*payload), signature_bytes = unbase64(*signature);
  const auto hash_value = parse_hash(*hash), key_value = parse_hash(*key);
  if (!body) differences.add("payload", "not base64");
  if (!signature_bytes) differences.add("signature", "not base64");
  if (!hash_value) differences.add("sha256", "not 64 hexadecimal digits");
  if (!key_value) differences.add("key", "not 64 hexadecimal digits");
  if (!body || !signature_bytes || !hash_value || !key_value) return std::nullopt;
  if (document.size() != 6) differences.add("file", "has fields that are not of this format");
  return Outer{*body, *signature_bytes, *hash_value, key_value->bytes};
}

void describe(const Statement& statement, Verification& out) {
  out.market = statement.market;
  out.center = to_text(statement.center);
  out.center_name = statement.center_name;
  out.period = to_text(statement.period);
  out.number = statement.number;
  out.unit = statement.unit.text();
  out.lines = statement.lines.size();
  out.reports = statement.reports.size();
  out.adjustments = statement.adjustments.size();
  out.adjusted = to_text(statement.adjusted.center_share);
  out.opening = to_text(statement.opening);
  out.gross = to_text(statement.totals.gross);
  out.center_share = to_text(statement.totals.center);
  out.margin = to_text(statement.totals.margin);
  out.tax = to_text(statement.totals.tax);
  out.fee = to_text(statement.fee);
  out.payout = to_text(statement.payout);
  if (statement.completeness) {
    out.completeness = name(statement.completeness->state);
    if (!statement.completeness->reason.empty()) out.completeness += ": " + statement.completeness->reason;
  }
  out.closing = to_text(statement.closing);
}

void check_file(std::string_view file, const std::optional<federation::PublicKey>& pinned, Verification& out,
                Differences& differences) {
  if (file.size() > kMaxFileBytes) return differences.add("file", "larger than 256 MiB");
  const std::optional<Outer> outer = open_file(file, differences);
  if (!outer) return;
  out.ack_key = outer->key;
  if (sha256(outer->body) != outer->sha256) differences.add("sha256", "the body has another hash, " + to_hex(sha256(outer->body)));
  if (pinned && *pinned != outer->key) differences.add("key", "not the pinned key");
  if (!federation::verify(pinned.value_or(outer->key), kPayloadType, outer->body, outer->signature))
    differences.add("signature", "does not verify");
  const Result<Statement> statement = parse_body(outer->body);
  if (!statement) return differences.add("", statement.error().detail);
  describe(*statement, out);
  if (body_json(*statement) != outer->body) differences.add("body", "not in canonical form, or has fields that are not of this format");
  check_statement(*statement, differences);
  check_completeness(*statement, differences);
  out.tree_size = check_evidence(*statement, pinned.value_or(outer->key), differences);
}

}  // namespace

std::string seal(const Statement& statement, const federation::KeyPair& ack_key) {
  const std::string body = body_json(statement);
  const federation::Signature signature = federation::sign(ack_key.secret, kPayloadType, body);
  return file_json(body, ack_key.public_key, {reinterpret_cast<const char*>(signature.data()), signature.size()});
}

Verification verify(std::string_view file, const std::optional<federation::PublicKey>& pinned_ack_key) {
  Verification out;
  out.file_sha256 = sha256(file);
  Differences differences(out.differences);
  check_file(file, pinned_ack_key, out, differences);
  out.ok = out.differences.empty();
  return out;
}

}  // namespace bourse::statement
