// ID tokens (OpenID Connect Core, section 3.1.3.7): signature and claims.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace bourse::sso {

// A provider's public keys (JWKS). Keys that can't verify `algorithm` are left out; a set with a private or secret key
// in it, or with RSA keys outside 2048 … 8192 bits, is refused.
struct PublicKey {
  std::string kid;  // empty = none
  std::string jwk;  // public members only, JSON
};
using KeySet = std::vector<PublicKey>;
Result<KeySet> parse_key_set(std::string_view json, std::string_view algorithm);

// The families that a configuration may name. Never HS…, never none.
bool is_known_algorithm(std::string_view algorithm);

// The key id that a token's header names. The header must be plain: alg exactly `algorithm`; no jku, jwk, x5u, x5c or
// crit; typ JWT or none. Errors: unauthenticated.
Result<std::optional<std::string>> key_id_of(std::string_view token, std::string_view algorithm);
// Of that id; without one, the only key there is. Nothing otherwise.
const PublicKey* find_key(const KeySet& keys, const std::optional<std::string>& kid);

struct Expected {
  std::string issuer;
  std::string client_id;
  std::string algorithm;
  std::string nonce;
  Instant now;
};
struct IdClaims {
  std::string subject;
  std::string name;                                // name, preferred_username or the subject
  bool has_name = false;                           // the first two of these
  std::optional<std::vector<std::string>> groups;  // nothing: the claim is absent
};

// Verifies the signature with `key`, then issuer, audience, azp, exp, iat (60 s of leeway), nbf, nonce and subject,
// each of the exact type. `groups_claim` names the claim that lists groups. Errors: unauthenticated, with what was
// wrong.
Result<IdClaims> verify_id_token(std::string_view token, const PublicKey& key, const Expected& expected,
                                 std::string_view groups_claim);

// The same reading of name and groups from a userinfo answer, whose subject must be `subject`.
Result<IdClaims> parse_userinfo(std::string_view json, std::string_view subject, std::string_view groups_claim);

}  // namespace bourse::sso
