// Wrong money in, taken back: what moves, what is refused, and that it is once only.
#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

using ledger::AccountCode;

class Reversals : public MarketFixture {
 protected:
  void SetUp() override {
    open_market();
    fund(Amount::whole(50));
    top_up_ = serial_;
  }
  ReverseMoneyIn top_up(std::string_view amount = "50") const {
    return {.what = id_of<TransferId>(top_up_).uuid, .kind = MoneyInKind::top_up, .account = account, .amount = *parse_amount(amount),
            .whole = Amount::whole(50), .reference = Uuid{1, top_up_}, .reason = "another account was meant"};
  }
  LotId grant(std::string_view amount) {
    const LotId lot = id_of<LotId>(++serial_);
    ok(GrantLot{lot, account, *parse_amount(amount), now + hours(24 * 30), "a gift"});
    return lot;
  }
  ReverseMoneyIn of(LotId lot, MoneyInKind kind, std::string_view amount) const {
    return {.what = lot.uuid, .kind = kind, .account = account, .amount = *parse_amount(amount), .whole = {}, .reference = {}, .reason = "a slip"};
  }

  std::uint64_t top_up_ = 0;
};

TEST_F(Reversals, ATopUpGoesBackUnderItsBusinessId) {
  const Amount before = balance(AccountCode::bank_clearing);
  ok(top_up());
  const auto& posted = first<ledger::Posted>();
  EXPECT_EQ(posted.code, ledger::TransferCode::top_up_reversed);
  EXPECT_EQ(posted.reference, (Uuid{1, top_up_}));
  EXPECT_EQ(posted.debit, market.account(account)->wallet);
  EXPECT_EQ(to_text(wallet().balance()), "1000.00");
  EXPECT_EQ(balance(AccountCode::bank_clearing) - before, Amount::whole(50));
  EXPECT_EQ(market.reversal(id_of<TransferId>(top_up_).uuid)->reason, "another account was meant");
  EXPECT_EQ(error(top_up()), ErrorCode::failed_precondition);
  EXPECT_EQ(error(top_up("1")), ErrorCode::failed_precondition);
  EXPECT_EQ(to_text(wallet().balance()), "1000.00");
  // The entry is credited under another name, or not at all: a repeat would say yes and do nothing.
  EXPECT_EQ(error(FundAccount{account, Amount::whole(50), id_of<TransferId>(top_up_), Uuid{1, top_up_}}), ErrorCode::failed_precondition);
}

TEST_F(Reversals, APartIsTakenWhereItIsNamed) {
  ok(top_up("20"));
  EXPECT_EQ(to_text(wallet().balance()), "1030.00");
  EXPECT_EQ(error(top_up("30")), ErrorCode::failed_precondition);
}

TEST_F(Reversals, ATopUpThatNeverWasIsNone) {
  const auto changed = [&](auto&& change) {
    ReverseMoneyIn act = top_up();
    change(act);
    return error(act);
  };
  EXPECT_EQ(changed([](auto& act) { act.whole = act.amount = Amount::whole(60); }), ErrorCode::not_found);
  EXPECT_EQ(changed([](auto& act) { act.reference = Uuid{1, 2}; }), ErrorCode::not_found);
  EXPECT_EQ(changed([](auto& act) { act.account = id_of<BillingAccountId>(9); }), ErrorCode::not_found);
  EXPECT_EQ(changed([](auto& act) { act.amount = Amount::whole(51); }), ErrorCode::invalid_argument);
  EXPECT_EQ(changed([](auto& act) { act.amount = {}; }), ErrorCode::amount_not_positive);
  EXPECT_EQ(changed([](auto& act) { act.reason = ""; }), ErrorCode::invalid_argument);
  EXPECT_TRUE(emitted.empty());
}

TEST_F(Reversals, WhatIsSpentOrHeldIsNotThere) {
  const BillingAccountId poor = id_of<BillingAccountId>(2);
  ok(OpenBillingAccount{poor, tenant, "poor", kCny, user});
  ok(FundAccount{poor, Amount::whole(3), id_of<TransferId>(++serial_), Uuid{7, 7}});
  const ReverseMoneyIn all{.what = id_of<TransferId>(serial_).uuid, .kind = MoneyInKind::top_up, .account = poor, .amount = Amount::whole(3),
                           .whole = Amount::whole(3), .reference = Uuid{7, 7}, .reason = "a slip"};
  ok(SubmitJob{id_of<JobId>(++serial_), id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), poor, user, {}, spec()});
  const auto refused = decide(all);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::insufficient_funds);
  EXPECT_NE(refused.error().detail.find("Only 0.12 CNY"), std::string::npos) << refused.error().detail;
  ReverseMoneyIn rest = all;
  rest.amount = *parse_amount("0.12");
  ok(rest);
  EXPECT_TRUE(market.ledger().account(market.account(poor)->wallet)->available().is_zero());
}

TEST_F(Reversals, ALotShrinksByWhatIsTakenFromIt) {
  const LotId lot = grant("10");
  run(submit(), hours(1));  // 1.44 of it
  EXPECT_EQ(error(of(lot, MoneyInKind::grant, "10")), ErrorCode::insufficient_funds);
  EXPECT_EQ(error(of(lot, MoneyInKind::voucher, "1")), ErrorCode::not_found);
  EXPECT_EQ(error(of(lot, MoneyInKind::grant, "10.01")), ErrorCode::invalid_argument);
  ok(of(lot, MoneyInKind::grant, "8.56"));
  EXPECT_EQ(first<ledger::Posted>().code, ledger::TransferCode::grant_reversed);
  EXPECT_TRUE(market.lot(lot)->left.is_zero());
  EXPECT_TRUE(market.lots(*market.account(account), kCny).empty());
  EXPECT_EQ(to_text(wallet().balance()), "1050.00");
  EXPECT_EQ(to_text(balance(AccountCode::grants)), "-1.44");
  EXPECT_EQ(error(of(lot, MoneyInKind::grant, "1")), ErrorCode::failed_precondition);
  // Nothing is left to expire.
  advance(hours(24 * 31));
  ok(Tick{});
  EXPECT_EQ(count<LotExpired>(), 0U);
}

TEST_F(Reversals, APackageGoesBackForItsPrice) {
  const ProductId product = id_of<ProductId>(++serial_);
  ok(PublishProducts{{{.id = product, .name = "small", .du = Amount::whole(3), .price = Amount::whole(10), .valid_for = hours(24 * 90)}}});
  const LotId lot = id_of<LotId>(++serial_);
  ok(BuyPackage{lot, account, user, product});
  EXPECT_EQ(to_text(wallet().balance()), "1040.00");
  ok(of(lot, MoneyInKind::package, "1"));
  EXPECT_EQ(to_text(first<MoneyInReversed>().reversal.money), "3.333333");
  EXPECT_EQ(first<MoneyInReversed>().reversal.unit, kDu);
  EXPECT_EQ(to_text(market.lot(lot)->left), "2.00");
  EXPECT_EQ(market.lot(lot)->price_left, balance(AccountCode::deferred_revenue));
  EXPECT_EQ(wallet().balance() + market.lot(lot)->price_left, Amount::whole(1050));
  EXPECT_EQ(error(of(lot, MoneyInKind::package, "2")), ErrorCode::failed_precondition);
}

// Two people who ask at once: whoever comes second is told that it is done, also where each has a proposal of it.
TEST_F(Reversals, TwoAtOnceAreOne) {
  const ProposalId one = id_of<ProposalId>(++serial_), other = id_of<ProposalId>(++serial_);
  ok(Propose{one, user, top_up(), ""});
  ok(Propose{other, user, top_up(), ""});
  ok(EndProposal{one, stranger, ProposalEnd::approved, {}});
  EXPECT_EQ(error(EndProposal{other, stranger, ProposalEnd::approved, {}}), ErrorCode::failed_precondition);
  EXPECT_EQ(to_text(wallet().balance()), "1000.00");
  EXPECT_EQ(error(EndProposal{other, user, ProposalEnd::approved, {}}), ErrorCode::forbidden);
}

}  // namespace
}  // namespace bourse::broker
