#include "federation-proto/bundle.h"

#include <sodium.h>

#include <nlohmann/json.hpp>

namespace bourse::federation {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxBytes = 256 << 10;

template <std::size_t N>
std::string hex_of(const std::array<std::uint8_t, N>& bytes) {
  std::string text(2 * N + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
  text.pop_back();
  return text;
}

Result<Json> parse(const std::string& text) {
  if (text.size() > kMaxBytes) return fail(ErrorCode::too_large);
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return fail(ErrorCode::invalid_argument, "not a JSON object");
  const auto version = json.find("version");
  if (version == json.end() || *version != 1) return fail(ErrorCode::invalid_argument, "version: expected 1");
  return json;
}

Result<std::string> text_at(const Json& json, const char* field) {
  const auto found = json.find(field);
  if (found == json.end() || !found->is_string()) return fail(ErrorCode::invalid_argument, std::string(field) + ": expected a text");
  return found->get<std::string>();
}

template <std::size_t N>
Status hex_at(const Json& json, const char* field, std::array<std::uint8_t, N>& out) {
  TRY(const std::string text, text_at(json, field));
  std::size_t size = 0;
  if (text.size() != 2 * N ||
      sodium_hex2bin(out.data(), N, text.data(), text.size(), nullptr, &size, nullptr) != 0 || size != N)
    return fail(ErrorCode::invalid_argument, std::string(field) + ": expected " + std::to_string(2 * N) + " hexadecimal digits");
  return {};
}

}  // namespace

std::string to_json(const EnrolRequest& request) {
  const Json json = {{"version", 1},
                     {"name", request.name},
                     {"identity_key", hex_of(request.identity_key)},
                     {"billing_key", hex_of(request.billing_key)},
                     {"csr_pem", request.csr_pem},
                     {"identity_proof", hex_of(request.identity_proof)},
                     {"billing_proof", hex_of(request.billing_proof)}};
  return json.dump(2) + "\n";
}

Result<EnrolRequest> parse_enrol_request(const std::string& text) {
  TRY(const Json json, parse(text));
  EnrolRequest request;
  TRY(request.name, text_at(json, "name"));
  TRY(request.csr_pem, text_at(json, "csr_pem"));
  CHECK_OK(hex_at(json, "identity_key", request.identity_key));
  CHECK_OK(hex_at(json, "billing_key", request.billing_key));
  CHECK_OK(hex_at(json, "identity_proof", request.identity_proof));
  CHECK_OK(hex_at(json, "billing_proof", request.billing_proof));
  return request;
}

std::string enrol_payload(const EnrolRequest& request) {
  std::string payload = request.name;
  payload.push_back('\0');
  payload.append(request.csr_pem);
  payload.append(reinterpret_cast<const char*>(request.identity_key.data()), request.identity_key.size());
  payload.append(reinterpret_cast<const char*>(request.billing_key.data()), request.billing_key.size());
  return payload;
}

Status verify_proofs(const EnrolRequest& request) {
  CHECK_OK(check_public_key(request.identity_key));
  CHECK_OK(check_public_key(request.billing_key));
  if (request.identity_key == request.billing_key)
    return fail(ErrorCode::invalid_argument, "the identity key and the billing key must differ");
  const std::string payload = enrol_payload(request);
  const auto text = [](const Signature& s) { return std::string_view(reinterpret_cast<const char*>(s.data()), s.size()); };
  CHECK_OK(verify(request.identity_key, kEnrolType, payload, text(request.identity_proof)));
  return verify(request.billing_key, kEnrolType, payload, text(request.billing_proof));
}

std::string to_json(const JoinBundle& bundle) {
  const Json json = {{"version", 1},
                     {"audience", bundle.audience},
                     {"center", to_text(bundle.center)},
                     {"center_name", bundle.center_name},
                     {"connector", to_text(bundle.connector)},
                     {"epoch", bundle.epoch},
                     {"connect", bundle.connect},
                     {"server_name", bundle.server_name},
                     {"root_pem", bundle.root_pem},
                     {"certificate_pem", bundle.certificate_pem},
                     {"order_key", hex_of(bundle.order_key)},
                     {"ack_key", hex_of(bundle.ack_key)}};
  return json.dump(2) + "\n";
}

Result<JoinBundle> parse_join_bundle(const std::string& text) {
  TRY(const Json json, parse(text));
  JoinBundle bundle;
  TRY(bundle.audience, text_at(json, "audience"));
  TRY(const std::string center, text_at(json, "center"));
  TRY(bundle.center, parse_id<CenterIdKind>(center));
  TRY(bundle.center_name, text_at(json, "center_name"));
  TRY(const std::string connector, text_at(json, "connector"));
  TRY(bundle.connector, parse_id<ConnectorIdKind>(connector));
  const auto epoch = json.find("epoch");
  if (epoch == json.end() || !epoch->is_number_unsigned() || *epoch == 0)
    return fail(ErrorCode::invalid_argument, "epoch: expected a positive integer");
  bundle.epoch = epoch->get<std::uint64_t>();
  TRY(bundle.connect, text_at(json, "connect"));
  TRY(bundle.server_name, text_at(json, "server_name"));
  TRY(bundle.root_pem, text_at(json, "root_pem"));
  TRY(bundle.certificate_pem, text_at(json, "certificate_pem"));
  CHECK_OK(hex_at(json, "order_key", bundle.order_key));
  CHECK_OK(hex_at(json, "ack_key", bundle.ack_key));
  CHECK_OK(check_public_key(bundle.order_key));
  CHECK_OK(check_public_key(bundle.ack_key));
  return bundle;
}

}  // namespace bourse::federation
