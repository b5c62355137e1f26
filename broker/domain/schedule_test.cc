#include "broker/domain/schedule.h"

#include <gtest/gtest.h>

namespace bourse::broker {
namespace {

std::string next_due(std::string_view schedule, std::string_view zone, std::string_view after) {
  const auto parsed = Schedule::parse(schedule, zone);
  if (!parsed) return parsed.error().detail;
  const auto due = parsed->next(*parse_instant(after));
  return due ? to_text(*due) : "never";
}

TEST(Schedule, FollowsTheWallClock) {
  EXPECT_EQ(next_due("0 2 1 * *", "UTC", "2026-11-22T05:00:00Z"), "2026-12-01T02:00:00Z");
  EXPECT_EQ(next_due("0 2 1 * *", "Asia/Shanghai", "2026-11-22T05:00:00Z"), "2026-11-30T18:00:00Z");
  EXPECT_EQ(next_due("*/15 * * * *", "UTC", "2026-11-22T05:00:00Z"), "2026-11-22T05:15:00Z");
  EXPECT_EQ(next_due("30 9-17/4 * * *", "UTC", "2026-11-22T13:30:00Z"), "2026-11-22T17:30:00Z");
  EXPECT_EQ(next_due("@weekly", "UTC", "2026-11-22T00:00:00Z"), "2026-11-29T00:00:00Z");  // a Sunday
  EXPECT_EQ(next_due("0 0 * * 7", "UTC", "2026-11-21T00:00:00Z"), "2026-11-22T00:00:00Z");
  EXPECT_EQ(next_due("0 0 13 * 5", "UTC", "2026-11-13T00:00:00Z"), "2026-11-20T00:00:00Z");  // the 13th, or a Friday
  EXPECT_EQ(next_due("59 23 L * *", "UTC", "2028-02-01T00:00:00Z"), "2028-02-29T23:59:00Z");
  EXPECT_EQ(next_due("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z"), "2104-02-29T00:00:00Z");
}

TEST(Schedule, SummerTimeSkipsAndRepeatsNothing) {
  // 02:30 does not exist on 29 March 2026 in Berlin, and occurs twice on 25 October.
  EXPECT_EQ(next_due("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z"), "2026-03-29T01:00:00Z");
  EXPECT_EQ(next_due("30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z"), "2026-03-30T00:30:00Z");
  EXPECT_EQ(next_due("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z"), "2026-10-25T00:30:00Z");
  EXPECT_EQ(next_due("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z"), "2026-10-26T01:30:00Z");
}

TEST(Schedule, WhatIsNoneIsNamed) {
  const auto refused = [](std::string_view text, std::string_view zone = "UTC") { return !Schedule::parse(text, zone); };
  for (const std::string_view bad : {"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *",
                                     "* * * * 8", "5-1 * * * *", "*/0 * * * *", "1,,2 * * * *", "1, * * * *", "x * * * *",
                                     "-1 * * * *", "0 0 30 2 *", "@often"})
    EXPECT_TRUE(refused(bad)) << bad;
  EXPECT_TRUE(refused("0 0 * * *", "Europe/Nowhere"));
  EXPECT_NE(Schedule::parse("0 25 * * *", "UTC").error().detail.find("hour"), std::string::npos);
}

}  // namespace
}  // namespace bourse::broker
