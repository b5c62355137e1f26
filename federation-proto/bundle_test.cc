#include "federation-proto/bundle.h"

#include <gtest/gtest.h>

#include <cctype>

#include "base/hex.h"

namespace bourse::federation {
namespace {

JoinBundle bundle() {
  SeededRng rng(9);
  const CenterId center{Uuid{1, 2}};
  return {.audience = "bourse.test", .center = center, .center_name = "north", .token = make_join_token(center, rng), .expires_at = Instant{1'800'000'000'000},
          .connect = "127.0.0.1:8443", .server_name = "link.bourse.internal", .join_server_name = "join.bourse.internal", .root_pem = "root",
          .order_key = make_key_pair(rng).public_key, .ack_key = make_key_pair(rng).public_key};
}

TEST(JoinBundle, GoesThroughJson) {
  const JoinBundle made = bundle();
  const auto read = parse_join_bundle(to_json(made));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(to_json(*read), to_json(made));
}

TEST(JoinBundle, NamesTheFieldThatIsWrong) {
  const auto error = [](const std::string& from, const std::string& to) {
    std::string json = to_json(bundle());
    json.replace(json.find(from), from.size(), to);
    const auto read = parse_join_bundle(json);
    return read ? std::string("accepted") : read.error().detail;
  };
  EXPECT_NE(error("\"version\": 1", "\"version\": 2").find("version"), std::string::npos);
  EXPECT_NE(error("\"connect\": \"127.0.0.1:8443\"", "\"connect\": 8443").find("connect"), std::string::npos);
  EXPECT_FALSE(parse_join_bundle("[]"));
  EXPECT_FALSE(parse_join_bundle("{"));
  EXPECT_FALSE(parse_join_bundle(std::string(1 << 20, ' ')));
}

TEST(JoinToken, NamesItsCenterAndShowsSlips) {
  SeededRng rng(1);
  const CenterId center{Uuid{5, 6}};
  const std::string token = make_join_token(center, rng);
  EXPECT_EQ(center_of_token(token), center);
  EXPECT_NE(make_join_token(center, rng), token);
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string slip = token;
    slip[i] = slip[i] == '7' ? '8' : '7';
    EXPECT_FALSE(center_of_token(slip)) << i;
    EXPECT_NE(token_hash(slip), token_hash(token));
  }
  EXPECT_FALSE(center_of_token(token.substr(0, token.size() - 1)));
  EXPECT_FALSE(center_of_token(std::string(1 << 20, 'x')));
  EXPECT_FALSE(center_of_token(""));
}

TEST(Fingerprint, IsComparedAsPeopleTypeIt) {
  SeededRng rng(1);
  const PublicKey identity = make_key_pair(rng).public_key, billing = make_key_pair(rng).public_key;
  const Hash256 fingerprint = keys_fingerprint(identity, billing);
  EXPECT_NE(fingerprint, keys_fingerprint(billing, identity));
  std::string shown = shown_fingerprint(fingerprint);
  EXPECT_EQ(shown.size(), 64U + 15U);
  EXPECT_EQ(read_fingerprint(shown), fingerprint);
  for (char& c : shown) c = c == ' ' ? ':' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  EXPECT_EQ(read_fingerprint(" " + shown + "\n"), fingerprint);
  for (const char* wrong : {"", "12", "zz"}) EXPECT_FALSE(read_fingerprint(wrong));
  EXPECT_FALSE(read_fingerprint(to_hex(fingerprint) + "0"));
}

}  // namespace
}  // namespace bourse::federation
