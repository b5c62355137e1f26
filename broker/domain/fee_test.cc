#include "broker/domain/fee.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <rapidcheck/gtest.h>

namespace bourse::broker {
namespace {

Instant at(std::string_view text) { return *parse_instant(text); }
Amount between(Amount fee, std::string_view zone, Instant from, Instant until) {
  return Amount{static_cast<std::int64_t>(*fee_between(fee, zone, from, until))};
}
Contract contract(std::uint64_t n, Instant from, Amount fee, std::string zone = {}) {
  return {.id = ContractId{Uuid{1, n}}, .valid_from = from, .zone = std::move(zone), .monthly_fee = fee, .fee_tax_bps = 600};
}
Amount sum(const std::vector<ChargedFee>& fees) {
  Amount out;
  for (const ChargedFee& one : fees) out += one.amount;
  return out;
}

const std::vector<std::string> kZones = {"", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "America/St_Johns", "Pacific/Apia"};

TEST(Fee, AMonthCostsItAndADayItsPart) {
  const Amount fee = Amount::whole(3'100);
  EXPECT_EQ(between(fee, "", at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z")), fee);
  EXPECT_EQ(between(fee, "", at("2026-02-01T00:00:00Z"), at("2026-03-01T00:00:00Z")), fee);
  EXPECT_EQ(between(fee, "", at("2026-01-01T00:00:00Z"), at("2026-01-02T00:00:00Z")), Amount::whole(100));
  EXPECT_EQ(between(fee, "", at("2026-01-31T00:00:00Z"), at("2026-02-01T00:00:00Z")), Amount::whole(100));
  EXPECT_EQ(between(fee, "", at("2026-01-05T00:00:00Z"), at("2026-01-05T23:59:59Z")), Amount{});  // it isn't over yet
  EXPECT_EQ(between(fee, "", at("2026-01-05T09:00:00Z"), at("2026-01-06T08:00:00Z")), Amount::whole(100));
  // One micro-unit a month: the day before the half says nothing, the one after has it.
  EXPECT_EQ(between(Amount{1}, "", at("2026-04-01T00:00:00Z"), at("2026-04-15T00:00:00Z")), Amount{});
  EXPECT_EQ(between(Amount{1}, "", at("2026-04-01T00:00:00Z"), at("2026-04-16T00:00:00Z")), Amount{1});
}

TEST(Fee, DaysAreThoseOfTheZone) {
  const Amount fee = Amount::whole(3'100);
  EXPECT_EQ(between(fee, "Asia/Shanghai", at("2026-01-01T15:59:59Z"), at("2026-01-01T16:00:00Z")), Amount::whole(100));
  EXPECT_EQ(between(fee, "Asia/Shanghai", at("2025-12-31T16:00:00Z"), at("2026-01-31T16:00:00Z")), fee);
  // The days of the clocks' change are as dear as others.
  EXPECT_EQ(between(fee, "Europe/Berlin", at("2026-03-28T23:00:00Z"), at("2026-03-29T22:00:00Z")), Amount::whole(100));
  EXPECT_EQ(between(Amount::whole(3'000), "Europe/Berlin", at("2026-03-31T22:00:00Z"), at("2026-04-30T22:00:00Z")), Amount::whole(3'000));
  EXPECT_FALSE(fee_between(fee, "Nowhere/Else", at("2026-01-01T00:00:00Z"), at("2026-01-02T00:00:00Z")));
}

// The clock of St. John's was set back at one minute after midnight: 7 November began, was taken back for an hour, and began again.
TEST(Fee, ADayThatBeginsTwiceBeginsOnce) {
  const Zone zone = *Zone::named("America/St_Johns");
  const Instant midnight = at("2010-11-07T02:30:00Z");
  EXPECT_EQ(zone.local(midnight + minutes(2)).day + 1, zone.local(midnight).day);
  for (const Duration later : {Duration{}, minutes(2), minutes(30), minutes(61), hours(5)}) EXPECT_EQ(day_begun(zone, midnight + later), zone.local(midnight).day) << later.ms;
  EXPECT_EQ(day_begun(zone, midnight + milliseconds(-1)), zone.local(midnight).day - 1);
}

TEST(Fee, TheLargestOverTheLongestTimeFits) {
  const __int128 all = *fee_between(kMaxMonthlyFee, "", at("1970-01-02T00:00:00Z"), at("2600-01-01T00:00:00Z"));
  EXPECT_GT(all, 0);
  EXPECT_LE(all, INT64_MAX);
}

RC_GTEST_PROP(Fee, HoweverItIsCutItComesToTheSame, ()) {
  const std::string zone = *rc::gen::elementOf(kZones);
  const Amount fee{*rc::gen::inRange<std::int64_t>(1, kMaxMonthlyFee.micros + 1)};
  std::vector<Instant> cuts;
  for (const std::int64_t ms : *rc::gen::container<std::vector<std::int64_t>>(7, rc::gen::inRange<std::int64_t>(1'200'000'000'000, 1'900'000'000'000))) cuts.push_back({ms});
  std::ranges::sort(cuts);
  __int128 pieces = 0;
  for (std::size_t i = 1; i < cuts.size(); ++i) {
    const __int128 piece = *fee_between(fee, zone, cuts[i - 1], cuts[i]);
    RC_ASSERT(piece >= 0);
    pieces += piece;
  }
  RC_ASSERT(pieces == *fee_between(fee, zone, cuts.front(), cuts.back()));
}

RC_GTEST_PROP(Fee, AWholeMonthCostsIt, ()) {
  const Zone zone = *Zone::named(*rc::gen::elementOf(std::vector<std::string>{"UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"}));
  const Amount fee{*rc::gen::inRange<std::int64_t>(1, kMaxMonthlyFee.micros + 1)};
  const std::int32_t month = *rc::gen::inRange<std::int32_t>(12 * 1971, 12 * 2090);
  const auto starts = [&](std::int32_t m) { return day_begun(zone, zone.moments({first_day(m), 0}).first); };
  RC_ASSERT(starts(month) == first_day(month));
  RC_ASSERT(fee_before(fee, starts(month + 1)) - fee_before(fee, starts(month)) == fee.micros);
}

// By a model that looks at every hour: a day is charged once, by whoever holds when it is over on his own calendar.
RC_GTEST_PROP(Fee, NoDayIsChargedTwiceWhateverTheZones, ()) {
  const Instant begin{1'790'000'000'000};
  std::vector<Contract> contracts;
  for (std::uint64_t i = 0; i < 4; ++i) {
    const Amount fee = *rc::gen::inRange(0, 4) == 0 ? Amount{} : Amount::whole(*rc::gen::inRange<std::int64_t>(1, 1'000));
    contracts.push_back(contract(i, begin + hours(*rc::gen::inRange<std::int64_t>(-50, 500)), fee, *rc::gen::elementOf(kZones)));
  }
  std::ranges::sort(contracts, {}, &Contract::valid_from);
  std::int64_t reached = 0;
  __int128 expected = 0, charged = 0;
  Instant opened = begin;
  std::int64_t until_day = 0;
  for (Instant now = begin; now < begin + hours(600); now = now + hours(1)) {
    const Contract* holds = contract_at(contracts, now);
    const Instant end = now + hours(1);
    if (holds != nullptr && holds->monthly_fee.is_positive()) {
      const Zone zone = *Zone::named(holds->zone.empty() ? "UTC" : holds->zone);
      for (std::int64_t day = day_begun(zone, now); day < day_begun(zone, end); ++day) {
        if (day < reached) continue;
        expected += fee_before(holds->monthly_fee, day + 1) - fee_before(holds->monthly_fee, day);
        reached = day + 1;
      }
    }
    if (*rc::gen::inRange(0, 40) != 0 && end < begin + hours(600)) continue;
    for (const ChargedFee& one : fees_of(contracts, opened, end, until_day)) {
      RC_ASSERT(one.from >= opened);
      RC_ASSERT(one.until <= end);
      RC_ASSERT(one.amount.is_positive());
      RC_ASSERT(one.amount.micros == *fee_between(one.monthly_fee, one.zone, one.from, one.until));
      charged += one.amount.micros;
      until_day = std::max(until_day, day_begun(*Zone::named(one.zone.empty() ? "UTC" : one.zone), one.until));
    }
    opened = end;
  }
  RC_ASSERT(charged == expected);
}

TEST(Fee, ContractsFollowEachOther) {
  const Instant opened = at("2026-01-01T00:00:00Z"), cut = at("2026-02-01T00:00:00Z");
  const std::vector<Contract> contracts = {contract(1, {1}, Amount::whole(3'100)), contract(2, at("2026-01-11T12:00:00Z"), Amount::whole(6'200)),
                                           contract(3, at("2026-01-11T12:00:00Z"), Amount::whole(31)), contract(4, at("2026-01-21T00:00:00Z"), {}),
                                           contract(5, at("2026-03-01T00:00:00Z"), Amount::whole(1))};
  const auto fees = fees_of(contracts, opened, cut, 0);
  ASSERT_EQ(fees.size(), 2u);
  EXPECT_EQ(fees[0].contract, contracts[0].id);
  EXPECT_EQ(fees[0].from, opened);
  EXPECT_EQ(fees[0].amount, Amount::whole(1'000));  // ten days were over when the next came
  EXPECT_EQ(fees[1].contract, contracts[2].id);     // the last of those from one instant
  EXPECT_EQ(fees[1].until, contracts[3].valid_from);
  EXPECT_EQ(fees[1].amount, Amount::whole(10));
  EXPECT_EQ(fees[1].tax, Amount{566'037});
  EXPECT_TRUE(fees_of(contracts, opened, opened, 0).empty());
  EXPECT_TRUE(fees_of({}, opened, cut, 0).empty());
  EXPECT_TRUE(check_fee_zones(contracts));
  std::vector<Contract> lost = contracts;
  lost.back().zone = "Atlantis/Poseidonis";
  lost.back().monthly_fee = Amount::whole(1);
  EXPECT_EQ(check_fee_zones(lost).error().code, ErrorCode::failed_precondition);
  lost.back().monthly_fee = {};
  EXPECT_TRUE(check_fee_zones(lost));
  EXPECT_EQ(sum(fees_of(contracts, opened, cut, 20454 + 3)), Amount::whole(710));  // 2026-01-01 is day 20454; three days are charged already
}

}  // namespace
}  // namespace bourse::broker
