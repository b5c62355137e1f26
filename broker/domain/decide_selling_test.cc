// What centers sell of their pools, held against submissions as they come and go.
#include <gtest/gtest.h>

#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

// It is Friday, 08:00 UTC. North is the cheaper one, with a pool "batch" of 4 nodes of 16 cores.
class Selling : public MarketFixture {
 protected:
  void SetUp() override { open_market(); }
  void sell(pricing::SellingRule rule, const std::string& pool = "batch") { ok(SetSellingRule{north, pool, std::move(rule), user}); }
  CenterId place(JobId job) const { return market.job(job)->attempt().center; }
  // Why north isn't among the plans of a job.
  Refusal why(JobSpec what = spec()) {
    const QuoteId id = id_of<QuoteId>(++serial_);
    ok(IssueQuote{id, account, user, std::move(what), minutes(10)});
    for (const Refused& refused : market.quote(id)->decision.refused)
      if (refused.center == north) return refused.reason;
    return Refusal::none;
  }
};

TEST_F(Selling, APausedPoolTakesNoNewJobsAndKeepsWhatItHas) {
  const JobId before = submit();
  sell({.paused = true});
  EXPECT_EQ(why(), Refusal::paused);
  EXPECT_EQ(place(submit()), south);
  run(before, hours(1));
  EXPECT_EQ(market.job(before)->state, JobState::ended);
  sell({});
  EXPECT_EQ(place(submit()), north);
  EXPECT_TRUE(market.center(north)->selling.empty());
}

TEST_F(Selling, NoMoreIsHeldAtOnceThanIsSold) {
  sell({.cores = 8});
  const JobId first = submit();
  EXPECT_EQ(place(first), north);
  EXPECT_EQ(place(submit()), north);
  EXPECT_EQ(why(), Refusal::sold_out);
  EXPECT_EQ(place(submit()), south);
  run(first, hours(1));
  EXPECT_EQ(market.router().held(north, "batch").cores, 4);
  EXPECT_EQ(place(submit()), north);
}

TEST_F(Selling, ElementsOfAnArrayWaitForRoomUnderTheCap) {
  sell({.cores = 8});
  JobSpec array = spec();
  array.center = north;
  array.array = {parse_array("1-3").value().ranges, 0};
  const JobId id = submit(array);
  for (int n = 0; n < 500 && market.has_work(); ++n) ok(Advance{});
  const JobId first = element_id(id, 1), third = element_id(id, 3);
  EXPECT_EQ(market.router().held(north, "batch").cores, 8);
  EXPECT_TRUE(market.job(third)->attempts.empty());
  run(first, hours(1));
  advance(minutes(1));
  ok(Tick{});
  for (int n = 0; n < 500 && market.has_work(); ++n) ok(Advance{});
  EXPECT_FALSE(market.job(third)->attempts.empty());
}

TEST_F(Selling, ACapCountsWhatWasOrderedBeforeItWasSet) {
  submit();
  sell({.nodes = 1});
  EXPECT_EQ(why(), Refusal::sold_out);
}

TEST_F(Selling, APlanOfAnEarlierQuoteIsHeldToTheRulesOfItsSubmission) {
  const QuoteId quote = id_of<QuoteId>(++serial_);
  ok(IssueQuote{quote, account, user, spec(), minutes(10)});
  sell({.paused = true});
  EXPECT_EQ(place(submit(spec(), quote)), south);
}

TEST_F(Selling, JobsRunWithinTheHoursToTheirLatestEnd) {
  sell({.hours = {*pricing::parse_hours("fri 06:00-10:00")}});
  JobSpec longer = spec();
  longer.walltime = hours(3);
  EXPECT_EQ(why(longer), Refusal::closed);
  const JobId fits = submit();
  EXPECT_EQ(place(fits), north);
  EXPECT_EQ(market.job(fits)->attempt().end_before, now + hours(2));
  advance(minutes(61));
  observe(north, true);
  EXPECT_EQ(why(), Refusal::closed);
  advance(hours(2));
  EXPECT_EQ(why(), Refusal::closed);
  advance(hours(24 * 7 - 4));  // next Friday
  EXPECT_EQ(why(), Refusal::none);
}

TEST_F(Selling, BeforeMaintenanceOnlyWhatEndsInTimeIsTaken) {
  sell({.closes = now + minutes(90)}, "");
  const JobId fits = submit();
  EXPECT_EQ(place(fits), north);
  EXPECT_EQ(market.job(fits)->attempt().end_before, now + minutes(90));
  advance(minutes(31));
  EXPECT_EQ(why(), Refusal::closed);
  EXPECT_EQ(market.job(submit())->attempt().end_before, Instant{}) << "nothing closes the south";
}

TEST_F(Selling, AFloorIsThePriceWithoutTax) {
  const auto floor = [](const char* price) {
    return pricing::SellingRule{.floor = {{.meter = pricing::Meter::core_ms, .price = *parse_decimal(price), .per = 3'600'000}}};
  };
  sell(floor("0.33"));  // 0.36 less 6 % tax in it is 0.3396
  EXPECT_EQ(why(), Refusal::none);
  sell(floor("0.35"));
  EXPECT_EQ(why(), Refusal::below_floor);
  sell(floor("0.33"), "");
  EXPECT_EQ(why(), Refusal::below_floor) << "the pool's own rule stands beside the one for all";
}

TEST_F(Selling, TheConnectorsRuleAndTheMarketsBothHold) {
  sell({.cores = 8});
  routing::Pool pool = market.router().pools().front();
  ASSERT_EQ(pool.center, north);
  pool.rule = pricing::SellingRule{.max_walltime = minutes(30)};
  ok(ObservePools{north, true, {pool}});
  EXPECT_EQ(why(), Refusal::walltime);
  JobSpec shorter = spec();
  shorter.walltime = minutes(20);
  EXPECT_EQ(place(submit(shorter)), north);
  EXPECT_EQ(place(submit(shorter)), north);
  EXPECT_EQ(why(shorter), Refusal::sold_out);
  pool.rule->zone = "Moon/Sea";
  EXPECT_EQ(error(ObservePools{north, true, {pool}}), ErrorCode::invalid_argument);
}

TEST_F(Selling, WhatIsGivenBackByOneCenterGoesToTheNext) {
  sell({.hours = {*pricing::parse_hours("fri 06:00-10:00")}});
  const JobId job = submit();
  report(north, {happens(job, Happening::accepted), happens(job, Happening::queued)});
  advance(minutes(70));
  report(north, {happens(job, Happening::rejected)});
  EXPECT_EQ(place(job), south);
  EXPECT_EQ(market.router().held(north, "batch"), pricing::Allocation{});
}

TEST_F(Selling, WhatCantBeMeantIsRefused) {
  EXPECT_EQ(error(SetSellingRule{id_of<CenterId>(9), "batch", {}, user}), ErrorCode::not_found);
  EXPECT_EQ(error(SetSellingRule{north, "two words", {.paused = true}, user}), ErrorCode::invalid_argument);
  EXPECT_EQ(error(SetSellingRule{north, "batch", {.nodes = -1}, user}), ErrorCode::invalid_argument);
  ok(SetSellingRule{north, "batch", {}, user});
  EXPECT_EQ(count<SellingRuleSet>(), 0U) << "it sells all of it as it is";
  ok(ChangeCenterState{north, CenterState::revoked, "the contract ended"});
  EXPECT_EQ(error(SetSellingRule{north, "batch", {.paused = true}, user}), ErrorCode::failed_precondition);
}

TEST_F(Selling, SurvivesASnapshot) {
  sell({.cores = 8});
  submit();
  submit();
  std::vector<std::byte> state;
  market.save(state);
  Market loaded;
  ASSERT_TRUE(loaded.load(state));
  EXPECT_EQ(loaded.router().held(north, "batch").cores, 8);
  EXPECT_EQ(loaded.center(north)->selling, market.center(north)->selling);
}

}  // namespace
}  // namespace bourse::broker
