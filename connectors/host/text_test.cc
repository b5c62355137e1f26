#include "connectors/host/text.h"

#include <gtest/gtest.h>

namespace bourse::host {
namespace {

TEST(Text, OnlyPlainNamesAndPaths) {
  EXPECT_TRUE(is_plain_name("gpu.a100_x-1"));
  for (const char* bad : {"", "-x", "a b", "a,b", "a\nb", "a;b", "$(id)", "ä", "a/b", "a=b"}) EXPECT_FALSE(is_plain_name(bad)) << bad;
  EXPECT_TRUE(is_plain_path("/var/lib/x-1/y.z"));
  for (const char* bad : {"", "relative", "/a/../b", "/a b", "/a%j", "/a\\b", "/a'b", "/a\n"}) EXPECT_FALSE(is_plain_path(bad)) << bad;
}

TEST(Text, CountsAreWholeAndBounded) {
  EXPECT_EQ(parse_count("0"), 0);
  EXPECT_EQ(parse_count("1000000000"), kMaxCount);
  for (const char* bad : {"", "-1", "1000000001", "1.5", "1x", " 1"}) EXPECT_FALSE(parse_count(bad)) << bad;
  EXPECT_FALSE(parse_count("8", 7));
}

TEST(Text, IsShownOnOneLine) {
  EXPECT_EQ(shown("a\nb\x7f\x1b[2Jc \n"), "a b  [2Jc");
  EXPECT_EQ(shown(std::string(1'000, 'x')).size(), 300U);
}

}  // namespace
}  // namespace bourse::host
