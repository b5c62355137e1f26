// Windows and months over time: the days on which the clock is set, the month's end, the tier's edge inside a job.
#include "pricing/interval.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace bourse::pricing {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;
constexpr TenantId kOne{{1, 1}}, kOther{{2, 2}};

Instant utc(const char* text) { return parse_instant(text).value(); }

PriceRow timed_row(std::uint64_t id, Decimal price, std::vector<WeeklyWindow> windows = {}, std::string zone = "") {
  PriceRow row{.id = PriceRowId{{5, id}}, .scope = {}, .meter = Meter::core_ms, .price = price, .per = kHourMs, .unit = kCny, .valid_from = Instant{1}, .valid_until = {}};
  row.windows = std::move(windows);
  row.zone = std::move(zone);
  return row;
}

// Peak by day on weekdays, half of it otherwise.
std::vector<PriceRow> day_and_night(const char* zone) {
  return {timed_row(1, {10, 1}, {{.days = 0b0011111, .from = 8 * 60, .until = 22 * 60}}, zone), timed_row(2, {5, 1})};
}

Result<Rating> rate_cores(std::int64_t cores, const char* from, const char* until, std::span<const PriceRow> rows, const Months& months = {}) {
  const Instant start = utc(from), end = utc(until);
  return rate_interval({.allocation = {.cores = cores}, .running = end - start, .pool = {}}, start, end, rows, months, kOne);
}

std::string said(const Result<Rating>& rating) {
  if (!rating) return std::string(info(rating.error().code).name);
  std::string text;
  for (const RatedLine& line : rating->lines) {
    text += (text.empty() ? "" : " ") + std::to_string(line.row.uuid.low) + ":" + to_text(line.amount);
    if (line.month != 0) text += "@" + std::to_string(line.month % 12 + 1);
  }
  return text;
}

TEST(Interval, SplitsAtTheWindowsEdges) {
  const auto rows = day_and_night("Asia/Shanghai");
  // Monday 2026-03-02 06:00 to 10:00 there.
  EXPECT_EQ(said(rate_cores(1, "2026-03-01T22:00:00Z", "2026-03-02T02:00:00Z", rows)), "1:2.00 2:1.00");
  // Sunday: night all day.
  EXPECT_EQ(said(rate_cores(1, "2026-03-01T02:00:00Z", "2026-03-01T04:00:00Z", rows)), "2:1.00");
  const auto edges = tariff_edges(rows, utc("2026-03-01T22:00:00Z"), utc("2026-03-02T14:00:01Z"));
  EXPECT_EQ(*edges, (std::vector{utc("2026-03-02T00:00:00Z"), utc("2026-03-02T14:00:00Z")}));
  EXPECT_TRUE(tariff_edges(rows, utc("2026-03-02T00:00:00Z"), utc("2026-03-02T14:00:00Z"))->empty()) << "only what lies inside";
}

TEST(Interval, DaysOf23And25HoursHaveTheHoursThatTheClockShows) {
  // Every day 01:00 to 04:00 in Berlin: two hours when the clock is set forward, four when it is set back.
  const std::vector<PriceRow> rows = {timed_row(1, {1, 0}, {{.days = 0x7f, .from = 60, .until = 240}}, "Europe/Berlin"), timed_row(2, {0, 0})};
  EXPECT_EQ(said(rate_cores(1, "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", rows)), "1:2.00 2:0.00");
  EXPECT_EQ(said(rate_cores(1, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", rows)), "1:4.00 2:0.00");
  EXPECT_EQ(said(rate_cores(1, "2026-06-01T22:00:00Z", "2026-06-02T22:00:00Z", rows)), "1:3.00 2:0.00");
}

TEST(Interval, AWindowInTheGapHasNoTimeAndOneInTheOverlapTwice) {
  const std::vector<PriceRow> rows = {timed_row(1, {1, 0}, {{.days = 0x7f, .from = 120, .until = 180}}, "Europe/Berlin"), timed_row(2, {0, 0})};
  EXPECT_EQ(said(rate_cores(1, "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", rows)), "2:0.00");
  EXPECT_EQ(said(rate_cores(1, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", rows)), "1:2.00 2:0.00");
  // From half past: begins twice, ends twice.
  const std::vector<PriceRow> half = {timed_row(1, {1, 0}, {{.days = 0x7f, .from = 150, .until = 180}}, "Europe/Berlin"), timed_row(2, {0, 0})};
  EXPECT_EQ(*tariff_edges(half, utc("2026-10-24T22:00:00Z"), utc("2026-10-25T23:00:00Z")),
            (std::vector{utc("2026-10-25T00:30:00Z"), utc("2026-10-25T01:00:00Z"), utc("2026-10-25T01:30:00Z"), utc("2026-10-25T02:00:00Z")}));
}

TEST(Interval, TheFirstRowThatHoldsCountsAndNoneIsNotFree) {
  const std::vector<PriceRow> only_by_day = {timed_row(1, {1, 0}, {{.days = 0x7f, .from = 480, .until = 960}}, "UTC")};
  EXPECT_EQ(said(rate_cores(1, "2026-03-02T08:00:00Z", "2026-03-02T16:00:00Z", only_by_day)), "1:8.00");
  EXPECT_EQ(said(rate_cores(1, "2026-03-02T08:00:00Z", "2026-03-02T16:00:01Z", only_by_day)), "no_price");
}

TEST(Interval, SuspensionIsSpreadEvenly) {
  const auto rows = day_and_night("UTC");
  const Instant start = utc("2026-03-02T20:00:00Z"), end = utc("2026-03-03T00:00:00Z");
  const auto rating = rate_interval({.allocation = {.cores = 1}, .running = hours(1), .pool = {}}, start, end, rows, {}, kOne);
  EXPECT_EQ(said(rating), "1:0.50 2:0.25");
}

TEST(Interval, AMonthEndsByTheRowsZone) {
  PriceRow row = timed_row(1, {1, 0}, {}, "Asia/Shanghai");
  row.free = {10 * kHourMs, Over::month};
  const std::vector<PriceRow> rows = {row};
  Months months;
  // 16:00Z is midnight there: eight hours in March, four in April, each month with its own ten.
  EXPECT_EQ(said(rate_cores(2, "2026-03-31T08:00:00Z", "2026-03-31T20:00:00Z", rows, months)), "1:6.00@3 1:0.00@4");
  const auto first = rate_cores(1, "2026-03-10T00:00:00Z", "2026-03-10T08:00:00Z", rows, months);
  EXPECT_EQ(said(first), "1:0.00@3");
  months.add(kOne, *first);
  EXPECT_EQ(said(rate_cores(1, "2026-03-11T00:00:00Z", "2026-03-11T08:00:00Z", rows, months)), "1:6.00@3");
  const Instant start = utc("2026-03-11T00:00:00Z"), end = utc("2026-03-11T08:00:00Z");
  EXPECT_EQ(said(rate_interval({.allocation = {.cores = 1}, .running = hours(8), .pool = {}}, start, end, rows, months, kOther)), "1:0.00@3") << "another tenant";
}

TEST(Interval, ATiersEdgeInsideAJob) {
  PriceRow row = timed_row(1, {10, 1});
  row.tiers = {TierMode::graduated, Over::usage, {{10 * kHourMs, {5, 1}}}};
  const std::vector<PriceRow> rows = {row};
  EXPECT_EQ(said(rate_cores(4, "2026-03-02T00:00:00Z", "2026-03-02T05:00:00Z", rows)), "1:15.00");
}

TEST(Interval, EveryEdgeMustBeRead) {
  const auto rows = day_and_night("UTC");
  const auto at = [](const char* when, std::int64_t core_ms) {
    ReadingAt reading{utc(when), {}};
    reading.cumulative[Meter::core_ms] = core_ms;
    return reading;
  };
  const ReadingAt gap[] = {at("2026-03-02T07:00:00Z", 0), at("2026-03-02T09:00:00Z", 2 * kHourMs)};
  EXPECT_EQ(said(rate_readings(gap, rows)), "failed_precondition");
  const ReadingAt fine[] = {at("2026-03-02T07:00:00Z", 0), at("2026-03-02T08:00:00Z", kHourMs), at("2026-03-02T09:00:00Z", 2 * kHourMs)};
  EXPECT_EQ(said(rate_readings(fine, rows)), "1:1.00 2:0.50");
  const ReadingAt falling[] = {at("2026-03-02T09:00:00Z", 5), at("2026-03-02T10:00:00Z", 4)};
  EXPECT_EQ(said(rate_readings(falling, rows)), "invalid_argument");
  const ReadingAt backwards[] = {at("2026-03-02T09:00:00Z", 5), at("2026-03-02T08:30:00Z", 6)};
  EXPECT_EQ(said(rate_readings(backwards, rows)), "invalid_argument");
  PriceRow monthly = timed_row(1, {1, 0});
  monthly.free = {1, Over::month};
  EXPECT_EQ(said(rate_readings(fine, std::vector{monthly})), "invalid_argument") << "readings of one job don't know the month";
  EXPECT_EQ(said(rate_readings({}, rows)), "2:0.00");
}

TEST(Interval, EndlessUsageIsRefused) {
  const auto rows = day_and_night("UTC");
  EXPECT_EQ(said(rate_cores(1, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", rows)), "invalid_argument");
  EXPECT_EQ(tariff_edges(rows, Instant{10}, Instant{9}).error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(tariff_edges(std::vector{timed_row(1, {1, 0})}, utc("0001-01-01T00:00:00Z"), utc("9999-12-31T23:59:59Z"))->empty());
}

TEST(Interval, IncludedMetersFollowTheirRow) {
  PriceRow gpu = timed_row(1, {1, 0});
  gpu.meter = Meter::gpu_ms;
  gpu.unit = kDu;
  gpu.factor = {"v1", "A100", "fp16", {1, 0}, 0b1101};
  gpu.windows = {{.days = 0x7f, .from = 0, .until = 1440}};
  gpu.zone = "UTC";
  const std::vector<PriceRow> rows = {gpu};
  const Instant start = utc("2026-03-02T08:00:00Z");
  const auto rating = rate_interval({.allocation = {.cores = 8, .gpus = 1, .nodes = 1, .mem_mib = 1024}, .running = hours(1), .pool = {}}, start, start + hours(1), rows, {}, kOne);
  ASSERT_EQ(rating->lines.size(), 4U);
  EXPECT_EQ(rating->total, Amount::whole(1));
  EXPECT_EQ(rating->lines[0].meter, Meter::gpu_ms);
  EXPECT_EQ(rating->lines[1].meter, Meter::core_ms);
  EXPECT_TRUE(rating->lines[1].amount.is_zero());
}

// What is counted rises evenly between the ends, so an edge in the middle halves it; and it can be part of a 度.
TEST(Interval, CountedMetersAreDividedAndIncluded) {
  PriceRow day = timed_row(1, {4, 0}), night = timed_row(2, {1, 0});
  for (PriceRow* one : {&day, &night}) one->meter = Meter::tokens_out, one->per = 1'000'000, one->zone = "UTC";
  day.windows = {{.days = 0x7f, .from = 8 * 60, .until = 20 * 60}};
  night.zone.clear();
  const std::vector<PriceRow> rows = {day, night};
  const Instant start = utc("2026-03-02T07:00:00Z");
  Usage usage{.allocation = {}, .running = hours(2), .pool = {}};
  usage.counted[Meter::tokens_out] = 3'000'001;
  const auto rating = rate_interval(usage, start, start + hours(2), rows, {}, kOne);
  EXPECT_EQ(said(rating), "1:6.000004 2:1.50");  // 1'500'001 by day, 1'500'000 before
  usage.counted[Meter::tokens_in] = 1;
  EXPECT_EQ(said(rate_interval(usage, start, start + hours(2), rows, {}, kOne)), "no_price");

  PriceRow gpu = timed_row(3, {1, 0});
  gpu.meter = Meter::gpu_ms;
  gpu.unit = kDu;
  gpu.factor = {"v1", "A100", "fp16", {1, 0}, 1U << static_cast<unsigned>(Meter::egress_bytes)};
  Usage bundled{.allocation = {.gpus = 1}, .running = hours(1), .pool = {}};
  bundled.counted[Meter::egress_bytes] = 1 << 30;
  const auto du = rate_interval(bundled, start, start + hours(1), std::vector{gpu}, {}, kOne);
  ASSERT_EQ(du->lines.size(), 2U);
  EXPECT_EQ(du->lines[1].meter, Meter::egress_bytes);
  EXPECT_TRUE(du->lines[1].amount.is_zero());
}

std::vector<WeeklyWindow> any_windows() {
  std::vector<WeeklyWindow> windows;
  for (int n = *rc::gen::inRange(1, 4); n > 0; --n) {
    const auto from = *rc::gen::inRange<std::uint16_t>(0, 1440);
    auto until = *rc::gen::inRange<std::uint16_t>(1, 1441);
    if (until == from) until = static_cast<std::uint16_t>(from + 1);
    windows.push_back({*rc::gen::inRange<std::uint8_t>(1, 128), from, until});
  }
  return windows;
}

std::string any_zone() { return *rc::gen::element<std::string>("Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "UTC"); }

std::vector<PriceRow> any_timed_rows() {
  std::vector<PriceRow> rows;
  for (const Meter meter : kHeldMeters) {
    for (int n = *rc::gen::inRange(0, 3); n >= 0; --n) {
      PriceRow row = timed_row(rows.size() + 1, {*rc::gen::inRange<std::int64_t>(0, 1'000'000), 5}, n == 0 ? std::vector<WeeklyWindow>{} : any_windows(), n == 0 ? "" : any_zone());
      row.meter = meter;
      rows.push_back(row);
    }
  }
  return rows;
}

struct AnyUse {
  Usage usage;
  Instant start, end;
};
AnyUse any_use() {
  // Around the days on which clocks are set.
  const Instant day = *rc::gen::element(utc("2026-03-28T20:00:00Z"), utc("2026-10-24T12:00:00Z"), utc("2026-03-07T10:00:00Z"), utc("2026-10-31T15:00:00Z"));
  const Instant start = day + Duration{*rc::gen::inRange<std::int64_t>(0, 30 * kHourMs)};
  const Duration span{*rc::gen::inRange<std::int64_t>(0, 80 * kHourMs)};
  const Allocation allocation{*rc::gen::inRange(0, 100), *rc::gen::inRange(0, 9), *rc::gen::inRange(0, 3), *rc::gen::inRange(0, 100'000)};
  return {{.allocation = allocation, .running = {*rc::gen::inRange<std::int64_t>(0, span.ms + 1)}, .pool = {}}, start, start + span};
}

// The definition, minute by minute: an edge is where some row's window begins or ends.
RC_GTEST_PROP(IntervalProperty, EdgesAreWhereAWindowChanges, ()) {
  const std::vector<PriceRow> rows = {timed_row(1, {1, 0}, any_windows(), any_zone())};
  const Zone zone = Zone::named(rows[0].zone).value();
  const AnyUse use = any_use();
  std::vector<Instant> expected;
  const auto holds = [&](Instant t) { return in_windows(rows[0].windows, zone.local(t)); };
  for (Instant t{(use.start.unix_ms / 60'000 + 1) * 60'000}; t < use.end; t = t + minutes(1))
    if (holds(t) != holds(t - milliseconds(1))) expected.push_back(t);
  RC_ASSERT(*tariff_edges(rows, use.start, use.end) == expected);
}

RC_GTEST_PROP(IntervalProperty, SharesAddUpToTheWholeReading, ()) {
  const auto rows = any_timed_rows();
  const AnyUse use = any_use();
  const auto edges = tariff_edges(rows, use.start, use.end);
  const auto parts = shares(readings_between(use.usage, use.start, use.end, *edges), rows);
  Readings sum;
  for (const Share& part : *parts) sum[part.meter] += part.quantity;
  RC_ASSERT(sum == readings_of(use.usage.allocation, use.usage.running));
}

RC_GTEST_PROP(IntervalProperty, LinesAddUpAndRatingAgainGivesTheSame, ()) {
  const auto rows = any_timed_rows();
  const AnyUse use = any_use();
  const auto rating = rate_interval(use.usage, use.start, use.end, rows, {}, kOne);
  Amount sum;
  for (const RatedLine& line : rating->lines) sum += line.amount;
  RC_ASSERT(sum == rating->total);
  RC_ASSERT(rate_interval(use.usage, use.start, use.end, rows, {}, kOne)->lines == rating->lines);
}

// Read at any further instants: not a micro-unit changes, and on the way the amount never falls.
RC_GTEST_PROP(IntervalProperty, ReadingMoreOftenChangesNothing, ()) {
  const auto rows = any_timed_rows();
  const AnyUse use = any_use();
  auto instants = *tariff_edges(rows, use.start, use.end);
  const auto seldom = rate_readings(readings_between(use.usage, use.start, use.end, instants), rows);
  for (int n = *rc::gen::inRange(0, 10); n > 0; --n) instants.push_back(use.start + Duration{*rc::gen::inRange<std::int64_t>(0, (use.end - use.start).ms + 1)});
  std::ranges::sort(instants);
  const auto taken = readings_between(use.usage, use.start, use.end, instants);
  RC_ASSERT(rate_readings(taken, rows)->lines == seldom->lines);
  Amount captured;
  for (std::size_t n = 1; n <= taken.size(); ++n) {
    const Amount due = rate_readings(std::span(taken).first(n), rows)->total;
    RC_ASSERT(due >= captured);
    captured = due;
  }
  RC_ASSERT(captured == seldom->total);
}

// Two records of one usage: each line is rounded for itself, so at most half a micro-unit each for the two and the one.
RC_GTEST_PROP(IntervalProperty, CutIntoTwoUsagesOnlyRoundingDiffers, ()) {
  const auto rows = any_timed_rows();
  AnyUse use = any_use();
  use.usage.running = use.end - use.start;
  use.usage.allocation.mem_mib -= use.usage.allocation.mem_mib % 1000;  // whole ticks a millisecond, or the cut loses up to one
  const Instant cut = use.start + Duration{*rc::gen::inRange<std::int64_t>(0, (use.end - use.start).ms + 1)};
  Usage first = use.usage, second = use.usage;
  first.running = cut - use.start;
  second.running = use.end - cut;
  const auto whole = rate_interval(use.usage, use.start, use.end, rows, {}, kOne);
  const auto a = rate_interval(first, use.start, cut, rows, {}, kOne), b = rate_interval(second, cut, use.end, rows, {}, kOne);
  const std::int64_t difference = (a->total + b->total - whole->total).micros;
  const auto most = static_cast<std::int64_t>(a->lines.size() + b->lines.size() + whole->lines.size()) / 2 + 1;
  RC_ASSERT(difference <= most && -difference <= most);
}

}  // namespace
}  // namespace bourse::pricing
