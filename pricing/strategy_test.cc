#include "pricing/strategy.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace bourse::pricing {
namespace {

constexpr Amount kCent = Amount::of_micros(10'000);

std::string charge(std::int64_t amount, std::int64_t seconds, Decimal price, std::uint8_t places = 2, Amount minimum = kCent) {
  const auto charged = scow_charge(amount, seconds, {price, places, minimum});
  return charged ? to_text(charged->amount) : charged.error().message();
}

// The centers' own examples.
TEST(Scow, ChargesAsItsCentersKnowIt) {
  EXPECT_EQ(charge(96, 8465, {4, 2}), "9.03");
  EXPECT_EQ(charge(32, 1, {4, 2}), "0.01");
  EXPECT_EQ(charge(96, 8465, {4, 2}, 3, {}), "9.029");
  EXPECT_EQ(scow_charge(96, 8465, {{4, 2}, 2, kCent})->quantity, 22'573);
}

TEST(Scow, CutsTheQuantityOffBeforeItIsPriced) {
  EXPECT_EQ(charge(1, 35, {1000, 0}), "0.01") << "35 s are 0.00972 h, cut off to nothing";
  EXPECT_EQ(charge(1, 71, {1000, 0}), "10.00");
  EXPECT_EQ(charge(3, 3600, {5, 1}, 0, {}), "2.00") << "1.5 rounds up";
}

// A third of an hour is rounded at twenty places before it is multiplied, so three of them are not quite an hour.
TEST(Scow, RoundsHoursBeforeItMultiplies) {
  EXPECT_EQ(charge(3, 1200, {1, 0}), "0.99");
  EXPECT_EQ(charge(3, 2400, {1, 0}), "2.00");
}

TEST(Scow, TakesTheMinimumOnlyWhereSomethingIsPriced) {
  EXPECT_EQ(charge(0, 60, {1, 0}), "0.01") << "no card, and yet the minimum";
  EXPECT_EQ(charge(1, 0, {1, 0}), "0.00");
  EXPECT_EQ(charge(1, -1, {1, 0}), "0.00");
  EXPECT_EQ(charge(8, 3600, {0, 0}), "0.00");
  EXPECT_EQ(charge(1, 3600, {1, 2}), "0.01") << "just the minimum";
  EXPECT_EQ(charge(1, 3600, {14, 3}), "0.01") << "above it, and rounded";
}

TEST(Scow, AmountsComeFromThePoolsTotals) {
  const PoolTotals pool{.cores = 960, .gpus = 80, .mem_mib = 3'932'160};
  const Allocation wide{.cores = 4, .gpus = 1, .nodes = 1, .mem_mib = 4096 * 6 + 1};
  EXPECT_EQ(scow_amount(Strategy::scow_cpus, wide, pool).value(), 4);
  EXPECT_EQ(scow_amount(Strategy::scow_gpu, wide, pool).value(), 1);
  EXPECT_EQ(scow_amount(Strategy::scow_max_cpus_mem, wide, pool).value(), 7);
  EXPECT_EQ(scow_amount(Strategy::scow_max_gpu_cpus, {.cores = 25, .gpus = 1}, pool).value(), 3);
  EXPECT_EQ(scow_amount(Strategy::scow_max_gpu_cpus, {.cores = 25, .gpus = 9}, pool).value(), 9);
  EXPECT_EQ(scow_amount(Strategy::scow_max_gpu_cpus, {.cores = 25}, {.cores = 960}).value(), 0) << "a pool without cards";
  EXPECT_EQ(scow_amount(Strategy::scow_max_cpus_mem, wide, {}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(scow_amount(Strategy::scow_cpus, {.cores = -1}, pool).error().code, ErrorCode::invalid_argument);
}

TEST(Scow, RefusesWhatNoJobIs) {
  EXPECT_EQ(scow_charge(1LL << 40, 1, {{1, 0}, 2, {}}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(scow_charge(1, 1LL << 40, {{1, 0}, 2, {}}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(scow_charge(1, 1, {{1, 0}, 5, {}}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(scow_charge(10'000'000, 1'000'000'000, {{INT64_MAX, 0}, 4, {}}).error().code, ErrorCode::amount_overflow);
}

RC_GTEST_PROP(ScowProperty, ALongerJobNeverCostsLess, ()) {
  const auto amount = *rc::gen::inRange<std::int64_t>(0, 100'000);
  const auto seconds = *rc::gen::inRange<std::int64_t>(0, 10'000'000);
  const auto more = *rc::gen::inRange<std::int64_t>(0, 10'000);
  const ScowTariff tariff{{*rc::gen::inRange<std::int64_t>(0, 1'000'000), 4}, *rc::gen::inRange<std::uint8_t>(0, 5),
                          Amount{*rc::gen::inRange<std::int64_t>(0, 100'000)}};
  RC_ASSERT(scow_charge(amount, seconds, tariff)->amount <= scow_charge(amount, seconds + more, tariff)->amount);
}

TEST(Strategy, NamesReadBack) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(strategy_named(name(static_cast<Strategy>(i))), static_cast<Strategy>(i));
  EXPECT_EQ(strategy_named("scow:"), std::nullopt);
}

}  // namespace
}  // namespace bourse::pricing
