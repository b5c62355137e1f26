// Credit lots by example: what pays first, what expires, what comes back; vouchers.
#include "broker/domain/lots.h"

#include <gtest/gtest.h>

#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

class Lots : public MarketFixture {
 protected:
  void SetUp() override { open_market(); }

  LotId grant(std::string_view amount, Duration valid) {
    const LotId lot = id_of<LotId>(++serial_);
    ok(GrantLot{lot, account, *parse_amount(amount), now + valid, "a welcome"});
    return lot;
  }
  std::string left(LotId lot) const { return to_text(market.lot(lot)->left); }
  std::string own() const {
    Amount own = wallet().balance();
    for (const Lot* lot : market.lots(*market.account(account), kCny)) own -= lot->left;
    return to_text(own);
  }
  // The newest attempt's charge as the projections would tell it.
  Charge charge(JobId job) const {
    const Attempt& attempt = market.job(job)->attempt();
    const Amount tax = pricing::split(attempt.charged, {.tax_bps = 600, .margin_bps = 1000}).tax;
    const auto parts = pricing::split(attempt.charged, {.tax_bps = 600, .margin_bps = 1000});
    return {job, attempt.id, account, attempt.center, market.center(attempt.center)->open_period, attempt.charged,
            parts.center, parts.margin, tax, attempt.lots};
  }
  CommandResult refund(JobId job, std::string_view amount) {
    return ok(Refund{id_of<AdjustmentId>(++serial_), charge(job), *parse_amount(amount), "it was slow"});
  }
  // A job in the north: 1.44 CNY an hour.
  JobId worked(Duration running) {
    const JobId job = submit();
    run(job, running);
    return job;
  }
};

TEST_F(Lots, AGrantIsPartOfTheBalance) {
  const LotId lot = grant("50", hours(24));
  EXPECT_EQ(to_text(wallet().balance()), "1050.00");
  EXPECT_EQ(to_text(balance(ledger::AccountCode::grants)), "-50.00");
  EXPECT_EQ(count<LotIssued>(), 1U);
  EXPECT_EQ(left(lot), "50.00");
  EXPECT_EQ(own(), "1000.00");
}

TEST_F(Lots, TheEarliestExpiryPaysFirstAndOwnMoneyLast) {
  const LotId late = grant("0.30", hours(48));
  const LotId soon = grant("0.50", hours(24));
  const JobId job = worked(hours(1));
  const auto& captured = first<UsageCaptured>();
  EXPECT_EQ(captured.lots, (std::vector<LotPart>{{soon, *parse_amount("0.50")}, {late, *parse_amount("0.30")}}));
  EXPECT_EQ(market.job(job)->attempt().lots, captured.lots);
  EXPECT_EQ(left(soon), "0.00");
  EXPECT_EQ(left(late), "0.00");
  EXPECT_EQ(own(), "999.36");
}

TEST_F(Lots, ManyReadingsPayAsOneDoes) {
  const LotId lot = grant("1", hours(24));
  const JobId job = submit();
  start(job);
  for (int i = 1; i <= 4; ++i) {
    advance(minutes(15));
    report(north, {used(job, minutes(15 * i), i == 4)});
  }
  EXPECT_EQ(market.job(job)->attempt().lots, (std::vector<LotPart>{{lot, Amount::whole(1)}}));
  EXPECT_EQ(own(), "999.56");
}

TEST_F(Lots, WhatIsLeftIsTakenBackInTime) {
  const LotId lot = grant("5", hours(24));
  ok(Tick{});
  EXPECT_EQ(count<LotExpired>(), 0U);
  advance(hours(24));
  ok(Tick{});
  EXPECT_EQ(first<LotExpired>().amount, Amount::whole(5));
  EXPECT_EQ(left(lot), "0.00");
  EXPECT_EQ(to_text(wallet().balance()), "1000.00");
  EXPECT_TRUE(balance(ledger::AccountCode::grants).is_zero());
  ok(Tick{});
  EXPECT_EQ(count<LotExpired>(), 0U);
}

TEST_F(Lots, AnEarlierHoldMayStillCaptureAnExpiredLot) {
  const BillingAccountId poor = id_of<BillingAccountId>(2);
  ok(OpenBillingAccount{poor, tenant, "poor", kCny, user});
  const LotId lot = id_of<LotId>(++serial_);
  ok(GrantLot{lot, poor, *parse_amount("2"), now + minutes(30), "a try"});
  const JobId job = id_of<JobId>(++serial_);
  const HoldId hold = id_of<HoldId>(++serial_);
  auto only_north = spec();
  only_north.center = north;
  ok(SubmitJob{job, id_of<AttemptId>(++serial_), hold, poor, user, {}, only_north});
  start(job);
  advance(hours(1));
  ok(Tick{});  // 1.44 is held; the rest goes
  EXPECT_EQ(first<LotExpired>().amount, *parse_amount("0.56"));
  EXPECT_EQ(left(lot), "1.44");
  ok(Tick{});
  EXPECT_EQ(count<LotExpired>(), 0U);
  // Half of it is captured, and when the hold has ended the other half goes too.
  report(north, {happens(job, Happening::ended), used(job, minutes(30))});
  EXPECT_EQ(first<UsageCaptured>().lots, (std::vector<LotPart>{{lot, *parse_amount("0.72")}}));
  ok(Tick{});
  EXPECT_EQ(first<LotExpired>().amount, *parse_amount("0.72"));
  EXPECT_TRUE(market.ledger().account(market.account(poor)->wallet)->balance().is_zero());
}

TEST_F(Lots, ANewHoldDoesNotCountOnAnExpiredLot) {
  const BillingAccountId poor = id_of<BillingAccountId>(2);
  ok(OpenBillingAccount{poor, tenant, "poor", kCny, user});
  ok(GrantLot{id_of<LotId>(++serial_), poor, Amount::whole(100), now + hours(1), "a try"});
  const auto submit_for = [&] {
    return SubmitJob{id_of<JobId>(++serial_), id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), poor, user, {}, spec()};
  };
  ok(submit_for());
  advance(hours(1));
  EXPECT_EQ(error(submit_for()), ErrorCode::insufficient_funds);
  EXPECT_TRUE(emitted.empty());  // a refusal changes nothing, not even what is due anyway
  ok(FundAccount{poor, Amount::whole(10), id_of<TransferId>(++serial_), Uuid{9, 9}});
  ok(submit_for());
  EXPECT_EQ(count<LotExpired>(), 1U);
}

TEST_F(Lots, ARefundUnwindsTheRecordedOrder) {
  const LotId soon = grant("0.50", hours(24));
  const LotId late = grant("0.30", hours(48));
  const JobId job = worked(hours(1));  // 1.44: 0.50, 0.30 and 0.64 of own money
  refund(job, "0.70");
  EXPECT_EQ(first<ChargeAdjusted>().lots, (std::vector<LotPart>{{late, *parse_amount("0.06")}}));
  EXPECT_EQ(own(), "1000.00");
  refund(job, "0.34");
  EXPECT_EQ(first<ChargeAdjusted>().lots,
            (std::vector<LotPart>{{soon, *parse_amount("0.10")}, {late, *parse_amount("0.24")}}));
  refund(job, "0.40");
  EXPECT_EQ(left(soon), "0.50");
  EXPECT_EQ(left(late), "0.30");
  EXPECT_EQ(own(), "1000.00");
}

TEST_F(Lots, WhatComesBackToAnExpiredLotIsTakenBack) {
  const LotId lot = grant("1", hours(2));
  const JobId job = worked(hours(1));
  advance(hours(2));
  refund(job, "1.44");
  EXPECT_EQ(count<LotExpired>(), 1U);
  EXPECT_EQ(first<LotExpired>().amount, Amount::whole(1));
  EXPECT_EQ(left(lot), "0.00");
  EXPECT_EQ(to_text(wallet().balance()), "1000.00");
  EXPECT_TRUE(balance(ledger::AccountCode::grants).is_zero());
}

TEST_F(Lots, ADisputeResolvedForTheUserUnwindsToo) {
  const LotId lot = grant("1", hours(24));
  const JobId job = worked(hours(1));
  const DisputeId dispute = id_of<DisputeId>(++serial_);
  ok(OpenDispute{dispute, id_of<AdjustmentId>(++serial_), charge(job), *parse_amount("1.44"), false, user, "nothing ran"});
  EXPECT_TRUE(first<ChargeAdjusted>().lots.empty());
  ok(ResolveDispute{id_of<AdjustmentId>(++serial_), dispute, *parse_amount("1"), "half the truth"});
  EXPECT_EQ(first<ChargeAdjusted>().lots, (std::vector<LotPart>{{lot, *parse_amount("0.56")}}));
  EXPECT_EQ(left(lot), "0.56");
}

TEST_F(Lots, AChargeThatNamesOtherLotsIsRefused) {
  const LotId lot = grant("1", hours(24));
  const LotId other = grant("1", hours(48));
  const JobId job = worked(hours(1));
  const Charge right = charge(job);
  const auto refused = [&](std::vector<LotPart> lots) {
    Charge wrong = right;
    wrong.lots = std::move(lots);
    return error(Refund{id_of<AdjustmentId>(++serial_), wrong, Amount::whole(1), "why not"});
  };
  EXPECT_EQ(refused({}), ErrorCode::failed_precondition);
  EXPECT_EQ(refused({{other, Amount::whole(1)}, {lot, *parse_amount("0.44")}}), ErrorCode::failed_precondition);
  EXPECT_EQ(refused({{lot, Amount::whole(2)}}), ErrorCode::failed_precondition);
  EXPECT_EQ(refused({{id_of<LotId>(77), Amount::whole(1)}}), ErrorCode::failed_precondition);
}

TEST_F(Lots, AGrantIsChecked) {
  const auto refused = [&](std::string_view amount, Duration valid, const std::string& reason = "r") {
    return error(GrantLot{id_of<LotId>(++serial_), account, *parse_amount(amount), now + valid, reason});
  };
  EXPECT_EQ(refused("0", hours(1)), ErrorCode::amount_not_positive);
  EXPECT_EQ(refused("1", Duration{}), ErrorCode::invalid_argument);
  EXPECT_EQ(refused("1", hours(1), ""), ErrorCode::invalid_argument);
  EXPECT_EQ(refused("9223372036854", hours(1)), ErrorCode::amount_overflow);
  EXPECT_EQ(error(GrantLot{id_of<LotId>(++serial_), id_of<BillingAccountId>(9), Amount::whole(1), now + hours(1), "r"}),
            ErrorCode::not_found);
  const LotId lot = grant("1", hours(1));
  EXPECT_EQ(error(GrantLot{lot, account, Amount::whole(1), now + hours(1), "again"}), ErrorCode::invalid_argument);
  for (std::size_t i = 1; i < kMaxLots; ++i) grant("0.01", hours(1));
  EXPECT_EQ(refused("1", hours(1)), ErrorCode::too_large);
}

TEST_F(Lots, TwoPeopleGrant) {
  const ProposalId proposal = id_of<ProposalId>(++serial_);
  ok(Propose{proposal, user, GrantLot{id_of<LotId>(5), account, Amount::whole(5), now + hours(100), "for the course"}, ""});
  EXPECT_EQ(market.lot(id_of<LotId>(5)), nullptr);
  ok(EndProposal{proposal, id_of<UserId>(7), ProposalEnd::approved, ""});
  EXPECT_EQ(left(id_of<LotId>(5)), "5.00");
}

class Vouchers : public Lots {
 protected:
  IssueVouchers batch_of(std::initializer_list<std::string_view> codes) {
    IssueVouchers act{{.id = id_of<VoucherBatchId>(++serial_),
                       .amount = Amount::whole(20),
                       .redeem_by = now + hours(48),
                       .valid_for = hours(24),
                       .reason = "a workshop"}};
    for (const auto code : codes) act.batch.codes.push_back(hash_of(code));
    return act;
  }
  RedeemVoucher redeeming(std::string_view code, UserId by) {
    return {id_of<LotId>(++serial_), account, by, hash_of(code)};
  }
};

TEST_F(Vouchers, ACodeBecomesALotOnce) {
  ok(batch_of({"one", "two"}));
  const CommandResult done = ok(redeeming("one", user));
  const Lot& lot = *market.lot(LotId{done.object});
  EXPECT_EQ(lot.kind, LotKind::voucher);
  EXPECT_EQ(lot.expires_at, now + hours(24));
  EXPECT_EQ(to_text(wallet().balance()), "1020.00");
  EXPECT_EQ(error(redeeming("one", user)), ErrorCode::not_found);
  EXPECT_EQ(error(redeeming("three", user)), ErrorCode::not_found);
  EXPECT_EQ(error(redeeming("two", stranger)), ErrorCode::not_found);
  ok(redeeming("two", user));
}

TEST_F(Vouchers, TheSameWordsForAUsedAndAnUnknownCode) {
  ok(batch_of({"one"}));
  ok(redeeming("one", user));
  const auto used = decide(redeeming("one", user));
  const auto unknown = decide(redeeming("none", user));
  EXPECT_EQ(used.error().message(), unknown.error().message());
}

TEST_F(Vouchers, AreWorthNothingAfterTheirTime) {
  const IssueVouchers act = batch_of({"one", "two"});
  ok(act);
  advance(hours(48));
  EXPECT_EQ(error(redeeming("one", user)), ErrorCode::not_found);
  ok(Tick{});
  EXPECT_EQ(count<VouchersExpired>(), 1U);
  EXPECT_EQ(market.vouchers(act.batch.id), nullptr);
  EXPECT_EQ(error(redeeming("one", user)), ErrorCode::not_found);
}

TEST_F(Vouchers, AnotherUnitsVoucherIsRefusedByName) {
  IssueVouchers act = batch_of({"one"});
  act.batch.unit = *parse_unit("USD");
  ok(act);
  EXPECT_EQ(error(redeeming("one", user)), ErrorCode::unit_mismatch);
}

TEST_F(Vouchers, ABatchIsChecked) {
  const auto refused = [&](auto change) {
    IssueVouchers act = batch_of({"one", "two"});
    change(act.batch);
    return error(act);
  };
  using enum ErrorCode;
  EXPECT_EQ(refused([](auto& b) { b.codes.clear(); }), invalid_argument);
  EXPECT_EQ(refused([](auto& b) { b.codes[1] = b.codes[0]; }), invalid_argument);
  EXPECT_EQ(refused([](auto& b) { b.codes.resize(kMaxVouchers + 1); }), invalid_argument);
  EXPECT_EQ(refused([](auto& b) { b.amount = {}; }), amount_not_positive);
  EXPECT_EQ(refused([&](auto& b) { b.redeem_by = now; }), invalid_argument);
  EXPECT_EQ(refused([](auto& b) { b.valid_for = {}; }), invalid_argument);
  EXPECT_EQ(refused([](auto& b) { b.expires_at = b.redeem_by; }), invalid_argument);
  EXPECT_EQ(refused([&](auto& b) { b.valid_for = {}, b.expires_at = now + hours(1); }), invalid_argument);
  EXPECT_EQ(refused([](auto& b) { b.reason.clear(); }), invalid_argument);
  ok(batch_of({"one"}));
  EXPECT_EQ(refused([](auto&) {}), invalid_argument);
}

}  // namespace
}  // namespace bourse::broker
