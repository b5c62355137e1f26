#include "connectors/core/log_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "connectors/core/temporary_folder.h"
#include "connectors/core/workdir.h"

namespace bourse::connector {
namespace {

class LogFile : public TemporaryFolder {
 protected:
  LocalUser us_{.name = "us", .uid = ::geteuid(), .gid = ::getegid(), .home = {}, .scheduler_account = {}};
};

TEST_F(LogFile, ReadsAPiece) {
  std::ofstream(path("log")) << "0123456789";
  const auto piece = read_log_file(path("log"), us_, 4, 3);
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->data, "456");
  EXPECT_EQ(piece->size, 10);
  EXPECT_EQ(read_log_file(path("log"), us_, 10, 3)->data, "");
  EXPECT_EQ(read_log_file(path("log"), us_, 1LL << 60, 3)->data, "");
  EXPECT_EQ(read_log_file(path("log"), us_, -5, 100)->data.size(), 10U);
  EXPECT_EQ(read_log_file(path("none"), us_, 0, 3).error().code, ErrorCode::not_found);
}

TEST_F(LogFile, OpensNothingThatAJobCouldHavePutThere) {
  std::ofstream(path("secret")) << "secret";
  std::filesystem::create_symlink(path("secret"), path("symlink"));
  std::filesystem::create_hard_link(path("secret"), path("hardlink"));
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  std::filesystem::create_directory(path("folder"));
  for (const char* name : {"symlink", "hardlink", "fifo", "folder"}) EXPECT_FALSE(read_log_file(path(name), us_, 0, 10)) << name;
  LocalUser another = us_;
  another.uid += 1;
  std::ofstream(path("mine")) << "x";
  EXPECT_EQ(read_log_file(path("mine"), another, 0, 10).error().code, ErrorCode::not_found);
}

TEST_F(LogFile, WorkdirsBelongToTheirUserInAFolderThatIsOurs) {
  ASSERT_TRUE(make_jobs_root(path("jobs")));
  const auto workdir = make_workdir(path("jobs"), "att_1", us_);
  ASSERT_TRUE(workdir) << workdir.error().message();
  EXPECT_TRUE(make_workdir(path("jobs"), "att_1", us_)) << "a repeated try";
  struct stat info{};
  ASSERT_EQ(::stat(workdir->c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
  std::filesystem::create_symlink("/etc", path("jobs") + "/att_2");
  EXPECT_FALSE(make_workdir(path("jobs"), "att_2", us_));
  EXPECT_TRUE(close_workdirs(path("jobs"), us_));
}

}  // namespace
}  // namespace bourse::connector
