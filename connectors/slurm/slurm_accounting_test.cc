#include "connectors/slurm/slurm_accounting.h"

#include <gtest/gtest.h>

namespace bourse::slurm {
namespace {

const std::string kHeader = "JobIDRaw|State|Submit|Start|End|ElapsedRaw|Suspended|ExitCode|AllocTRES|JobName\n";
const AttemptId kAttempt{Uuid{1, 2}};
const std::string kName = "bourse-" + to_text(kAttempt) + "-1";

std::string line(const std::string& state, const std::string& submit, const std::string& times, const std::string& name) {
  return "4711|" + state + "|" + submit + "|" + times + "|00:00:00|0:0|billing=8,cpu=8,mem=16G,node=1|" + name + "\n";
}

TEST(Sacct, TakesOurRunsAlone) {
  const auto out = read_sacct(kHeader + line("COMPLETED", "900", "1000|4600|3600", kName) + line("COMPLETED", "901", "1000|4600|3600", "primes|with|bars") +
                              line("COMPLETED", "902", "1000|4600|3600", "bourse-of-mine"));
  ASSERT_TRUE(out) << out.error().detail;
  ASSERT_EQ(out->runs.size(), 1U);
  EXPECT_EQ(out->runs[0].attempt, kAttempt);
  EXPECT_EQ(out->runs[0].job, "4711");
  EXPECT_EQ(out->runs[0].elapsed, seconds(3600));
  EXPECT_EQ(out->runs[0].cores, 8);
  EXPECT_EQ(out->runs[0].mem_mib, 16384);
  EXPECT_TRUE(out->unreadable.empty());
  // And the whole way through the file.
  EXPECT_EQ(reconciliation::read_accounting(reconciliation::write_accounting(out->runs)).value(), out->runs);
}

TEST(Sacct, AddsUpWhatWasRequeuedAndWaitsForWhatIsNotOver) {
  const std::string first = line("NODE_FAIL", "900", "1000|1100|100", kName), second = line("COMPLETED", "1100", "1200|1500|300", kName);
  EXPECT_EQ(read_sacct(kHeader + second + first + first)->runs.size(), 2U);
  const auto running = read_sacct(kHeader + first + line("RUNNING", "1100", "1200|Unknown|300", kName));
  EXPECT_TRUE(running->runs.empty());
  EXPECT_EQ(running->not_over, 1U);
  EXPECT_EQ(read_sacct(kHeader + line("REQUEUED", "900", "1000|1100|100", kName))->not_over, 1U);
}

TEST(Sacct, ARunThatWasCancelledWhileItWaitedUsedNothing) {
  const auto out = read_sacct(kHeader + "4711|CANCELLED by 1000|900|Unknown|950|0|00:00:00|0:0||" + kName + "\n");
  ASSERT_EQ(out->runs.size(), 1U);
  EXPECT_EQ(out->runs[0].elapsed, Duration{});
  EXPECT_TRUE(reconciliation::read_accounting(reconciliation::write_accounting(out->runs)));
}

TEST(Sacct, SaysWhatItCanNotRead) {
  const auto out = read_sacct(kHeader + line("COMPLETED", "900", "2026-03-01T00:00:00|4600|3600", kName) + "4711|COMPLETED|" + kName + "\nhalf of a name\n");
  ASSERT_TRUE(out);
  EXPECT_TRUE(out->runs.empty());
  EXPECT_EQ(out->unreadable.size(), 2U);
  for (const char* bad : {"", "JobID|State\n", "marker,job\n"}) EXPECT_FALSE(read_sacct(bad)) << bad;
}

}  // namespace
}  // namespace bourse::slurm
