#include "base/decimal.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

namespace bourse {
namespace {

TEST(Decimal, KeepsThePlacesItWasWrittenWith) {
  EXPECT_EQ(parse_decimal("1.0"), (Decimal{10, 1}));
  EXPECT_EQ(parse_decimal("1.00"), (Decimal{100, 2}));
  EXPECT_EQ(parse_decimal("-0.000000000001"), (Decimal{-1, 12}));
  EXPECT_EQ(to_text(Decimal{100, 2}), "1.00");
  EXPECT_EQ(to_text(Decimal{5, 3}), "0.005");
  EXPECT_EQ(to_text(Decimal{-5, 3}), "-0.005");
  EXPECT_EQ(to_text(Decimal{42, 0}), "42");
  EXPECT_EQ(to_text(Decimal{std::numeric_limits<std::int64_t>::min(), 12}), "-9223372.036854775808");
}

TEST(Decimal, RefusesWhatIsNotADecimal) {
  for (const char* text : {"", "-", "1.", ".1", "1e1", "+1", "1.0000000000000", "1/2", "1..2", "0x1"}) {
    const auto parsed = parse_decimal(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument) << text;
  }
  for (const char* text : {"9223372036854775808", "-9223372036854775809", "9223372036854775807.0"}) {
    const auto parsed = parse_decimal(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::amount_overflow) << text;
  }
}

TEST(Decimal, DividesHalfAwayFromZero) {
  EXPECT_TRUE(divide_half_away(5, 10) == 1);
  EXPECT_TRUE(divide_half_away(-5, 10) == -1);
  EXPECT_TRUE(divide_half_away(4, 10) == 0);
  EXPECT_TRUE(divide_half_away(-4, 10) == 0);
  EXPECT_TRUE(divide_half_away(15, 10) == 2);
  EXPECT_TRUE(divide_half_away(25, 10) == 3);
  EXPECT_TRUE(divide_half_away(1, 3) == 0);
  EXPECT_TRUE(divide_half_away(2, 3) == 1);
  EXPECT_TRUE(divide_half_away(7, 1) == 7);
}

TEST(Decimal, DivisionDoesNotOverflowAtTheEnds) {
  constexpr __int128 kWidest = static_cast<__int128>((~static_cast<unsigned __int128>(0)) >> 1);
  EXPECT_TRUE(divide_half_away(kWidest, kWidest) == 1);
  EXPECT_TRUE(divide_half_away(-kWidest, kWidest) == -1);
  EXPECT_TRUE(divide_half_away(kWidest - 1, kWidest) == 1);
  EXPECT_TRUE(divide_half_away(kWidest / 2, kWidest) == 0);
  EXPECT_TRUE(divide_half_away(kWidest / 2 + 1, kWidest) == 1);
  EXPECT_TRUE(divide_half_away(kWidest, 1) == kWidest);
}

TEST(DecimalDeathTest, DivisionByNothingStops) {
  EXPECT_DEATH((void)divide_half_away(1, 0), "assertion failed");
}

RC_GTEST_PROP(DecimalProperty, TextRoundTrips, (std::int64_t coefficient)) {
  const Decimal value{coefficient, *rc::gen::inRange<std::uint8_t>(0, Decimal::kMaxScale + 1)};
  RC_ASSERT((parse_decimal(to_text(value)) == value));
}

// |numerator − quotient × denominator| is at most half the denominator, and at exactly half the quotient is the one
// further from zero.
RC_GTEST_PROP(DecimalProperty, DivisionIsTheNearest, (std::int64_t numerator)) {
  const __int128 denominator = *rc::gen::positive<std::int64_t>();
  const __int128 quotient = divide_half_away(numerator, denominator);
  const __int128 distance = numerator - quotient * denominator;
  const __int128 magnitude = distance < 0 ? -distance : distance;
  RC_ASSERT(2 * magnitude <= denominator);
  if (2 * magnitude == denominator) RC_ASSERT((numerator < 0 ? distance > 0 : distance < 0));
}

}  // namespace
}  // namespace bourse
