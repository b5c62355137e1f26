#include "broker/adapters/store/lag.h"

#include <gtest/gtest.h>

namespace bourse::broker::store {
namespace {

TEST(Lag, IsTheAgeOfTheOldestRowThatIsNotProjected) {
  Lag lag;
  EXPECT_EQ(lag.at({1'000}).ms, 0);
  lag.announced(1, {1'000});
  lag.announced(2, {1'010});
  lag.announced(3, {1'020});
  EXPECT_EQ(lag.at({1'050}).ms, 50);
  lag.projected(1);
  EXPECT_EQ(lag.at({1'050}).ms, 40);
  lag.projected(3);
  EXPECT_EQ(lag.at({1'050}).ms, 0);
}

// A stream that never pauses is never wholly projected, and is not behind for that.
TEST(Lag, DoesNotGrowWithAStreamThatIsKeptUpWith) {
  Lag lag;
  for (std::uint64_t n = 1; n <= 1'000; ++n) {
    const Duration now{static_cast<std::int64_t>(n) * 10};
    lag.announced(n, now);
    if (n > 2) lag.projected(n - 2);
    EXPECT_LE(lag.at(now).ms, 10);
  }
}

TEST(Lag, TakesTheOlderTimeOfWhatComesTogether) {
  Lag lag;
  lag.announced(1, {100});
  lag.announced(2, {104});
  lag.projected(1);
  EXPECT_EQ(lag.at({110}).ms, 10);
}

TEST(Lag, StaysBounded) {
  Lag lag;
  for (std::uint64_t n = 1; n <= 2 * Lag::kMost; ++n) lag.announced(n, {static_cast<std::int64_t>(n) * 10});
  lag.projected(Lag::kMost);
  EXPECT_GT(lag.at({20 * static_cast<std::int64_t>(Lag::kMost)}).ms, 0);
  lag.projected(2 * Lag::kMost);
  EXPECT_EQ(lag.at({20 * static_cast<std::int64_t>(Lag::kMost)}).ms, 0);
}

TEST(Lag, ARebuildIsBehindFromItsStart) {
  Lag lag;
  lag.announced(7, {100});
  lag.projected(7);
  lag.restarted({500});
  EXPECT_EQ(lag.at({520}).ms, 20);
  lag.announced(7, {530});
  lag.projected(7);
  EXPECT_EQ(lag.at({540}).ms, 0);
}

}  // namespace
}  // namespace bourse::broker::store
