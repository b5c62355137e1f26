#include "gateway/cache/bucket.h"

#include <gtest/gtest.h>

namespace bourse::gateway {
namespace {

constexpr BucketSize kSize{.burst = 3, .per_second = 2};

TEST(Bucket, gives_its_burst_and_then_its_rate) {
  Bucket bucket{3000, {1000}};
  for (int left = 2; left >= 0; --left) {
    const Grant grant = draw(bucket, kSize, {1000});
    EXPECT_TRUE(grant.granted);
    EXPECT_EQ(grant.left, left);
  }
  const Grant refused = draw(bucket, kSize, {1000});
  EXPECT_FALSE(refused.granted);
  EXPECT_EQ(refused.wait, milliseconds(500));
  EXPECT_FALSE(draw(bucket, kSize, {1499}).granted);
  EXPECT_TRUE(draw(bucket, kSize, {1500}).granted);
}

TEST(Bucket, is_never_fuller_than_full) {
  Bucket bucket{0, {1000}};
  EXPECT_EQ(draw(bucket, kSize, {INT64_MAX / 4}).left, 2);
}

TEST(Bucket, survives_a_clock_that_steps_back) {
  Bucket bucket{1000, {5000}};
  EXPECT_TRUE(draw(bucket, kSize, {1000}).granted);
  EXPECT_FALSE(draw(bucket, kSize, {1000}).granted);
  EXPECT_TRUE(draw(bucket, kSize, {1500}).granted);
}

TEST(Bucket, holds_the_largest_sizes) {
  Bucket bucket{0, {0}};
  constexpr BucketSize kLargest{.burst = 1'000'000, .per_second = 1'000'000};
  EXPECT_EQ(draw(bucket, kLargest, {INT64_MAX}).left, 999'999);
}

}  // namespace
}  // namespace bourse::gateway
