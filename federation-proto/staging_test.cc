#include "federation-proto/staging.h"

#include <gtest/gtest.h>

#include <string>

namespace bourse::federation {
namespace {

v1::Manifest of(std::initializer_list<const char*> paths) {
  v1::Manifest manifest;
  for (const char* path : paths) {
    v1::InputFile& file = *manifest.add_inputs();
    file.set_path(path);
    file.set_sha256(std::string(32, 'h'));
  }
  return manifest;
}

TEST(FilePath, TakesWhatLiesBelowTheFolder) {
  for (const char* path : {"a", "data.csv", "params/1/x.json", ".hidden", "a b", "-rf", "表/数.csv", "..a", "a..", "a\\b", "*"})
    EXPECT_TRUE(check_file_path(path)) << path;
  EXPECT_TRUE(check_file_path(std::string(255, 'x')));
}

TEST(FilePath, RefusesEveryWayOut) {
  using namespace std::string_literals;
  for (const std::string& path : {""s, "/"s, "/etc/passwd"s, ".."s, "../x"s, "a/../b"s, "a/.."s, "."s, "./a"s, "a//b"s, "a/"s, "a\0b"s, "a\nb"s,
                                  "a\tb"s, "\x7f"s, "\xff"s, "\xc0\xaf"s, "\xed\xa0\x80"s, "\xe2\x82"s, std::string(256, 'x'), std::string(1025, 'x')})
    EXPECT_EQ(check_file_path(path).error().code, ErrorCode::invalid_argument) << path;
  std::string deep = "a";
  for (int i = 0; i < 63; ++i) deep += "/a";
  EXPECT_TRUE(check_file_path(deep));
  EXPECT_FALSE(check_file_path(deep + "/a"));
}

TEST(Pattern, MatchesAsShellsDo) {
  struct Case { const char *pattern, *path; bool fits; };
  for (const Case& c : {Case{"log.txt", "log.txt", true}, {"log.txt", "a/log.txt", false}, {"*.csv", "a.csv", true}, {"*.csv", "a/b.csv", false},
                        {"results/**", "results/a", true}, {"results/**", "results/a/b/c", true}, {"results/**", "resultsX/a", false},
                        {"**", "a/b", true}, {"**/*.csv", "x.csv", true}, {"**/*.csv", "a/b/x.csv", true}, {"a/**/z", "a/z", true}, {"a/**/z", "a/b/c/z", true},
                        {"a/**/z", "a/b/c/y", false}, {"?.txt", "a.txt", true}, {"?.txt", "ab.txt", false}, {"[a-c]x", "bx", true}, {"[!a-c]x", "bx", false},
                        {"[]]x", "]x", true}, {"[a", "[a", true}, {"a*b*c", "axxbyyc", true}, {"a*b*c", "axxbyy", false}, {"**/a/**/b", "x/a/y/b", true},
                        {"*", ".hidden", true}, {"", "a", false}})
    EXPECT_EQ(matches(c.pattern, c.path), c.fits) << c.pattern << " " << c.path;
}

// Patterns whose naive matching takes exponential time are answered at once.
TEST(Pattern, IsBoundedInTime) {
  std::string stars, folders;
  for (int i = 0; i < 120; ++i) stars += "a*";
  for (int i = 0; i < 30; ++i) folders += "**/a/";
  std::string path = "a";
  for (int i = 0; i < 62; ++i) path += "/a";
  EXPECT_FALSE(matches(stars + "b", std::string(250, 'a')));
  EXPECT_FALSE(matches(folders + "b", path));
}

TEST(Pattern, IsCheckedAsPathsAre) {
  EXPECT_TRUE(check_output_pattern("results/**"));
  for (const char* pattern : {"", "/a", "../*", "a/**b", "a//*"}) EXPECT_FALSE(check_output_pattern(pattern)) << pattern;
}

TEST(Manifest, SettlesInOneOrder) {
  auto a = of({"b", "a/y", "a.x", "a/x"}), b = of({"a/x", "a.x", "b", "a/y"});
  ASSERT_TRUE(settle_manifest(a));
  ASSERT_TRUE(settle_manifest(b));
  EXPECT_EQ(manifest_bytes(a), manifest_bytes(b));
  const auto read = read_manifest(manifest_bytes(a));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(manifest_bytes(*read), manifest_bytes(a));
}

TEST(Manifest, RefusesWhatCanNotLieInOneFolder) {
  for (auto manifest : {of({"a", "a"}), of({"a", "a/b"}), of({"a/b", "a.c", "a"}), of({"a/b/c", "a/b"}), of({"../a"}), of({"output.log"}), of({".bourse-script"})})
    EXPECT_EQ(settle_manifest(manifest).error().code, ErrorCode::invalid_argument);
  auto negative = of({"a"});
  negative.mutable_inputs(0)->set_size(-1);
  EXPECT_EQ(settle_manifest(negative).error().code, ErrorCode::invalid_argument);
  auto sparse = of({"a"});
  sparse.mutable_inputs(0)->set_size(INT64_MAX);
  EXPECT_EQ(settle_manifest(sparse).error().code, ErrorCode::too_large);
  auto hash = of({"a"});
  hash.mutable_inputs(0)->set_sha256("short");
  EXPECT_EQ(settle_manifest(hash).error().code, ErrorCode::invalid_argument);
  v1::Manifest many;
  for (std::size_t i = 0; i <= kMaxJobFiles; ++i) {
    many.add_inputs()->set_path("f" + std::to_string(i));
    many.mutable_inputs(static_cast<int>(i))->set_sha256(std::string(32, 'h'));
  }
  EXPECT_EQ(settle_manifest(many).error().code, ErrorCode::too_large);
  EXPECT_EQ(read_manifest(manifest_bytes(of({"a", "b"}))).error().code, ErrorCode::invalid_argument);  // of no version
}

TEST(Manifest, WhatWasReorderedIsNotRead) {
  auto manifest = of({"a", "b"});
  ASSERT_TRUE(settle_manifest(manifest));
  manifest.mutable_inputs()->SwapElements(0, 1);
  EXPECT_FALSE(read_manifest(manifest_bytes(manifest)));
}

}  // namespace
}  // namespace bourse::federation
