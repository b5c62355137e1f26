#include "pricing/coverage.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace bourse::pricing {
namespace {

constexpr Allocation kHeld{.cores = 8, .gpus = 2, .nodes = 2, .mem_mib = 16'384};
constexpr PoolTotals kPool{.cores = 64, .gpus = 8, .mem_mib = 131'072};

PriceRow priced(std::int64_t price, std::uint8_t scale = 2) {
  return {.id = PriceRowId{{1, 1}}, .price = {price, scale}, .per = 3'600'000, .valid_from = Instant{1}};
}
PriceRow scow(Strategy strategy, std::int64_t price, std::int64_t minimum = 10'000, std::uint8_t places = 2) {
  PriceRow row = priced(price);
  row.strategy = strategy;
  row.places = places;
  row.minimum = Amount{minimum};
  return row;
}
bool covered(const PriceRow& sale, const PriceRow& settlement, std::int32_t tax_bps = 0, Duration longest = hours(1000)) {
  return covers({{&sale, 1}, {&settlement, 1}, tax_bps, kPool}, kHeld, longest);
}

TEST(Coverage, ComparesPricesAfterTaxAndDiscount) {
  EXPECT_TRUE(covered(priced(100), priced(100)));
  EXPECT_FALSE(covered(priced(100), priced(101)));
  EXPECT_TRUE(covered(priced(106), priced(100), 600));
  EXPECT_FALSE(covered(priced(1059, 3), priced(100), 600));
  PriceRow off = priced(125);
  off.off = {.id = PriceRowId{{1, 2}}, .name = "spring", .bps = 2'000};
  EXPECT_TRUE(covered(off, priced(100)));
  EXPECT_FALSE(covered(off, priced(101)));
  PriceRow by_day = priced(24 * 50);
  by_day.per *= 24;
  EXPECT_TRUE(covered(priced(50), by_day));
  EXPECT_FALSE(covered(priced(4999, 4), by_day));
}

TEST(Coverage, LooksWhereTiersAllowancesAndMinimumsCross) {
  PriceRow cheaper = priced(200);
  cheaper.tiers.steps = {{.above = 100 * 3'600'000, .price = {10, 2}}};
  EXPECT_TRUE(covered(cheaper, priced(100), 0, hours(10)));    // 80 core-hours: the tier isn't reached
  EXPECT_TRUE(covered(cheaper, priced(100), 0, hours(25)));    // what the first tier left still covers it
  EXPECT_FALSE(covered(cheaper, priced(100), 0, hours(1000)));
  PriceRow free = priced(200);
  free.free.ticks = 3'600'000;
  EXPECT_FALSE(covered(free, priced(100)));
  PriceRow both = priced(100);
  both.free = free.free;
  EXPECT_TRUE(covered(free, both));
  PriceRow least = priced(100);
  least.minimum = Amount::whole(5);
  EXPECT_TRUE(covered(least, priced(100)));
  EXPECT_FALSE(covered(priced(100), least));
  EXPECT_FALSE(covered(least, priced(101)));  // only beyond the minimum
}

TEST(Coverage, ScowStrategiesAreComparedInAll) {
  using enum Strategy;
  EXPECT_TRUE(covered(scow(scow_cpus, 4), scow(scow_cpus, 4)));
  EXPECT_TRUE(covered(scow(scow_max_cpus_mem, 5), scow(scow_max_cpus_mem, 4, 0)));
  EXPECT_FALSE(covered(scow(scow_cpus, 4), scow(scow_cpus, 5)));
  EXPECT_FALSE(covered(scow(scow_cpus, 4), scow(scow_cpus, 4, 20'000)));
  EXPECT_FALSE(covered(scow(scow_cpus, 4), scow(scow_cpus, 4), 600));
  EXPECT_TRUE(covered(scow(scow_gpu, 100, 50'000, 4), scow(scow_cpus, 20, 0, 4), 600));   // two cards for eight cores
  EXPECT_FALSE(covered(scow(scow_gpu, 100, 50'000, 4), scow(scow_cpus, 24, 0, 4), 600));
  EXPECT_FALSE(covered(scow(scow_cpus, 4, 0), priced(1)));  // sold by steps, settled by the millisecond
}

TEST(Coverage, OtherMetersMustCoverThemselves) {
  const PriceRow sale = priced(100);
  PriceRow cards = priced(1);
  cards.meter = Meter::gpu_ms;
  EXPECT_FALSE(covered(sale, cards));
  cards.price = {0, 0};
  EXPECT_TRUE(covered(sale, cards));
}

// What is covered is covered at any reading, and what isn't falls short somewhere or needs too many steps.
RC_GTEST_PROP(Coverage, HoldsAtEveryReading, ()) {
  const auto row = [] {
    PriceRow made = priced(*rc::gen::inRange<std::int64_t>(1, 500));
    if (*rc::gen::inRange(0, 2) == 0) made.minimum = Amount{*rc::gen::inRange<std::int64_t>(0, 3'000'000)};
    if (*rc::gen::inRange(0, 2) == 0) made.free.ticks = *rc::gen::inRange<std::int64_t>(0, 20'000'000);
    if (*rc::gen::inRange(0, 2) == 0)
      made.tiers.steps = {{*rc::gen::inRange<std::int64_t>(1, 40'000'000), {*rc::gen::inRange<std::int64_t>(1, 500), 2}}};
    return made;
  };
  PriceRow sale = row();
  const PriceRow settlement = row();
  if (*rc::gen::inRange(0, 2) == 0) sale.off = {.id = PriceRowId{{1, 2}}, .name = "x", .bps = *rc::gen::inRange(1, 3'000)};
  const std::int32_t tax_bps = *rc::gen::element(0, 600, 1'300);
  if (!covered(sale, settlement, tax_bps, hours(2))) return;
  const std::int64_t most = readings_of(kHeld, hours(2))[Meter::core_ms];
  for (int i = 0; i < 50; ++i) {
    const std::int64_t reading = *rc::gen::inRange<std::int64_t>(0, most + 1);
    const Amount total = rate_line(sale, reading)->amount, due = rate_line(settlement, reading)->amount;
    const Split free = split_settled(total, due, {.tax_bps = tax_bps}, true), bound = split_settled(total, due, {.tax_bps = tax_bps}, false);
    RC_ASSERT(free.margin + kCoverageRounding >= Amount{});
    RC_ASSERT(!bound.margin.is_negative());
    RC_ASSERT(due - bound.center <= kCoverageRounding);
    RC_ASSERT(bound.center + bound.margin + bound.tax == total);
  }
}

}  // namespace
}  // namespace bourse::pricing
