#include "base/time.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

namespace bourse {
namespace {

constexpr Instant kFirst{-62'135'596'800'000};
constexpr Instant kLast{253'402'300'799'999};

TEST(Instant, IsWrittenInUtcWithAFractionOnlyWhenThereIsOne) {
  EXPECT_EQ(to_text(Instant{}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_text(Instant{1'795'249'800'250}), "2026-11-21T08:30:00.250Z");
  EXPECT_EQ(to_text(Instant{-1}), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(to_text(kFirst), "0001-01-01T00:00:00Z");
  EXPECT_EQ(to_text(kLast), "9999-12-31T23:59:59.999Z");
}

TEST(Instant, OutsideTheCalendarIsWrittenAndNotRead) {
  EXPECT_EQ(to_text(kLast + milliseconds(1)), "+010000-01-01T00:00:00Z");
  EXPECT_EQ(to_text(kFirst - milliseconds(1)), "+000000-12-31T23:59:59.999Z");
  EXPECT_EQ(to_text(Instant{std::numeric_limits<std::int64_t>::max()}), "+292278994-08-17T07:12:55.807Z");
  EXPECT_EQ(to_text(Instant{std::numeric_limits<std::int64_t>::min()}), "-292275055-05-16T16:47:04.192Z");
  EXPECT_FALSE(parse_instant("+010000-01-01T00:00:00Z"));
}

TEST(Instant, ReadsOffsetsAndCutsFinerFractions) {
  EXPECT_EQ(parse_instant("2026-11-21T16:30:00+08:00"), parse_instant("2026-11-21T08:30:00Z"));
  EXPECT_EQ(parse_instant("2026-11-20T20:00:00.25-12:30"), parse_instant("2026-11-21T08:30:00.250Z"));
  EXPECT_EQ(parse_instant("2026-11-21T08:30:00.2509999999Z"), parse_instant("2026-11-21T08:30:00.25Z"));
  EXPECT_EQ(parse_instant("2026-11-21t08:30:00z"), parse_instant("2026-11-21T08:30:00-00:00"));
  EXPECT_EQ(parse_instant("1969-12-31T23:59:59.999Z"), Instant{-1});
}

TEST(Instant, KnowsLeapYears) {
  EXPECT_TRUE(parse_instant("2024-02-29T00:00:00Z"));
  EXPECT_TRUE(parse_instant("2000-02-29T00:00:00Z"));
  EXPECT_FALSE(parse_instant("1900-02-29T00:00:00Z"));
  EXPECT_FALSE(parse_instant("2026-02-29T00:00:00Z"));
  EXPECT_EQ(to_text(*parse_instant("2024-02-28T23:59:59Z") + seconds(1)), "2024-02-29T00:00:00Z");
}

TEST(Instant, RefusesEverythingElse) {
  for (const char* text : {"",
                           "2026",
                           "2026-11-21",
                           "2026-11-21T08:30Z",
                           "2026-11-21T08:30:00",
                           "2026-11-21 08:30:00Z",
                           "2026-13-01T00:00:00Z",
                           "2026-00-01T00:00:00Z",
                           "2026-04-31T00:00:00Z",
                           "2026-11-00T00:00:00Z",
                           "2026-11-21T24:00:00Z",
                           "2026-11-21T08:60:00Z",
                           "2026-11-21T08:30:60Z",
                           "2026-11-21T08:30:00.Z",
                           "2026-11-21T08:30:00,5Z",
                           "2026-11-21T08:30:00+0800",
                           "2026-11-21T08:30:00+24:00",
                           "2026-11-21T08:30:00+08:60",
                           "2026-11-21T08:30:00ZZ",
                           "2026-11-21T08:30:00Z ",
                           "0000-01-01T00:00:00Z",
                           "0001-01-01T00:00:00+00:01",
                           "9999-12-31T23:59:59-00:01",
                           "-2026-11-21T08:30:00Z",
                           "2026-1-21T08:30:00Z",
                           "20261121T083000Z"}) {
    const auto parsed = parse_instant(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument) << text;
  }
}

TEST(Instant, ArithmeticStopsAtTheEndsOfTheRange) {
  constexpr std::int64_t kLatest = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(Instant{kLatest} + Duration{1}, Instant{kLatest});
  EXPECT_EQ(Instant{kLeast} + Duration{-1}, Instant{kLeast});
  EXPECT_EQ(Instant{kLeast} - Duration{1}, Instant{kLeast});
  EXPECT_EQ(Instant{0} - Instant{kLeast}, Duration{kLatest});
  EXPECT_EQ(Instant{kLeast} - Instant{kLatest}, Duration{kLeast});
  EXPECT_EQ(Instant{5} - Duration{7}, Instant{-2});
}

TEST(ManualClock, MovesOnlyWhenTold) {
  ManualClock clock(Instant{1000});
  const Duration before = clock.monotonic();
  EXPECT_EQ(clock.now(), Instant{1000});
  clock.advance(seconds(5));
  EXPECT_EQ(clock.now(), Instant{6000});
  EXPECT_EQ(clock.monotonic() - before, seconds(5));
}

TEST(SystemClock, GivesPlausibleTimes) {
  const SystemClock clock;
  EXPECT_GT(clock.now(), *parse_instant("2026-01-01T00:00:00Z"));
  const Duration before = clock.monotonic();
  EXPECT_GE(clock.monotonic(), before);
}

RC_GTEST_PROP(InstantProperty, TextRoundTrips, ()) {
  const Instant t{*rc::gen::inRange(kFirst.unix_ms, kLast.unix_ms + 1)};
  RC_ASSERT((parse_instant(to_text(t)) == t));
}

RC_GTEST_PROP(InstantProperty, TextSortsByTime, ()) {
  const Instant a{*rc::gen::inRange(kFirst.unix_ms / 1000, kLast.unix_ms / 1000) * 1000};
  const Instant b{*rc::gen::inRange(kFirst.unix_ms / 1000, kLast.unix_ms / 1000) * 1000};
  RC_ASSERT((to_text(a) < to_text(b)) == (a < b));
}

}  // namespace
}  // namespace bourse
