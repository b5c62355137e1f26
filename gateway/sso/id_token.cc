#include "gateway/sso/id_token.h"

#include <cjose/cjose.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "gateway/http/json.h"
#include "gateway/http/text.h"
#include "gateway/sso/base64url.h"

namespace bourse::sso {
namespace {

using nlohmann::json;

constexpr std::size_t kMostTokenBytes = 16 * 1024;
constexpr std::size_t kMostKeys = 64;
constexpr std::size_t kMostGroups = 1000;
constexpr std::int64_t kLeewaySeconds = 60;
constexpr std::int64_t kOldestSeconds = 24 * 3600;

std::unexpected<Error> refused(std::string why) {
  return fail(ErrorCode::unauthenticated, "the identity token was refused: " + std::move(why));
}

struct Parts {
  std::string_view header, payload, signature;
};

Result<Parts> parts_of(std::string_view token) {
  if (token.size() > kMostTokenBytes) return refused("it is too large");
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return refused("it does not have three parts");
  return Parts{token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1)};
}

Result<json> decode_object(std::string_view part, const char* what) {
  auto text = from_base64url(part);
  if (!text) return refused(std::string("its ") + what + " is not base64url");
  auto parsed = http::parse_json(*text, 8);
  if (!parsed || !parsed->is_object()) return refused(std::string("its ") + what + " is not a JSON object");
  return parsed;
}

const std::string* text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || !found->is_string() ? nullptr : &found->get_ref<const std::string&>();
}

// Whole seconds since 1970 within a range that no sum of ours can leave. Fractions, text and 1e300 are not times.
std::optional<std::int64_t> time_of(const json& claims, const char* name) {
  const auto found = claims.find(name);
  if (found == claims.end() || !found->is_number_integer()) return std::nullopt;
  if (found->is_number_unsigned() && found->get<std::uint64_t>() > 253'402'300'799U) return std::nullopt;
  const auto value = found->get<std::int64_t>();
  if (value < 0) return std::nullopt;
  return value;
}

struct JoseRelease {
  void operator()(cjose_jwk_t* jwk) const { cjose_jwk_release(jwk); }
  void operator()(cjose_jws_t* jws) const { cjose_jws_release(jws); }
};

std::string_view curve_of(std::string_view algorithm) {
  return algorithm == "ES256" ? "P-256" : algorithm == "ES384" ? "P-384" : algorithm == "ES512" ? "P-521" : "";
}

// Bits of a modulus in base64url, leading zeros not counted.
std::size_t modulus_bits(const std::string& modulus) {
  const auto bytes = from_base64url(modulus);
  if (!bytes) return 0;
  const std::size_t first = bytes->find_first_not_of('\0');
  if (first == std::string::npos) return 0;
  std::size_t bits = (bytes->size() - first) * 8;
  for (auto top = static_cast<unsigned char>((*bytes)[first]); (top & 0x80) == 0;
       top = static_cast<unsigned char>(top << 1))
    --bits;
  return bits;
}

// Nothing when the key serves something else.
Result<std::optional<PublicKey>> read_key(const json& key, std::string_view algorithm) {
  for (const char* secret : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
    if (key.contains(secret))
      return fail(ErrorCode::unavailable, "the provider's key set has a private or secret key in it");
  if (const auto* use = text_of(key, "use"); use != nullptr && *use != "sig") return std::nullopt;
  if (const auto* alg = text_of(key, "alg"); alg != nullptr && *alg != algorithm) return std::nullopt;
  const auto* type = text_of(key, "kty");
  const auto* kid = text_of(key, "kid");
  if (type == nullptr || (key.contains("kid") && kid == nullptr)) return std::nullopt;
  json plain{{"kty", *type}};
  std::vector<const char*> members;
  if (algorithm.starts_with("ES")) {
    const auto* curve = text_of(key, "crv");
    if (*type != "EC" || curve == nullptr || *curve != curve_of(algorithm)) return std::nullopt;
    members = {"crv", "x", "y"};
  } else {
    if (*type != "RSA") return std::nullopt;
    members = {"n", "e"};
  }
  for (const char* member : members) {
    const auto* value = text_of(key, member);
    if (value == nullptr) return std::nullopt;
    plain[member] = *value;
  }
  if (*type == "RSA") {
    const std::size_t bits = modulus_bits(plain["n"].get_ref<const std::string&>());
    if (bits < 2048 || bits > 8192)
      return fail(ErrorCode::unavailable, "the provider's key set has an RSA key of " + std::to_string(bits) + " bits");
  }
  return PublicKey{kid == nullptr ? std::string() : *kid, plain.dump()};
}

Status check_audience(const json& claims, const std::string& client_id) {
  const auto audience = claims.find("aud");
  if (audience == claims.end()) return refused("it has no audience");
  std::size_t count = 0;
  bool ours = false;
  if (audience->is_string()) {
    count = 1;
    ours = *audience == client_id;
  } else if (audience->is_array()) {
    for (const json& one : *audience) {
      if (!one.is_string()) return refused("its audience is not text");
      ++count;
      ours = ours || one == client_id;
    }
  } else {
    return refused("its audience is not text");
  }
  if (!ours) return refused("it is for another audience");
  if (claims.contains("azp")) {
    const auto* party = text_of(claims, "azp");
    if (party == nullptr || *party != client_id) return refused("it was issued to another client");
  } else if (count > 1) {
    return refused("it has several audiences and no azp");
  }
  return {};
}

Status check_times(const json& claims, Instant instant) {
  const std::int64_t now = instant.unix_ms / 1000;
  const auto expires = time_of(claims, "exp");
  const auto issued = time_of(claims, "iat");
  if (!expires || !issued) return refused("exp or iat is missing or not a whole number of seconds");
  if (*expires <= now - kLeewaySeconds) return refused("it has expired");
  if (*issued > now + kLeewaySeconds) return refused("it was issued in the future; compare the clocks");
  if (*issued < now - kOldestSeconds) return refused("it was issued too long ago");
  if (claims.contains("nbf")) {
    const auto from = time_of(claims, "nbf");
    if (!from || *from > now + kLeewaySeconds) return refused("it is not valid yet");
  }
  return {};
}

Result<std::string> read_subject(const json& claims) {
  const auto* subject = text_of(claims, "sub");
  if (subject == nullptr || subject->empty() || subject->size() > 255 || !http::is_free_of_controls(*subject))
    return refused("it names no subject");
  return *subject;
}

IdClaims read_person(const json& claims, const std::string& subject, std::string_view groups_claim) {
  IdClaims out{.subject = subject, .name = subject};
  for (const char* source : {"preferred_username", "name"}) {
    const auto* name = text_of(claims, source);
    if (name == nullptr || name->empty() || name->size() > 200 || !http::is_free_of_controls(*name)) continue;
    out.name = *name;
    out.has_name = true;
  }
  const auto groups = claims.find(groups_claim);
  if (groups == claims.end()) return out;
  out.groups.emplace();
  if (groups->is_array() && groups->size() <= kMostGroups)
    for (const json& group : *groups)
      if (group.is_string()) out.groups->push_back(group.get<std::string>());
  return out;
}

Status check_signature(std::string_view token, const PublicKey& key) {
  cjose_err error{};
  const std::unique_ptr<cjose_jwk_t, JoseRelease> jwk(cjose_jwk_import(key.jwk.data(), key.jwk.size(), &error));
  if (jwk == nullptr) return refused("the provider's key can't be read");
  const std::unique_ptr<cjose_jws_t, JoseRelease> jws(cjose_jws_import(token.data(), token.size(), &error));
  if (jws == nullptr || !cjose_jws_verify(jws.get(), jwk.get(), &error))
    return refused("its signature does not verify");
  return {};
}

}  // namespace

bool is_known_algorithm(std::string_view algorithm) {
  static constexpr std::string_view kKnown[] = {"RS256", "RS384", "RS512", "PS256", "PS384",
                                                "PS512", "ES256", "ES384", "ES512"};
  return std::ranges::find(kKnown, algorithm) != std::end(kKnown);
}

Result<KeySet> parse_key_set(std::string_view text, std::string_view algorithm) {
  auto parsed = http::parse_json(text, 8);
  if (!parsed || !parsed->is_object() || !parsed->contains("keys") || !(*parsed)["keys"].is_array())
    return fail(ErrorCode::unavailable, "the provider's key set can't be read");
  const json& keys = (*parsed)["keys"];
  if (keys.size() > kMostKeys) return fail(ErrorCode::unavailable, "the provider's key set has too many keys");
  KeySet out;
  for (const json& key : keys) {
    if (!key.is_object()) return fail(ErrorCode::unavailable, "the provider's key set can't be read");
    TRY(auto usable, read_key(key, algorithm));
    if (usable) out.push_back(std::move(*usable));
  }
  return out;
}

Result<std::optional<std::string>> key_id_of(std::string_view token, std::string_view algorithm) {
  TRY(const Parts parts, parts_of(token));
  TRY(const json header, decode_object(parts.header, "header"));
  const auto* alg = text_of(header, "alg");
  if (alg == nullptr || *alg != algorithm) return refused("it is not signed with " + std::string(algorithm));
  for (const char* never : {"jku", "jwk", "x5u", "x5c", "crit", "b64"})
    if (header.contains(never)) return refused(std::string("its header has '") + never + "'");
  if (header.contains("typ")) {
    const auto* type = text_of(header, "typ");
    if (type == nullptr || (*type != "JWT" && *type != "jwt")) return refused("it is another kind of token");
  }
  if (!header.contains("kid")) return std::nullopt;
  const auto* kid = text_of(header, "kid");
  if (kid == nullptr || kid->empty() || kid->size() > 256) return refused("its key id can't be read");
  return *kid;
}

const PublicKey* find_key(const KeySet& keys, const std::optional<std::string>& kid) {
  if (!kid) return keys.size() == 1 ? &keys.front() : nullptr;
  const PublicKey* found = nullptr;
  for (const PublicKey& key : keys) {
    if (key.kid != *kid) continue;
    if (found != nullptr) return nullptr;  // two keys of one id: which one is meant can't be known
    found = &key;
  }
  return found;
}

Result<IdClaims> verify_id_token(std::string_view token, const PublicKey& key, const Expected& expected,
                                 std::string_view groups_claim) {
  CHECK_OK(key_id_of(token, expected.algorithm));
  TRY(const Parts parts, parts_of(token));
  // cjose reads past padding and unused bits, so one token would have many spellings.
  if (!from_base64url(parts.signature)) return refused("its signature is not base64url");
  CHECK_OK(check_signature(token, key));
  TRY(const json claims, decode_object(parts.payload, "payload"));
  const auto* issuer = text_of(claims, "iss");
  if (issuer == nullptr || *issuer != expected.issuer) return refused("it is from another issuer");
  CHECK_OK(check_audience(claims, expected.client_id));
  CHECK_OK(check_times(claims, expected.now));
  const auto* nonce = text_of(claims, "nonce");
  if (nonce == nullptr || expected.nonce.empty() || *nonce != expected.nonce)
    return refused("it was made for another sign-in");
  if (claims.contains("events")) return refused("it is another kind of token");
  TRY(const std::string subject, read_subject(claims));
  return read_person(claims, subject, groups_claim);
}

Result<IdClaims> parse_userinfo(std::string_view text, std::string_view subject, std::string_view groups_claim) {
  auto parsed = http::parse_json(text, 8);
  if (!parsed || !parsed->is_object())
    return fail(ErrorCode::unavailable, "the provider's user information can't be read");
  const auto* named = text_of(*parsed, "sub");
  if (named == nullptr || *named != subject)
    return fail(ErrorCode::unauthenticated, "the provider's user information is about somebody else");
  return read_person(*parsed, *named, groups_claim);
}

}  // namespace bourse::sso
