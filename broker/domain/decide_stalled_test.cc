// What waited, whose turn has come, and that can't be dispatched: for now, or ever.
#include <gtest/gtest.h>

#include "base/index_ranges.h"
#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

class Stalled : public MarketFixture {
 protected:
  void SetUp() override { open_market(); }
  static JobSpec following(JobId first) {
    JobSpec wanted = spec();
    wanted.after = {{{After::ended, first}}, false};
    return wanted;
  }
  void settle() {
    for (int n = 0; n < 500 && market.has_work(); ++n) ok(Advance{});
  }
  JobState state(JobId job) const { return market.job(job)->state; }
};

TEST_F(Stalled, AFrozenAccountStartsNothingThatWaited) {
  const JobId first = submit();
  const JobId second = submit(following(first));
  ok(SetAccountPolicy{.account = account, .frozen = true, .reason = "audit"});
  run(first, minutes(5));
  settle();
  EXPECT_EQ(state(second), JobState::waiting);
  ok(SetAccountPolicy{.account = account, .frozen = false});
  advance(seconds(11));
  ok(Tick{});
  settle();
  EXPECT_EQ(state(second), JobState::routed);
}

TEST_F(Stalled, NothingIsDispatchedThatWouldEndAfterItsDeadline) {
  const JobId first = submit();
  JobSpec waits = following(first);
  waits.deadline = now + hours(2);
  const JobId second = submit(waits);
  run(first, minutes(90));
  settle();
  EXPECT_EQ(state(second), JobState::waiting) << "an hour from now is beyond it";
}

TEST_F(Stalled, WhatNoPlanCanTakeAnyMoreIsCancelled) {
  const JobId first = submit();
  JobSpec waits = following(first);
  waits.center = south;
  const JobId second = submit(waits);
  waits.array = {parse_array("1-3").value().ranges, 0};
  const JobId array = submit(waits);
  ok(ChangeCenterState{south, CenterState::revoked, "the contract ended"});
  run(first, minutes(5));
  settle();
  EXPECT_EQ(state(second), JobState::cancelled);
  EXPECT_NE(market.job(second)->reason.find("revoked"), std::string::npos);
  EXPECT_EQ(market.job(element_id(array, 3))->state, JobState::cancelled);
  EXPECT_TRUE(wallet().debits_pending.is_zero());
}

}  // namespace
}  // namespace bourse::broker
