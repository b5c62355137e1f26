// A long run is held for a window at a time: it is renewed while there is money, warned of when there is not, and paused or
// stopped before anything runs that isn't held for.
#include "broker/domain/renewal.h"

#include <gtest/gtest.h>

#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

class Renewal : public MarketFixture {
 protected:
  void SetUp() override { open_market(); }

  // Four cores in the north: 1.44 CNY an hour, held for four hours at a time, for at most two days.
  static JobSpec service() {
    JobSpec what = spec();
    what.walltime = hours(48);
    what.hold_window = hours(4);
    return what;
  }
  JobId serve(JobSpec what = service()) {
    what.center = north;
    const JobId job = submit(std::move(what));
    start(job);
    began = now;
    return job;
  }
  const ledger::Hold& hold(JobId job) const { return *market.ledger().hold(market.job(job)->hold); }
  const Job& job(JobId id) const { return *market.job(id); }
  // Ticks every ten seconds for that long.
  void pass(Duration time) {
    for (Duration at; at < time; at = at + seconds(10)) advance(seconds(10)), ok(Tick{});
  }
  // Leaves so much that is neither spent nor held.
  void leave(Amount amount) {
    PostTransfers drain;
    drain.transfers.push_back({.id = id_of<TransferId>(++serial_),
                               .debit = market.account(account)->wallet,
                               .credit = Market::platform_account(ledger::AccountCode::bank_clearing, kCny),
                               .amount = wallet().available() - amount});
    ok(std::move(drain));
  }
  static Amount cny(std::int64_t cents) { return Amount{cents * 10'000}; }

  Instant began;
};

TEST_F(Renewal, TheFirstWindowIsHeldAndTheNextOnesFollow) {
  const JobId id = serve();
  EXPECT_EQ(hold(id).amount, cny(576));
  EXPECT_EQ(job(id).covered, hours(4));
  pass(hours(2));
  EXPECT_EQ(hold(id).amount, cny(576)) << "there is time yet";
  pass(hours(1));
  EXPECT_EQ(hold(id).amount, cny(2 * 576)) << "an hour before it is used up";
  EXPECT_EQ(job(id).covered, hours(8));
  pass(hours(45));
  EXPECT_EQ(hold(id).amount, cny(48 * 144)) << "never more than the walltime";
  EXPECT_EQ(market.spending(account, user)->held, cny(48 * 144));
  report(north, {happens(id, Happening::ended), used(id, hours(48))});
  EXPECT_EQ(wallet().balance(), cny(100'000 - 48 * 144));
  EXPECT_EQ(wallet().debits_pending, Amount{});
}

TEST_F(Renewal, WhatTheUsageShowsOfStandstillIsNotHeldFor) {
  const JobId id = serve();
  advance(hours(3) - seconds(5));
  UsageRecord half = used(id, hours(1), false);  // suspended by the center for two hours
  half.start = began;
  report(north, {half});
  ok(Tick{});
  EXPECT_EQ(job(id).covered, hours(4)) << "three hours are left, not one";
}

TEST_F(Renewal, WhenMoneyLacksTheUserIsWarnedOnceAndTheJobStoppedInTime) {
  const JobId id = serve();
  leave(cny(100));
  pass(hours(3));
  ASSERT_TRUE(job(id).shortage);
  EXPECT_EQ(job(id).shortage->code, ErrorCode::insufficient_funds);
  EXPECT_EQ(job(id).shortage->needed, cny(576));
  EXPECT_EQ(job(id).shortage->runs_out, began + hours(4));
  ok(Tick{});
  EXPECT_EQ(count<RenewalRefused>(), 0u) << "told once";
  EXPECT_FALSE(job(id).cancel_requested) << "the user has his grace";
  pass(minutes(44));
  EXPECT_FALSE(job(id).cancel_requested);
  pass(minutes(2));
  EXPECT_TRUE(job(id).cancel_requested) << "fifteen minutes before the hold is used up";
  EXPECT_NE(job(id).reason.find("money ran out"), std::string::npos) << job(id).reason;
  EXPECT_EQ(market.outbox(north).cancels, std::vector{id});
  report(north, {happens(id, Happening::cancelled), used(id, now - began)});
  EXPECT_EQ(job(id).state, JobState::cancelled);
}

TEST_F(Renewal, MoneyThatComesInTimeSavesTheJob) {
  const JobId id = serve();
  leave(Amount{});
  pass(hours(3) + minutes(10));
  ASSERT_TRUE(job(id).shortage);
  fund(cny(1'000));
  pass(minutes(1));
  EXPECT_FALSE(job(id).shortage);
  EXPECT_EQ(job(id).covered, hours(8));
  pass(hours(1));
  EXPECT_FALSE(job(id).cancel_requested);
}

TEST_F(Renewal, AnAccountMayHaveItsJobsPausedUntilThereIsMoney) {
  ok(SetAccountPolicy{.account = account, .when_empty = WhenEmpty::pause});
  const JobId id = serve();
  leave(Amount{});
  pass(hours(3) + minutes(46));
  ASSERT_TRUE(job(id).pause_wanted);
  EXPECT_EQ(market.outbox(north).pauses, std::vector{id});
  report(north, {happens(id, Happening::paused)});
  EXPECT_TRUE(job(id).attempt().paused);
  EXPECT_TRUE(market.outbox(north).pauses.empty()) << "it knows";
  pass(hours(10));
  EXPECT_FALSE(job(id).cancel_requested) << "nothing runs, so nothing is owed";
  fund(cny(1'000));
  pass(seconds(20));
  EXPECT_FALSE(job(id).pause_wanted);
  EXPECT_EQ(market.outbox(north).pauses, std::vector{id}) << "to go on";
  report(north, {happens(id, Happening::resumed)});
  EXPECT_TRUE(market.outbox(north).pauses.empty());
  pass(hours(2));
  const Duration ran = hours(5) + minutes(46);
  UsageRecord final = used(id, ran);
  final.start = began;
  report(north, {happens(id, Happening::ended), final});
  EXPECT_EQ(job(id).attempt().charged.micros, cny(144).micros * ran.ms / hours(1).ms);
}

TEST_F(Renewal, APauseIsNotForEver) {
  ok(SetAccountPolicy{.account = account, .when_empty = WhenEmpty::pause, .pause_limit = hours(2)});
  const JobId id = serve();
  leave(Amount{});
  pass(hours(3) + minutes(46));
  report(north, {happens(id, Happening::paused)});
  pass(hours(2) - minutes(2));
  EXPECT_FALSE(job(id).cancel_requested);
  pass(minutes(2));
  EXPECT_TRUE(job(id).cancel_requested);
}

TEST_F(Renewal, ACenterThatDoesNotPauseIsToldToStop) {
  ok(SetAccountPolicy{.account = account, .when_empty = WhenEmpty::pause});
  const JobId id = serve();
  leave(Amount{});
  pass(hours(3) + minutes(50));
  EXPECT_TRUE(job(id).pause_wanted);
  EXPECT_FALSE(job(id).cancel_requested);
  pass(minutes(3));
  EXPECT_TRUE(job(id).cancel_requested) << "half the margin is left";
}

TEST_F(Renewal, TheBudgetAndTheMembersLimitsBoundWhatIsHeldInAll) {
  JobSpec thrifty = service();
  thrifty.budget = cny(1'000);
  const JobId id = serve(thrifty);
  pass(hours(3));
  ASSERT_TRUE(job(id).shortage);
  EXPECT_EQ(job(id).shortage->code, ErrorCode::budget_too_small);

  ok(SetMemberLimits{account, user, {.per_job = cny(1'000)}});
  const JobId other = serve();
  pass(hours(3));
  ASSERT_TRUE(job(other).shortage);
  EXPECT_EQ(job(other).shortage->code, ErrorCode::member_limit);
}

TEST_F(Renewal, AFrozenAccountsRunsGoOn) {
  const JobId id = serve();
  ok(SetAccountPolicy{.account = account, .frozen = true, .reason = "audit"});
  pass(hours(3));
  EXPECT_EQ(job(id).covered, hours(8));
}

// The broker stood still while the job ran on: what the center used is held for as soon as it is told.
TEST_F(Renewal, UsageBeyondTheWindowIsHeldForBeforeItIsCharged) {
  const JobId id = serve();
  advance(hours(9));
  EXPECT_EQ(aside(north, used(id, hours(9), false)), std::nullopt);
  EXPECT_EQ(job(id).attempt().charged, cny(9 * 144));
  EXPECT_EQ(job(id).covered, hours(13));

  leave(Amount{});
  advance(hours(9));
  UsageRecord beyond = used(id, hours(18), false);
  beyond.start = began;
  EXPECT_EQ(aside(north, beyond), QuarantineCode::above_hold) << "and never without money";
}

TEST_F(Renewal, TheForecastSaysHowLongTheMoneyLasts) {
  EXPECT_EQ(market.forecast(*market.account(account), kCny, now).jobs, 0u);
  serve();
  leave(cny(288));
  const Forecast forecast = market.forecast(*market.account(account), kCny, now);
  EXPECT_EQ(forecast.jobs, 1u);
  EXPECT_EQ(forecast.an_hour, cny(144));
  EXPECT_EQ(forecast.runs_out, now + hours(6)) << "four are held";
}

TEST_F(Renewal, AWindowMustFitTheWalltime) {
  JobSpec bad = service();
  bad.hold_window = hours(49);
  EXPECT_FALSE(validate(bad));
  bad.hold_window = seconds(30);
  EXPECT_FALSE(validate(bad));
  bad.hold_window = bad.walltime;
  EXPECT_TRUE(validate(bad));
}

TEST_F(Renewal, OnlyARunThatGoesOnCanBePaused) {
  const JobId id = submit(service());
  const CenterId at = job(id).attempt().center;
  EXPECT_EQ(aside(at, happens(id, Happening::paused)), QuarantineCode::bad_state);
  start(id);
  EXPECT_EQ(aside(at, happens(id, Happening::paused)), std::nullopt);
  report(at, {happens(id, Happening::ended)});
  EXPECT_EQ(aside(at, happens(id, Happening::resumed)), QuarantineCode::bad_state);
}

}  // namespace
}  // namespace bourse::broker
