#include "pricing/selling.h"

#include <gtest/gtest.h>

namespace bourse::pricing {
namespace {

Instant instant(const char* text) { return *parse_instant(text); }
WeeklyWindow hours_of(const char* text) { return parse_hours(text).value(); }

TEST(Selling, HoursAreDaysTimesOrBoth) {
  EXPECT_EQ(hours_of("mon-fri 18:00-08:00"), (WeeklyWindow{.days = 0b0011111, .from = 1080, .until = 480}));
  EXPECT_EQ(hours_of("sat,sun"), (WeeklyWindow{.days = 0b1100000, .from = 0, .until = 1440}));
  EXPECT_EQ(hours_of("22:00-24:00"), (WeeklyWindow{.days = 0x7f, .from = 1320, .until = 1440}));
  EXPECT_EQ(hours_of("fri-mon,wed 09:30-10:00").days, 0b1110101);
  for (const char* text : {"mon-fri 18:00-08:00", "sat,sun", "00:00-24:00"}) EXPECT_EQ(hours_of(hours_text(hours_of(text)).c_str()), hours_of(text)) << text;
  EXPECT_EQ(hours_text(hours_of("sat,sun")), "sat,sun 00:00-24:00");
  for (const char* text : {"", "mo", "mon-", "mon 8-9", "08:00", "8:00-9:00", "25:00-26:00", "24:00-08:00", "08:00-00:00", "mon  08:00-09:00", "mon 08:00-09:00 x"})
    EXPECT_FALSE(parse_hours(text)) << text;
}

TEST(Selling, AnythingIsOpenForEverUntilItCloses) {
  const Instant now = instant("2026-03-02T12:00:00Z");  // a Monday
  SellingRule rule;
  EXPECT_GT(opening_at(rule, now).ends.value(), instant("2200-01-01T00:00:00Z"));
  rule.closes = instant("2026-03-02T18:00:00Z");
  EXPECT_EQ(opening_at(rule, now).ends, rule.closes);
  EXPECT_EQ(opening_at(rule, rule.closes).ends, std::nullopt);
}

TEST(Selling, ANightEndsInTheMorning) {
  const SellingRule rule{.hours = {hours_of("mon-fri 18:00-08:00")}, .zone = "Asia/Shanghai"};
  const Opening noon = opening_at(rule, instant("2026-03-02T04:00:00Z"));
  EXPECT_EQ(noon.ends, std::nullopt);
  EXPECT_EQ(noon.until, instant("2026-03-02T10:00:00Z"));
  const Opening evening = opening_at(rule, noon.until);
  EXPECT_EQ(evening.ends, instant("2026-03-03T00:00:00Z"));
  EXPECT_EQ(evening.until, evening.ends);
}

TEST(Selling, HoursThatTouchAreOne) {
  const SellingRule rule{.hours = {hours_of("sat,sun"), hours_of("mon 00:00-06:00")}, .zone = ""};
  EXPECT_EQ(opening_at(rule, instant("2026-03-07T12:00:00Z")).ends, instant("2026-03-09T06:00:00Z"));
  const SellingRule always{.hours = {hours_of("mon-sun")}};
  EXPECT_GT(opening_at(always, instant("2026-03-07T12:00:00Z")).ends.value(), instant("2200-01-01T00:00:00Z"));
}

TEST(Selling, TheClosingCutsTheHours) {
  const SellingRule rule{.hours = {hours_of("18:00-08:00")}, .closes = instant("2026-03-03T02:00:00Z")};
  EXPECT_EQ(opening_at(rule, instant("2026-03-02T20:00:00Z")).ends, rule.closes);
  EXPECT_EQ(opening_at(rule, instant("2026-03-03T20:00:00Z")).ends, std::nullopt);
}

TEST(Selling, WhatCantBeMeantIsRefused) {
  const PriceRow core{.meter = Meter::core_ms, .price = *parse_decimal("0.05"), .per = 3'600'000};
  EXPECT_TRUE(check_rule({.nodes = 4, .hours = {hours_of("sat")}, .zone = "Europe/Berlin", .floor = {core}}));
  EXPECT_FALSE(check_rule({.nodes = -1}));
  EXPECT_FALSE(check_rule({.max_walltime = seconds(-1)}));
  EXPECT_FALSE(check_rule({.hours = {hours_of("sat")}, .zone = "Moon/Sea"}));
  EXPECT_FALSE(check_rule({.zone = "Europe/Berlin"}));
  EXPECT_FALSE(check_rule({.floor = {core, core}}));
  PriceRow tiered = core;
  tiered.minimum = Amount::whole(1);
  EXPECT_FALSE(check_rule({.floor = {tiered}}));
  PriceRow tokens = core;
  tokens.meter = Meter::tokens_in;
  EXPECT_FALSE(check_rule({.floor = {tokens}}));
}

}  // namespace
}  // namespace bourse::pricing
