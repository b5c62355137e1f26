// A shared wallet with limits: nobody commits more than he may, and nobody anything while it is frozen.
#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

class Spending : public MarketFixture {
 protected:
  void SetUp() override { open_market(); }
  std::optional<ErrorCode> refused(JobSpec what = spec()) {
    return error(SubmitJob{id_of<JobId>(++serial_), id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), account, user, {},
                           std::move(what)});
  }
  void limit(MemberLimits limits) { ok(SetMemberLimits{account, user, limits}); }
  static Amount cny(std::int64_t cents) { return Amount::of_micros(cents * 10'000); }
};

// The fixture's job holds 2.88 CNY (its dearest plan) and costs 1.44 for its hour in the north.
TEST_F(Spending, HoldsAndCapturesCountReleasesDont) {
  limit({.total = cny(500)});
  const JobId job = submit();
  EXPECT_EQ(market.spending(account, user)->held, cny(288));
  EXPECT_EQ(refused(), ErrorCode::member_limit);  // 2.88 + 2.88 > 5.00
  run(job, hours(1));
  EXPECT_EQ(market.spending(account, user)->held, Amount{});
  EXPECT_EQ(market.spending(account, user)->total, cny(144));
  run(submit(), hours(1));
  EXPECT_EQ(refused(), ErrorCode::member_limit);  // 2.88 spent + 2.88
  limit({});
  EXPECT_EQ(refused(), std::nullopt);
}

TEST_F(Spending, DaysAndMonthsBeginOnTheAccountsCalendar) {
  ok(SetAccountPolicy{account, false, "", "Asia/Shanghai"});
  limit({.per_day = cny(288)});
  run(submit(), hours(1));
  EXPECT_EQ(refused(), ErrorCode::member_limit);
  now = *parse_instant("2027-01-15T15:59:59Z");
  EXPECT_EQ(refused(), ErrorCode::member_limit);
  now = *parse_instant("2027-01-15T16:00:00Z");  // midnight there
  EXPECT_EQ(refused(), std::nullopt);

  limit({.per_month = cny(600)});
  EXPECT_EQ(refused(), ErrorCode::member_limit);  // 1.44 of January spent, 2.88 held
  now = *parse_instant("2027-01-31T16:00:00Z");
  EXPECT_EQ(refused(), std::nullopt);
}

TEST_F(Spending, AJobHasALimitToo) {
  limit({.per_job = cny(287)});
  EXPECT_EQ(refused(), ErrorCode::member_limit);
  limit({.per_job = cny(288)});
  EXPECT_EQ(refused(), std::nullopt);
  EXPECT_EQ(error(SetMemberLimits{account, user, {.total = Amount::of_micros(-1)}}), ErrorCode::invalid_argument);
  EXPECT_EQ(error(SetMemberLimits{account, stranger, {}}), ErrorCode::not_found);
}

TEST_F(Spending, AFrozenAccountTakesNoNewJobsAndFinishesItsOld) {
  const JobId job = submit();
  EXPECT_EQ(error(SetAccountPolicy{account, true, "", ""}), ErrorCode::invalid_argument);
  EXPECT_EQ(error(SetAccountPolicy{account, false, "", "Mars/Olympus"}), ErrorCode::invalid_argument);
  ok(SetAccountPolicy{account, true, "unpaid bill", ""});
  EXPECT_EQ(refused(), ErrorCode::account_frozen);
  run(job, hours(1));
  EXPECT_EQ(market.job(job)->state, JobState::ended);
  ok(SetAccountPolicy{account, false, "paid", ""});
  EXPECT_EQ(refused(), std::nullopt);
}

TEST_F(Spending, WithCreditTheBillComesAfterwards) {
  const auto poor = id_of<BillingAccountId>(7);
  ok(OpenBillingAccount{poor, tenant, "poor", kCny, user});
  const auto submits = [&] {
    return error(SubmitJob{id_of<JobId>(++serial_), id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), poor, user, {}, spec()});
  };
  EXPECT_EQ(submits(), ErrorCode::insufficient_funds);
  ok(SetCreditLimit{poor, cny(300)});
  EXPECT_EQ(submits(), std::nullopt);
  EXPECT_EQ(submits(), ErrorCode::insufficient_funds);
  EXPECT_EQ(error(SetCreditLimit{poor, Amount::of_micros(-1)}), ErrorCode::invalid_argument);
}

TEST_F(Spending, AWhitelistedAccountGoesOnUntilItsDayAndThenComesBackUp) {
  const auto poor = id_of<BillingAccountId>(7);
  ok(OpenBillingAccount{poor, tenant, "poor", kCny, user});
  const auto submits = [&] {
    return error(SubmitJob{id_of<JobId>(++serial_), id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), poor, user, {}, spec()});
  };
  const auto limit = [&] { return market.ledger().account(market.account(poor)->wallet)->credit_limit; };
  EXPECT_EQ(error(SetCreditLimit{poor, cny(600), now, "late"}), ErrorCode::invalid_argument);
  EXPECT_EQ(error(SetCreditLimit{poor, cny(600), now + hours(24 * 367), "long"}), ErrorCode::invalid_argument);
  EXPECT_EQ(error(SetCreditLimit{poor, cny(600), now + hours(1), ""}), ErrorCode::invalid_argument);
  ok(SetCreditLimit{poor, cny(100)});
  ok(SetCreditLimit{poor, cny(600), now + hours(1), "its grant is on the way"});
  EXPECT_EQ(submits(), std::nullopt);  // holds 2.88
  EXPECT_EQ(limit(), cny(600));
  now = now + minutes(59);
  ok(Tick{});
  EXPECT_EQ(limit(), cny(600));
  now = now + minutes(1);
  ok(Tick{});
  EXPECT_EQ(limit(), cny(288));  // what is held already; no more
  EXPECT_EQ(submits(), ErrorCode::insufficient_funds);
  EXPECT_EQ(market.account(poor)->credit->until, Instant{});
  ok(FundAccount{poor, cny(150), id_of<TransferId>(++serial_), Uuid{1, serial_}});
  ok(Tick{});
  EXPECT_EQ(limit(), cny(138));
  ok(FundAccount{poor, cny(150), id_of<TransferId>(++serial_), Uuid{1, serial_}});
  ok(Tick{});
  EXPECT_EQ(limit(), cny(100));
  EXPECT_FALSE(market.account(poor)->credit->falling);
  ok(Tick{});
  EXPECT_EQ(count<CreditRuleSet>(), 0U);  // nothing is left to do
}

TEST_F(Spending, ALimitBelowWhatIsUsedFollowsTheWalletUp) {
  const auto poor = id_of<BillingAccountId>(7);
  ok(OpenBillingAccount{poor, tenant, "poor", kCny, user});
  ok(SetCreditLimit{poor, cny(300)});
  ok(SubmitJob{id_of<JobId>(++serial_), id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), poor, user, {}, spec()});
  ok(SetCreditLimit{poor, Amount{}});
  const ledger::Account& wallet = *market.ledger().account(market.account(poor)->wallet);
  EXPECT_EQ(wallet.credit_limit, cny(288));
  EXPECT_EQ(wallet.available(), Amount{});
  ok(FundAccount{poor, cny(1000), id_of<TransferId>(++serial_), Uuid{1, serial_}});
  ok(Tick{});
  EXPECT_EQ(market.ledger().account(market.account(poor)->wallet)->credit_limit, Amount{});
}

}  // namespace
}  // namespace bourse::broker
