#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

using ledger::AccountCode;

class Payouts : public MarketFixture {
 protected:
  const Payee payee{"North Computing Center", "DE89370400440532013000", "COBADEFFXXX"};
  void SetUp() override {
    open_market();
    ok(SetPayee{north, payee});
  }
  PeriodId open_period() const { return market.center(north)->open_period; }
  // Runs an hour of work, closes the period and seals it.
  PeriodId settle(Duration work = hours(1)) {
    if (work.ms > 0) run(submit(), work);
    const PeriodId period = open_period();
    ok(ClosePeriod{north, {}});
    ok(SealStatement{period, hash_of(to_text(period))});
    return period;
  }
  OrderPayout order(PeriodId through) {
    return {id_of<PayoutId>(++serial_), north, through, market.due(*market.period(through)), payee};
  }
  Amount owed() const { return balance(AccountCode::center_payable, north.uuid); }
  Amount in_transit() const { return balance(AccountCode::payout_in_transit, north.uuid); }
};

TEST_F(Payouts, OrderedInTransitAndPaid) {
  const PeriodId period = settle();
  const Amount due = cents(owed()), rest = below_cents(owed());
  const Amount cash = balance(AccountCode::bank_clearing);
  const OrderPayout act = order(period);
  EXPECT_EQ(act.amount, due);
  ok(act);
  EXPECT_EQ(owed(), rest);  // banks pay whole cents; the rest is paid with the next
  EXPECT_EQ(in_transit(), due);
  EXPECT_EQ(market.period(open_period())->closing(), rest);
  EXPECT_EQ(market.period(period)->state, PeriodState::closed);
  EXPECT_EQ(error(order(period)), ErrorCode::failed_precondition);  // nothing is due any more

  ok(SettlePayout{act.payout, PayoutState::paid, "BANK-77", ""});
  EXPECT_EQ(in_transit(), Amount{});
  EXPECT_EQ(balance(AccountCode::bank_clearing), cash + due);
  EXPECT_EQ(market.period(period)->state, PeriodState::paid);
  ok(SettlePayout{act.payout, PayoutState::paid, "BANK-77", ""});  // the bank's file read twice
  EXPECT_TRUE(emitted.empty());
  EXPECT_EQ(error(SettlePayout{act.payout, PayoutState::returned, "BANK-78", ""}), ErrorCode::failed_precondition);
}

TEST_F(Payouts, SeveralPeriodsAreNetted) {
  const PeriodId one = settle(), two = settle(minutes(30)), three = settle({});
  const Amount due = cents(owed());
  const OrderPayout act = order(three);
  EXPECT_EQ(act.amount, due);
  ok(act);
  EXPECT_EQ(market.payout(act.payout)->periods, (std::vector{one, two, three}));
  ok(SettlePayout{act.payout, PayoutState::paid, "B", ""});
  for (const PeriodId period : {one, two, three}) EXPECT_EQ(market.period(period)->state, PeriodState::paid);
}

TEST_F(Payouts, AnEarlierPeriodAloneLeavesTheLaterOwed) {
  const PeriodId one = settle(), two = settle(minutes(30));
  const Amount both = owed();
  ok(order(one));
  EXPECT_EQ(in_transit(), cents(market.period(one)->closing()));
  const OrderPayout rest = order(two);
  EXPECT_EQ(rest.amount, cents(both - in_transit()));
  ok(rest);
  EXPECT_EQ(market.payout(rest.payout)->periods, std::vector{two});
  EXPECT_EQ(owed(), below_cents(both));
}

TEST_F(Payouts, AReturnedOneIsOwedAgain) {
  const PeriodId period = settle();
  const OrderPayout act = order(period);
  ok(act);
  ok(SettlePayout{act.payout, PayoutState::returned, "", "account closed"});
  EXPECT_EQ(cents(owed()), act.amount);
  EXPECT_EQ(in_transit(), Amount{});
  EXPECT_EQ(market.period(period)->state, PeriodState::closed);
  const OrderPayout again = order(period);
  EXPECT_EQ(again.amount, act.amount);
  ok(again);
  EXPECT_EQ(market.payout(again.payout)->periods, std::vector{period});
}

TEST_F(Payouts, WhatTheApproverSawIsWhatIsPaid) {
  const PeriodId period = settle();
  const OrderPayout good = order(period);
  OrderPayout act = good;
  act.amount += Amount::of_micros(1);
  EXPECT_EQ(error(act), ErrorCode::failed_precondition);
  act = good;
  act.payee.account = "DE00ELSEWHERE";
  EXPECT_EQ(error(act), ErrorCode::failed_precondition);
  act = good;
  act.through = open_period();
  EXPECT_EQ(error(act), ErrorCode::failed_precondition);
  act = good;
  act.through = market.center(south)->open_period;
  EXPECT_EQ(error(act), ErrorCode::not_found);
  EXPECT_EQ(error(SettlePayout{good.payout, PayoutState::paid, "B", ""}), ErrorCode::not_found);
  ok(good);
  EXPECT_EQ(error(SettlePayout{good.payout, PayoutState::paid, "", ""}), ErrorCode::invalid_argument);
}

TEST_F(Payouts, NothingWithoutABankAccount) {
  run(submit([] {
        JobSpec at_south = spec();
        at_south.center = id_of<CenterId>(2);
        return at_south;
      }()),
      hours(1));
  const PeriodId period = market.center(south)->open_period;
  ok(ClosePeriod{south, {}});
  ok(SealStatement{period, hash_of("south")});
  EXPECT_EQ(error(OrderPayout{id_of<PayoutId>(1), south, period, market.due(*market.period(period)), {}}),
            ErrorCode::failed_precondition);
}

TEST_F(Payouts, OfARefusedFileGoIntoAnother) {
  const auto file = [](std::uint64_t n) { return PaymentFile{.id = {7, n}, .bytes = hash_of("file " + std::to_string(n))}; };
  const OrderPayout first = order(settle());
  ok(first);
  EXPECT_EQ(error(WithdrawPaymentFile{file(1).id, "unknown"}), ErrorCode::not_found);
  ok(ExportPayouts{file(1), {first.payout}});
  EXPECT_EQ(error(WithdrawPaymentFile{file(1).id, ""}), ErrorCode::invalid_argument);
  ok(WithdrawPaymentFile{file(1).id, "DT01: the date has passed"});
  EXPECT_TRUE(market.payout(first.payout)->file.is_nil());
  EXPECT_EQ(market.payout(first.payout)->withdrawn_files, 1);
  EXPECT_EQ(market.payment_file(file(1).id)->withdrawn_at, now);
  EXPECT_EQ(error(WithdrawPaymentFile{file(1).id, "again"}), ErrorCode::failed_precondition);
  EXPECT_EQ(error(ExportPayouts{file(1), {first.payout}}), ErrorCode::invalid_argument);  // the bank knows the id
  ok(ExportPayouts{file(2), {first.payout}});
  EXPECT_EQ(market.payout(first.payout)->file, file(2).id);
  ok(SettlePayout{first.payout, PayoutState::paid, "B", ""});
  EXPECT_EQ(error(WithdrawPaymentFile{file(2).id, "late"}), ErrorCode::failed_precondition) << "the bank took it";
}

TEST_F(Payouts, ArePutIntoOnePaymentFileOnly) {
  const auto file = [](std::uint64_t n) { return PaymentFile{.id = {7, n}, .bytes = hash_of("file " + std::to_string(n))}; };
  EXPECT_EQ(error(ExportPayouts{file(1), {}}), ErrorCode::failed_precondition);
  const OrderPayout first = order(settle());
  ok(first);
  EXPECT_EQ(error(ExportPayouts{file(1), {first.payout, first.payout}}), ErrorCode::invalid_argument);
  EXPECT_EQ(error(ExportPayouts{file(1), {id_of<PayoutId>(77)}}), ErrorCode::not_found);
  ok(ExportPayouts{file(1), {first.payout}}, "k", 1);
  EXPECT_EQ(market.payout(first.payout)->file, file(1).id);
  EXPECT_EQ(market.payment_file(file(1).id)->bytes, file(1).bytes);
  EXPECT_EQ(market.payment_file(file(1).id)->at, now);
  // The answer was lost and it is asked for again: the same file. With another key it is refused.
  EXPECT_EQ(ok(ExportPayouts{file(1), {}}, "k", 1).object, file(1).id);
  EXPECT_EQ(error(ExportPayouts{file(2), {first.payout}}), ErrorCode::failed_precondition);
  const OrderPayout second = order(settle());
  ok(second);
  EXPECT_EQ(error(ExportPayouts{file(2), {first.payout, second.payout}}), ErrorCode::failed_precondition);
  EXPECT_TRUE(market.payout(second.payout)->file.is_nil());
  EXPECT_EQ(error(ExportPayouts{file(1), {second.payout}}), ErrorCode::invalid_argument);  // an id once
  ok(ExportPayouts{file(2), {second.payout}});
  ok(SettlePayout{second.payout, PayoutState::returned, "B", "closed account"});
  const OrderPayout third = order(settle());
  ok(third);
  ok(SettlePayout{third.payout, PayoutState::paid, "C", ""});
  EXPECT_EQ(error(ExportPayouts{file(3), {third.payout}}), ErrorCode::failed_precondition);  // not in transit
}

}  // namespace
}  // namespace bourse::broker
