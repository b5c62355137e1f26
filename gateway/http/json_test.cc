#include "gateway/http/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace bourse::http {
namespace {

TEST(Json, reads_json) {
  const auto json = parse_json(R"({"a":[1,-2,18446744073709551615,"\u5ea6"],"b":{"a":null}})");
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["a"][2].get<std::uint64_t>(), 18446744073709551615U);
  EXPECT_EQ((*json)["a"][3], "度");
  EXPECT_EQ((*parse_json("9007199254740993")).get<std::int64_t>(), 9007199254740993);  // 2^53 + 1
  EXPECT_EQ((*parse_json("-0")).get<std::int64_t>(), 0);
  EXPECT_FALSE((*parse_json("18446744073709551616")).is_number_integer());  // never cut down to one that fits
  EXPECT_FALSE((*parse_json("-9223372036854775809")).is_number_integer());
}

TEST(Json, refuses_all_else) {
  for (const char* bad : {"",
                          " ",
                          "{",
                          "{\"a\":1",
                          "[1,]",
                          "{\"a\":1,}",
                          "{'a':1}",
                          "nan",
                          "NaN",
                          "Infinity",
                          "+1",
                          "01",
                          "1.",
                          ".5",
                          "0x1",
                          "1 2",
                          "\xEF\xBB\xBF{}",
                          "\"\xFF\"",
                          "\"\xC0\xAE\"",
                          "\"\xED\xA0\x80\"",
                          "\"\\ud800\"",
                          "\"\\udc00\\ud800\"",
                          "\"\n\"",
                          "// c\n1",
                          "1e999",
                          "-1e999",
                          "-",
                          "- 0",
                          "-00",
                          "{\"a\":1,\"a\":2}",
                          "{\"a\":{\"b\":1,\"b\":1}}",
                          "{\"a\":1,\"\\u0061\":2}"})
    EXPECT_FALSE(parse_json(bad)) << bad;
  EXPECT_FALSE(parse_json(std::string_view("\"\0\"", 3)));
  EXPECT_TRUE(parse_json("{\"a\":{\"b\":1},\"c\":{\"b\":1}}"));
}

TEST(Json, is_bounded_in_depth) {
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(parse_json(nested(kMostJsonDepth)));
  EXPECT_FALSE(parse_json(nested(kMostJsonDepth + 1)));
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')));
  std::string objects;
  for (int i = 0; i < 10'000; ++i) objects += "{\"a\":";
  EXPECT_FALSE(parse_json(objects));
}

}  // namespace
}  // namespace bourse::http
