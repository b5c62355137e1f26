#include "gateway/http/text.h"

#include <gtest/gtest.h>

namespace bourse::http {
namespace {

TEST(Target, reads_path_and_query) {
  const auto target = parse_target("/api/v1/jobs/job_1?limit=10&state=a%20b+c&empty=");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/api/v1/jobs/job_1");
  EXPECT_EQ(target->segments, (std::vector<std::string>{"api", "v1", "jobs", "job_1"}));
  EXPECT_EQ(find(target->query, "state"), "a b c");
  EXPECT_EQ(find(target->query, "empty"), "");
  EXPECT_EQ(find(target->query, "none"), std::nullopt);
  EXPECT_EQ(parse_target("/")->path, "/");
  EXPECT_TRUE(parse_target("/")->segments.empty());
  EXPECT_EQ(parse_target("/%E5%BA%A6")->segments.front(), "度");
}

TEST(Target, refuses_what_two_programs_could_read_in_two_ways) {
  for (const char* hostile : {"",
                              "api",
                              "http://evil/",
                              "*",
                              "//",
                              "/a//b",
                              "/a/",
                              "/.",
                              "/..",
                              "/a/../b",
                              "/%2e%2e/b",
                              "/%2E/",
                              "/a%2Fb",
                              "/a%2fb",
                              "/a%5Cb",
                              "/a\\b",
                              "/%00",
                              "/a%0d%0ab",
                              "/%c0%ae",
                              "/%ff",
                              "/a;b",
                              "/a%3Bb",
                              "/%",
                              "/%4",
                              "/%zz",
                              "/a#b",
                              "/a b",
                              "/\x01",
                              "/\xE5\xBA\xA6",
                              "/%ed%a0%80",
                              "/a?x=%",
                              "/a?x=%00",
                              "/a?x=%ff",
                              "/a?x=1&x=2",
                              "/a?x=1&%78=2"})
    EXPECT_FALSE(parse_target(hostile)) << hostile;
  EXPECT_EQ(parse_target("/" + std::string(5000, 'a')).error().code, ErrorCode::too_large);
  std::string many = "/a?";
  for (int i = 0; i < 33; ++i) many += "p" + std::to_string(i) + "=1&";
  EXPECT_FALSE(parse_target(many));
}

TEST(Form, goes_there_and_back) {
  const Parameters parameters{{"a b", "1&2=3"}, {"度", "+%\n"}};
  const auto back = parse_form(to_form(parameters));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, parameters);
}

TEST(Utf8, knows_every_border) {
  for (const char* good : {"", "a", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"})
    EXPECT_TRUE(is_utf8(good));
  for (const char* bad : {"\x80", "\xC0\xAE", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF",
                          "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE5\xBA", "\xFF", "a\xE5\xBA!"})
    EXPECT_FALSE(is_utf8(bad));
}

}  // namespace
}  // namespace bourse::http
