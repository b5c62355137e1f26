#include "base/index_ranges.h"

#include <gtest/gtest.h>

namespace bourse {
namespace {

std::string read(std::string_view text) {
  const auto ranges = parse_index_ranges(text);
  return ranges ? to_text(*ranges) : "error";
}

TEST(IndexRanges, AreReadAsSchedulersWriteThem) {
  EXPECT_EQ(read("7"), "7");
  EXPECT_EQ(read("0-9"), "0-9");
  EXPECT_EQ(read("1,3,7-20:2"), "1,3,7-20:2");
  EXPECT_EQ(read("0-9999"), "0-9999");
  EXPECT_EQ(read("5-5:3"), "5");
  EXPECT_EQ(read("4000000"), "4000000");
}

TEST(IndexRanges, RefuseWhatIsNone) {
  for (const char* text : {"", ",", "1,", ",1", "a", "1-", "-1", "1-2-3", "3:2", "1-9:0", "1-9:", "9-1", "1 2", "1,1", "1-5,5", "0-9:2,4",
                           "4000001", "99999999999999999999", "0-10000", "0-5000,6000-11000", "0x1", "+1", "1\n"})
    EXPECT_EQ(read(text), "error") << text;
  std::string many = "0";
  for (int i = 1; i <= 100; ++i) many += "," + std::to_string(2 * i);
  EXPECT_EQ(read(many), "error");
  EXPECT_NE(read(many.substr(0, many.rfind(','))), "error");
}

TEST(IndexRanges, CountHaveAndOrderTheirIndices) {
  const auto ranges = *parse_index_ranges("10-20:5,1,3");
  EXPECT_EQ(count_of(ranges), 5U);
  std::vector<std::uint32_t> all;
  for (std::size_t n = 0; n < 5; ++n) all.push_back(nth_index(ranges, n));
  EXPECT_EQ(all, (std::vector<std::uint32_t>{10, 15, 20, 1, 3}));
  EXPECT_TRUE(has_index(ranges, 15));
  EXPECT_FALSE(has_index(ranges, 16));
  EXPECT_FALSE(has_index(ranges, 25));
}

TEST(IndexRanges, AStepBeyondAllIndicesIsTakenAsItIs) {
  const auto ranges = parse_index_ranges("4000000-4000000:4294967295,7");
  ASSERT_TRUE(ranges) << ranges.error().detail;
  EXPECT_EQ(count_of(*ranges), 2U);
}

TEST(ArrayText, MayLimitHowManyRunAtOnce) {
  const auto limited = parse_array("0-99:2%10");
  ASSERT_TRUE(limited);
  EXPECT_EQ(limited->at_once, 10U);
  EXPECT_EQ(count_of(limited->ranges), 50U);
  EXPECT_EQ(parse_array("1-3")->at_once, 0U);
  for (const char* text : {"1-3%", "1-3%0", "%3", "1-3%-1", "1-3%2%2", "1-3%a"}) EXPECT_FALSE(parse_array(text)) << text;
}

}  // namespace
}  // namespace bourse
