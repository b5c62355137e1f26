#include "federation-proto/bundle.h"

#include <sodium.h>

#include <array>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "base/hex.h"
#include "base/sha256.h"

namespace bourse::federation {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxBytes = 256 << 10;
constexpr std::string_view kTokenPrefix = "bjt_";
constexpr std::size_t kChecksumDigits = 8;

std::string checksum(const std::string& text) { return to_hex(sha256(text)).substr(0, kChecksumDigits); }

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

std::string to_json(const JoinBundle& bundle) {
  const Json json = {{"version", 1},
                     {"audience", bundle.audience},
                     {"center", to_text(bundle.center)},
                     {"center_name", bundle.center_name},
                     {"token", bundle.token},
                     {"expires_at", to_text(bundle.expires_at)},
                     {"connect", bundle.connect},
                     {"server_name", bundle.server_name},
                     {"join_server_name", bundle.join_server_name},
                     {"root_pem", bundle.root_pem},
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
  TRY(bundle.token, text_at(json, "token"));
  TRY(const CenterId of_token, center_of_token(bundle.token));
  if (of_token != bundle.center) return fail(ErrorCode::invalid_argument, "token: it is for another center");
  TRY(const std::string expires, text_at(json, "expires_at"));
  TRY(bundle.expires_at, parse_instant(expires));
  TRY(bundle.connect, text_at(json, "connect"));
  TRY(bundle.server_name, text_at(json, "server_name"));
  TRY(bundle.join_server_name, text_at(json, "join_server_name"));
  TRY(bundle.root_pem, text_at(json, "root_pem"));
  CHECK_OK(hex_at(json, "order_key", bundle.order_key));
  CHECK_OK(hex_at(json, "ack_key", bundle.ack_key));
  CHECK_OK(check_public_key(bundle.order_key));
  CHECK_OK(check_public_key(bundle.ack_key));
  return bundle;
}

std::string make_join_token(CenterId center, Rng& rng) {
  std::array<std::uint8_t, 32> secret{};
  rng.fill(std::as_writable_bytes(std::span(secret)));
  std::string token = std::string(kTokenPrefix) + to_crockford(center.uuid) + "." + hex_of(secret);
  return token + "." + checksum(token);
}

Result<CenterId> center_of_token(const std::string& token) {
  const auto wrong = [] { return fail(ErrorCode::invalid_argument, "token: it is not whole; was the bundle copied completely?"); };
  if (token.size() != kTokenPrefix.size() + 26 + 1 + 64 + 1 + kChecksumDigits || !token.starts_with(kTokenPrefix)) return wrong();
  const std::string before = token.substr(0, token.size() - kChecksumDigits - 1);
  if (token.substr(before.size()) != "." + checksum(before)) return wrong();
  auto center = parse_crockford(token.substr(kTokenPrefix.size(), 26));
  if (!center) return wrong();
  return CenterId{*center};
}

Hash256 token_hash(const std::string& token) { return sha256(token); }

Hash256 keys_fingerprint(const PublicKey& identity, const PublicKey& billing) {
  const std::span<const std::byte> pieces[] = {std::as_bytes(std::span(identity)), std::as_bytes(std::span(billing))};
  return sha256(pieces);
}

std::string shown_fingerprint(const Hash256& fingerprint) {
  const std::string digits = to_hex(fingerprint);
  std::string out;
  for (std::size_t i = 0; i < digits.size(); i += 4) out.append(i == 0 ? "" : " ").append(digits, i, 4);
  return out;
}

Result<Hash256> read_fingerprint(const std::string& typed) {
  std::string digits;
  for (const char c : typed)
    if (c != ' ' && c != ':' && c != '-' && c != '\t' && c != '\n') digits.push_back(c);
  Hash256 out;
  std::size_t size = 0;
  if (digits.size() != 2 * out.bytes.size() ||
      sodium_hex2bin(reinterpret_cast<unsigned char*>(out.bytes.data()), out.bytes.size(), digits.data(), digits.size(), nullptr, &size, nullptr) != 0 ||
      size != out.bytes.size())
    return fail(ErrorCode::invalid_argument, "a fingerprint has 64 hexadecimal digits");
  return out;
}

}  // namespace bourse::federation
