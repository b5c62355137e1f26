#include "gateway/sso/provider.h"

#include <gtest/gtest.h>

#include "gateway/http/text.h"
#include "gateway/sso/token_fixture.h"

namespace bourse::sso {
namespace {

using testing::json;
using testing::kNow;
using testing::Signer;

constexpr const char* kIssuer = "https://id.example";

// A provider on paper: answers by URL, and remembers what it was asked.
struct PaperFetcher final : Fetcher {
  std::map<std::string, Result<Fetched>> answers;
  std::vector<Fetch> asked;
  Result<Fetched> fetch(const Fetch& request) override {
    asked.push_back(request);
    const auto found = answers.find(request.url);
    return found == answers.end() ? Fetched{404, ""} : found->second;
  }
  int count(const std::string& url) const { return static_cast<int>(std::ranges::count(asked, url, &Fetch::url)); }
};

struct ProviderTest : ::testing::Test {
  static const Signer& key() {
    static const Signer kKey = Signer::ec();
    return kKey;
  }
  ProviderTest() {
    fetcher.answers[discovery_url] = Fetched{200, discovery().dump()};
    fetcher.answers["https://id.example/jwks"] = Fetched{200, json{{"keys", {key().jwk("k1")}}}.dump()};
    give_token({{"alg", "ES256"}, {"kid", "k1"}}, claims());
  }
  static json discovery() {
    return {{"issuer", kIssuer},
            {"authorization_endpoint", "https://id.example/auth"},
            {"token_endpoint", "https://id.example/token"},
            {"jwks_uri", "https://id.example/jwks"},
            {"userinfo_endpoint", "https://id.example/me"}};
  }
  static json claims() {
    return {{"iss", kIssuer}, {"aud", "bourse"}, {"sub", "u-1"},    {"exp", kNow + 300},
            {"iat", kNow},    {"nonce", "n-1"},  {"name", "Alice"}, {"groups", {"staff", "chess", "staff"}}};
  }
  void give_token(const json& header, const json& payload) {
    fetcher.answers["https://id.example/token"] =
        Fetched{200, json{{"id_token", key().sign(header, payload.dump())}, {"access_token", "at"}}.dump()};
  }
  Result<Identity> identify() {
    return provider.identify({"https://market.example/auth/callback", "c o&de", "verifier", "n-1"});
  }
  ErrorCode refused_with() {
    const auto identity = identify();
    return identity ? ErrorCode{} : identity.error().code;
  }

  const std::string discovery_url = "https://id.example/.well-known/openid-configuration";
  PaperFetcher fetcher;
  ManualClock clock{Instant{kNow * 1000}};
  Provider provider{{.name = "demo",
                     .url = kIssuer,
                     .client_id = "bourse",
                     .client_secret = "s:e c%",
                     .tenant = "Demo",
                     .algorithm = "ES256",
                     .roles = {{"staff", "user"}}},
                    fetcher,
                    clock};
};

TEST_F(ProviderTest, identifies) {
  const auto identity = identify();
  ASSERT_TRUE(identity) << identity.error().detail;
  EXPECT_EQ(identity->issuer, kIssuer);
  EXPECT_EQ(identity->subject, "u-1");
  EXPECT_EQ(identity->tenant, "Demo");
  EXPECT_EQ(identity->roles, std::vector<std::string>{"user"});
  const Fetch& exchange = fetcher.asked.at(1);
  EXPECT_EQ(exchange.form,
            "grant_type=authorization_code&code=c%20o%26de&redirect_uri=https%3A%2F%2Fmarket.example%2Fauth%2Fcallback&"
            "code_verifier=verifier");
  EXPECT_EQ(exchange.headers.get("authorization"),
            "Basic Ym91cnNlOnMlM0FlJTIwYyUyNQ==");  // each half percent-encoded first
}

TEST_F(ProviderTest, sends_browsers_with_pkce) {
  const auto url = provider.authorization_url({"https://market.example/auth/callback", "st", "no", "ch"});
  ASSERT_TRUE(url);
  EXPECT_EQ(*url,
            "https://id.example/"
            "auth?client_id=bourse&response_type=code&redirect_uri=https%3A%2F%2Fmarket.example%2Fauth%2Fcallback&"
            "scope=openid%20profile%20groups"
            "&state=st&nonce=no&code_challenge=ch&code_challenge_method=S256");
}

TEST_F(ProviderTest, asks_once_for_what_it_may_keep) {
  ASSERT_TRUE(identify());
  ASSERT_TRUE(identify());
  EXPECT_EQ(fetcher.count(discovery_url), 1);
  EXPECT_EQ(fetcher.count("https://id.example/jwks"), 1);
  clock.advance(hours(2));
  fetcher.answers[discovery_url] = fail(ErrorCode::timeout);  // then the old document serves on
  give_token({{"alg", "ES256"}, {"kid", "k1"}}, [] {
    json later = claims();
    later["iat"] = kNow + 7200;
    later["exp"] = kNow + 7500;
    return later;
  }());
  EXPECT_TRUE(identify());
  EXPECT_EQ(fetcher.count(discovery_url), 2);
}

TEST_F(ProviderTest, refetches_keys_for_an_unknown_id_once_a_minute) {
  ASSERT_TRUE(identify());
  give_token({{"alg", "ES256"}, {"kid", "k2"}}, claims());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(refused_with(), ErrorCode::unauthenticated);
  EXPECT_EQ(fetcher.count("https://id.example/jwks"), 1);  // within the first minute
  clock.advance(minutes(1));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(refused_with(), ErrorCode::unauthenticated);
  EXPECT_EQ(fetcher.count("https://id.example/jwks"), 2);
  clock.advance(minutes(1));
  fetcher.answers["https://id.example/jwks"] = Fetched{200, json{{"keys", {key().jwk("k2")}}}.dump()};  // rotated
  EXPECT_TRUE(identify());
  EXPECT_EQ(fetcher.count("https://id.example/jwks"), 3);
}

TEST_F(ProviderTest, asks_nobody_that_a_token_names) {
  const json payload = claims();
  for (const json& header :
       {json{{"alg", "ES256"}, {"kid", "k1"}, {"jku", "https://evil.example/keys"}},
        json{{"alg", "ES256"}, {"kid", "k1"}, {"x5u", "https://evil.example/cert"}},
        json{{"alg", "ES256"}, {"kid", "k1"}, {"jwk", key().jwk("k1")}}, json{{"alg", "ES256"}, {"kid", "../../k1"}},
        json{{"alg", "ES256"}, {"kid", "https://evil.example/keys"}}, json{{"alg", "ES256"}, {"kid", "' OR ''='"}}}) {
    give_token(header, payload);
    EXPECT_EQ(refused_with(), ErrorCode::unauthenticated) << header;
  }
  for (const Fetch& asked : fetcher.asked) {
    EXPECT_TRUE(asked.url.starts_with("https://id.example/")) << asked.url;
    EXPECT_EQ(asked.url.find("k1"), std::string::npos) << asked.url;
  }
}

TEST_F(ProviderTest, of_several_keys_takes_none_that_is_not_named) {
  static const Signer kOther = Signer::ec();
  fetcher.answers["https://id.example/jwks"] = Fetched{200, json{{"keys", {key().jwk("k1"), kOther.jwk("k2")}}}.dump()};
  give_token({{"alg", "ES256"}}, claims());
  EXPECT_EQ(refused_with(), ErrorCode::unauthenticated);
  give_token({{"alg", "ES256"}, {"kid", "k2"}}, claims());  // signed with k1
  EXPECT_EQ(refused_with(), ErrorCode::unauthenticated);
  give_token({{"alg", "ES256"}, {"kid", "k1"}}, claims());
  EXPECT_TRUE(identify());
}

TEST_F(ProviderTest, a_key_set_with_a_secret_in_it_signs_nobody_in) {
  for (const std::string& hostile :
       {json{{"keys", {key().jwk("k1"), key().private_jwk()}}}.dump(), std::string("{\"keys\":[]"),
        std::string("<html>"), json{{"keys", json::array_t(65, key().jwk("k1"))}}.dump()}) {
    fetcher.answers["https://id.example/jwks"] = Fetched{200, hostile};
    EXPECT_EQ(refused_with(), ErrorCode::unavailable) << hostile.substr(0, 40);
  }
  fetcher.answers["https://id.example/jwks"] = Fetched{200, json{{"keys", {key().jwk("k1")}}}.dump()};
  EXPECT_TRUE(identify());
}

TEST_F(ProviderTest, says_whose_fault_it_is) {
  fetcher.answers["https://id.example/jwks"] = fail(ErrorCode::timeout);
  EXPECT_EQ(refused_with(), ErrorCode::timeout);
  fetcher.answers["https://id.example/jwks"] = Fetched{302, ""};
  EXPECT_EQ(refused_with(), ErrorCode::unavailable);
  fetcher.answers["https://id.example/token"] = Fetched{400, R"({"error":"invalid_grant"})"};
  EXPECT_EQ(refused_with(), ErrorCode::unauthenticated);
  for (const Fetched& odd : {Fetched{500, "{}"}, Fetched{302, ""}, Fetched{200, "<html>"}, Fetched{200, "[]"}}) {
    fetcher.answers["https://id.example/token"] = odd;
    EXPECT_EQ(refused_with(), ErrorCode::unavailable);
  }
  fetcher.answers["https://id.example/token"] = Fetched{200, R"({"access_token":"x"})"};
  EXPECT_EQ(refused_with(), ErrorCode::unauthenticated);
}

TEST_F(ProviderTest, checks_what_discovery_says) {
  const std::pair<const char*, std::vector<json>> kWrong[] = {
      {"issuer", {"https://id.example/", "https://evil.example", 1, nullptr}},
      {"authorization_endpoint", {"http://id.example/auth", "javascript:alert(1)", "", 1, "http://127.0.0.1/auth"}},
      {"token_endpoint", {"http://169.254.169.254/", "file:///etc/passwd", "https://user@id.example/", nullptr}},
      {"jwks_uri", {"http://127.0.0.1:6379/", "http://localhost/"}},
      {"userinfo_endpoint", {"gopher://x"}},
      {"id_token_signing_alg_values_supported", {json::array({"RS256"})}},
      {"code_challenge_methods_supported", {json::array({"plain"})}},
  };
  for (const auto& [name, values] : kWrong) {
    for (const json& value : values) {
      json wrong = discovery();
      wrong[name] = value;
      fetcher.answers[discovery_url] = Fetched{200, wrong.dump()};
      EXPECT_EQ(refused_with(), ErrorCode::failed_precondition) << name << " = " << value;
    }
  }
  EXPECT_EQ(fetcher.count("https://id.example/token"), 0);
  fetcher.answers[discovery_url] = Fetched{301, ""};
  EXPECT_EQ(refused_with(), ErrorCode::unavailable);
}

TEST_F(ProviderTest, completes_a_thin_token_from_userinfo) {
  json thin = claims();
  thin.erase("groups");
  thin.erase("name");
  give_token({{"alg", "ES256"}, {"kid", "k1"}}, thin);
  fetcher.answers["https://id.example/me"] = Fetched{200, R"({"sub":"u-1","name":"Alice","groups":["staff"]})"};
  auto identity = identify();
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->name, "Alice");
  EXPECT_EQ(identity->roles, std::vector<std::string>{"user"});
  EXPECT_EQ(fetcher.asked.back().headers.get("authorization"), "Bearer at");
  fetcher.answers["https://id.example/me"] = Fetched{200, R"({"sub":"u-2","groups":["staff"]})"};
  EXPECT_EQ(refused_with(), ErrorCode::unauthenticated);
  fetcher.answers["https://id.example/me"] = Fetched{403, ""};
  identity = identify();
  ASSERT_TRUE(identity);
  EXPECT_TRUE(identity->roles.empty());
}

}  // namespace
}  // namespace bourse::sso
