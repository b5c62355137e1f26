#include "connectors/local/shim/job_folder.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "connectors/host/files.h"

namespace bourse::local {
namespace {

class JobFolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "bourse-folder-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  static JobRequest request() {
    return {.number = 3, .marker = "m", .name = "two\nlines=\\", .pool = "p", .user = "u", .uid = 7, .home = "/h", .workdir = "/w",
            .log_path = "/w/log", .cores = 2, .mem_mib = 5, .walltime = seconds(9), .submitted = {11}, .variables = {"A=1", "B=x=y"}};
  }
  std::string dir_;
};

TEST_F(JobFolderTest, RequestsAndStatusesRoundTrip) {
  const JobRequest back = parse_request(to_text(request())).value();
  EXPECT_EQ(to_text(back), to_text(request()));
  EXPECT_EQ(back.name, "two\nlines=\\");
  EXPECT_EQ(back.variables, request().variables);
  JobStatus status;
  status.state = JobState::ended, status.started = {5}, status.running = seconds(3), status.exit_code = 137, status.reason = "memory";
  EXPECT_EQ(to_text(parse_status(to_text(status)).value()), to_text(status));
}

TEST_F(JobFolderTest, WhatIsNotOursIsRefused) {
  const std::string good = to_text(JobStatus{});
  EXPECT_FALSE(parse_status(good.substr(0, good.size() - 5)));
  EXPECT_FALSE(parse_status("state=running\nend\n"));
  EXPECT_FALSE(parse_request(good));
  for (const auto& [from, to] : {std::pair{"running_ms=0", "running_ms=-1"}, {"exit_code=0", "exit_code=999"}, {"state=running", "state=odd"}}) {
    std::string bad = good;
    bad.replace(bad.find(from), std::string_view(from).size(), to);
    EXPECT_FALSE(parse_status(bad)) << to;
  }
}

TEST_F(JobFolderTest, TheRequestIsTheMomentOfSubmission) {
  const JobFolder folder(dir_ + "/m");
  ASSERT_EQ(folder.request().error().code, ErrorCode::not_found);
  ASSERT_TRUE(host::make_directory(folder.path(), {.mode = 0700}));
  ASSERT_TRUE(host::write_durably(folder.file("script"), "half"));
  ASSERT_TRUE(folder.create(request(), "#!/bin/sh\n")) << "what was cut short can be repeated";
  EXPECT_EQ(folder.script().value(), "#!/bin/sh\n");
  EXPECT_EQ(folder.create(request(), "other").error().code, ErrorCode::conflict);
  EXPECT_EQ(folder.script().value(), "#!/bin/sh\n");
}

TEST_F(JobFolderTest, OnlyOneHolds) {
  const JobFolder folder(dir_ + "/m");
  ASSERT_TRUE(folder.create(request(), "#!/bin/sh\n"));
  EXPECT_FALSE(folder.held().value());
  EXPECT_TRUE(folder.hold().value());
  EXPECT_TRUE(folder.held().value());
  EXPECT_FALSE(folder.hold().value());
}

TEST_F(JobFolderTest, ACancelStays) {
  const JobFolder folder(dir_ + "/m");
  ASSERT_TRUE(folder.create(request(), "#!/bin/sh\n"));
  EXPECT_FALSE(folder.cancel_requested());
  ASSERT_TRUE(folder.request_cancel());
  EXPECT_TRUE(folder.cancel_requested());
}

}  // namespace
}  // namespace bourse::local
