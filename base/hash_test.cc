#include "base/hash.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/sha256.h"

namespace bourse {
namespace {

// FIPS 180-4's own examples.
TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(to_hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, ChainIsTheHashOfTheConcatenation) {
  const Hash256 previous = sha256("previous");
  std::string both(reinterpret_cast<const char*>(previous.bytes.data()), previous.bytes.size());
  both += "body";
  EXPECT_EQ(sha256(previous, std::as_bytes(std::span(std::string_view("body")))), sha256(both));
}

TEST(Hash256, ParsesSixtyFourDigitsOfEitherCase) {
  const Hash256 hash = sha256("abc");
  std::string text = to_hex(hash);
  EXPECT_EQ(parse_hash(text), hash);
  EXPECT_EQ(parse_hash("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"), hash);
  EXPECT_FALSE(parse_hash(""));
  EXPECT_FALSE(parse_hash(text + "0"));
  EXPECT_FALSE(parse_hash(text.substr(1)));
  text[10] = 'g';
  const auto wrong = parse_hash(text);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::invalid_argument);
}

TEST(Hash256, ZeroIsZero) {
  EXPECT_TRUE(Hash256{}.is_zero());
  EXPECT_FALSE(sha256("").is_zero());
}

RC_GTEST_PROP(Hash256Property, TextRoundTrips, (const std::string& data)) {
  RC_ASSERT((parse_hash(to_hex(sha256(data))) == sha256(data)));
}

TEST(Sha256, PiecesComeToWhatTheWholeDoes) {
  Sha256 hash;
  for (const char* piece : {"", "a", "bc", ""}) hash.add(std::string_view(piece));
  EXPECT_EQ(hash.finish(), sha256(std::string_view("abc")));
  EXPECT_EQ(Sha256().finish(), sha256(std::string_view()));
}

}  // namespace
}  // namespace bourse
