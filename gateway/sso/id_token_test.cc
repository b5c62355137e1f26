#include "gateway/sso/id_token.h"

#include <gtest/gtest.h>

#include "gateway/sso/token_fixture.h"

namespace bourse::sso {
namespace {

using testing::json;
using testing::part;
using testing::kNow;
using testing::Signer;


const Signer& rsa() {
  static const Signer kKey = Signer::rsa();
  return kKey;
}
const Signer& ec() {
  static const Signer kKey = Signer::ec();
  return kKey;
}

KeySet keys(const std::vector<json>& list, std::string_view algorithm) {
  return parse_key_set(json{{"keys", list}}.dump(), algorithm).value();
}

json claims() {
  return {{"iss", "https://id.example"},
          {"aud", "bourse"},
          {"sub", "u-1"},
          {"exp", kNow + 300},
          {"iat", kNow},
          {"nonce", "n-1"},
          {"name", "Alice"},
          {"groups", {"researchers", "chess"}}};
}

Expected expected(std::string algorithm = "RS256") {
  return {"https://id.example", "bourse", std::move(algorithm), "n-1", Instant{kNow * 1000}};
}

Result<IdClaims> verify(const std::string& token, const Expected& wanted = expected()) {
  const KeySet set = keys({(wanted.algorithm.starts_with("ES") ? ec() : rsa()).jwk("k1")}, wanted.algorithm);
  return verify_id_token(token, set.at(0), wanted, "groups");
}

std::string signed_with_rsa(const json& payload) {
  return rsa().sign({{"alg", "RS256"}, {"kid", "k1"}}, payload.dump());
}

TEST(IdToken, of_a_real_provider_is_read) {
  for (const std::string& token :
       {signed_with_rsa(claims()), rsa().sign({{"alg", "RS256"}, {"typ", "JWT"}}, claims().dump())}) {
    const auto read = verify(token);
    ASSERT_TRUE(read) << read.error().detail;
    EXPECT_EQ(read->subject, "u-1");
    EXPECT_EQ(read->name, "Alice");
    EXPECT_EQ(read->groups, (std::vector<std::string>{"researchers", "chess"}));
  }
  EXPECT_TRUE(verify(ec().sign({{"alg", "ES256"}}, claims().dump()), expected("ES256")));
  EXPECT_TRUE(verify(rsa().sign({{"alg", "PS256"}}, claims().dump()), expected("PS256")));
}

TEST(IdToken, takes_its_algorithm_from_the_configuration) {
  const std::string payload = part(claims().dump());
  for (const char* alg : {"none", "None", "nOnE", "NONE", ""})
    for (const char* signature : {"", "AA"})
      EXPECT_FALSE(verify(part(json{{"alg", alg}}.dump()) + "." + payload + "." + signature)) << alg;
  EXPECT_FALSE(verify(part("{}") + "." + payload + "."));
  EXPECT_FALSE(verify(part(R"({"alg":["RS256"]})") + "." + payload + "."));
  EXPECT_FALSE(verify(part(R"({"alg":"RS256","alg":"none"})") + "." + payload + "."));
  // The public key as an HMAC secret, in the forms that an attacker can have it in.
  for (const std::string& secret :
       {rsa().jwk()["n"].get<std::string>(), rsa().jwk().dump(), std::string("-----BEGIN PUBLIC KEY-----\nMIIB\n")})
    EXPECT_FALSE(verify(Signer::shared(secret).sign({{"alg", "HS256"}, {"kid", "k1"}}, claims().dump())));
  EXPECT_FALSE(verify(rsa().sign({{"alg", "RS512"}}, claims().dump())));
  EXPECT_FALSE(verify(rsa().sign({{"alg", "PS256"}}, claims().dump())));
  EXPECT_FALSE(verify(ec().sign({{"alg", "ES256"}}, claims().dump())));
  for (const char* never : {"none", "HS256", "HS512", "RS1", "rs256", "EdDSA", "RSA-OAEP", ""})
    EXPECT_FALSE(is_known_algorithm(never));
}

TEST(IdToken, with_another_signature_is_refused) {
  const std::string token = signed_with_rsa(claims());
  const std::size_t dot = token.rfind('.');
  const std::string body = token.substr(0, dot + 1);
  EXPECT_FALSE(verify(body));
  EXPECT_FALSE(verify(body + std::string(342, 'A')));
  EXPECT_FALSE(verify(token + "A"));
  EXPECT_FALSE(verify(token + "="));
  EXPECT_FALSE(verify(token + "." + token));
  std::string changed = token;
  changed[dot + 5] = changed[dot + 5] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(verify(changed));
  json other = claims();
  other["sub"] = "u-2";
  EXPECT_FALSE(verify(token.substr(0, token.find('.') + 1) + part(other.dump()) + token.substr(dot)));
  EXPECT_FALSE(
      verify(Signer::rsa().sign({{"alg", "RS256"}, {"kid", "k1"}}, claims().dump())));  // another provider's key
  EXPECT_FALSE(verify(std::string(20'000, 'A')));
  for (const char* broken : {"", ".", "..", "a.b", "a.b.c", "....."}) EXPECT_FALSE(verify(broken)) << broken;
}

TEST(IdToken, with_a_zero_ecdsa_signature_is_refused) {
  const std::string head = part(R"({"alg":"ES256"})") + "." + part(claims().dump()) + ".";
  for (std::size_t bytes : {64U, 0U, 63U, 65U, 1U})
    EXPECT_FALSE(verify(head + part(std::string(bytes, '\0')), expected("ES256"))) << bytes;
  EXPECT_FALSE(verify(head + part(std::string(64, '\xFF')), expected("ES256")));
}

TEST(IdToken, header_must_be_plain) {
  for (const json& extra :
       {json{{"jku", "https://evil/keys"}}, json{{"jwk", rsa().jwk()}}, json{{"x5u", "https://evil/c"}},
        json{{"x5c", {"MIIB"}}}, json{{"crit", {"exp"}}}, json{{"b64", false}}, json{{"typ", "logout+jwt"}},
        json{{"typ", 1}}, json{{"kid", 1}}, json{{"kid", ""}}, json{{"kid", std::string(300, 'k')}}}) {
    json header{{"alg", "RS256"}};
    header.update(extra);
    const std::string token = part(header.dump()) + "." + part(claims().dump()) + ".AAAA";
    const auto kid = key_id_of(token, "RS256");
    ASSERT_FALSE(kid) << extra;
    EXPECT_EQ(kid.error().code, ErrorCode::unauthenticated);
  }
}

TEST(IdToken, key_ids_are_compared_and_nothing_else) {
  const KeySet set = keys({rsa().jwk("k1"), rsa().jwk("k2"), rsa().jwk("twin"), rsa().jwk("twin")}, "RS256");
  EXPECT_NE(find_key(set, "k1"), nullptr);
  for (const char* hostile : {"../../", "../../../../dev/null", "k1' OR '1'='1", "K1", "k", "k1 ", "twin"})
    EXPECT_EQ(find_key(set, hostile), nullptr) << hostile;
  EXPECT_EQ(find_key(set, std::nullopt), nullptr);  // several keys, and none named
  EXPECT_NE(find_key(keys({rsa().jwk("k1")}, "RS256"), std::nullopt), nullptr);
  EXPECT_EQ(find_key({}, std::nullopt), nullptr);
}

TEST(IdToken, claims_are_checked_by_value_and_type) {
  const std::pair<const char*, std::vector<json>> kWrong[] = {
      {"iss",
       {"https://id.example/", "https://evil.example", "HTTPS://id.example", 1, nullptr,
        json::array({"https://id.example"})}},
      {"aud",
       {"other", "bourse ", json::array(), json::array({"other"}), json::array({"bourse", 1}),
        json::array({"bourse", "other"}), 1, nullptr, json{{"bourse", 1}}}},
      {"sub", {"", 1, nullptr, std::string(256, 'a'), "a\nb", std::string("a\0b", 3), json::array({"u-1"})}},
      {"exp",
       {kNow - 61, kNow - 60, std::to_string(kNow + 300), 1e300, 1.5 + kNow, -1, 18446744073709551615U, 253402300800U,
        nullptr, true, json::array()}},
      {"iat", {kNow + 61, std::to_string(kNow), kNow - 90'000, 1e300, nullptr, true}},
      {"nbf", {kNow + 61, "soon", 1e300, nullptr}},
      {"nonce", {"n-2", "", 1, nullptr, "n-1 "}},
      {"azp", {"other", 1, nullptr, json::array({"bourse"})}},
      {"events", {json{{"http://schemas.openid.net/event/backchannel-logout", json::object()}}}},
  };
  for (const auto& [name, values] : kWrong) {
    for (const json& value : values) {
      json wrong = claims();
      wrong[name] = value;
      const auto read = verify(signed_with_rsa(wrong));
      EXPECT_FALSE(read) << name << " = " << value;
      if (!read) EXPECT_EQ(read.error().code, ErrorCode::unauthenticated);
    }
  }
  for (const char* name : {"iss", "aud", "sub", "exp", "iat", "nonce"}) {
    json without = claims();
    without.erase(name);
    EXPECT_FALSE(verify(signed_with_rsa(without))) << name;
  }
}

TEST(IdToken, audience_may_be_a_list_with_our_azp) {
  json several = claims();
  several["aud"] = {"bourse"};
  EXPECT_TRUE(verify(signed_with_rsa(several)));
  several["aud"] = {"other", "bourse"};
  EXPECT_FALSE(verify(signed_with_rsa(several)));
  several["azp"] = "bourse";
  EXPECT_TRUE(verify(signed_with_rsa(several)));
}

TEST(IdToken, leaves_a_minute_of_leeway) {
  json edge = claims();
  edge["exp"] = kNow - 59;
  edge["iat"] = kNow + 60;
  edge["nbf"] = kNow + 60;
  EXPECT_TRUE(verify(signed_with_rsa(edge)));
}

TEST(IdToken, payload_must_be_strict_json) {
  for (const std::string& payload : {std::string("[]"), std::string("null"), std::string(),
                                     std::string("{\"iss\":\"https://id.example\",\"iss\":\"x\"}"),
                                     std::string("\xEF\xBB\xBF{}"), claims().dump() + " x", std::string(9000, '[')})
    EXPECT_FALSE(verify(rsa().sign({{"alg", "RS256"}}, payload)));
}

TEST(IdToken, odd_groups_and_names_give_none) {
  for (const json& odd : {json("researchers"), json(1), json{{"a", "b"}}, json::array({1, nullptr})}) {
    json with = claims();
    with["groups"] = odd;
    const auto read = verify(signed_with_rsa(with));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->groups, std::vector<std::string>{});
  }
  json with = claims();
  with.erase("groups");
  with["name"] = "a\x1B[31m";
  with["preferred_username"] = "alice";
  const auto read = verify(signed_with_rsa(with));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->groups, std::nullopt);
  EXPECT_EQ(read->name, "alice");
}

TEST(KeySet, leaves_out_what_does_not_fit) {
  json other_use = rsa().jwk("a"), other_alg = rsa().jwk("b"), odd_kid = rsa().jwk("c");
  other_use["use"] = "enc";
  other_alg["alg"] = "RS512";
  odd_kid["kid"] = 7;
  EXPECT_TRUE(keys({other_use, other_alg, odd_kid, ec().jwk("d"), {{"kty", "OKP"}}, json::object()}, "RS256").empty());
  EXPECT_EQ(keys({rsa().jwk("a"), ec().jwk("d")}, "ES256").size(), 1U);
  EXPECT_TRUE(keys({ec().jwk("d")}, "ES384").empty());  // another curve
}

TEST(KeySet, is_refused_when_it_is_hostile) {
  const auto refused = [](const std::string& text) { return !parse_key_set(text, "RS256"); };
  for (const char* text :
       {"", "null", "[]", "{}", R"({"keys":{}})", R"({"keys":[1]})", R"({"keys":[{"kty":"oct","k":"AAAA"}]})"})
    EXPECT_TRUE(refused(text)) << text;
  EXPECT_TRUE(refused(json{{"keys", {rsa().private_jwk()}}}.dump()));         // a private key inside
  EXPECT_TRUE(refused(json{{"keys", {Signer::rsa(1024).jwk("a")}}}.dump()));  // too short
  json huge = rsa().jwk("a");
  huge["n"] = part(std::string(1, '\x80') + std::string(1024, '\0'));
  EXPECT_TRUE(refused(json{{"keys", {huge}}}.dump()));  // slow to verify with
  EXPECT_TRUE(refused(json{{"keys", json::array_t(65, rsa().jwk("a"))}}.dump()));
}

TEST(Userinfo, must_be_about_the_same_person) {
  const auto same = parse_userinfo(R"({"sub":"u-1","name":"Alice","groups":["g"]})", "u-1", "groups");
  ASSERT_TRUE(same);
  EXPECT_EQ(same->groups, std::vector<std::string>{"g"});
  for (const char* other : {R"({"sub":"u-2"})", R"({"sub":1})", "{}", "[]", "", R"({"sub":"u-1","sub":"u-2"})"})
    EXPECT_FALSE(parse_userinfo(other, "u-1", "groups")) << other;
}

}  // namespace
}  // namespace bourse::sso
