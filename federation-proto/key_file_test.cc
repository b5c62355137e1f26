#include "federation-proto/key_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace bourse::federation {
namespace {

class KeyFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "bourse-keys-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string path(const char* name) const { return directory_ + "/" + name; }

  std::string directory_;
};

TEST_F(KeyFile, KeepsWhatItMadeForItsOwnerOnly) {
  SeededRng rng(1), other(2);
  const auto made = load_or_create_key_pair(path("a.key"), rng);
  ASSERT_TRUE(made) << made.error().message();
  struct stat info{};
  ASSERT_EQ(::stat(path("a.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_EQ(info.st_size, 32);
  const auto again = load_or_create_key_pair(path("a.key"), other);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->secret, made->secret);
}

TEST_F(KeyFile, RefusesFilesThatOthersCanRead) {
  ASSERT_TRUE(write_private_file(path("a.key"), std::string(32, 's')));
  ::chmod(path("a.key").c_str(), 0640);
  const auto loaded = load_key_pair(path("a.key"));
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::integrity);
  ::chmod(directory_.c_str(), 0755);
  EXPECT_EQ(make_private_directory(directory_).error().code, ErrorCode::integrity);
}

TEST_F(KeyFile, FollowsNoLinksAndTakesNoOtherSizes) {
  ASSERT_TRUE(write_private_file(path("a.key"), std::string(33, 's')));
  EXPECT_EQ(load_key_pair(path("a.key")).error().code, ErrorCode::integrity);
  std::filesystem::create_symlink(path("a.key"), path("b.key"));
  EXPECT_FALSE(read_private_file(path("b.key")));
  EXPECT_EQ(read_private_file(path("c.key")).error().code, ErrorCode::not_found);
  EXPECT_FALSE(read_private_file(directory_));
}

TEST_F(KeyFile, ReplacesAFileWhole) {
  ASSERT_TRUE(write_private_file(path("f"), "one"));
  ASSERT_TRUE(write_private_file(path("f"), "two and more"));
  EXPECT_EQ(*read_private_file(path("f")), "two and more");
  EXPECT_FALSE(std::filesystem::exists(path("f.new")));
}

}  // namespace
}  // namespace bourse::federation
