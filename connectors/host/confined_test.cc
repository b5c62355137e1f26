#include "connectors/host/confined.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace bourse::host {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kNobody = 65534;

// A job's folder beside something that is no affair of the job's. The parameter: without openat2.
class ConfinedTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    pretend_no_openat2(GetParam());
    std::string name = (fs::temp_directory_path() / "bourse-confined-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    ::chmod(name.c_str(), 0755);
    outer_ = name;
    fs::create_directory(outer_ + "/job");
    fs::create_directory(outer_ + "/secret");
    put("/secret/key", "the center's own");
    if (::geteuid() == 0) owner_ = kNobody;
    give("/job");
  }
  void TearDown() override {
    pretend_no_openat2(false);
    fs::remove_all(outer_);
  }
  void put(const std::string& at, const std::string& text) { std::ofstream(outer_ + at) << text; }
  void give(const std::string& at) { ASSERT_EQ(::lchown((outer_ + at).c_str(), owner_, owner_), 0); }
  ConfinedFolder folder() {
    auto opened = ConfinedFolder::open(outer_ + "/job", owner_);
    EXPECT_TRUE(opened) << opened.error().message();
    return std::move(*opened);
  }
  ErrorCode refusal(const std::string& path) {
    const auto opened = folder().open_file(path);
    return opened ? ErrorCode::internal : opened.error().code;
  }

  std::string outer_;
  uid_t owner_ = ::geteuid();
};

TEST_P(ConfinedTest, MakesFilesAndFoldersOfTheUsers) {
  auto user = AsUser::take(owner_, owner_);
  ASSERT_TRUE(user) << user.error().message();
  auto file = folder().make_file("a/b/c.txt");
  ASSERT_TRUE(file) << file.error().message();
  ASSERT_TRUE(file->write("0123456789", 0));
  ASSERT_TRUE(file->set_mode(0700));
  struct stat info{};
  ASSERT_EQ(::stat((outer_ + "/job/a/b/c.txt").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, owner_);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
  ASSERT_EQ(::stat((outer_ + "/job/a").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, owner_);
  auto again = folder().make_file("a/b/c.txt");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->size().value(), 10) << "nothing is cut off";
  EXPECT_EQ(folder().open_file("a/b/c.txt").value().read(3, 4).value(), "3456");
}

TEST_P(ConfinedTest, EveryWayOutIsClosed) {
  fs::create_symlink("../secret/key", outer_ + "/job/link");
  fs::create_symlink(outer_ + "/secret", outer_ + "/job/folder");
  fs::create_symlink("/proc/self/fd/0", outer_ + "/job/magic");
  for (const char* path : {"link", "folder/key", "../secret/key", "/etc/passwd", "folder/../job/link", "magic", ".", "..", ""})
    EXPECT_NE(refusal(path), ErrorCode::internal) << path;
  EXPECT_EQ(refusal("link"), ErrorCode::forbidden);
  for (const char* path : {"link", "folder/new", "../new", "/tmp/bourse-new", "folder"}) EXPECT_FALSE(folder().make_file(path)) << path;
  EXPECT_EQ(std::distance(fs::directory_iterator(outer_ + "/secret"), {}), 1);
}

TEST_P(ConfinedTest, OnlyRegularFilesOfTheOwners) {
  ASSERT_EQ(::mkfifo((outer_ + "/job/fifo").c_str(), 0600), 0);
  give("/job/fifo");
  EXPECT_EQ(refusal("fifo"), ErrorCode::forbidden) << "and does not wait";
  EXPECT_FALSE(folder().make_file("fifo"));
  fs::create_directory(outer_ + "/job/sub");
  EXPECT_EQ(refusal("sub"), ErrorCode::forbidden);
  EXPECT_EQ(refusal("none"), ErrorCode::not_found);
  if (::geteuid() == 0) {
    fs::create_hard_link(outer_ + "/secret/key", outer_ + "/job/hard");
    EXPECT_EQ(refusal("hard"), ErrorCode::forbidden) << "a hard link to another's file";
    EXPECT_FALSE(folder().make_file("hard"));
  }
  put("/job/own", "mine");
  give("/job/own");
  fs::create_hard_link(outer_ + "/job/own", outer_ + "/job/twice");
  EXPECT_EQ(folder().open_file("twice").value().read(0, 9).value(), "mine") << "one to an own file gives nothing away";
}

TEST_P(ConfinedTest, WalksInOrderAndFollowsNothing) {
  for (const char* at : {"/job/b", "/job/a"}) put(at, at);
  fs::create_directory(outer_ + "/job/dir");
  put("/job/dir/x", "sparse");
  fs::resize_file(outer_ + "/job/dir/x", std::uintmax_t{1} << 40);
  fs::create_symlink("..", outer_ + "/job/loop");
  fs::create_symlink("../secret/key", outer_ + "/job/link");
  for (const char* at : {"/job/a", "/job/b", "/job/dir", "/job/dir/x"}) give(at);
  std::vector<std::string> paths;
  std::int64_t largest = 0;
  const auto take = [&](const Found& found) {
    paths.push_back(found.path);
    largest = std::max(largest, found.size);
  };
  ASSERT_TRUE(folder().walk(100, [](const std::string&) { return true; }, take));
  EXPECT_EQ(paths, (std::vector<std::string>{"a", "b", "dir/x"}));
  EXPECT_EQ(largest, std::int64_t{1} << 40);
  EXPECT_EQ(folder().walk(3, [](const std::string&) { return true; }, take).error().code, ErrorCode::too_large);
  paths.clear();
  ASSERT_TRUE(folder().walk(100, [](const std::string&) { return false; }, take));
  EXPECT_EQ(paths, (std::vector<std::string>{"a", "b"}));
}

TEST_P(ConfinedTest, AFolderThatCantBeListedKeepsNothingElseBack) {
  fs::create_directory(outer_ + "/job/a");
  put("/job/a/x", "x");
  put("/job/b", "b");
  for (const char* at : {"/job/a", "/job/a/x", "/job/b"}) give(at);
  fs::permissions(outer_ + "/job/a", fs::perms::owner_read);  // can be opened, and no more
  std::vector<std::string> paths;
  {
    const auto user = AsUser::take(owner_, owner_);
    ASSERT_TRUE(user) << user.error().message();
    EXPECT_TRUE(folder().walk(100, [](const std::string&) { return true; }, [&](const Found& found) { paths.push_back(found.path); }));
  }
  EXPECT_EQ(paths, std::vector<std::string>{"b"});
  fs::permissions(outer_ + "/job/a", fs::perms::owner_all);
}

TEST_P(ConfinedTest, AFolderThatPassedToSomebodyElseIsClosed) {
  EXPECT_EQ(ConfinedFolder::open(outer_ + "/job", owner_ + 1).error().code, ErrorCode::forbidden);
  fs::create_directory_symlink(outer_ + "/secret", outer_ + "/jobs");
  EXPECT_FALSE(ConfinedFolder::open(outer_ + "/jobs", owner_));
}

// The job swaps a folder for a link as fast as it can; nothing of the secret may ever come out, and nothing into its folder.
TEST_P(ConfinedTest, LosesNoRaceAgainstLinks) {
  fs::create_directory(outer_ + "/job/real");
  put("/job/real/key", "harmless");
  give("/job/real");
  give("/job/real/key");
  fs::create_directory_symlink(outer_ + "/secret", outer_ + "/job/evil");
  std::atomic<bool> over = false;
  std::thread swapping([&] {
    const std::string a = outer_ + "/job/real", b = outer_ + "/job/evil";
    while (!over) ::syscall(SYS_renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), 2 /* exchange */);
  });
  const ConfinedFolder at = folder();
  int read = 0, refused = 0;
  for (int i = 0; i < 3000; ++i) {
    if (auto file = at.open_file("real/key")) {
      EXPECT_EQ(file->read(0, 100).value(), "harmless");
      ++read;
    } else {
      ++refused;
    }
    (void)at.make_file("real/new");
  }
  over = true;
  swapping.join();
  EXPECT_FALSE(fs::exists(outer_ + "/secret/new"));
  EXPECT_GT(read + refused, 0);
}

TEST_P(ConfinedTest, BecomesTheUserForItsThreadOnlyAndBack) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  ::chmod((outer_ + "/secret/key").c_str(), 0600);
  const auto readable = [&] {
    const OpenFile file(::open((outer_ + "/secret/key").c_str(), O_RDONLY | O_CLOEXEC));
    return file.get() >= 0;
  };
  std::atomic<bool> changed = false, elsewhere = false;
  std::thread other([&] {
    changed.wait(false);
    elsewhere = readable();
  });
  {
    auto user = AsUser::take(kNobody, kNobody);
    ASSERT_TRUE(user) << user.error().message();
    EXPECT_FALSE(readable());
    changed = true;
    changed.notify_all();
    other.join();
    EXPECT_TRUE(elsewhere);
  }
  EXPECT_TRUE(readable());
  EXPECT_EQ(AsUser::take(0, 0).error().code, ErrorCode::forbidden);
}

INSTANTIATE_TEST_SUITE_P(Kernels, ConfinedTest, ::testing::Values(false, true), [](const auto& which) { return which.param ? "WithoutOpenat2" : "Openat2"; });

}  // namespace
}  // namespace bourse::host
