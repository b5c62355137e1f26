// Usage spread over rows with windows: against the exact division of interval.h, over clock changes, and where nobody read.
#include "pricing/spread.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace bourse::pricing {
namespace {

constexpr std::int64_t kHourTicks = 3'600'000;

PriceRow flat(std::uint64_t n, std::int64_t cents, std::vector<WeeklyWindow> windows = {}, std::string zone = "Europe/Berlin", Meter meter = Meter::core_ms) {
  PriceRow row{.id = PriceRowId{Uuid{1, n}}, .meter = meter, .price = {cents, 2}, .per = kHourTicks, .valid_from = Instant{1}};
  if (!windows.empty()) row.zone = std::move(zone);
  row.windows = std::move(windows);
  return row;
}
Instant at(const char* text) { return *parse_instant(text); }

// Every day from 08:00 to 22:00, and the rest.
std::vector<PriceRow> day_and_night(std::int64_t day, std::int64_t night) {
  return {flat(1, day, {{.from = 480, .until = 1320}}), flat(2, night)};
}

TEST(Spread, WhatAMarketCanSell) {
  auto rows = day_and_night(36, 12);
  EXPECT_TRUE(can_sell(rows));
  EXPECT_TRUE(can_sell(std::vector{flat(1, 5)}));
  auto never = rows;
  never.pop_back();
  EXPECT_FALSE(can_sell(never)) << "at night nothing holds";
  auto tiers = rows;
  tiers[1].tiers.steps = {{5, {1, 0}}};
  EXPECT_FALSE(can_sell(tiers));
  auto least = rows;
  least[0].minimum = Amount{1};
  EXPECT_FALSE(can_sell(least));
  auto other = rows;  // of another meter they may have what they like
  other.push_back(flat(3, 1, {}, {}, Meter::mem_mib_s));
  other.back().minimum = Amount{1};
  EXPECT_TRUE(can_sell(other));
}

// Noon to noon over a change of the clock: the night has eight hours or ten, the day what it always has.
TEST(Spread, NightsAreLongerOrShorterWhereTheClockIsSet) {
  const Allocation core{.cores = 1};
  const auto rows = day_and_night(100, 10);
  const auto night_of = [&](const char* from, const char* until) {
    const Instant start = at(from);
    return rate_from(start, core, {}, at(until) - start, rows)->lines;
  };
  const auto forward = night_of("2026-03-28T11:00:00Z", "2026-03-29T10:00:00Z");
  EXPECT_EQ(forward[0].quantity, 14 * kHourTicks);
  EXPECT_EQ(forward[1].quantity, 9 * kHourTicks);
  const auto back = night_of("2026-10-24T10:00:00Z", "2026-10-25T11:00:00Z");
  EXPECT_EQ(back[0].quantity, 14 * kHourTicks);
  EXPECT_EQ(back[1].quantity, 11 * kHourTicks);
}

TEST(Spread, WhereNobodyReadTheCheapestRowThatHeldCounts) {
  auto rows = day_and_night(36, 12);
  const Instant start = at("2026-06-01T18:00:00Z");  // 20:00 in Berlin
  const auto whole = [&](std::vector<ReadingAt> taken) { return spread_on({}, taken, rows)->quantities; };
  const ReadingAt first{start, {}}, edge{start + hours(2), {{2 * kHourTicks}}}, last{start + hours(5), {{5 * kHourTicks}}};
  EXPECT_EQ(whole({first, edge, last}), (std::vector<std::int64_t>{2 * kHourTicks, 3 * kHourTicks}));
  EXPECT_EQ(whole({first, last}), (std::vector<std::int64_t>{0, 5 * kHourTicks}));
  // Only the part around the edge that was missed.
  EXPECT_EQ(whole({first, {start + hours(1), {{kHourTicks}}}, last}), (std::vector<std::int64_t>{kHourTicks, 4 * kHourTicks}));
  rows[0].off = {.id = rows[0].id, .name = "gift", .bps = 9'000};
  EXPECT_EQ(whole({first, last}), (std::vector<std::int64_t>{5 * kHourTicks, 0})) << "with its discount the day is cheaper";
  EXPECT_FALSE(spread_on({}, std::vector{last, first}, rows));
  EXPECT_FALSE(spread_on({start, {{9}}, {9, 0}}, std::vector{last, edge}, rows));
  EXPECT_FALSE(spread_on({start, {{9}}, {9}}, std::vector{last}, rows)) << "of other rows";
}

TEST(Spread, PricesOfAnySizeCompare) {
  auto a = flat(1, 1), b = flat(2, 1);
  EXPECT_FALSE(cheaper(a, b));
  a.price = {INT64_MAX, 0}, a.per = INT64_MAX;
  b.price = {INT64_MAX, 12}, b.per = 1;
  EXPECT_TRUE(cheaper(a, b));  // 1 a tick, and 9'223'372
  EXPECT_FALSE(cheaper(b, a));
  b.price = {999'999'999'999, 12};
  EXPECT_TRUE(cheaper(b, a));
}

struct World {
  std::vector<PriceRow> rows;
  std::vector<ReadingAt> edges, more;  // read at the edges only; and elsewhere too
};

World any_world() {
  World world;
  const std::string zone = *rc::gen::element<std::string>("Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe");
  for (const Meter meter : {Meter::core_ms, Meter::mem_mib_s}) {
    const int windows = *rc::gen::inRange(0, 3);
    for (int i = 0; i <= windows; ++i) {
      const auto price = *rc::gen::inRange<std::int64_t>(0, 500);
      std::vector<WeeklyWindow> hours;
      if (i < windows) {
        const int from = *rc::gen::inRange(0, 1440), longer = *rc::gen::inRange(1, 1440);
        hours = {{.days = static_cast<std::uint8_t>(*rc::gen::inRange(1, 128)), .from = static_cast<std::uint16_t>(from),
                  .until = static_cast<std::uint16_t>(from + longer <= 1440 ? from + longer : from + longer - 1440)}};
      }
      world.rows.push_back(flat(world.rows.size() + 1, price, hours, zone, meter));
      if (*rc::gen::inRange(0, 3) == 0) world.rows.back().off = {.id = PriceRowId{Uuid{2, 2}}, .name = "x", .bps = *rc::gen::inRange(1, 10'001)};
    }
  }
  // Around the clock's changes of 2026, or anywhere.
  const Instant near = *rc::gen::element(at("2026-03-29T00:00:00Z"), at("2026-10-25T00:00:00Z"), at("2026-03-08T05:00:00Z"), at("2026-06-30T20:00:00Z"));
  const Instant start = near + milliseconds(*rc::gen::inRange<std::int64_t>(-72 * kHourTicks, 24 * kHourTicks));
  const Duration span = milliseconds(*rc::gen::inRange<std::int64_t>(0, 120 * kHourTicks));
  const Allocation held{.cores = *rc::gen::inRange(1, 100), .nodes = 0, .mem_mib = *rc::gen::inRange(1, 100'000)};
  const auto edges = *tariff_edges(world.rows, start, start + span);
  std::vector<Instant> instants(edges);
  for (const auto ms : *rc::gen::container<std::vector<std::int64_t>>(5, rc::gen::inRange<std::int64_t>(0, span.ms + 1))) instants.push_back(start + milliseconds(ms));
  std::ranges::sort(instants);
  const Usage usage{.allocation = held, .running = milliseconds(*rc::gen::inRange<std::int64_t>(0, span.ms + 1))};
  world.edges = readings_between(usage, start, start + span, edges);
  world.more = readings_between(usage, start, start + span, instants);
  return world;
}

RC_GTEST_PROP(SpreadProperty, ReadingElsewhereOrInPiecesChangesNothing, ()) {
  const World world = any_world();
  RC_PRE(can_sell(world.rows));
  const auto exact = rate_readings(world.edges, world.rows);
  RC_ASSERT(exact.has_value());
  const auto once = spread_on({}, world.edges, world.rows);
  RC_ASSERT(once.has_value());
  const auto rated = rate_quantities(once->quantities, world.rows);
  RC_ASSERT(rated.has_value());
  RC_ASSERT(rated->total == exact->total);  // interval.h divides by another rule book
  Spread pieces;
  Amount before;
  for (const ReadingAt& reading : world.more) {
    pieces = *spread_on(std::move(pieces), std::span(&reading, 1), world.rows);
    const Amount total = rate_quantities(pieces.quantities, world.rows)->total;
    RC_ASSERT(total >= before);
    before = total;
  }
  RC_ASSERT(pieces == *once);
}

RC_GTEST_PROP(SpreadProperty, SilenceNeverCostsMore, ()) {
  const World world = any_world();
  RC_PRE(can_sell(world.rows));
  const Amount read = rate_quantities(spread_on({}, world.edges, world.rows)->quantities, world.rows)->total;
  std::vector<ReadingAt> some;
  for (const ReadingAt& reading : world.edges)
    if (some.empty() || &reading == &world.edges.back() || *rc::gen::arbitrary<bool>()) some.push_back(reading);
  const Amount silent = rate_quantities(spread_on({}, some, world.rows)->quantities, world.rows)->total;
  RC_ASSERT(silent <= read + Amount{2 * static_cast<std::int64_t>(world.rows.size())});  // the rounding of fewer lines
}

RC_GTEST_PROP(SpreadProperty, NothingCostsMoreThanTheDearest, ()) {
  const World world = any_world();
  RC_PRE(can_sell(world.rows));
  const Instant start = world.edges.front().at;
  const Duration span = world.edges.back().at - start;
  const Allocation held{.cores = 3, .nodes = 0, .mem_mib = 777};
  RC_ASSERT(rate_from(start, held, {}, span, world.rows)->total <= *dearest(held, {}, span, world.rows));
}

}  // namespace
}  // namespace bourse::pricing
