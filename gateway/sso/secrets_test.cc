#include "gateway/sso/secrets.h"

#include <gtest/gtest.h>

#include "gateway/sso/base64url.h"

namespace bourse::sso {
namespace {

TEST(Pkce, agrees_with_rfc_7636_appendix_b) {
  EXPECT_EQ(challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

TEST(Pkce, knows_verifiers_and_challenges) {
  EXPECT_TRUE(is_verifier(std::string(43, 'a')));
  EXPECT_TRUE(is_verifier(std::string(124, 'a') + "-._~"));
  EXPECT_FALSE(is_verifier(std::string(42, 'a')));
  EXPECT_FALSE(is_verifier(std::string(129, 'a')));
  EXPECT_FALSE(is_verifier(std::string(42, 'a') + " "));
  EXPECT_TRUE(is_challenge(std::string(43, 'a')));
  EXPECT_FALSE(is_challenge(std::string(42, 'a') + "="));
}

TEST(Base64url, has_one_encoding_for_each_value) {
  EXPECT_EQ(from_base64url("Zm9v"), "foo");
  EXPECT_EQ(from_base64url("_-8"), "\xFF\xEF");
  EXPECT_EQ(from_base64url(""), "");
  for (const char* bad : {"Zm9vYg==", "Zm9vY", "Zm9v YQ", "+/8", "Zm9vYh", "Zm9v\n", "Z"})
    EXPECT_FALSE(from_base64url(bad)) << bad;
}

TEST(AccessToken, checks_itself) {
  SeededRng rng(1);
  const std::string token = make_access_token(rng);
  EXPECT_EQ(token.size(), 62U);
  EXPECT_TRUE(looks_like_access_token(token));
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string other = token;
    other[i] = other[i] == '7' ? '8' : '7';
    EXPECT_FALSE(looks_like_access_token(other)) << i;
  }
  EXPECT_FALSE(looks_like_access_token(token.substr(0, 61)));
  EXPECT_FALSE(looks_like_access_token(token + "0"));
  EXPECT_FALSE(looks_like_access_token(""));
  EXPECT_NE(make_access_token(rng), token);
}

TEST(Secret, is_43_characters) {
  SeededRng rng(2);
  EXPECT_TRUE(looks_like_secret(make_secret(rng)));
  EXPECT_FALSE(looks_like_secret(make_secret(rng) + "A"));
  EXPECT_TRUE(same_secret("abc", "abc"));
  EXPECT_FALSE(same_secret("abc", "abd"));
  EXPECT_FALSE(same_secret("abc", "abcd"));
}

}  // namespace
}  // namespace bourse::sso
