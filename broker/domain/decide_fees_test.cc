// A contract's fixed fee as periods are closed by it.
#include "broker/domain/fee.h"
#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

using ledger::AccountCode;

class Fees : public MarketFixture {
 protected:
  void SetUp() override {
    open_market();
    now = *parse_instant("2027-03-01T00:00:00Z");
    closed();  // so that a month begins
  }
  Contract terms(std::string_view fee, Instant from, std::string zone = {}) {
    return {.id = id_of<ContractId>(900 + ++made_), .center = north, .terms = {.tax_bps = 600, .margin_bps = 1000}, .valid_from = from, .zone = std::move(zone),
            .monthly_fee = *parse_amount(fee), .fee_tax_bps = 600};
  }
  const Period& open_one() const { return *market.period(market.center(north)->open_period); }
  // Closes, and seals what was closed.
  Period closed() {
    const PeriodId id = market.center(north)->open_period;
    ok(ClosePeriod{north, {}});
    fees_ = count<FeesCharged>() == 0 ? std::vector<ChargedFee>{} : first<FeesCharged>().fees;
    const Period out = *market.period(id);
    ok(SealStatement{id, hash_of(to_text(id))});
    return out;
  }

  std::vector<ChargedFee> fees_;
  std::uint64_t made_ = 0;
};

TEST_F(Fees, AMonthlyCloseChargesTheMonth) {
  ok(SetContract{terms("310.00", now)});
  run(submit(), hours(1));
  const Amount owed = open_one().closing(), revenue = balance(AccountCode::platform_revenue), tax = balance(AccountCode::tax_payable);
  now = *parse_instant("2027-04-01T00:00:00Z");
  const Period period = closed();
  const Amount fee = Amount::whole(310), fee_tax{17'547'169};  // ⌊310 · 600 / 10600⌋
  EXPECT_EQ(period.fees, 1U);
  EXPECT_EQ(period.fee, fee);
  EXPECT_EQ(period.fee_tax, fee_tax);
  EXPECT_EQ(period.closing(), owed - fee);
  EXPECT_EQ(open_one().opening, owed - fee);
  EXPECT_EQ(balance(AccountCode::center_payable, north.uuid), owed - fee);
  EXPECT_EQ(balance(AccountCode::platform_revenue), revenue + fee - fee_tax);
  EXPECT_EQ(balance(AccountCode::tax_payable), tax + fee_tax);
  ASSERT_EQ(fees_.size(), 1U);
  EXPECT_EQ(fees_[0].from, period.opened_at);
  EXPECT_EQ(fees_[0].until, period.cut_off);
}

TEST_F(Fees, TheEventsOfAClosingAreOneUnit) {
  ok(SetContract{terms("310.00", now)});
  now = now + hours(48);
  ok(ClosePeriod{north, {}});
  std::vector<std::size_t> order;
  for (const Event& event : emitted) order.push_back(event.index());
  const auto place = [&](const Event& event) { return std::ranges::find(order, event.index()) - order.begin(); };
  EXPECT_EQ(count<ledger::Posted>(), 2U);
  EXPECT_LT(place(ledger::Posted{}), place(FeesCharged{}));
  EXPECT_LT(place(FeesCharged{}), place(PeriodClosing{}));
  EXPECT_LT(place(PeriodClosing{}), place(PeriodOpened{}));
  EXPECT_EQ(first<ledger::Posted>().code, ledger::TransferCode::contract_fee);
  EXPECT_EQ(first<ledger::Posted>().reference, first<FeesCharged>().period.uuid);
}

TEST_F(Fees, HoweverOftenAMonthIsClosedItCostsOnce) {
  ok(SetContract{terms("100.00", now)});
  Amount charged;
  for (const char* day : {"2027-03-04T10:00:00Z", "2027-03-04T10:00:00Z", "2027-03-04T19:00:00Z", "2027-03-21T00:00:00Z", "2027-04-01T00:00:00Z"}) {
    now = *parse_instant(day);
    charged += closed().fee;
  }
  EXPECT_EQ(charged, Amount::whole(100));
  EXPECT_EQ(closed().fees, 0U);  // in the same instant
  EXPECT_EQ(count<FeesCharged>(), 0U);
}

TEST_F(Fees, AContractWithinThePeriodCountsFromItsDay) {
  ok(SetContract{terms("310.00", now)});
  ok(SetContract{terms("620.00", *parse_instant("2027-03-11T09:00:00Z"))});
  now = *parse_instant("2027-04-01T00:00:00Z");
  const Period period = closed();
  ASSERT_EQ(fees_.size(), 2U);
  EXPECT_EQ(fees_[0].amount, Amount::whole(100));
  EXPECT_EQ(fees_[1].amount, Amount::whole(420));  // the eleventh was over in its time
  EXPECT_EQ(period.fee, Amount::whole(520));
  EXPECT_EQ(period.fees, 2U);
}

// Dated back into the open period it holds from its date; what is closed stays as it was.
TEST_F(Fees, AContractDatedBackChargesTheOpenPeriodOnly) {
  ok(SetContract{terms("310.00", now)});
  now = *parse_instant("2027-03-11T00:00:00Z");
  EXPECT_EQ(closed().fee, Amount::whole(100));
  now = *parse_instant("2027-03-21T00:00:00Z");
  ok(SetContract{terms("3100.00", *parse_instant("2027-02-01T00:00:00Z"))});  // begins before the first one: that still holds from 1 March
  ok(SetContract{terms("620.00", *parse_instant("2027-03-05T00:00:00Z"))});
  ok(SetContract{terms("930.00", *parse_instant("2027-03-16T00:00:00Z"))});
  now = *parse_instant("2027-04-01T00:00:00Z");
  closed();
  ASSERT_EQ(fees_.size(), 2U);
  EXPECT_EQ(fees_[0].from, *parse_instant("2027-03-11T00:00:00Z"));
  EXPECT_EQ(fees_[0].amount, Amount::whole(100));  // five days at 20
  EXPECT_EQ(fees_[1].amount, Amount::whole(480));  // sixteen at 30
}

TEST_F(Fees, ADayThatIsOverInOneZoneIsNotChargedInTheNext) {
  ok(SetContract{terms("310.00", now, "Asia/Shanghai")});
  now = *parse_instant("2027-03-10T16:00:00Z");  // the eleventh has begun in Shanghai: ten days are over
  EXPECT_EQ(closed().fee, Amount::whole(100));
  ok(SetContract{terms("310.00", now)});  // UTC: the tenth will be over in eight hours
  now = *parse_instant("2027-03-11T00:00:00Z");
  EXPECT_EQ(closed().fees, 0U);
  now = *parse_instant("2027-04-01T00:00:00Z");
  EXPECT_EQ(closed().fee, Amount::whole(210));
}

TEST_F(Fees, ACenterThatIsOwedLessGoesBelowZeroAndIsNettedLater) {
  ok(SetContract{terms("1.00", now)});
  ok(SetPayee{north, {"North University", "DE12", "BANK"}});
  now = *parse_instant("2027-04-01T00:00:00Z");
  const PeriodId first_period = market.center(north)->open_period;
  EXPECT_EQ(closed().closing(), Amount{} - Amount::whole(1));
  EXPECT_EQ(balance(AccountCode::center_payable, north.uuid), Amount{} - Amount::whole(1));
  EXPECT_FALSE(market.due(*market.period(first_period)).is_positive());
  EXPECT_EQ(error(OrderPayout{id_of<PayoutId>(1), north, first_period, Amount::whole(1), market.center(north)->payee}), ErrorCode::failed_precondition);
  run(submit(), hours(1));
  const Amount earned = open_one().center_share;
  ASSERT_GT(earned, Amount::whole(1));
  const PeriodId second = market.center(north)->open_period;
  closed();
  const Amount due = market.due(*market.period(second));
  EXPECT_EQ(due, cents(earned - Amount::whole(1)));
  ok(OrderPayout{id_of<PayoutId>(1), north, second, due, market.center(north)->payee});
  EXPECT_EQ(market.payout(id_of<PayoutId>(1))->periods.size(), 3U);  // and the one before March
}

TEST_F(Fees, ByTheScheduleToo) {
  Contract monthly = terms("100.00", now, "Asia/Shanghai");
  monthly.schedule = "0 0 1 * *";
  ok(SetContract{monthly});
  const PeriodId id = market.center(north)->open_period;
  now = *parse_instant("2027-03-31T16:00:00Z");
  ok(Tick{});
  EXPECT_EQ(market.period(id)->state, PeriodState::closing);
  EXPECT_EQ(market.period(id)->fee, Amount::whole(100));
}

TEST_F(Fees, BadOnesAreRefused) {
  const auto refused = [&](auto change) {
    Contract bad = terms("10.00", now);
    change(bad);
    return error(SetContract{bad}) == ErrorCode::invalid_argument;
  };
  EXPECT_TRUE(refused([](Contract& c) { c.monthly_fee = Amount{-1}; }));
  EXPECT_TRUE(refused([](Contract& c) { c.monthly_fee = kMaxMonthlyFee + Amount{1}; }));
  EXPECT_TRUE(refused([](Contract& c) { c.fee_tax_bps = -1; }));
  EXPECT_TRUE(refused([](Contract& c) { c.fee_tax_bps = 10'001; }));
  EXPECT_TRUE(refused([](Contract& c) { c.monthly_fee = {}; }));  // tax of nothing
  EXPECT_TRUE(refused([](Contract& c) { c.zone = "Nowhere/Else"; }));
  EXPECT_TRUE(refused([](Contract& c) { c.monthly_fee = {}, c.fee_tax_bps = 0, c.zone = "Asia/Shanghai"; }));
  ok(SetContract{terms("1000000000", now)});
}

// The center sets its settlement prices by a contract that says nothing else that is new.
TEST_F(Fees, ACenterCannotChangeItsFee) {
  Contract open_to_it = terms("310.00", now);
  open_to_it.settlement_prices = PriceSetter::center;
  ok(SetContract{open_to_it});
  Contract wanted = open_to_it;
  wanted.id = id_of<ContractId>(990);
  wanted.valid_from = now + hours(1);
  wanted.settlement = {{.id = id_of<PriceRowId>(990), .scope = {.center = north}, .meter = pricing::Meter::core_ms, .price = *parse_decimal("0.2"), .per = 3'600'000, .valid_from = now}};
  for (int field = 0; field < 2; ++field) {
    Contract cheaper = wanted;
    if (field == 0) cheaper.monthly_fee = Amount::whole(1);
    else cheaper.fee_tax_bps = 0;
    EXPECT_EQ(error(SetContract{.contract = cheaper, .by = north}), ErrorCode::failed_precondition) << field;
  }
  ok(SetContract{.contract = wanted, .by = north});
  EXPECT_EQ(market.center(north)->contracts.back().monthly_fee, Amount::whole(310));
}

// What the center had set for a later day follows the platform's terms of an earlier one: with its fee.
TEST_F(Fees, TheCentersLaterVersionsHaveTheFeeOfThePlatformsTerms) {
  Contract before = terms("310.00", now);
  before.settlement_prices = PriceSetter::center;
  ok(SetContract{before});
  Contract own = before;
  own.id = id_of<ContractId>(990);
  own.valid_from = now + hours(24 * 10);
  own.by_center = true;
  own.settlement = {{.id = id_of<PriceRowId>(990), .scope = {.center = north}, .meter = pricing::Meter::core_ms, .price = *parse_decimal("0.2"), .per = 3'600'000, .valid_from = now}};
  ok(SetContract{.contract = own, .by = north});
  Contract dearer = terms("620.00", now + hours(24 * 5));
  dearer.settlement_prices = PriceSetter::center;
  ok(SetContract{dearer});
  now = *parse_instant("2027-04-01T00:00:00Z");
  EXPECT_EQ(closed().fee, Amount::whole(5 * 10 + 26 * 20));
  EXPECT_EQ(fees_.size(), 3U);
}

TEST_F(Fees, ASnapshotKeepsWhatIsCharged) {
  ok(SetContract{terms("310.00", now, "Asia/Shanghai")});
  now = *parse_instant("2027-03-10T16:00:00Z");
  ok(ClosePeriod{north, {}});
  std::vector<std::byte> state;
  market.save(state);
  Market loaded;
  ASSERT_TRUE(loaded.load(state));
  EXPECT_EQ(loaded.digest(), market.digest());
  EXPECT_EQ(loaded.center(north)->fees_charged_until, day_begun(*Zone::named("Asia/Shanghai"), now));
  EXPECT_EQ(loaded.periods(north)[1]->fee, Amount::whole(100));
}

}  // namespace
}  // namespace bourse::broker
