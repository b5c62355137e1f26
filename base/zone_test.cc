#include "base/zone.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace bourse {
namespace {

Instant at(const char* text) { return parse_instant(text).value(); }
Zone zone(const char* name) { return Zone::named(name).value(); }
std::int64_t day(const char* date) { return at((std::string(date) + "T00:00:00Z").c_str()).unix_ms / 86'400'000; }

TEST(Zone, ShowsTheWallClock) {
  const LocalTime shanghai = zone("Asia/Shanghai").local(at("2026-03-01T17:30:05.9Z"));
  EXPECT_EQ(shanghai, (LocalTime{day("2026-03-02"), 3600 + 1805}));
  EXPECT_EQ(weekday(shanghai.day), 0) << "a Monday";
  EXPECT_EQ(zone("UTC").local(at("1969-12-31T23:59:59Z")), (LocalTime{-1, 86'399}));
  EXPECT_EQ(weekday(-1), 2);
  EXPECT_EQ(weekday(-1 - 7 * 1'000'000), 2);
}

TEST(Zone, ATimeOccursOnceTwiceOrAtTheJump) {
  const Zone berlin = zone("Europe/Berlin");
  const auto once = berlin.moments({day("2026-03-29"), 3600});
  EXPECT_EQ(once.first, at("2026-03-29T00:00:00Z"));
  EXPECT_EQ(once.last, once.first);
  const auto skipped = berlin.moments({day("2026-03-29"), 2 * 3600 + 1800});
  EXPECT_EQ(skipped.first, at("2026-03-29T01:00:00Z"));
  EXPECT_EQ(skipped.last, skipped.first);
  const auto twice = berlin.moments({day("2026-10-25"), 2 * 3600 + 1800});
  EXPECT_EQ(twice.first, at("2026-10-25T00:30:00Z"));
  EXPECT_EQ(twice.last, at("2026-10-25T01:30:00Z"));
  EXPECT_EQ(berlin.moments({day("2026-10-25"), 86'400}).first, berlin.moments({day("2026-10-26"), 0}).first);
}

TEST(Zone, KnowsTheJumps) {
  const Zone berlin = zone("Europe/Berlin");
  EXPECT_EQ(berlin.next_jump(at("2026-01-01T00:00:00Z")), at("2026-03-29T01:00:00Z"));
  EXPECT_EQ(berlin.next_jump(at("2026-03-29T01:00:00Z")), at("2026-10-25T01:00:00Z")) << "after, not at";
  EXPECT_EQ(zone("UTC").next_jump(at("2026-01-01T00:00:00Z")), std::nullopt);
  EXPECT_EQ(zone("Australia/Lord_Howe").next_jump(at("2026-01-01T00:00:00Z")), at("2026-04-04T15:00:00Z")) << "by half an hour";
}

TEST(Zone, RefusesWhatIsNoZone) {
  for (const char* name : {"", "Mars/Olympus", "/etc/localtime", "../etc/passwd", "localtime", "right/UTC", "posix/UTC", "UTC ", "Fixed/UTC+01:00:00",
                           "file:/etc/localtime", "Europe/../UTC"})
    EXPECT_FALSE(Zone::named(name)) << name;
  EXPECT_FALSE(Zone::named(std::string(10'000, 'A')));
  EXPECT_FALSE(Zone::named(std::string_view("UTC\0x", 5)));
}

TEST(Zone, CountsMonths) {
  EXPECT_EQ(month_of(day("2026-02-28")), 2026 * 12 + 1);
  EXPECT_EQ(month_of(day("2026-03-01")), 2026 * 12 + 2);
  EXPECT_EQ(first_day(2026 * 12 + 2), day("2026-03-01"));
  EXPECT_EQ(first_day(month_of(day("2024-02-29")) + 1) - first_day(month_of(day("2024-02-29"))), 29);
}

RC_GTEST_PROP(ZoneProperty, AnInstantIsAMomentOfItsWallClock, ()) {
  const Zone some = zone(*rc::gen::element("Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "UTC"));
  const Instant when{*rc::gen::inRange<std::int64_t>(0, 4'000'000'000) * 1000};
  const auto moments = some.moments(some.local(when));
  RC_ASSERT(moments.first == when || moments.last == when);
}

}  // namespace
}  // namespace bourse
