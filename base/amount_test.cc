#include "base/amount.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

namespace bourse {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();

TEST(Amount, TextHasAtLeastTwoPlacesAndNoTrailingZerosBeyondThem) {
  EXPECT_EQ(to_text(Amount{}), "0.00");
  EXPECT_EQ(to_text(Amount::whole(12)), "12.00");
  EXPECT_EQ(to_text(Amount{12'500'000}), "12.50");
  EXPECT_EQ(to_text(Amount{12'345'600}), "12.3456");
  EXPECT_EQ(to_text(Amount{-1}), "-0.000001");
  EXPECT_EQ(to_text(Amount{-10'000}), "-0.01");
  EXPECT_EQ(to_text(Amount{kMost}), "9223372036854.775807");
  EXPECT_EQ(to_text(Amount{kLeast}), "-9223372036854.775808");
}

TEST(Amount, ParsesPlainDecimalsOnly) {
  EXPECT_EQ(parse_amount("12.5"), Amount{12'500'000});
  EXPECT_EQ(parse_amount("7"), Amount::whole(7));
  EXPECT_EQ(parse_amount("-0.000001"), Amount{-1});
  EXPECT_EQ(parse_amount("-0"), Amount{});
  EXPECT_EQ(parse_amount("007.10"), Amount{7'100'000});
  for (const char* text : {"",      "-",   ".",     "1.",   ".5",  "-.5", "+1", "1e3",       "1,5", "1 ", " 1",
                           "1_000", "--1", "1.2.3", "0x10", "NaN", "inf", "１", "1.0000000", "=1",  "1-", "1\n"}) {
    const auto parsed = parse_amount(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument) << text;
    EXPECT_FALSE(parsed.error().detail.empty()) << text;
  }
  EXPECT_FALSE(parse_amount(std::string_view("1\0", 2)));
}

TEST(Amount, ReachesBothEndsOfTheRangeAndNoFurther) {
  EXPECT_EQ(parse_amount("9223372036854.775807"), Amount{kMost});
  EXPECT_EQ(parse_amount("-9223372036854.775808"), Amount{kLeast});
  for (const char* text : {"9223372036854.775808", "-9223372036854.775809", "9223372036855",
                           "99999999999999999999999999", "-100000000000000000000", "9223372036854775807"}) {
    const auto parsed = parse_amount(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::amount_overflow) << text;
  }
}

TEST(Amount, CheckedAddSaysNothingBeyondTheRange) {
  EXPECT_EQ(checked_add(Amount{kMost - 1}, Amount{1}), Amount{kMost});
  EXPECT_EQ(checked_add(Amount{kMost}, Amount{1}), std::nullopt);
  EXPECT_EQ(checked_add(Amount{kLeast}, Amount{-1}), std::nullopt);
}

TEST(AmountDeathTest, OperatorsStopBeyondTheRange) {
  EXPECT_DEATH((void)(Amount{kMost} + Amount{1}), "assertion failed");
  EXPECT_DEATH((void)(Amount{kLeast} - Amount{1}), "assertion failed");
}

RC_GTEST_PROP(AmountProperty, TextRoundTrips, (std::int64_t micros)) {
  RC_ASSERT((parse_amount(to_text(Amount{micros})) == Amount{micros}));
}

RC_GTEST_PROP(AmountProperty, AnyTextIsAnAmountOrAnError, (const std::string& text)) {
  if (const auto parsed = parse_amount(text)) RC_ASSERT((parse_amount(to_text(*parsed)) == *parsed));
}

}  // namespace
}  // namespace bourse
