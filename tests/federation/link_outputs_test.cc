// Outputs and the ends of logs: handed over after the run, whatever breaks; and no job's end or money depends on them.
#include <unistd.h>

#include "tests/federation/files_world.h"

namespace bourse::testing {
namespace {

using broker::JobState;
namespace fs = std::filesystem;

class LinkOutputs : public FilesWorld {
 protected:
  // As the job's own user.
  void leave(const std::string& path, const std::string& text) {
    const fs::path at = fs::path(where_) / path;
    fs::create_directories(at.parent_path());
    std::ofstream(at, std::ios::binary) << text;
    for (fs::path p = at; p != fs::path(where_); p = p.parent_path()) own(p);
  }
  void own(const fs::path& path) {
    if (::geteuid() == 0) ASSERT_EQ(::lchown(path.c_str(), 65'534, 65'534), 0);
  }
  JobId running(const std::vector<std::string>& outputs) {
    const JobId id = submit_with({}, outputs);
    EXPECT_TRUE(reaches(id, JobState::queued));
    where_ = driver_.workdir(driver_.ids().back());
    driver_.start(driver_.ids().back(), clock_.now() - seconds(60));
    EXPECT_TRUE(reaches(id, JobState::running));
    return id;
  }
  void end(JobId id) {
    driver_.end(driver_.ids().back(), clock_.now(), seconds(60));
    EXPECT_TRUE(reaches(id, JobState::ended));
  }
  std::string where_;
};

TEST_F(LinkOutputs, HandsOverWhatMatchesAndTheLogsEnd) {
  const std::string large((2 << 20) + 3, 'r');
  const JobId id = running({"results/**", "*.txt", "named"});
  leave("results/a", "A");
  leave("results/deep/er/b", large);
  leave("log.txt", "");
  leave("other.csv", "not asked for");
  leave(".bourse-script", "ours");
  end(id);
  ASSERT_TRUE(handed_over(id));
  const wire::OutputsTold out = told(id);
  ASSERT_NE(output(out, "results/a"), nullptr);
  EXPECT_EQ(kept(*output(out, "results/a")), "A");
  EXPECT_EQ(kept(*output(out, "results/deep/er/b")), large);
  EXPECT_EQ(kept(*output(out, "log.txt")), "");
  EXPECT_EQ(output(out, "named")->reason(), "the job left no such file");
  EXPECT_EQ(output(out, "other.csv"), nullptr);
  ASSERT_NE(output(out, ""), nullptr) << "the log";
  EXPECT_EQ(kept(*output(out, "")), "output of 100");
  EXPECT_EQ(out.files_size(), 5);
}

TEST_F(LinkOutputs, AJobWithoutFilesHandsOverItsLog) {
  const JobId id = submit();
  ASSERT_TRUE(reaches(id, JobState::queued));
  driver_.start(driver_.ids().back(), clock_.now() - seconds(5));
  end(id);
  ASSERT_TRUE(handed_over(id));
  EXPECT_EQ(kept(*output(told(id), "")), "output of 100");
}

TEST_F(LinkOutputs, TakesNothingThatIsNotTheJobs) {
  std::ofstream(directory_ + "/key") << "the center's own";
  const JobId id = running({"**", "link", "fifo", "sparse"});
  fs::create_symlink(directory_ + "/key", where_ + "/link");
  fs::create_directory_symlink(directory_, where_ + "/folder");
  ASSERT_EQ(::mkfifo((where_ + "/fifo").c_str(), 0600), 0);
  own(where_ + "/fifo");
  leave("sparse", "");
  fs::resize_file(where_ + "/sparse", std::uintmax_t{1} << 43);
  if (::geteuid() == 0) fs::create_hard_link(directory_ + "/key", where_ + "/hard");
  leave("bad\nname", "x");
  leave("good", "mine");
  end(id);
  ASSERT_TRUE(handed_over(id));
  const wire::OutputsTold out = told(id);
  EXPECT_EQ(kept(*output(out, "good")), "mine");
  EXPECT_TRUE(output(out, "link")->reason().contains("link"));
  EXPECT_TRUE(output(out, "fifo")->reason().contains("regular"));
  EXPECT_TRUE(output(out, "sparse")->reason().contains("larger")) << "and it was not read";
  EXPECT_EQ(output(out, "hard"), nullptr);
  EXPECT_EQ(output(out, "folder/key"), nullptr);
  EXPECT_TRUE(out.problem().contains("odd characters")) << out.problem();
}

TEST_F(LinkOutputs, GoesOnAfterACutAndARestart) {
  const std::string large(2 << 20, 'z');
  const JobId id = running({"large"});
  leave("large", large);
  store_.failing_writes = 3;
  stop_server();
  driver_.end(driver_.ids().back(), clock_.now(), seconds(60));
  connector_.reset();
  start_server();
  connect();
  ASSERT_TRUE(reaches(id, JobState::ended));
  ASSERT_TRUE(handed_over(id));
  EXPECT_EQ(kept(*output(told(id), "large")), large);
  EXPECT_EQ(job(id).attempt().usage[pricing::Meter::core_ms], 60'000);
}

TEST_F(LinkOutputs, WhatDoesNotFitIsToldAndChangesNothing) {
  const JobId id = running({"*"});
  leave("big", std::string(11, 'b'));
  leave("small", "s");
  FickleStore tight(clock_, {.file_bytes = 10});
  stop_server();
  files_ = &tight;
  start_server();
  end(id);
  const auto now = [&] {
    wire::OutputsTold out;
    const auto listing = tight.listing(id_of<BillingAccountId>(1), id);
    EXPECT_TRUE(!listing || out.ParseFromString(*listing));
    return out;
  };
  ASSERT_TRUE(eventually([&] { return now().complete(); }));
  EXPECT_TRUE(output(now(), "big")->reason().contains("larger"));
  EXPECT_TRUE(output(now(), "small")->reason().empty());
  EXPECT_EQ(job(id).exit_code, 0);
  EXPECT_EQ(to_text(job(id).attempt().charged), "0.006");
  connector_.reset();
  stop_server();
}

// Without a market that keeps files, jobs end as ever.
TEST_F(LinkOutputs, AMarketThatKeepsNothingIsLeftInPeace) {
  const JobId id = submit();
  ASSERT_TRUE(reaches(id, JobState::queued));
  stop_server();
  files_ = nullptr;
  start_server();
  driver_.start(driver_.ids().back(), clock_.now() - seconds(5));
  end(id);
}

}  // namespace
}  // namespace bourse::testing
