#include "reconciliation/accounting.h"

#include <gtest/gtest.h>

namespace bourse::reconciliation {
namespace {

const AttemptId kAttempt{Uuid{1, 2}};
const std::string kMarker = "bourse-" + to_text(kAttempt) + "-3";
const std::string kLine = kMarker + ",4711,1000,5000,3600,8,2,1,16384\n";

std::string file_of(const std::string& lines) { return std::string(kHeader) + "\n" + lines; }

TEST(Accounting, ReadsWhatItWrites) {
  const auto runs = read_accounting(file_of(kLine));
  ASSERT_TRUE(runs) << runs.error().detail;
  ASSERT_EQ(runs->size(), 1U);
  const AccountedRun expected{.attempt = kAttempt, .fence = 3, .job = "4711", .start = Instant{1'000'000}, .end = Instant{5'000'000},
                              .elapsed = seconds(3600), .cores = 8, .gpus = 2, .nodes = 1, .mem_mib = 16384};
  EXPECT_EQ(runs->front(), expected);
  EXPECT_EQ(write_accounting(*runs), file_of(kLine));
}

TEST(Accounting, TakesTheSameLineOnceAndEitherLineBreak) {
  const auto runs = read_accounting(std::string(kHeader) + "\r\n\r\n" + kLine + kLine + kMarker + ",4711,6000,7000,1000,8,2,1,16384");
  ASSERT_TRUE(runs) << runs.error().detail;
  EXPECT_EQ(runs->size(), 2U);  // it was requeued: the second time it ran is a line of its own
}

TEST(Accounting, NamesTheLineThatIsWrong) {
  for (const std::string& bad : {kMarker + ",4711,1000,5000,3600,8,2,1", kMarker + ",4711,1000,5000,3600,8,2,1,16384,", std::string("primes,4711,1000,5000,3600,8,2,1,16384"),
                                 kMarker + ",47 11,1000,5000,3600,8,2,1,16384", kMarker + ",4711,1000,5000,-3600,8,2,1,16384", kMarker + ",4711,1000,5000,3600.5,8,2,1,16384",
                                 kMarker + ",4711,1000,5000,4001,8,2,1,16384", kMarker + ",4711,5000,1000,0,8,2,1,16384", kMarker + ",4711,1000,5000,3600,99999999999,2,1,16384",
                                 kMarker + ",,1000,5000,3600,8,2,1,16384", "\"" + kMarker + "\",4711,1000,5000,3600,8,2,1,16384"}) {
    const auto runs = read_accounting(file_of(kLine + bad + "\n"));
    ASSERT_FALSE(runs) << bad;
    EXPECT_EQ(runs.error().code, ErrorCode::invalid_argument);
    EXPECT_TRUE(runs.error().detail.starts_with("line 3: ")) << runs.error().detail;
  }
  EXPECT_FALSE(read_accounting(""));
  EXPECT_FALSE(read_accounting("marker,job\n"));
  EXPECT_TRUE(read_accounting(file_of("")));
  EXPECT_EQ(read_accounting(std::string(kMostFileBytes + 1, 'x')).error().code, ErrorCode::too_large);
}

TEST(Markers, AreThoseOfTheConnector) {
  ASSERT_TRUE(parse_marker(kMarker));
  EXPECT_EQ(parse_marker(kMarker)->attempt, kAttempt);
  EXPECT_EQ(parse_marker(kMarker)->fence, 3U);
  for (const std::string& bad : {std::string("bourse-"), std::string("bourse-1"), "bourse-" + to_text(kAttempt), "bourse-" + to_text(kAttempt) + "-0",
                                 "bourse-" + to_text(kAttempt) + "-x", " " + kMarker, kMarker + " ", std::string()})
    EXPECT_FALSE(parse_marker(bad)) << bad;
}

}  // namespace
}  // namespace bourse::reconciliation
