// Jobs that reserved capacity carries: which they are, that they cost nothing, and how many there may be at once.
#include <gtest/gtest.h>

#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

class Carried : public MarketFixture {
 protected:
  void SetUp() override {
    open_market();
    Contract contract{.id = id_of<ContractId>(++serial_), .center = south, .terms = {.tax_bps = 600, .margin_bps = 1'000}, .valid_from = now};
    contract.reservable = {{.pool = "batch", .what = Reserved::node, .quantity = 4}};
    ok(SetContract{contract});
    ok(PublishReservedPrices{{{.id = id_of<PriceRowId>(++serial_), .center = south, .pool = "batch", .what = Reserved::node,
                               .term = Term::month, .price = Amount::whole(100), .valid_from = now}}});
  }
  // In the south, where a job costs twice what it does in the north. From the beginning of today.
  ReservationId reserve(std::int64_t nodes) {
    const auto id = id_of<ReservationId>(++serial_);
    ok(BuyReservation{.reservation = id, .account = account, .user = user, .center = south, .pool = "batch", .what = Reserved::node,
                      .quantity = nodes, .term = Term::month, .terms = 1});
    return id;
  }
  const Plan& plan(JobId job) const { return market.job(job)->plan(); }
};

TEST_F(Carried, CostNothingAndSaySo) {
  const ReservationId id = reserve(1);
  const Amount before = wallet().balance(), owed = balance(ledger::AccountCode::center_payable, south.uuid);
  const JobId job = submit();
  EXPECT_EQ(plan(job).reservation, id);
  EXPECT_EQ(plan(job).center, south) << "the north is cheaper than its price, and not than nothing";
  EXPECT_EQ(market.job(job)->decision.plans.size(), 1U);
  EXPECT_EQ(plan(job).cap, Amount{});
  EXPECT_EQ(market.ledger().hold(market.job(job)->hold)->amount, Amount{1});
  run(job, minutes(60));
  const auto& captured = first<UsageCaptured>();
  EXPECT_EQ(captured.gross, Amount{});
  EXPECT_EQ(captured.charged, captured.reported);
  for (const auto& line : captured.lines) EXPECT_EQ(line.amount, Amount{});
  EXPECT_EQ(market.job(job)->state, JobState::ended);
  EXPECT_EQ(wallet().balance(), before);
  EXPECT_EQ(balance(ledger::AccountCode::center_payable, south.uuid), owed);
  EXPECT_TRUE(wallet().debits_pending.is_zero());
}

TEST_F(Carried, AreAsManyAtOnceAsWereReserved) {
  const ReservationId id = reserve(2);
  const JobId one = submit(), two = submit(), three = submit();
  EXPECT_EQ(plan(one).reservation, id);
  EXPECT_EQ(plan(two).reservation, id);
  EXPECT_TRUE(plan(three).reservation.is_nil());
  EXPECT_EQ(plan(three).center, north);
  EXPECT_EQ(market.in_use(*market.reservation(id)), 2);
  EXPECT_EQ(market.carried_by(id).size(), 2U);
  run(one, minutes(10));
  EXPECT_EQ(market.in_use(*market.reservation(id)), 1);
  JobSpec wide = spec();
  wide.need.nodes = 2, wide.need.cores = 8;
  EXPECT_TRUE(plan(submit(wide)).reservation.is_nil()) << "two nodes don't fit into one";
  EXPECT_EQ(plan(submit()).reservation, id);
}

TEST_F(Carried, BelongToItsAccountPoolAndTime) {
  const ReservationId id = reserve(4);
  const auto other = id_of<BillingAccountId>(9);
  ok(OpenBillingAccount{other, tenant, "chemistry", kCny, stranger});
  ok(FundAccount{other, Amount::whole(10), id_of<TransferId>(++serial_), Uuid{1, serial_}});
  const JobId theirs = id_of<JobId>(++serial_);
  ok(SubmitJob{theirs, id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), other, stranger, {}, spec()});
  EXPECT_TRUE(plan(theirs).reservation.is_nil());
  JobSpec there = spec();
  there.center = north;
  EXPECT_TRUE(plan(submit(there)).reservation.is_nil());
  there.center = south, there.budget = Amount{1};
  EXPECT_EQ(plan(submit(there)).reservation, id) << "nothing is within every budget";
  now = market.reservation(id)->until - minutes(59);
  observe(north, true), observe(south, true);
  EXPECT_TRUE(plan(submit()).reservation.is_nil()) << "it may run longer than the reservation";
  JobSpec brief = spec();
  brief.walltime = minutes(30);
  EXPECT_EQ(plan(submit(brief)).reservation, id);
}

TEST_F(Carried, WhoAsksForSpeedPaysForIt) {
  reserve(4);
  JobSpec quick = spec();
  quick.objective = Objective::fastest;
  EXPECT_FALSE(plan(submit(quick)).reservation.is_nil()) << "nowhere is faster";
  routing::Pool slow{.center = south, .name = "batch", .arch = "x86_64", .nodes = 4, .cores_per_node = 16, .mem_mib_per_node = 65'536,
                     .pending_jobs = 50, .pending_core_ms = hours(64 * 40).ms, .observed_at = now, .online = true};
  ok(ObservePools{south, true, {slow}});
  EXPECT_TRUE(plan(submit(quick)).reservation.is_nil());
  EXPECT_FALSE(plan(submit()).reservation.is_nil());
}

TEST_F(Carried, AQuoteHoldsOnlyWhileThereIsRoom) {
  const ReservationId id = reserve(1);
  const auto quote = id_of<QuoteId>(++serial_);
  ok(IssueQuote{quote, account, user, spec(), minutes(10)});
  EXPECT_EQ(market.quote(quote)->decision.plans.front().reservation, id);
  const JobId first_job = submit();
  EXPECT_EQ(error(SubmitJob{id_of<JobId>(++serial_), id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), account, user, quote, {}}),
            ErrorCode::failed_precondition);
  run(first_job, minutes(1));
  const JobId job = submit({}, quote);
  EXPECT_EQ(plan(job).reservation, id);
}

TEST_F(Carried, ItCanNotEndUnderThem) {
  const ReservationId id = reserve(1);
  const JobId job = submit();
  EXPECT_EQ(error(EndReservation{id, user}), ErrorCode::failed_precondition);
  run(job, minutes(1));
  ok(EndReservation{id, user});
  EXPECT_TRUE(plan(submit()).reservation.is_nil());
}

// The center's contract or connector was revoked: what is left goes back whole.
TEST_F(Carried, ACenterThatDoesNotServeKeepsNoFee) {
  ok(PublishReservedPrices{{{.id = id_of<PriceRowId>(++serial_), .center = south, .pool = "batch", .what = Reserved::node,
                             .term = Term::month, .price = Amount::whole(31), .early_end_bps = 10'000, .valid_from = now + milliseconds(1)}}});
  advance(milliseconds(1));
  const Amount before = wallet().balance();
  const ReservationId id = reserve(1);
  submit();
  ok(ChangeCenterState{south, CenterState::quarantined, "equivocated"});
  ok(EndReservation{id, user});
  EXPECT_EQ(first<ReservationEnded>().returned, Amount::whole(30));
  EXPECT_EQ(wallet().balance(), before - Amount::whole(1));
}

// What credit lots are for is usage.
TEST_F(Carried, LotsDoNotPayForAReservation) {
  const auto poor = id_of<BillingAccountId>(7);
  ok(OpenBillingAccount{poor, tenant, "gifts", kCny, user});
  ok(GrantLot{id_of<LotId>(++serial_), poor, Amount::whole(500), now + hours(24 * 90), "welcome"});
  BuyReservation wanted{.reservation = id_of<ReservationId>(++serial_), .account = poor, .user = user, .center = south, .pool = "batch",
                        .what = Reserved::node, .quantity = 1, .term = Term::month, .terms = 1};
  EXPECT_EQ(error(wanted), ErrorCode::insufficient_funds);
  ok(FundAccount{poor, Amount::whole(99), id_of<TransferId>(++serial_), Uuid{1, serial_}});
  EXPECT_EQ(error(wanted), ErrorCode::insufficient_funds);
  ok(FundAccount{poor, Amount::whole(1), id_of<TransferId>(++serial_), Uuid{1, serial_}});
  ok(wanted);
  EXPECT_EQ(market.ledger().account(market.account(poor)->wallet)->balance(), Amount::whole(500));
}

}  // namespace
}  // namespace bourse::broker
