// Keys and tokens for tests: right ones, and every wrong one that a test can think of.
#pragma once

#include <cjose/cjose.h>
#include <jansson.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "gateway/sso/base64url.h"

namespace bourse::sso::testing {

using nlohmann::json;

inline constexpr std::int64_t kNow = 1'795'250'000;  // seconds since 1970

inline std::string part(std::string_view text) {
  return to_base64url({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

// One signing key. Slow to make (RSA): share it.
class Signer {
 public:
  static Signer rsa(std::size_t bits = 2048) {
    cjose_err error{};
    const std::uint8_t exponent[] = {1, 0, 1};
    return Signer(cjose_jwk_create_RSA_random(bits, exponent, sizeof exponent, &error));
  }
  static Signer ec() {
    cjose_err error{};
    return Signer(cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &error));
  }
  // For HMAC, as an attacker who takes a public key for a shared secret would.
  static Signer shared(std::string_view secret) {
    cjose_err error{};
    return Signer(
        cjose_jwk_create_oct_spec(reinterpret_cast<const std::uint8_t*>(secret.data()), secret.size(), &error));
  }
  Signer(Signer&& other) noexcept : key_(std::exchange(other.key_, nullptr)) {}
  Signer& operator=(Signer&&) = delete;
  ~Signer() { cjose_jwk_release(key_); }

  json jwk() const { return exported(false); }
  json private_jwk() const { return exported(true); }
  json exported(bool with_private) const {
    cjose_err error{};
    char* text = cjose_jwk_to_json(key_, with_private, &error);
    json out = json::parse(text);
    std::free(text);
    return out;
  }
  json jwk(std::string_view kid) const {
    json out = jwk();
    out["kid"] = kid;
    return out;
  }

  // cjose writes the header's bytes itself, so what it signs is what a provider would.
  std::string sign(const json& header, const std::string& payload) const {
    cjose_err error{};
    json_error_t ignored;
    auto* fields = json_loads(header.dump().c_str(), 0, &ignored);
    auto* jws = cjose_jws_sign(key_, reinterpret_cast<cjose_header_t*>(fields),
                               reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size(), &error);
    json_decref(fields);
    BOURSE_ASSERT(jws != nullptr);
    const char* text = nullptr;
    BOURSE_ASSERT(cjose_jws_export(jws, &text, &error));
    std::string out = text;
    cjose_jws_release(jws);
    return out;
  }

 private:
  explicit Signer(cjose_jwk_t* key) : key_(key) { BOURSE_ASSERT(key != nullptr); }
  cjose_jwk_t* key_;
};

}  // namespace bourse::sso::testing
