#include "base/rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

namespace bourse {
namespace {

std::vector<std::uint64_t> draw(Rng& rng, std::size_t n) {
  std::vector<std::uint64_t> drawn;
  for (std::size_t i = 0; i < n; ++i) drawn.push_back(rng.next_u64());
  return drawn;
}

TEST(SeededRng, RepeatsFromItsSeed) {
  SeededRng a(7);
  SeededRng b(7);
  SeededRng c(8);
  const auto drawn = draw(a, 100);
  EXPECT_EQ(drawn, draw(b, 100));
  EXPECT_NE(drawn, draw(c, 100));
}

// Runs of the simulator are named by their seed, so the sequence behind a seed must never change.
TEST(SeededRng, KeepsItsSequence) {
  SeededRng rng(0);
  EXPECT_EQ(rng.next_u64(), 0x99ec5f36cb75f2b4U);
  EXPECT_EQ(rng.next_u64(), 0xbf6e1f784956452aU);
}

TEST(SeededRng, FillsAnyLength) {
  for (std::size_t size = 0; size < 40; ++size) {
    SeededRng rng(1);
    std::vector<std::byte> bytes(size + 1, std::byte{0xaa});
    rng.fill(std::span(bytes).first(size));
    EXPECT_EQ(bytes[size], std::byte{0xaa});
  }
}

TEST(SeededRng, BelowCoversItsRangeEvenly) {
  constexpr std::size_t kBound = 7;
  constexpr std::size_t kDraws = 70'000;
  SeededRng rng(42);
  std::array<std::size_t, kBound> seen{};
  for (std::size_t i = 0; i < kDraws; ++i) {
    const std::uint64_t value = rng.below(kBound);
    ASSERT_LT(value, kBound);
    ++seen[value];
  }
  // tidy: allow floating, EXPECT_NEAR compares doubles
  for (const std::size_t count : seen) EXPECT_NEAR(static_cast<double>(count), 10'000.0, 500.0);
  EXPECT_EQ(rng.below(1), 0U);
}

TEST(SystemRng, NeverRepeats) {
  SystemRng rng;
  const auto drawn = draw(rng, 4);
  EXPECT_NE(drawn, draw(rng, 4));
  std::vector<std::byte> large(1 << 20);  // more than one getrandom call gives
  rng.fill(large);
  EXPECT_FALSE(std::ranges::all_of(std::span(large).last(64), [](std::byte b) { return b == std::byte{}; }));
}

}  // namespace
}  // namespace bourse
