#include "base/unit.h"

#include <gtest/gtest.h>

namespace bourse {
namespace {

TEST(Unit, ParsesTwoToFourCapitals) {
  EXPECT_EQ(parse_unit("CNY"), kCny);
  EXPECT_EQ(parse_unit("DU"), kDu);
  EXPECT_EQ(parse_unit("USDT")->text(), "USDT");
  EXPECT_EQ(kDu.text(), "DU");
  EXPECT_EQ(Unit{}.text(), "");
}

TEST(Unit, RefusesEverythingElse) {
  for (const char* text : {"", "C", "CNYEN", "cny", "CN1", "C Y", "CN\n", "元"}) {
    const auto parsed = parse_unit(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument);
  }
  EXPECT_FALSE(parse_unit(std::string_view("CN\0", 3)));
}

}  // namespace
}  // namespace bourse
