#include "gateway/sso/authenticate.h"

#include <gtest/gtest.h>

#include "base/sha256.h"
#include "gateway/sso/secrets.h"

namespace bourse::sso {
namespace {

http::Headers headers(std::initializer_list<std::pair<std::string, std::string>> fields) {
  http::Headers out;
  for (const auto& [name, value] : fields) out.add(name, value);
  return out;
}

struct Tokens : testing::Test {
  SeededRng rng{3};
  std::string secret = make_secret(rng);
  std::string access = make_access_token(rng);
};

TEST_F(Tokens, come_as_cookie_or_bearer) {
  const auto by_cookie = credential_of(headers({{"cookie", "a=b; __Host-bourse=" + secret + "; c=d"}}));
  ASSERT_TRUE(by_cookie);
  EXPECT_TRUE(by_cookie->from_cookie);
  EXPECT_EQ(by_cookie->token, sha256(secret));
  const auto by_bearer =
      credential_of(headers({{"authorization", "beArer " + access}, {"cookie", "__Host-bourse=" + secret}}));
  ASSERT_TRUE(by_bearer);
  EXPECT_FALSE(by_bearer->from_cookie);
  EXPECT_EQ(by_bearer->token, sha256(access));
}

TEST_F(Tokens, must_be_one_and_well_formed) {
  using Fields = std::initializer_list<std::pair<std::string, std::string>>;
  for (const Fields& fields : {Fields{}, Fields{{"cookie", "__Host-bourse=" + secret + "; __Host-bourse=" + secret}},
                               Fields{{"cookie", "__Host-bourse=" + secret}, {"cookie", "__Host-bourse=" + secret}},
                               Fields{{"cookie", "__Host-bourse="}}, Fields{{"cookie", "__host-bourse=" + secret}},
                               Fields{{"cookie", "bourse=" + secret}}, Fields{{"authorization", "Bearer"}},
                               Fields{{"authorization", "Bearer "}}, Fields{{"authorization", "Basic " + access}},
                               Fields{{"authorization", "Bearer " + access + " "}},
                               Fields{{"authorization", "Bearer " + secret}, {"cookie", "__Host-bourse=" + secret}},
                               Fields{{"authorization", "Bearer " + access}, {"authorization", "Bearer " + access}}}) {
    const auto credential = credential_of(headers(fields));
    ASSERT_FALSE(credential);
    EXPECT_EQ(credential.error().code, ErrorCode::unauthenticated);
  }
}

TEST(OwnPage, needs_origin_and_header) {
  constexpr std::string_view kOrigin = "https://market.example";
  EXPECT_TRUE(check_own_page(headers({{"origin", "https://market.example"}, {"x-bourse-request", "1"}}), kOrigin));
  using Fields = std::initializer_list<std::pair<std::string, std::string>>;
  for (const Fields& fields :
       {Fields{}, Fields{{"origin", "https://market.example"}}, Fields{{"x-bourse-request", "1"}},
        Fields{{"origin", "null"}, {"x-bourse-request", "1"}},
        Fields{{"origin", "https://market.example:443"}, {"x-bourse-request", "1"}},
        Fields{{"origin", "https://market.example.evil"}, {"x-bourse-request", "1"}},
        Fields{{"origin", "https://market.example"}, {"origin", "https://market.example"}, {"x-bourse-request", "1"}},
        Fields{{"origin", "https://market.example"}, {"x-bourse-request", "true"}}})
    EXPECT_FALSE(check_own_page(headers(fields), kOrigin));
}

}  // namespace
}  // namespace bourse::sso
