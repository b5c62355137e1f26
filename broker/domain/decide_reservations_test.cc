// Reserved capacity: what it costs, that it is there, and that its money is earned day by day to the last micro-unit.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

using ledger::AccountCode;

std::int64_t day_of(const char* text) { return parse_instant(std::string(text) + "T00:00:00Z")->unix_ms / hours(24).ms; }

TEST(ReservationDays, MonthsAndYearsEndOnTheSameDayOrTheLast) {
  EXPECT_EQ(months_after(day_of("2027-01-15"), 1), day_of("2027-02-15"));
  EXPECT_EQ(months_after(day_of("2027-01-31"), 1), day_of("2027-02-28"));
  EXPECT_EQ(months_after(day_of("2028-01-31"), 1), day_of("2028-02-29"));
  EXPECT_EQ(months_after(day_of("2028-02-29"), 12), day_of("2029-02-28"));
  EXPECT_EQ(months_after(day_of("2027-12-01"), 3), day_of("2028-03-01"));
}

TEST(ReservationDays, ADayIsADayHoweverLong) {
  Reservation r{.price = Amount::whole(31), .zone = "Europe/Berlin", .first_day = day_of("2026-03-15")};
  r.term = Term::month, r.terms = 1;
  ASSERT_TRUE(set_span(r));
  EXPECT_EQ(r.days, 31);
  EXPECT_EQ(r.from, *parse_instant("2026-03-14T23:00:00Z"));
  EXPECT_EQ(r.until, *parse_instant("2026-04-14T22:00:00Z"));
  EXPECT_EQ(days_over(r, *parse_instant("2026-03-29T21:59:59Z")), 14);
  EXPECT_EQ(days_over(r, *parse_instant("2026-03-29T22:00:00Z")), 15);
  r.days_earned = 14;
  EXPECT_EQ(next_day_over(r), *parse_instant("2026-03-29T22:00:00Z"));
  EXPECT_EQ(days_over(r, r.until), 31);
  EXPECT_EQ(days_over(r, r.from - milliseconds(1)), 0);
  r.terms = 121;
  EXPECT_FALSE(set_span(r));
}

// Where the clock is set back over midnight (Beirut, 2026-10-25) and where a whole day is left out (Apia, 2011-12-30).
TEST(ReservationDays, EveryDayIsOverOnceAndInOrder) {
  for (const auto& [zone, begins] : {std::pair("Asia/Beirut", "2026-10-01"), {"Pacific/Apia", "2011-12-10"}, {"America/Havana", "2026-10-10"}}) {
    Reservation r{.price = Amount::whole(1), .zone = zone, .first_day = day_of(begins)};
    r.term = Term::month, r.terms = 1;
    ASSERT_TRUE(set_span(r));
    for (Instant t = r.from; t <= r.until; t = t + minutes(10)) {
      const std::int32_t over = days_over(r, t);
      EXPECT_GE(over, r.days_earned);
      if (r.days_earned < r.days && next_day_over(r) <= t) EXPECT_GT(over, r.days_earned) << zone << " " << to_text(t);
      r.days_earned = over;
    }
    EXPECT_EQ(r.days_earned, r.days) << zone;
  }
}

class Reservations : public MarketFixture {
 protected:
  void SetUp() override { open_market(); }
  void TestBody() override {}

  void sell(std::int64_t quantity = 4, Amount price = Amount::whole(100), Reservable settlement = {}, bool may_subsidise = false, std::int32_t fee_bps = 1'000) {
    Contract contract{.id = id_of<ContractId>(++serial_), .center = north, .terms = {.tax_bps = 600, .margin_bps = 1'000}, .valid_from = now};
    settlement.pool = "batch", settlement.what = Reserved::node, settlement.quantity = quantity;
    contract.reservable = {settlement};
    if (may_subsidise) {  // only contracts with settlement prices may
      contract.may_subsidise = true;
      for (const auto meter : pricing::kHeldMeters)
        contract.settlement.push_back({.id = id_of<PriceRowId>(++serial_), .meter = meter, .price = {0, 0}, .per = 1, .valid_from = now});
    }
    ok(SetContract{contract});
    ok(PublishReservedPrices{{price_of(price, fee_bps)}});
  }
  ReservedPrice price_of(Amount price, std::int32_t fee_bps = 0, Term term = Term::month) {
    return {.id = id_of<PriceRowId>(++serial_), .center = north, .pool = "batch", .what = Reserved::node, .term = term, .price = price, .early_end_bps = fee_bps, .valid_from = now};
  }
  BuyReservation wants(std::int64_t quantity = 1, std::int32_t terms = 1) {
    return {.reservation = id_of<ReservationId>(++serial_), .account = account, .user = user, .center = north, .pool = "batch", .what = Reserved::node, .quantity = quantity, .term = Term::month, .terms = terms};
  }
  Amount deferred() const { return balance(AccountCode::deferred_revenue); }
  Amount owed() const { return balance(AccountCode::center_payable, north.uuid); }
  const Period& period() const { return *market.period(market.center(north)->open_period); }
  Amount earned() const { return owed() + balance(AccountCode::platform_revenue) + balance(AccountCode::tax_payable); }
};

TEST_F(Reservations, AreBoughtEarnedDayByDayAndExpire) {
  sell();
  const Amount before = wallet().available();
  const BuyReservation wanted = wants(2);
  ok(wanted);
  const Reservation bought = *market.reservation(wanted.reservation);
  EXPECT_EQ(bought.price, Amount::whole(200));
  EXPECT_EQ(bought.days, 31);
  EXPECT_EQ(wallet().available(), before - Amount::whole(200));
  EXPECT_EQ(deferred(), Amount::whole(200));
  ok(Tick{});
  EXPECT_EQ(count<ReservationAccrued>(), 0U);
  now = bought.from + hours(24);
  ok(Tick{});
  EXPECT_EQ(first<ReservationAccrued>().added.gross, Amount{6'451'613});
  EXPECT_EQ(earned(), Amount{6'451'613});
  ok(Tick{});
  EXPECT_EQ(count<ReservationAccrued>(), 0U) << "a day is earned once";
  ok(ClosePeriod{north, {}});
  EXPECT_EQ(period().opening, owed());
  now = bought.until + hours(24 * 7);  // nobody looked for a month
  ok(Tick{});
  EXPECT_EQ(count<ReservationAccrued>(), 1U);
  EXPECT_EQ(first<ReservationEnded>().state, ReservationState::expired);
  EXPECT_EQ(earned(), Amount::whole(200));
  EXPECT_EQ(deferred(), Amount{});
  EXPECT_EQ(period().closing(), owed());
  EXPECT_EQ(market.reservation(wanted.reservation), nullptr);
}

TEST_F(Reservations, OnlyWhatACenterOffersCanBeTaken) {
  EXPECT_EQ(error(wants()), ErrorCode::no_price);
  sell(3);
  EXPECT_EQ(error(wants(4)), ErrorCode::failed_precondition);
  ok(wants(2));
  const auto result = decide(wants(2));
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().detail.find("Of 3 nodes of north/batch that may be reserved, 2 are taken"), std::string::npos) << result.error().detail;
  BuyReservation later = wants(2);
  later.first_day = market.calendar(*market.account(account), now).first + 31;  // when the first is over
  ok(later);
  EXPECT_EQ(error(wants(2, 2)), ErrorCode::failed_precondition);
  ok(wants(1, 2));
  BuyReservation bad = wants(0);
  EXPECT_EQ(error(bad), ErrorCode::invalid_argument);
  bad = wants(), bad.terms = 0;
  EXPECT_EQ(error(bad), ErrorCode::invalid_argument);
  bad = wants(), bad.first_day = later.first_day - 32;
  EXPECT_EQ(error(bad), ErrorCode::invalid_argument);
  bad = wants(), bad.user = stranger;
  EXPECT_EQ(error(bad), ErrorCode::not_found);
  bad = wants(), bad.reservation = later.reservation;
  EXPECT_EQ(error(bad), ErrorCode::invalid_argument);
  bad = wants(), bad.what = Reserved::card;
  EXPECT_EQ(error(bad), ErrorCode::no_price);
}

TEST_F(Reservations, ArePaidBeforehandWithinLimits) {
  sell(1'000);
  EXPECT_EQ(error(wants(11)), ErrorCode::insufficient_funds);
  ok(SetMemberLimits{account, user, {.per_month = Amount::whole(250)}});
  EXPECT_EQ(error(wants(3)), ErrorCode::member_limit);
  ok(wants(2));
  EXPECT_EQ(error(wants(1)), ErrorCode::member_limit);
  ok(SetAccountPolicy{account, true, "unpaid", {}});
  EXPECT_EQ(error(wants(1)), ErrorCode::account_frozen);
}

TEST_F(Reservations, TheNewestPriceHoldsAndALockedOneStays) {
  sell();
  const BuyReservation wanted = wants();
  ok(wanted);
  advance(seconds(1));
  ok(PublishReservedPrices{{price_of(Amount::whole(300))}});
  EXPECT_EQ(market.offer(wants(), now)->price, Amount::whole(300));
  auto ours = price_of(Amount::whole(50));
  ours.tenant = tenant, ours.valid_from = Instant{kStart};
  ok(PublishReservedPrices{{ours}});
  EXPECT_EQ(market.offer(wants(), now)->price, Amount::whole(50)) << "the tenant's own";
  EXPECT_EQ(market.reservation(wanted.reservation)->price, Amount::whole(100));
  ours.price = Amount{1};
  EXPECT_EQ(error(PublishReservedPrices{{ours}}), ErrorCode::conflict);
  EXPECT_EQ(error(PublishReservedPrices{{price_of(Amount{})}}), ErrorCode::invalid_argument);
  EXPECT_EQ(error(PublishReservedPrices{}), ErrorCode::invalid_argument);
  BuyReservation agreed = wants();
  agreed.price = Amount{49'999'999};
  EXPECT_EQ(error(agreed), ErrorCode::failed_precondition);
  agreed.price = Amount::whole(50);
  ok(agreed);
}

TEST_F(Reservations, EndedEarlyTheRestLessTheFeeGoesBack) {
  sell();
  const BuyReservation wanted = wants();
  const Amount before = wallet().available();
  ok(wanted);
  EXPECT_EQ(error(EndReservation{wanted.reservation, stranger}), ErrorCode::not_found);
  now = market.reservation(wanted.reservation)->from + hours(30);  // the second day
  ok(EndReservation{wanted.reservation, user});
  const Amount two_days{6'451'613}, left = Amount::whole(100) - two_days, fee{9'354'839};
  EXPECT_EQ(first<ReservationEnded>().returned, left - fee);
  EXPECT_EQ(wallet().available(), before - two_days - fee);
  EXPECT_EQ(earned(), two_days + fee);
  EXPECT_EQ(deferred(), Amount{});
  EXPECT_EQ(period().closing(), owed());
  EXPECT_EQ(error(EndReservation{wanted.reservation, user}), ErrorCode::not_found);
  ok(Tick{});
  EXPECT_EQ(emitted.size(), 0U);
}

TEST_F(Reservations, TheCenterGetsItsOwnPrice) {
  sell(4, Amount::whole(100), {.month = Amount::whole(95)});
  EXPECT_EQ(error(wants()), ErrorCode::failed_precondition) << "94.34 are left after tax";
  advance(seconds(1));
  sell(4, Amount::whole(100), {.month = Amount::whole(95)}, true);
  const BuyReservation wanted = wants();
  ok(wanted);
  now = market.reservation(wanted.reservation)->from + hours(24 * 12);
  ok(Tick{});
  now = now + hours(24 * 40);
  ok(Tick{});
  EXPECT_EQ(owed(), Amount::whole(95));
  EXPECT_EQ(balance(AccountCode::platform_revenue), Amount::whole(5) - balance(AccountCode::tax_payable));
  EXPECT_TRUE(balance(AccountCode::platform_revenue).is_negative());
}

TEST_F(Reservations, AreRenewedWhereTheMoneyIsThere) {
  sell(4, Amount::whole(400));
  BuyReservation wanted = wants();
  wanted.renew = true;
  ok(wanted);
  const Reservation one = *market.reservation(wanted.reservation);
  now = one.until;
  ok(Tick{});
  EXPECT_EQ(first<ReservationEnded>().reason, "");
  const Reservation two = first<ReservationBought>().reservation;
  EXPECT_EQ(two.renews, one.id);
  EXPECT_EQ(two.from, one.until);
  EXPECT_TRUE(two.renew);
  now = two.until;
  ok(Tick{});  // 200 are left
  EXPECT_EQ(count<ReservationBought>(), 0U);
  EXPECT_NE(first<ReservationEnded>().reason.find("400.00 CNY are needed, 200.00 are available of own money"), std::string::npos) << first<ReservationEnded>().reason;

  const BuyReservation again = wants();
  advance(seconds(1));
  ok(PublishReservedPrices{{price_of(Amount::whole(10))}});
  ok(again);
  ok(SetRenewal{again.reservation, user, true});
  EXPECT_EQ(count<RenewalSet>(), 1U);
  ok(SetRenewal{again.reservation, user, true});
  EXPECT_EQ(count<RenewalSet>(), 0U);
  ok(SetRenewal{again.reservation, user, false});
  now = market.reservation(again.reservation)->until;
  ok(Tick{});
  EXPECT_EQ(count<ReservationBought>(), 0U);
}

TEST_F(Reservations, ATickHasABound) {
  sell(5'000, Amount{1'000'000});
  for (int i = 0; i < 5; ++i) {
    fund(Amount::whole(300));
    for (int n = 0; n < 250; ++n) ok(wants());
  }
  now = market.reservations().front()->from + hours(24);
  ok(Tick{});
  EXPECT_EQ(count<ReservationAccrued>(), 1'000U);
  ok(Tick{});
  EXPECT_EQ(count<ReservationAccrued>(), 250U);
}

// However often and late the clock ticks, and wherever it ends: what was paid is what was earned and what went back.
RC_GTEST_FIXTURE_PROP(Reservations, MoneyIsConservedAtEveryInstant, ()) {
  if (market.centers().empty()) open_market();
  now = Instant{kStart} + hours(*rc::gen::inRange(0, 24 * 400));
  const bool may_subsidise = *rc::gen::arbitrary<bool>();
  const Amount price{*rc::gen::inRange<std::int64_t>(1, 900'000'000)};
  const Amount settlement{*rc::gen::inRange<std::int64_t>(0, may_subsidise ? price.micros * 2 : price.micros * 9 / 10 + 1)};
  ok(SetAccountPolicy{account, false, {}, *rc::gen::element<std::string>("", "Asia/Shanghai", "Europe/Berlin", "Asia/Beirut", "America/New_York")});
  sell(4, price, {.month = settlement}, may_subsidise, *rc::gen::inRange(0, 10'001));
  fund(price);
  const Amount paid = wallet().balance(), earned_before = earned(), owed_before = owed(), tax_before = balance(AccountCode::tax_payable);
  const Amount platform_before = balance(AccountCode::platform_revenue), accrued_before = period().accrued.gross;
  const auto earned_now = [&] { return earned() - earned_before; };
  BuyReservation wanted = wants(1, 1);
  ok(wanted);
  const Reservation bought = *market.reservation(wanted.reservation);
  RC_ASSERT(bought.days >= 28 && bought.days <= 31);
  Amount before;
  while (market.reservation(wanted.reservation) != nullptr) {
    now = now + milliseconds(*rc::gen::inRange<std::int64_t>(1, hours(24 * 9).ms));
    const bool ends = *rc::gen::inRange(0, 8) == 0;
    if (ends) ok(EndReservation{wanted.reservation, user}); else ok(Tick{});
    RC_ASSERT(wallet().balance() + deferred() + earned_now() == paid);
    RC_ASSERT(earned_now() >= before);
    RC_ASSERT(period().closing() == owed() && period().accrued.gross - accrued_before == earned_now());
    RC_ASSERT(may_subsidise || balance(AccountCode::platform_revenue) >= platform_before);
    const Reservation* still = market.reservation(wanted.reservation);
    if (still != nullptr) RC_ASSERT(earned_now() == gross_after(*still, still->days_earned));
    before = earned_now();
  }
  RC_ASSERT(deferred() == Amount{});
  if (wallet().balance() == paid - price) {
    RC_ASSERT(earned_now() == price);
    const Amount net = price - (balance(AccountCode::tax_payable) - tax_before);
    if (bought.by_settlement) RC_ASSERT(owed() - owed_before == (may_subsidise ? bought.settlement : std::min(bought.settlement, net)));
  }
}

}  // namespace
}  // namespace bourse::broker
