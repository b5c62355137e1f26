// Jobs that wait for others, and arrays.
#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

class WaitingTest : public MarketFixture {
 protected:
  void SetUp() override { open_market(); }

  static JobSpec after(std::vector<Condition> conditions, bool any = false) {
    JobSpec wanted = spec();
    wanted.after = {std::move(conditions), any};
    return wanted;
  }
  static JobSpec array_of(const char* indices) {
    JobSpec wanted = spec();
    const auto text = parse_array(indices).value();
    wanted.array = {text.ranges, text.at_once};
    return wanted;
  }
  // Until nothing is left to be done.
  void settle() {
    for (int n = 0; n < 500 && market.has_work(); ++n) ok(Advance{});
    EXPECT_FALSE(market.has_work());
  }
  JobState state(JobId job) const { return market.job(job)->state; }
  JobState state(JobId array, std::uint32_t index) const { return market.job(element_id(array, index))->state; }
  std::size_t in(JobId array, JobState wanted) const {
    std::size_t count = 0;
    const auto& ranges = market.array(array)->spec.array.ranges;
    for (std::size_t n = 0; n < count_of(ranges); ++n) {
      const Job* element = market.job(element_id(array, nth_index(ranges, n)));
      count += element != nullptr && element->state == wanted ? 1 : 0;
    }
    return count;
  }
  std::optional<ErrorCode> refused(JobSpec what) {
    return error(SubmitJob{id_of<JobId>(++serial_), id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), account, user, {}, std::move(what)});
  }
  Amount held() const { return wallet().debits_pending; }
};

TEST_F(WaitingTest, AJobIsDispatchedOnceItsConditionHoldsAndNotBefore) {
  const JobId first = submit();
  const JobId second = submit(after({{After::succeeded, first}}));
  EXPECT_EQ(state(second), JobState::waiting);
  EXPECT_TRUE(market.job(second)->attempts.empty());
  EXPECT_EQ(held(), *parse_amount("2.88") + *parse_amount("2.88"));  // the dearest plan of each
  start(first);
  EXPECT_FALSE(market.has_work());
  advance(minutes(30));
  report(market.job(first)->attempt().center, {happens(first, Happening::ended), used(first, minutes(30))});
  EXPECT_EQ(state(first), JobState::ended);
  settle();
  EXPECT_EQ(state(second), JobState::routed);
  EXPECT_EQ(market.outbox(market.job(second)->attempt().center).orders, std::vector{second});
  run(second, minutes(5));
  EXPECT_EQ(state(second), JobState::ended);
  EXPECT_TRUE(held().is_zero());
}

TEST_F(WaitingTest, WhatCanNeverHoldCancelsDownTheChainAndGivesTheMoneyBack) {
  const JobId first = submit();
  const JobId second = submit(after({{After::succeeded, first}}));
  const JobId third = submit(after({{After::succeeded, second}}));
  const JobId cleanup = submit(after({{After::failed, second}}));
  const JobId last = submit(after({{After::ended, third}}));
  run(first, minutes(1), 1);
  EXPECT_EQ(state(first), JobState::failed);
  settle();
  EXPECT_EQ(state(second), JobState::cancelled);
  EXPECT_NE(market.job(second)->reason.find("afterok:" + to_text(first)), std::string::npos) << market.job(second)->reason;
  EXPECT_EQ(state(third), JobState::cancelled);
  EXPECT_EQ(state(cleanup), JobState::routed);
  EXPECT_EQ(state(last), JobState::routed);
  run(cleanup, minutes(1));
  run(last, minutes(1));
  EXPECT_TRUE(held().is_zero());
}

TEST_F(WaitingTest, EachKindLooksAtAnotherPartOfALife) {
  const JobId first = submit();
  const JobId on_start = submit(after({{After::started, first}}));
  const JobId on_end = submit(after({{After::ended, first}}));
  const JobId on_success = submit(after({{After::succeeded, first}}));
  const JobId on_failure = submit(after({{After::failed, first}}));
  start(first);
  settle();
  EXPECT_EQ(state(on_start), JobState::routed);
  EXPECT_EQ(state(on_end), JobState::waiting);
  advance(minutes(1));
  report(market.job(first)->attempt().center, {happens(first, Happening::ended), used(first, minutes(1))});
  settle();
  EXPECT_EQ(state(on_end), JobState::routed);
  EXPECT_EQ(state(on_success), JobState::routed);
  EXPECT_EQ(state(on_failure), JobState::cancelled);
}

TEST_F(WaitingTest, AllOrOneOfSeveral) {
  const JobId a = submit(), b = submit();
  const JobId all = submit(after({{After::ended, a}, {After::ended, b}}));
  const JobId one = submit(after({{After::succeeded, a}, {After::succeeded, b}}, true));
  run(a, minutes(1), 1);
  settle();
  EXPECT_EQ(state(all), JobState::waiting);
  EXPECT_EQ(state(one), JobState::waiting);  // b may still
  run(b, minutes(1));
  settle();
  EXPECT_EQ(state(all), JobState::routed);
  EXPECT_EQ(state(one), JobState::routed);
}

TEST_F(WaitingTest, WhatHoldsAlreadyNeedsNoWaiting) {
  const JobId done = submit();
  run(done, minutes(1));
  EXPECT_EQ(state(submit(after({{After::succeeded, done}}))), JobState::routed);
  EXPECT_EQ(refused(after({{After::failed, done}})), ErrorCode::failed_precondition);
}

TEST_F(WaitingTest, OnlyJobsOfTheSameAccountCanBeNamed) {
  EXPECT_EQ(refused(after({{After::ended, id_of<JobId>(77)}})), ErrorCode::not_found);
  const auto other = id_of<BillingAccountId>(9);
  ok(OpenBillingAccount{other, tenant, "other", kCny, stranger});
  const JobId mine = submit();
  EXPECT_EQ(error(SubmitJob{id_of<JobId>(++serial_), id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), other, stranger, {}, after({{After::ended, mine}})}),
            ErrorCode::not_found);
}

TEST_F(WaitingTest, SingletonRunsOneOfANameAtATime) {
  JobSpec named = after({{After::singleton, {}}});
  named.name = "nightly";
  const JobId first = submit(named), second = submit(named), third = submit(named);
  EXPECT_EQ(state(first), JobState::routed);
  EXPECT_EQ(state(second), JobState::waiting);
  ok(CancelJob{second, user, "no"});
  EXPECT_EQ(state(second), JobState::cancelled);
  settle();
  EXPECT_EQ(state(third), JobState::waiting);  // the first still runs
  run(first, minutes(1));
  settle();
  EXPECT_EQ(state(third), JobState::routed);
}

TEST_F(WaitingTest, AWaitHasAnEnd) {
  const JobId first = submit();
  const JobId second = submit(after({{After::ended, first}}));
  const JobId array = submit(after({{After::ended, first}}));
  advance(kLongestWait - seconds(1));
  ok(Tick{});
  EXPECT_EQ(state(second), JobState::waiting);
  advance(seconds(1));
  ok(Tick{});
  EXPECT_EQ(state(second), JobState::cancelled);
  EXPECT_EQ(market.job(second)->reason, "It waited for 30 days.");
  EXPECT_EQ(state(array), JobState::cancelled);
}

TEST_F(WaitingTest, NobodyTakesItNowSoItWaitsForACenter) {
  const JobId first = submit();
  const JobId second = submit(after({{After::ended, first}}));
  run(first, minutes(1));
  observe(north, false), observe(south, false);
  ok(Advance{});
  EXPECT_EQ(state(second), JobState::waiting);
  EXPECT_FALSE(market.has_work());  // not again and again
  observe(south, true);
  advance(seconds(11));
  ok(Tick{});
  EXPECT_EQ(state(second), JobState::routed);
  EXPECT_EQ(market.job(second)->attempt().center, south);
}

TEST_F(WaitingTest, AReportOfWhatWasNeverOrderedIsSetAside) {
  const JobId first = submit();
  const JobId second = submit(after({{After::ended, first}}));
  EventRecord lie{.job = second, .attempt = id_of<AttemptId>(5), .fence = 0, .order_hash = hash_of("x"), .happening = Happening::started, .at = now};
  EXPECT_EQ(aside(north, lie), QuarantineCode::other_center);
  EXPECT_EQ(market.verdict(north, second, 0), Verdict::cancel);
}

// ── arrays ──

TEST_F(WaitingTest, AnArrayIsAsManyJobsEachWithItsOwnMoney) {
  const JobId array = submit(array_of("1-9:2"));
  EXPECT_EQ(count<ledger::HoldPlaced>(), 5U);
  EXPECT_EQ(held(), Amount::of_micros(5 * 2'880'000));
  settle();
  EXPECT_EQ(in(array, JobState::routed), 5U);
  EXPECT_EQ(market.live_jobs(), 5U);
  for (const std::uint32_t index : {1U, 3U, 5U, 7U, 9U}) {
    const Job* element = market.job(element_id(array, index));
    EXPECT_EQ(element->spec.element, (ElementOf{array, index}));
    run(element->id, minutes(6), index == 5 ? 3 : 0);
  }
  EXPECT_TRUE(market.array(array)->over());
  EXPECT_EQ(market.array(array)->succeeded, 4U);
  EXPECT_TRUE(held().is_zero());
  EXPECT_EQ(error(CancelJob{array, user, ""}), ErrorCode::job_ended);
}

TEST_F(WaitingTest, AllOfItsMoneyOrNothing) {
  const auto result = decide(SubmitJob{id_of<JobId>(++serial_), id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), account, user, {}, array_of("0-399")});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::insufficient_funds);
  EXPECT_NE(result.error().detail.find("enough for 347 of 400 elements"), std::string::npos) << result.error().detail;
  EXPECT_TRUE(held().is_zero());
  EXPECT_FALSE(market.has_work());
}

TEST_F(WaitingTest, LimitsAreOfAllElementsAndTheLimitForAJobOfEach) {
  ok(SetMemberLimits{account, user, {.per_job = Amount::whole(3)}});
  submit(array_of("0-9"));
  settle();
  ok(SetMemberLimits{account, user, {.total = Amount::whole(40)}});
  EXPECT_EQ(market.spending(account, user)->held, held());
  EXPECT_EQ(refused(array_of("0-3")), ErrorCode::member_limit);
  submit(array_of("0-2"));
  EXPECT_EQ(market.spending(account, user)->held, held());  // also before its elements are jobs
  settle();
  EXPECT_EQ(market.spending(account, user)->held, held());
}

TEST_F(WaitingTest, SoManyAtOnce) {
  const JobId array = submit(array_of("0-9%3"));
  settle();
  EXPECT_EQ(in(array, JobState::routed), 3U);
  EXPECT_EQ(in(array, JobState::waiting), 7U);
  run(element_id(array, 1), minutes(1));
  settle();
  EXPECT_EQ(state(array, 3), JobState::routed);
  EXPECT_EQ(in(array, JobState::waiting), 6U);
  // One that is still waiting makes no room, one that was dispatched does.
  ok(CancelJob{element_id(array, 4), user, ""});
  settle();
  EXPECT_EQ(in(array, JobState::waiting), 5U);
  for (std::uint32_t n : {0U, 2U, 3U, 5U, 6U, 7U, 8U, 9U}) {
    ASSERT_EQ(state(array, n), JobState::routed) << n;
    run(element_id(array, n), minutes(1));
    settle();
  }
  EXPECT_TRUE(market.array(array)->over());
  EXPECT_TRUE(held().is_zero());
}

TEST_F(WaitingTest, ALargeOneIsMadeInStepsThatOthersFitBetween) {
  fund(Amount::whole(4'000));
  const JobId array = submit(array_of("0-999%10"));
  EXPECT_EQ(market.live_jobs(), 0U);
  ok(Advance{});
  EXPECT_GT(market.live_jobs(), 0U);
  EXPECT_LE(market.live_jobs(), 200U);
  const JobId other = submit();
  EXPECT_EQ(state(other), JobState::routed);
  settle();
  EXPECT_EQ(market.live_jobs(), 1'001U);
  EXPECT_EQ(market.array(array)->live, 10U);
  ok(CancelJob{array, user, "enough"});
  settle();
  EXPECT_EQ(market.array(array)->finished, 990U);
  EXPECT_EQ(market.outbox(north).cancels.size(), 10U);
  EXPECT_EQ(state(array, 42), JobState::cancelled);
  EXPECT_EQ(market.job(element_id(array, 42))->reason, "enough");
}

TEST_F(WaitingTest, SomeOfItCanBeCancelledAlsoWhileItIsMade) {
  const JobId array = submit(array_of("0-299"));
  ok(CancelJob{array, user, "", *parse_index_ranges("0-1,290-299")});
  EXPECT_EQ(error(CancelJob{array, user, "", *parse_index_ranges("300")}), ErrorCode::not_found);
  EXPECT_EQ(error(CancelJob{array, stranger, ""}), ErrorCode::not_found);
  settle();
  EXPECT_EQ(in(array, JobState::cancelled), 12U);
  EXPECT_EQ(in(array, JobState::routed), 288U);
  const JobId single = submit();
  EXPECT_EQ(error(CancelJob{single, user, "", *parse_index_ranges("1")}), ErrorCode::invalid_argument);
}

TEST_F(WaitingTest, AnArrayWaitsAsAWholeAndIsWaitedForAsAWhole) {
  const JobId first = submit();
  JobSpec wanted = array_of("1-3");
  wanted.after.of = {{After::succeeded, first}};
  const JobId array = submit(wanted);
  const JobId begun = submit(after({{After::started, array}}));
  const JobId all_well = submit(after({{After::succeeded, array}}));
  const JobId not_all_well = submit(after({{After::failed, array}}));
  const JobId second_well = submit(after({{After::succeeded, element_id(array, 2)}}));
  settle();
  EXPECT_EQ(in(array, JobState::waiting), 3U);
  run(first, minutes(1));
  settle();
  EXPECT_EQ(in(array, JobState::routed), 3U);
  run(element_id(array, 1), minutes(1));
  run(element_id(array, 2), minutes(1));
  settle();
  EXPECT_EQ(state(second_well), JobState::routed);
  EXPECT_EQ(state(begun), JobState::waiting);
  start(element_id(array, 3));
  settle();
  EXPECT_EQ(state(begun), JobState::routed);
  advance(minutes(1));
  report(market.job(element_id(array, 3))->attempt().center, {happens(element_id(array, 3), Happening::ended, 1), used(element_id(array, 3), minutes(1))});
  settle();
  EXPECT_EQ(state(all_well), JobState::cancelled);
  EXPECT_EQ(state(not_all_well), JobState::routed);
}

TEST_F(WaitingTest, AnArrayThatCanNeverStartIsOver) {
  const JobId first = submit();
  JobSpec wanted = array_of("0-499");
  wanted.need.cores = 1;
  wanted.after.of = {{After::succeeded, first}};
  const JobId array = submit(wanted);
  ok(Advance{});
  run(first, minutes(1), 2);
  settle();
  EXPECT_TRUE(market.array(array)->over());
  EXPECT_EQ(in(array, JobState::cancelled), 500U);
  EXPECT_TRUE(held().is_zero());
}

TEST_F(WaitingTest, ElementsOfAQuoteHaveItsPrices) {
  const auto quote = id_of<QuoteId>(++serial_);
  ok(IssueQuote{quote, account, user, array_of("0-1"), minutes(10)});
  const JobId array = submit({}, quote);
  EXPECT_EQ(market.quote(quote), nullptr);
  settle();
  EXPECT_EQ(market.job(element_id(array, 1))->quote, quote);
  EXPECT_EQ(in(array, JobState::routed), 2U);
}

TEST_F(WaitingTest, ElementsGoWhereTheirTurnIsShortest) {
  JobSpec wanted = array_of("0-29");
  wanted.objective = Objective::fastest;
  wanted.expected = minutes(50);
  const JobId array = submit(wanted);
  settle();
  std::map<CenterId, int> at;
  for (std::uint32_t n = 0; n < 30; ++n) ++at[market.job(element_id(array, n))->attempt().center];
  EXPECT_GE(at[north], 10);  // sixteen of four cores fit at once in each
  EXPECT_GE(at[south], 10);
}

// ── text ──

TEST(DependencyText, IsSlurms) {
  const std::string a = to_text(JobId{{1, 2}}), b = to_text(JobId{{3, 4}});
  const auto all = parse_dependency("afterok:" + a + ":" + b + ",afterany:" + a);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->of, (std::vector<Condition>{{After::succeeded, {{1, 2}}}, {After::succeeded, {{3, 4}}}, {After::ended, {{1, 2}}}}));
  EXPECT_FALSE(all->any);
  EXPECT_TRUE(parse_dependency("after:" + a + "?afternotok:" + b)->any);
  EXPECT_EQ(parse_dependency("singleton")->of, (std::vector<Condition>{{After::singleton, {}}}));
  EXPECT_EQ(parse_dependency("afterok:" + a + "_7")->of.front().on, element_id({{1, 2}}, 7));
  for (const std::string& text : std::vector<std::string>{"", "afterok", "afterok:", "afterok:" + a + ":", "aftercorr:" + a, a, "singleton:" + a, "afterok:12345",
                                  "after:" + a + "+5", "afterok:" + a + ",", "afterok:" + a + ",afterany:" + b + "?after:" + b, "afterok:" + a + "_x", "afterok:" + a + "_"})
    EXPECT_FALSE(parse_dependency(text)) << text;
}

TEST(ElementIds, LieTogetherInOrderAndDifferByArray) {
  const JobId one{{0x0190'0000'0000'7abc, 0x8000'0000'0000'0001}}, other{{0x0190'0000'0000'7abc, 0x8000'0000'0000'0002}};
  EXPECT_LT(element_id(one, 9), element_id(one, 10));
  EXPECT_LT(element_id(other, 0), element_id(one, kMaxIndex));
  EXPECT_NE(element_id(one, 5), element_id(other, 5));
  EXPECT_EQ(element_id(one, 5).uuid.low >> 62, 2U);
  EXPECT_EQ(index_in(element_id(one, 0)), 0U);
  EXPECT_EQ(index_in(element_id(one, kMaxIndex)), kMaxIndex);
}

}  // namespace
}  // namespace bourse::broker
