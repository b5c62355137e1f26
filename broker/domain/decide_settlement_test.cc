#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

using ledger::AccountCode;

class Settlement : public MarketFixture {
 protected:
  void SetUp() override { open_market(); }
  PeriodId open_period(CenterId center) const { return market.center(center)->open_period; }
};

TEST_F(Settlement, APeriodClosesAndIsSealed) {
  run(submit(), hours(1));
  const PeriodId first_period = open_period(north);
  const PeriodId next = id_of<PeriodId>(77);
  EXPECT_EQ(ok(ClosePeriod{north, next}, "s/1").object, first_period.uuid);
  EXPECT_EQ(open_period(north), next);
  const Period& closing = *market.period(first_period);
  EXPECT_EQ(closing.state, PeriodState::closing);
  EXPECT_EQ(closing.cut_off, now);
  const Amount due = closing.center_share;
  EXPECT_EQ(due, balance(AccountCode::center_payable, north.uuid));

  // What comes now belongs to the next period.
  run(submit(), minutes(30));
  EXPECT_EQ(market.period(first_period)->center_share, due);
  EXPECT_EQ(market.period(next)->captures, 1U);

  const SealStatement seal{first_period, hash_of("statement")};
  ok(seal);
  EXPECT_EQ(count<ledger::Posted>(), 0U);
  EXPECT_EQ(market.period(next)->opening, due);
  EXPECT_EQ(market.period(next)->closing(), balance(AccountCode::center_payable, north.uuid));
  EXPECT_EQ(market.period(first_period)->state, PeriodState::closed);
  ok(seal);
  EXPECT_TRUE(emitted.empty());
  EXPECT_EQ(error(SealStatement{first_period, hash_of("another")}), ErrorCode::period_closed);
  EXPECT_EQ(market.periods(north).size(), 2U);
}

TEST_F(Settlement, AnEmptyPeriodIsSealedToo) {
  const PeriodId period = open_period(south);
  EXPECT_EQ(error(SealStatement{period, hash_of("s")}), ErrorCode::failed_precondition);
  ok(ClosePeriod{south, {}});
  ok(SealStatement{period, hash_of("s")});
  EXPECT_EQ(count<ledger::Posted>(), 0U);
  EXPECT_EQ(market.period(open_period(south))->number, 2U);
}

TEST_F(Settlement, AskedForAgainItIsAnsweredAsBefore) {
  run(submit(), hours(1));
  const PeriodId period = open_period(north);
  const ClosePeriod close{north, id_of<PeriodId>(77)};
  ok(close, "s/1", 1);
  const CommandResult again = ok(ClosePeriod{north, id_of<PeriodId>(78)}, "s/1", 1);
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.object, period.uuid);
  EXPECT_EQ(open_period(north), id_of<PeriodId>(77));
  EXPECT_EQ(error(ClosePeriod{south, {}}, "s/1", 2), ErrorCode::conflict);
}

TEST_F(Settlement, TwoAtOnceCountOnce) {
  run(submit(), hours(1));
  const PeriodId one = open_period(north), two = id_of<PeriodId>(77);
  const Amount due = balance(AccountCode::center_payable, north.uuid);
  ASSERT_TRUE(due.is_positive());
  ok(ClosePeriod{north, two}, "first/1");
  ok(ClosePeriod{north, {}}, "second/1");  // finds the period that the other one opened, and nothing in it
  EXPECT_EQ(market.period(two)->center_share, Amount{});
  // They may be sealed in any order.
  ok(SealStatement{two, hash_of("two")});
  ok(SealStatement{one, hash_of("one")});
  EXPECT_EQ(market.due(*market.period(two)), cents(due));
  EXPECT_EQ(market.periods(north).size(), 3U);
}

TEST_F(Settlement, ACaptureAtTheCutOffIsInOnePeriod) {
  const JobId before = submit(), after = submit();
  start(before);
  start(after);
  advance(minutes(30));
  report(north, {happens(before, Happening::ended), used(before, minutes(30))});
  const PeriodId period = open_period(north);
  ok(ClosePeriod{north, {}});
  report(north, {happens(after, Happening::ended), used(after, minutes(30))});  // in the same millisecond
  EXPECT_EQ(market.period(period)->captures, 1U);
  EXPECT_EQ(market.period(open_period(north))->captures, 1U);
  EXPECT_EQ(market.period(period)->center_share + market.period(open_period(north))->center_share,
            balance(AccountCode::center_payable, north.uuid));
}

TEST_F(Settlement, LateUsageNamesTheClosedPeriodItBelongsTo) {
  const JobId job = submit();
  start(job);
  advance(minutes(30));
  const UsageRecord late = used(job, minutes(30));
  const PeriodId closed = open_period(north);
  advance(seconds(1));
  ok(ClosePeriod{north, {}});
  advance(minutes(1));
  report(north, {happens(job, Happening::ended), late});
  EXPECT_EQ(first<UsageCaptured>().adjusts, closed);
  EXPECT_EQ(first<UsageCaptured>().period, open_period(north));
  EXPECT_EQ(market.period(closed)->captures, 0U);
  run(submit(), minutes(5));
  EXPECT_TRUE(first<UsageCaptured>().adjusts.is_nil());
}

TEST_F(Settlement, BadOnesAreRefused) {
  EXPECT_EQ(error(ClosePeriod{id_of<CenterId>(9), {}}), ErrorCode::not_found);
  EXPECT_EQ(error(ClosePeriod{north, open_period(south)}), ErrorCode::invalid_argument);
  EXPECT_EQ(error(SealStatement{id_of<PeriodId>(9), hash_of("s")}), ErrorCode::not_found);
  run(submit(), hours(1));
  const PeriodId period = open_period(north);
  ok(ClosePeriod{north, {}});
  EXPECT_EQ(error(SealStatement{period, {}}), ErrorCode::invalid_argument);
}

TEST_F(Settlement, ATickClosesWhatIsDueByContract) {
  ok(SetContract{{id_of<ContractId>(1), north, kCny, {}, now, hours(24)}});
  const PeriodId before = open_period(north);
  advance(milliseconds(hours(24).ms - 1));
  ok(Tick{});
  EXPECT_TRUE(emitted.empty());
  advance(milliseconds(1));
  ok(Tick{});
  EXPECT_EQ(count<PeriodClosing>(), 1U);
  EXPECT_NE(open_period(north), before);
  EXPECT_EQ(market.periods(south).size(), 1U);
  ok(Tick{});
  EXPECT_TRUE(emitted.empty());
}

TEST_F(Settlement, AScheduleClosesOnTheWallClockOfItsZone) {
  Contract contract{.id = id_of<ContractId>(1), .center = north, .unit = kCny, .valid_from = now};
  contract.schedule = "0 2 * * *";
  contract.zone = "Asia/Shanghai";
  ok(SetContract{contract});
  const auto closes_at = market.closes_at(*market.center(north));
  ASSERT_TRUE(closes_at);
  EXPECT_EQ(to_text(*closes_at), "2027-01-15T18:00:00Z");  // the fixture's clock starts at 08:00 that day
  now = *closes_at - milliseconds(1);
  ok(Tick{});
  EXPECT_TRUE(emitted.empty());
  now = *closes_at;
  ok(Tick{});
  EXPECT_EQ(count<PeriodClosing>(), 1U);
  EXPECT_EQ(*market.closes_at(*market.center(north)), *closes_at + hours(24));
  // A later contract takes over from its day on.
  Contract weekly = contract;
  weekly.id = id_of<ContractId>(2);
  weekly.schedule = "@weekly";
  weekly.valid_from = now + hours(1);
  ok(SetContract{weekly});
  EXPECT_EQ(to_text(*market.closes_at(*market.center(north))), "2027-01-16T16:00:00Z");

  for (const char* bad : {"0 2 * *", "0 2 30 2 *"}) {
    Contract wrong = contract;
    wrong.id = id_of<ContractId>(3);
    wrong.schedule = bad;
    EXPECT_EQ(error(SetContract{wrong}), ErrorCode::invalid_argument) << bad;
  }
  Contract both = contract;
  both.id = id_of<ContractId>(4);
  both.cycle = hours(24);
  EXPECT_EQ(error(SetContract{both}), ErrorCode::invalid_argument);
}

TEST_F(Settlement, ATickDoesABoundedPieceOfWork) {
  for (std::uint64_t i = 0; i < 1'500; ++i)
    ok(IssueQuote{id_of<QuoteId>(10'000 + i), account, user, spec(), minutes(1)});
  advance(minutes(1));
  ok(Tick{});
  EXPECT_EQ(count<QuoteDropped>(), 1'000U);
  ok(Tick{});
  EXPECT_EQ(count<QuoteDropped>(), 500U);
}

}  // namespace
}  // namespace bourse::broker
