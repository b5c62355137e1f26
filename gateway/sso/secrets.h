// Random secrets: what they look like, and how they are recognised.
#pragma once

#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/rng.h"

namespace bourse::sso {

// 32 random bytes as 43 characters of base64url: states, nonces, PKCE verifiers, one-time codes, cookie tokens.
std::string make_secret(Rng& rng);
bool looks_like_secret(std::string_view text);

// "bat_", 32 random bytes as 52 characters of lower-case base 32, and 6 more that check them: a token that was
// mistyped, cut short or made up is told apart without asking anybody, and scanners recognise one that was published.
std::string make_access_token(Rng& rng);
bool looks_like_access_token(std::string_view text);

// PKCE (RFC 7636), method S256.
std::string challenge_of(std::string_view verifier);
bool is_verifier(std::string_view text);   // 43 to 128 unreserved characters
bool is_challenge(std::string_view text);  // 43 characters of base64url

// Compares without telling by the time it takes where they differ.
bool same_secret(std::string_view a, std::string_view b);

}  // namespace bourse::sso
