#include "connectors/host/files.h"

#include <gtest/gtest.h>

#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>

namespace bourse::host {
namespace {

class FilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "bourse-files-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string dir_;
};

TEST_F(FilesTest, WritesReplacesAndReads) {
  const std::string path = dir_ + "/state";
  ASSERT_TRUE(write_durably(path, "one", {.mode = 0640}));
  ASSERT_TRUE(write_durably(path, "two\n", {.mode = 0640}));
  EXPECT_EQ(read_file(path, 100).value(), "two\n");
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0640U);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST_F(FilesTest, ALeftoverOfACrashIsNoObstacle) {
  const std::string path = dir_ + "/state";
  ASSERT_EQ(::symlink("/etc/passwd", (path + ".new").c_str()), 0);
  ASSERT_TRUE(write_durably(path, "fresh"));
  EXPECT_EQ(read_file(path, 100).value(), "fresh");
}

TEST_F(FilesTest, ReadingIsBoundedAndFollowsNoLinks) {
  const std::string path = dir_ + "/log";
  ASSERT_TRUE(write_durably(path, "0123456789"));
  EXPECT_EQ(read_file(path, 9).error().code, ErrorCode::too_large);
  const FilePart part = read_part(path, 4, 3).value();
  EXPECT_EQ(part.data, "456");
  EXPECT_EQ(part.size, 10);
  EXPECT_EQ(read_part(path, 11, 3).value().data, "");
  ASSERT_EQ(::symlink(path.c_str(), (dir_ + "/link").c_str()), 0);
  EXPECT_EQ(read_file(dir_ + "/link", 100).error().code, ErrorCode::unavailable);
  ASSERT_EQ(::mkfifo((dir_ + "/fifo").c_str(), 0600), 0);
  EXPECT_EQ(read_file(dir_ + "/fifo", 100).error().code, ErrorCode::unavailable);
  EXPECT_EQ(read_file(dir_ + "/absent", 100).error().code, ErrorCode::not_found);
}

TEST_F(FilesTest, MakingADirectoryTwiceIsAConflict) {
  ASSERT_TRUE(make_directory(dir_ + "/job", {.mode = 0711}));
  EXPECT_EQ(make_directory(dir_ + "/job", {.mode = 0711}).error().code, ErrorCode::conflict);
}

}  // namespace
}  // namespace bourse::host
