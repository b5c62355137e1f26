// Tiers, allowances, discounts and factors: one line each.
#include "pricing/tariff.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>

#include "pricing/rating.h"

namespace bourse::pricing {
namespace {

constexpr std::int64_t kHour = 3'600'000;

PriceRow tariff_row(Decimal price = {10, 2}, std::int64_t per = kHour) {
  return {.id = PriceRowId{{7, 7}}, .scope = {}, .meter = Meter::core_ms, .price = price, .per = per, .unit = kCny, .valid_from = Instant{1}, .valid_until = {}};
}

PriceRow tiered(TierMode mode, Over over = Over::usage) {
  PriceRow row = tariff_row({10, 2});
  row.tiers = {mode, over, {{100 * kHour, {8, 2}}, {1'000 * kHour, {55, 3}}}};
  return row;
}

std::string amount(const PriceRow& row, std::int64_t quantity, MonthToDate before = {}) {
  const auto line = rate_line(row, quantity, before);
  return line ? to_text(line->amount) : std::string(info(line.error().code).name);
}

TEST(Tiers, GraduatedPricesEachSliceAtItsOwn) {
  const PriceRow row = tiered(TierMode::graduated);
  EXPECT_EQ(amount(row, 0), "0.00");
  EXPECT_EQ(amount(row, 100 * kHour), "10.00");
  EXPECT_EQ(amount(row, 101 * kHour), "10.08");
  EXPECT_EQ(amount(row, 1'000 * kHour), "82.00");
  EXPECT_EQ(amount(row, 1'001 * kHour), "82.055");
  EXPECT_EQ(amount(row, 100 * kHour + 1), "10.00") << "a tick more is 0.00000002";
}

TEST(Tiers, VolumePricesAllAtTheTierReached) {
  const PriceRow row = tiered(TierMode::volume);
  EXPECT_EQ(amount(row, 100 * kHour), "10.00") << "the edge itself is below";
  EXPECT_EQ(amount(row, 101 * kHour), "8.08");
  EXPECT_EQ(amount(row, 1'001 * kHour), "55.055");
}

TEST(Tiers, AreRoundedOnceOverAllSlices) {
  PriceRow row = tariff_row({4, 7}, 1);  // 0.4 micro-units a tick
  row.tiers = {TierMode::graduated, Over::usage, {{1, {4, 7}}, {2, {4, 7}}}};
  EXPECT_EQ(rate_line(row, 3)->amount, Amount{1}) << "1.2, not three times 0.4 rounded";
  EXPECT_EQ(amount(row, 3), amount(tariff_row({4, 7}, 1), 3));
}

TEST(Tiers, SlicesExplainTheAmount) {
  const auto parts = slices(tiered(TierMode::graduated), 1'500 * kHour);
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].ticks, 100 * kHour);
  EXPECT_EQ(parts[1].ticks, 900 * kHour);
  EXPECT_EQ(parts[2].ticks, 500 * kHour);
  EXPECT_EQ(parts[2].price, (Decimal{55, 3}));
  EXPECT_EQ(slices(tiered(TierMode::volume), 1'500 * kHour).size(), 1U);
}

TEST(Tiers, OverflowIsAnErrorAndNeverAWrongAmount) {
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
  PriceRow row = tariff_row({kLargest, 0}, 1);
  row.tiers = {TierMode::graduated, Over::usage, {{1, {kLargest, 12}}}};
  EXPECT_EQ(amount(row, kMaxReading), "amount_overflow");
  row.tiers.mode = TierMode::volume;
  EXPECT_EQ(amount(row, kMaxReading), "amount_overflow");
  EXPECT_EQ(amount(tiered(TierMode::graduated), kMaxReading + 1), "invalid_argument");
  EXPECT_EQ(amount(tiered(TierMode::graduated), -1), "invalid_argument");
  EXPECT_EQ(amount(tiered(TierMode::graduated), 1, {kMaxReading, 0}), "invalid_argument");
  EXPECT_EQ(amount(tiered(TierMode::graduated), 1, {1, 2}), "invalid_argument");
}

TEST(Months, ALineIsWhatItAddsToTheMonth) {
  const PriceRow row = tiered(TierMode::graduated, Over::month);
  EXPECT_EQ(amount(row, 60 * kHour), "6.00");
  EXPECT_EQ(amount(row, 60 * kHour, {60 * kHour, 60 * kHour}), "5.60") << "40 hours at 0.10, 20 at 0.08";
  EXPECT_EQ(amount(tiered(TierMode::graduated), 60 * kHour, {60 * kHour, 60 * kHour}), "6.00") << "a line of its own";
}

TEST(Months, AVolumeTierThatIsReachedRepricesTheMonth) {
  const PriceRow row = tiered(TierMode::volume, Over::month);
  EXPECT_EQ(amount(row, 1 * kHour, {100 * kHour, 100 * kHour}), "-1.92") << "101 at 0.08, and 10.00 were paid";
}

TEST(Allowance, ComesOffFirst) {
  PriceRow row = tariff_row();
  row.free = {10 * kHour, Over::usage};
  row.minimum = Amount::whole(1);
  EXPECT_EQ(amount(row, 10 * kHour), "0.00") << "nothing was billed, so there is no minimum either";
  EXPECT_EQ(amount(row, 11 * kHour), "1.00");
  EXPECT_EQ(amount(row, 30 * kHour), "2.00");
  EXPECT_EQ(rate_line(row, 30 * kHour)->free, 10 * kHour);
  EXPECT_EQ(rate_line(row, 3 * kHour)->free, 3 * kHour);
}

TEST(Allowance, OfAMonthIsUsedUpOnce) {
  PriceRow row = tariff_row();
  row.free = {10 * kHour, Over::month};
  EXPECT_EQ(amount(row, 8 * kHour), "0.00");
  EXPECT_EQ(amount(row, 8 * kHour, {8 * kHour, 0}), "0.60");
  EXPECT_EQ(amount(row, 8 * kHour, {16 * kHour, 6 * kHour}), "0.80");
}

TEST(Discount, ComesOffTheListPriceAndIsShown) {
  PriceRow row = tariff_row();
  row.off = {PriceRowId{{1, 1}}, "spring", 1'500};
  const auto line = rate_line(row, 100 * kHour);
  EXPECT_EQ(to_text(line->amount), "8.50");
  EXPECT_EQ(to_text(line->discount), "1.50");
  row.minimum = Amount::whole(9);
  EXPECT_EQ(amount(row, 100 * kHour), "9.00") << "not below the minimum";
  EXPECT_EQ(amount(row, 1), "9.00");
  EXPECT_EQ(amount(row, 0), "0.00");
  row.minimum = {};
  row.off.bps = 10'000;
  EXPECT_EQ(amount(row, 100 * kHour), "0.00");
}

TEST(Discount, AScowJobHasItToo) {
  PriceRow row = tariff_row({4, 2});
  row.strategy = Strategy::scow_cpus;
  row.minimum = Amount::of_micros(10'000);
  row.off = {PriceRowId{{1, 1}}, "friends", 1'000};
  const PriceRow rows[] = {row};
  const auto rating = rate_usage({.allocation = {.cores = 96}, .running = seconds(8465), .pool = {}}, rows);
  EXPECT_EQ(to_text(rating->total), "8.127");
  EXPECT_EQ(to_text(rating->lines.front().discount), "0.903");
}

TEST(Factor, MakesCardHoursDu) {
  PriceRow row = tariff_row({1, 0});
  row.meter = Meter::gpu_ms;
  row.unit = kDu;
  row.factor = {"v1", "H100 SXM", "fp16", {31699, 4}, 0b1101};
  EXPECT_EQ(amount(row, 8 * kHour), "25.3592");
  row.price = {12, 1};
  EXPECT_EQ(amount(row, 8 * kHour), "30.43104");
  row.tiers = {TierMode::graduated, Over::usage, {{4 * kHour, {1, 0}}}};
  EXPECT_EQ(amount(row, 8 * kHour), "27.89512") << "4 × 1.2 × 3.1699 + 4 × 1 × 3.1699";
  Readings readings;
  readings[Meter::gpu_ms] = kHour;
  readings[Meter::mem_mib_s] = 17;
  const PriceRow rows[] = {row};
  const auto rating = rate(readings, rows);
  ASSERT_EQ(rating->lines.size(), 2U);
  EXPECT_EQ(rating->lines[1], (RatedLine{.row = row.id, .meter = Meter::mem_mib_s, .quantity = 17})) << "included: shown, and free";
}

TEST(Windows, HoldByTheWallClock) {
  const std::vector<WeeklyWindow> night = {{.days = 0b0010000, .from = 22 * 60, .until = 6 * 60}};  // Friday night
  constexpr std::int64_t kFriday = 1;                                                               // 1970-01-02
  static_assert(weekday(kFriday) == 4);
  EXPECT_FALSE(in_windows(night, {kFriday, 22 * 3600 - 1}));
  EXPECT_TRUE(in_windows(night, {kFriday, 22 * 3600}));
  EXPECT_TRUE(in_windows(night, {kFriday + 1, 6 * 3600 - 1})) << "into Saturday";
  EXPECT_FALSE(in_windows(night, {kFriday + 1, 6 * 3600}));
  EXPECT_FALSE(in_windows(night, {kFriday, 0})) << "Thursday's night is none";
  EXPECT_TRUE(in_windows({}, {kFriday, 0}));
  EXPECT_TRUE(in_windows({{.days = 0x7f, .from = 0, .until = 1440}}, {kFriday, 86'399}));
}

TEST(Tariff, RefusesWhatMakesNoSense) {
  const auto tiers = [](std::vector<Tier> steps) { return check_tiers({TierMode::volume, Over::usage, std::move(steps)}).has_value(); };
  EXPECT_TRUE(tiers({{1, {1, 0}}, {2, {1, 0}}}));
  EXPECT_FALSE(tiers({{0, {1, 0}}}));
  EXPECT_FALSE(tiers({{2, {1, 0}}, {2, {1, 0}}}));
  EXPECT_FALSE(tiers({{2, {-1, 0}}}));
  EXPECT_FALSE(tiers({{2, {1, 13}}}));
  EXPECT_FALSE(tiers({{kMaxReading + 1, {1, 0}}}));
  EXPECT_FALSE(tiers(std::vector<Tier>(kMaxTiers + 1)));
  const auto window = [](WeeklyWindow one) { return check_windows({one}).has_value(); };
  EXPECT_TRUE(window({0x7f, 0, 1440}));
  EXPECT_TRUE(window({1, 1439, 1}));
  EXPECT_FALSE(window({0, 0, 1440}));
  EXPECT_FALSE(window({0x80, 0, 1440}));
  EXPECT_FALSE(window({1, 1440, 1}));
  EXPECT_FALSE(window({1, 0, 0}));
  EXPECT_FALSE(window({1, 60, 60}));
  EXPECT_FALSE(window({1, 60, 1441}));
  EXPECT_TRUE(check_factor({}));
  EXPECT_FALSE(check_factor({.table = {}, .chip = "A100", .precision = {}, .value = {}, .includes = 0}));
  EXPECT_FALSE(check_factor({"v1", "A100", "fp16", {0, 0}, 0}));
  EXPECT_FALSE(check_factor({"v1", "A100", "fp16", {1, 0}, 1U << kMeterCount}));
}

PriceRow any_tariff_row(bool with_minimum) {
  PriceRow row = tariff_row({*rc::gen::inRange<std::int64_t>(0, 100'000), *rc::gen::inRange<std::uint8_t>(4, 10)}, *rc::gen::inRange<std::int64_t>(1, 100'000));
  std::int64_t above = 0;
  for (int n = *rc::gen::inRange(0, 4); n > 0; --n) {
    above += *rc::gen::inRange<std::int64_t>(1, 1'000'000);
    row.tiers.steps.push_back({above, {*rc::gen::inRange<std::int64_t>(0, 100'000), *rc::gen::inRange<std::uint8_t>(4, 10)}});
  }
  row.tiers.mode = *rc::gen::element(TierMode::graduated, TierMode::volume);
  row.tiers.over = *rc::gen::element(Over::usage, Over::month);
  row.free = {*rc::gen::inRange<std::int64_t>(0, 1'000'000), *rc::gen::element(Over::usage, Over::month)};
  if (*rc::gen::arbitrary<bool>()) row.factor = {"v1", "chip", "fp16", {*rc::gen::inRange<std::int64_t>(1, 50'000), 2}, 0};
  if (with_minimum) {
    row.minimum = Amount{*rc::gen::inRange<std::int64_t>(0, 1'000'000)};
    if (*rc::gen::arbitrary<bool>()) row.off = {PriceRowId{{1, 1}}, "off", *rc::gen::inRange(1, 10'001)};
  }
  return row;
}

// Σ amount × 10^12 / per over the slices, added up tick by tick's worth in plain arithmetic, is within half a micro-unit of the line.
RC_GTEST_PROP(TariffProperty, ALineIsTheNearestMicroOfItsSlices, ()) {
  PriceRow row = any_tariff_row(false);
  row.tiers.over = row.free.over = Over::usage;
  const auto quantity = *rc::gen::inRange<std::int64_t>(0, 4'000'000);
  const auto line = rate_line(row, quantity);
  __int128 exact = 0;  // × 10^12
  std::int64_t ticks = 0;
  for (const Slice& part : slices(row, quantity - line->free)) {
    __int128 product = static_cast<__int128>(part.ticks) * part.price.coefficient * (row.factor.table.empty() ? 100 : row.factor.value.coefficient);
    for (int places = part.price.scale + 2; places < 12; ++places) product *= 10;
    exact += product;
    ticks += part.ticks;
  }
  RC_ASSERT(ticks + line->free == quantity);
  const __int128 rounded = static_cast<__int128>(line->amount.micros) * 1'000'000 * row.per;
  const __int128 distance = exact < rounded ? rounded - exact : exact - rounded;
  RC_ASSERT(2 * distance <= static_cast<__int128>(1'000'000) * row.per);
}

RC_GTEST_PROP(TariffProperty, MoreUseNeverCostsLessWhereTheRowSaysSo, ()) {
  PriceRow row = any_tariff_row(true);
  row.tiers.over = row.free.over = Over::usage;
  const auto quantity = *rc::gen::inRange<std::int64_t>(0, 4'000'000);
  const auto more = *rc::gen::inRange<std::int64_t>(0, 1'000'000);
  const auto before = rate_line(row, quantity), after = rate_line(row, quantity + more);
  if (grows_with_use(row)) RC_ASSERT(before->amount <= after->amount);
  RC_ASSERT(before->amount + before->discount >= before->amount);
  RC_ASSERT(!before->amount.is_negative());
}

// However a month's use is cut into lines, and in whatever order they come, it costs the same.
RC_GTEST_PROP(TariffProperty, AMonthsLinesAddUpToItsUse, ()) {
  PriceRow row = any_tariff_row(false);
  row.tiers.over = row.free.over = Over::month;
  std::vector<std::int64_t> quantities = *rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(0, 1'000'000));
  const auto sum = [&row](const std::vector<std::int64_t>& lines) {
    MonthToDate month;
    Amount total;
    for (const std::int64_t quantity : lines) {
      const auto line = rate_line(row, quantity, month);
      total += line->amount;
      month.used += quantity;
      month.billed += quantity - line->free;
    }
    return std::pair(total, month);
  };
  const auto [total, month] = sum(quantities);
  RC_ASSERT(total == rate_line(row, month.used)->amount);
  std::ranges::reverse(quantities);
  RC_ASSERT(sum(quantities).first == total);
}

RC_GTEST_PROP(TariffProperty, ARowWithoutTariffsIsRatedAsEver, ()) {
  const PriceRow plain = tariff_row({*rc::gen::inRange<std::int64_t>(0, 1'000'000), *rc::gen::inRange<std::uint8_t>(0, 13)}, *rc::gen::inRange<std::int64_t>(1, 100'000'000));
  const auto quantity = *rc::gen::inRange<std::int64_t>(0, 1'000'000'000'000);
  PriceRow one_tier = plain;  // goes the long way
  one_tier.tiers.steps = {{kMaxReading, plain.price}};
  RC_ASSERT(rate_line(plain, quantity)->amount == rate_line(one_tier, quantity)->amount);
}

}  // namespace
}  // namespace bourse::pricing
