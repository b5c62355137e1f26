#include "pricing/rating.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>

namespace bourse::pricing {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

PriceRow row(Meter meter, Decimal price, std::int64_t per) {
  return {.id = PriceRowId{{1, static_cast<std::uint64_t>(meter)}},
          .scope = {},
          .meter = meter,
          .price = price,
          .per = per,
          .unit = kCny,
          .valid_from = Instant{1},
          .valid_until = {}};
}

Readings only(Meter meter, std::int64_t value) {
  Readings readings;
  readings[meter] = value;
  return readings;
}

Result<Amount> rate_one(std::int64_t quantity, Decimal price, std::int64_t per) {
  const PriceRow rows[] = {row(Meter::core_ms, price, per)};
  const auto rating = rate(only(Meter::core_ms, quantity), rows);
  if (!rating) return std::unexpected(rating.error());
  return rating->total;
}

TEST(Rating, RatesEachMeterAtItsRow) {
  Readings readings;
  readings[Meter::core_ms] = 4 * 3'600'000;    // 4 core-hours
  readings[Meter::mem_mib_s] = 8 * 3'686'400;  // 8 GiB-hours
  const PriceRow rows[] = {row(Meter::core_ms, {12, 2}, 3'600'000), row(Meter::mem_mib_s, {5, 3}, 3'686'400),
                           row(Meter::gpu_ms, {8, 0}, 3'600'000)};
  const auto rating = rate(readings, rows);
  ASSERT_TRUE(rating);
  ASSERT_EQ(rating->lines.size(), 3U);
  EXPECT_EQ(rating->lines[0], (RatedLine{rows[0].id, Meter::core_ms, 14'400'000, Amount{480'000}}));
  EXPECT_EQ(rating->lines[1], (RatedLine{rows[1].id, Meter::mem_mib_s, 29'491'200, Amount{40'000}}));
  EXPECT_EQ(rating->lines[2], (RatedLine{rows[2].id, Meter::gpu_ms, 0, Amount{}}));
  EXPECT_EQ(rating->total, Amount{520'000});
}

TEST(Rating, RoundsHalfAwayFromZeroAtTheMicro) {
  EXPECT_EQ(rate_one(1, {1, 6}, 2), Amount{1});
  EXPECT_EQ(rate_one(1, {1, 6}, 3), Amount{0});
  EXPECT_EQ(rate_one(2, {1, 6}, 3), Amount{1});
  EXPECT_EQ(rate_one(1, {499'999'999'999, 12}, 1'000'000), Amount{0});
  EXPECT_EQ(rate_one(1, {500'000'000'000, 12}, 1'000'000), Amount{1});
  EXPECT_EQ(rate_one(1, {1, 12}, 1), Amount{0});
  EXPECT_EQ(rate_one(500'000, {1, 12}, 1), Amount{1});
}

TEST(Rating, IsExactAtTheEndsOfTheRange) {
  EXPECT_EQ(rate_one(kMaxReading, {9, 6}, 1), Amount{9'000'000'000'000'000'000});
  EXPECT_EQ(rate_one(kMaxReading, {kMost, 12}, kMost), Amount{1'000'000'000'000});
  EXPECT_EQ(rate_one(kMaxReading, {kMost, 0}, 1).error().code, ErrorCode::amount_overflow);
  EXPECT_EQ(rate_one(kMaxReading, {kMost, 0}, kMost).error().code, ErrorCode::amount_overflow);
  EXPECT_EQ(rate_one(kMaxReading, {10, 6}, 1).error().code, ErrorCode::amount_overflow);
  EXPECT_EQ(rate_one(1'000'000, {kMost, 6}, 1'000'000), Amount{kMost});
  EXPECT_EQ(rate_one(kMaxReading, {kMost, 12}, 1).error().code, ErrorCode::amount_overflow);
}

TEST(Rating, RefusesReadingsThatNoCenterCanMean) {
  for (const std::int64_t reading :
       {std::int64_t{-1}, kMaxReading + 1, kMost, std::numeric_limits<std::int64_t>::min()})
    EXPECT_EQ(rate_one(reading, {1, 0}, 1).error().code, ErrorCode::invalid_argument);
}

TEST(Rating, AMeterThatMovedNeedsAPrice) {
  const PriceRow rows[] = {row(Meter::core_ms, {1, 0}, 1)};
  const auto rating = rate(only(Meter::gpu_ms, 1), rows);
  ASSERT_FALSE(rating);
  EXPECT_EQ(rating.error().code, ErrorCode::no_price);
  EXPECT_NE(rating.error().detail.find("gpu_ms"), std::string::npos);
  EXPECT_TRUE(rate({}, {}));
}

TEST(Rating, TheTotalIsCheckedToo) {
  const PriceRow rows[] = {row(Meter::core_ms, {9, 6}, 1), row(Meter::gpu_ms, {9, 6}, 1)};
  Readings readings;
  readings[Meter::core_ms] = readings[Meter::gpu_ms] = kMaxReading;
  EXPECT_EQ(rate(readings, rows).error().code, ErrorCode::amount_overflow);
}

TEST(RatingDeathTest, TwoRowsForOneMeterAreABug) {
  const PriceRow rows[] = {row(Meter::core_ms, {1, 0}, 1), row(Meter::core_ms, {2, 0}, 1)};
  EXPECT_DEATH((void)rate({}, rows), "assertion failed");
}

TEST(Split, GivesTheCenterWhatRoundingLeaves) {
  EXPECT_EQ(split(Amount::whole(106), {600, 1'000}), (Split{Amount::whole(90), Amount::whole(10), Amount::whole(6)}));
  EXPECT_EQ(split(Amount{1}, {600, 1'000}), (Split{Amount{1}, Amount{0}, Amount{0}}));
  EXPECT_EQ(split(Amount{}, {600, 1'000}), Split{});
  EXPECT_EQ(split(Amount{7}, {0, 10'000}), (Split{Amount{0}, Amount{7}, Amount{0}}));
  EXPECT_EQ(split(Amount{7}, {0, 0}), (Split{Amount{7}, Amount{0}, Amount{0}}));
  EXPECT_EQ(split(Amount{kMost}, {10'000, 10'000}).tax, Amount{kMost / 2});
}

TEST(SplitDeathTest, NegativeTotalsAndTermsAreBugs) {
  EXPECT_DEATH((void)split(Amount{-1}, {}), "assertion failed");
  EXPECT_DEATH((void)split(Amount{1}, {-1, 0}), "assertion failed");
  EXPECT_DEATH((void)split(Amount{1}, {0, 10'001}), "assertion failed");
}

std::vector<PriceRow> any_rows() {
  std::vector<PriceRow> rows;
  for (const Meter meter : kHeldMeters)
    rows.push_back(row(meter, {*rc::gen::inRange<std::int64_t>(0, 1'000'000), *rc::gen::inRange<std::uint8_t>(0, 13)},
                       *rc::gen::inRange<std::int64_t>(1, 100'000'000)));
  return rows;
}

// Readings that grow, as a running job's do.
std::vector<Readings> any_growing_readings() {
  std::vector<Readings> all(1);
  const auto steps = *rc::gen::inRange(1, 12);
  for (int i = 0; i < steps; ++i) {
    Readings next = all.back();
    for (const Meter meter : kHeldMeters) next[meter] += *rc::gen::inRange<std::int64_t>(0, 10'000'000);
    all.push_back(next);
  }
  return all;
}

Terms any_terms() {
  return {*rc::gen::inRange(0, 10'001), *rc::gen::inRange(0, 10'001)};
}

RC_GTEST_PROP(RatingProperty, ManyReadingsAndOneGiveTheSameMoney, ()) {
  const auto rows = any_rows();
  const auto readings = any_growing_readings();
  const Terms terms = any_terms();
  Amount captured;
  Split shares;
  for (const Readings& reading : readings) {
    const Amount due = rate(reading, rows)->total;
    const Split parts = split(due, terms);
    RC_ASSERT(due >= captured);
    RC_ASSERT(parts.center >= shares.center);
    RC_ASSERT(parts.margin >= shares.margin);
    RC_ASSERT(parts.tax >= shares.tax);
    captured += due - captured;
    shares.center += parts.center - shares.center;
    shares.margin += parts.margin - shares.margin;
    shares.tax += parts.tax - shares.tax;
  }
  RC_ASSERT(captured == rate(readings.back(), rows)->total);
  RC_ASSERT((shares == split(captured, terms)));
}

RC_GTEST_PROP(RatingProperty, TotalIsTheSumOfTheLines, ()) {
  const auto rating = rate(any_growing_readings().back(), any_rows());
  Amount sum;
  for (const RatedLine& line : rating->lines) sum += line.amount;
  RC_ASSERT(sum == rating->total);
}

// quantity × price / per, compared without dividing: 2 × |amount × per × 10^scale − quantity × coefficient × 10^6| ≤
// per × 10^scale.
RC_GTEST_PROP(RatingProperty, EachLineIsTheNearestMicro, ()) {
  const std::int64_t quantity = *rc::gen::inRange<std::int64_t>(0, 1'000'000'000'000);
  const Decimal price{*rc::gen::inRange<std::int64_t>(0, 1'000'000), *rc::gen::inRange<std::uint8_t>(0, 13)};
  const std::int64_t per = *rc::gen::inRange<std::int64_t>(1, 100'000'000);
  const auto amount = rate_one(quantity, price, per);
  RC_PRE(amount.has_value());
  __int128 scale = 1;
  for (int i = 0; i < price.scale; ++i) scale *= 10;
  const __int128 exact = static_cast<__int128>(quantity) * price.coefficient * 1'000'000;
  const __int128 rounded = amount->micros * (per * scale);
  const __int128 distance = exact < rounded ? rounded - exact : exact - rounded;
  RC_ASSERT(2 * distance <= per * scale);
}

RC_GTEST_PROP(SplitProperty, PartsAddUpAndAreNeverNegative, ()) {
  const Amount total{*rc::gen::inRange<std::int64_t>(0, kMost)};
  const Split parts = split(total, any_terms());
  RC_ASSERT(parts.center + parts.margin + parts.tax == total);
  RC_ASSERT(!parts.center.is_negative() && !parts.margin.is_negative() && !parts.tax.is_negative());
}

RC_GTEST_PROP(SplitProperty, EachPartIsMonotone, ()) {
  const Terms terms = any_terms();
  const Amount total{*rc::gen::inRange<std::int64_t>(0, 1'000'000'000)};
  const Amount more = total + Amount{*rc::gen::inRange<std::int64_t>(0, 1'000)};
  const Split a = split(total, terms);
  const Split b = split(more, terms);
  RC_ASSERT(a.center <= b.center && a.margin <= b.margin && a.tax <= b.tax);
}

// ── what was held ──

constexpr Allocation kHeldNodes{.cores = 12, .gpus = 1, .nodes = 3, .mem_mib = 48'000};
constexpr PoolTotals kWholePool{.cores = 120, .gpus = 20, .mem_mib = 240'000};

PriceRow by_strategy(Strategy strategy, std::uint8_t places, std::int64_t minimum) {
  PriceRow scow = row(Meter::core_ms, {4, 2}, 3'600'000);
  scow.strategy = strategy;
  scow.places = places;
  scow.minimum = Amount{minimum};
  return scow;
}

TEST(RateHeld, TakesTheRunningTimeFromTheNodes) {
  const PriceRow rows[] = {by_strategy(Strategy::scow_max_cpus_mem, 2, 10'000)};
  Readings readings;
  EXPECT_EQ(rate_held(readings, kHeldNodes, kWholePool, rows)->total, Amount{});
  readings[Meter::node_ms] = 3 * 999 + 2;  // less than a second
  EXPECT_EQ(rate_held(readings, kHeldNodes, kWholePool, rows)->total, Amount{});
  readings[Meter::node_ms] = 3 * 1'000;
  EXPECT_EQ(rate_held(readings, kHeldNodes, kWholePool, rows)->total, Amount{10'000});
  readings = readings_of(kHeldNodes, hours(2));  // 48'000 MiB are 24 cores' worth
  const auto rating = rate_held(readings, kHeldNodes, kWholePool, rows);
  EXPECT_EQ(rating->lines.front().quantity, 48 * 100);
  EXPECT_EQ(rating->total, Amount{1'920'000});
  EXPECT_EQ(*rating, *rate_usage({kHeldNodes, hours(2), kWholePool}, rows));
  EXPECT_FALSE(rate_held(readings, {.cores = 1}, kWholePool, rows));
  EXPECT_FALSE(rate_held(readings, kHeldNodes, {}, rows));
}

TEST(RateHeld, TakesReadingsWhereMetersArePriced) {
  const PriceRow rows[] = {row(Meter::core_ms, {1, 0}, 3'600'000)};
  EXPECT_EQ(*rate_held(only(Meter::core_ms, 7'200'000), {}, {}, rows), *rate(only(Meter::core_ms, 7'200'000), rows));
}

RC_GTEST_PROP(RateHeld, NeverFalls, ()) {
  const auto strategy = *rc::gen::element(Strategy::scow_cpus, Strategy::scow_gpu, Strategy::scow_max_cpus_mem, Strategy::scow_max_gpu_cpus);
  PriceRow scow = by_strategy(strategy, static_cast<std::uint8_t>(*rc::gen::inRange(0, 5)), *rc::gen::inRange(0, 40) * 1'000);
  scow.price = {*rc::gen::inRange<std::int64_t>(0, 3'000), 3};
  if (*rc::gen::inRange(0, 2) == 0) scow.off = {.id = scow.id, .name = "x", .bps = *rc::gen::inRange(1, 10'000)};
  RC_PRE(grows_with_use(scow));
  const std::int64_t first = *rc::gen::inRange<std::int64_t>(0, 40'000'000), more = *rc::gen::inRange<std::int64_t>(0, 5'000'000);
  const auto at = [&](std::int64_t ms) { return rate_held(readings_of(kHeldNodes, Duration{ms}), kHeldNodes, kWholePool, {&scow, 1})->total; };
  RC_ASSERT(at(first) <= at(first + more));
}

TEST(SplitSettled, TheMarginTakesTheRestAndTheLoss) {
  const Terms terms{.tax_bps = 600, .margin_bps = 1'000};
  EXPECT_EQ(split_settled(Amount{1'060'000}, Amount{900'000}, terms, false), (Split{Amount{900'000}, Amount{100'000}, Amount{60'000}}));
  EXPECT_EQ(split_settled(Amount{1'060'000}, Amount{1'000'001}, terms, false), (Split{Amount{1'000'000}, Amount{}, Amount{60'000}}));
  EXPECT_EQ(split_settled(Amount{1'060'000}, Amount{1'200'000}, terms, true), (Split{Amount{1'200'000}, Amount{-200'000}, Amount{60'000}}));
  EXPECT_EQ(split_settled({}, {}, terms, true), Split{});
}

}  // namespace
}  // namespace bourse::pricing
