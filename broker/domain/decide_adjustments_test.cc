// Corrections: every part goes back where it came from, in the open period, and never more than was charged.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

using ledger::AccountCode;

class Adjustments : public MarketFixture {
 protected:
  void SetUp() override {
    open_market();
    job = submit();
    run(job, hours(1));
    charge = charge_of(job);
  }
  // As the projections know it.
  Charge charge_of(JobId of) const {
    const UsageCaptured& captured = first<UsageCaptured>();
    const Attempt& attempt = market.job(of)->attempt();
    return {of,
            attempt.id,
            account,
            attempt.center,
            captured.period,
            captured.gross,
            captured.center_share,
            captured.margin,
            captured.tax};
  }
  Refund refund(Amount amount) { return {id_of<AdjustmentId>(++serial_), charge, amount, "a node failed"}; }
  OpenDispute dispute(Amount amount) {
    return {id_of<DisputeId>(++serial_), id_of<AdjustmentId>(++serial_), charge, amount, false, user, "it never ran"};
  }
  ResolveDispute resolve(DisputeId id, Amount to_user) {
    return {id_of<AdjustmentId>(++serial_), id, to_user, "the log shows it"};
  }
  Amount owed() const { return balance(AccountCode::center_payable, north.uuid); }
  Amount escrow() const { return balance(AccountCode::dispute_escrow, north.uuid); }
  Amount revenue() const { return balance(AccountCode::platform_revenue); }
  Amount tax() const { return balance(AccountCode::tax_payable); }

  JobId job;
  Charge charge;
};

TEST_F(Adjustments, AWholeRefundUndoesTheCharge) {
  const Amount before = wallet().balance();
  ok(refund(charge.gross));
  EXPECT_EQ(wallet().balance(), before + charge.gross);
  EXPECT_EQ(owed(), Amount{});
  EXPECT_EQ(revenue(), Amount{});
  EXPECT_EQ(tax(), Amount{});
  EXPECT_EQ(first<ledger::Posted>().code, ledger::TransferCode::reversal);
  EXPECT_EQ(first<ledger::Posted>().reference, job.uuid);
  EXPECT_EQ(error(refund(Amount::of_micros(1))), ErrorCode::failed_precondition);
  EXPECT_EQ(market.period(market.center(north)->open_period)->closing(), Amount{});
}

TEST_F(Adjustments, InPiecesItComesToTheWhole) {
  const Amount before = wallet().balance();
  for (Amount left = charge.gross; left.is_positive();) {
    const Amount piece = std::min(left, Amount::of_micros(333'333));
    ok(refund(piece));
    left -= piece;
  }
  EXPECT_EQ(wallet().balance(), before + charge.gross);
  EXPECT_EQ(owed(), Amount{});
  EXPECT_EQ(revenue(), Amount{});
  EXPECT_EQ(tax(), Amount{});
}

TEST_F(Adjustments, TwoRefundsAtOnceHaveOneSuccess) {
  const Refund one = refund(charge.gross), two = refund(charge.gross);
  ok(one);
  EXPECT_EQ(error(two), ErrorCode::failed_precondition);
}

TEST_F(Adjustments, AClosedPeriodStaysAndTheNextIsClawedBack) {
  const PeriodId closed = market.center(north)->open_period;
  ok(ClosePeriod{north, {}});
  ok(SealStatement{closed, hash_of("s")});
  ok(SetPayee{north, {"North", "DE89370400440532013000", "COBADEFFXXX"}});
  const Payee payee = market.center(north)->payee;
  ok(OrderPayout{id_of<PayoutId>(1), north, closed, market.due(*market.period(closed)), payee});
  const Period before = *market.period(closed);
  ok(refund(charge.gross));
  EXPECT_EQ(market.period(closed)->center_share, before.center_share);
  EXPECT_EQ(market.period(closed)->adjustments, 0U);
  EXPECT_EQ(owed(), Amount{} - cents(charge.center_share));
  const PeriodId next = market.center(north)->open_period;
  EXPECT_EQ(market.period(next)->closing(), owed());
  EXPECT_EQ(first<ChargeAdjusted>().charge.period, closed);
  EXPECT_EQ(first<ChargeAdjusted>().period, next);
  // The next work pays the debt first.
  run(submit(), minutes(30));
  ok(ClosePeriod{north, {}});
  ok(SealStatement{next, hash_of("t")});
  EXPECT_FALSE(market.due(*market.period(next)).is_positive());
}

TEST_F(Adjustments, ADisputeFreezesTheCentersPart) {
  const Amount before = wallet().balance();
  const OpenDispute claim = dispute(charge.gross);
  ok(claim);
  EXPECT_EQ(escrow(), charge.center_share);
  EXPECT_EQ(owed(), Amount{});
  EXPECT_EQ(wallet().balance(), before);
  EXPECT_EQ(error(refund(Amount::of_micros(1))), ErrorCode::failed_precondition);
  EXPECT_EQ(error(dispute(Amount::of_micros(1))), ErrorCode::failed_precondition);

  ok(resolve(claim.dispute, charge.gross));
  EXPECT_EQ(market.dispute(claim.dispute)->state, DisputeState::accepted);
  EXPECT_EQ(wallet().balance(), before + charge.gross);
  EXPECT_EQ(escrow() + owed() + revenue() + tax(), Amount{});
  EXPECT_EQ(error(resolve(claim.dispute, Amount{})), ErrorCode::failed_precondition);
}

TEST_F(Adjustments, ARejectedDisputeGoesBackToTheCenter) {
  const OpenDispute claim = dispute(charge.gross);
  ok(claim);
  ok(resolve(claim.dispute, Amount{}));
  EXPECT_EQ(market.dispute(claim.dispute)->state, DisputeState::rejected);
  EXPECT_EQ(owed(), charge.center_share);
  EXPECT_EQ(escrow(), Amount{});
  ok(refund(charge.gross));  // and all of it can be given back still
}

TEST_F(Adjustments, ASplitOneGoesToBoth) {
  const Amount before = wallet().balance();
  const OpenDispute claim = dispute(charge.gross);
  ok(claim);
  const Amount half = Amount::of_micros(charge.gross.micros / 2);
  ok(resolve(claim.dispute, half));
  EXPECT_EQ(market.dispute(claim.dispute)->state, DisputeState::split);
  EXPECT_EQ(wallet().balance(), before + half);
  EXPECT_EQ(escrow(), Amount{});
  EXPECT_EQ(owed() + revenue() + tax(), charge.gross - half);
}

TEST_F(Adjustments, EvidenceIsKeptInOrderAndOnceASide) {
  const OpenDispute claim = dispute(charge.gross);
  ok(claim);
  AddDisputeEvidence add{claim.dispute, {.sha256 = hash_of("log"), .file = "slurm-7.out", .media_type = "text/plain", .size = 3, .note = "line 3\n", .by = user, .side = DisputeSide::user}};
  ok(add);
  EXPECT_EQ(count<DisputeEvidenceAdded>(), 1U);
  const DisputeEvidence kept = market.dispute(claim.dispute)->evidence.at(0);
  EXPECT_EQ(kept.sha256, hash_of("log"));
  EXPECT_EQ(kept.note, "line 3?");
  EXPECT_EQ(kept.at, now);
  add.evidence.file = "another-name";
  ok(add);  // the same bytes from the same side
  EXPECT_EQ(count<DisputeEvidenceAdded>(), 0U);
  add.evidence.by = stranger;
  EXPECT_EQ(error(add), ErrorCode::not_found);
  add.evidence.side = DisputeSide::center;
  ok(add);
  EXPECT_EQ(market.dispute(claim.dispute)->evidence.size(), 2U);
  EXPECT_EQ(market.dispute(claim.dispute)->evidence[0].file, "slurm-7.out");
  ok(resolve(claim.dispute, charge.gross));
  EXPECT_EQ(market.dispute(claim.dispute)->evidence.size(), 2U);
  ok(add);  // known already
  add.evidence.sha256 = hash_of("late");
  EXPECT_EQ(error(add), ErrorCode::failed_precondition);
}

TEST_F(Adjustments, EvidenceHasBoundsAndNamesThatHarmNobody) {
  const OpenDispute claim = dispute(charge.gross);
  ok(claim);
  const AddDisputeEvidence good{claim.dispute, {.sha256 = hash_of("0"), .file = "a.txt", .media_type = "text/plain", .size = 1, .by = user, .side = DisputeSide::platform}};
  const auto refused = [&](auto change) {
    AddDisputeEvidence add = good;
    change(add.evidence);
    return error(add);
  };
  for (const std::string& file : {std::string(), std::string("../x"), std::string("a\\b"), std::string(".x"), std::string("-x"), std::string("a\nb"), std::string(129, 'x')})
    EXPECT_EQ(refused([&](DisputeEvidence& e) { e.file = file; }), ErrorCode::invalid_argument) << file;
  for (const char* type : {"", "text", "text/", "/plain", "text/plain; charset=x", "a/b/c", "text/\r\nx"})
    EXPECT_EQ(refused([&](DisputeEvidence& e) { e.media_type = type; }), ErrorCode::invalid_argument) << type;
  EXPECT_EQ(refused([](DisputeEvidence& e) { e.size = 0; }), ErrorCode::invalid_argument);
  EXPECT_EQ(refused([](DisputeEvidence& e) { e.size = kMaxEvidenceBytes + 1; }), ErrorCode::too_large);
  EXPECT_EQ(refused([](DisputeEvidence& e) { e.note = std::string(513, 'x'); }), ErrorCode::invalid_argument);
  EXPECT_EQ(refused([](DisputeEvidence& e) { e.by = {}; }), ErrorCode::invalid_argument);
  EXPECT_EQ(refused([](DisputeEvidence& e) { e.side = {}; }), ErrorCode::invalid_argument);
  AddDisputeEvidence add = good;
  add.dispute = id_of<DisputeId>(4711);
  EXPECT_EQ(error(add), ErrorCode::not_found);
  for (std::size_t i = 0; i < kMaxEvidenceFiles; ++i) {
    add = good;
    add.evidence.sha256 = hash_of(std::to_string(i));
    add.evidence.size = kMaxEvidenceBytes;
    ok(add);
  }
  EXPECT_EQ(refused([](DisputeEvidence& e) { e.sha256 = hash_of("one more"); }), ErrorCode::too_large);
  EXPECT_EQ(refused([](DisputeEvidence& e) { e.sha256 = hash_of("one more"), e.side = DisputeSide::center; }), std::nullopt);
}

TEST_F(Adjustments, BadOnesAreRefused) {
  Refund act = refund(Amount{});
  EXPECT_EQ(error(act), ErrorCode::amount_not_positive);
  act.amount = charge.gross + Amount::of_micros(1);
  EXPECT_EQ(error(act), ErrorCode::failed_precondition);
  act = refund(Amount::of_micros(1));
  act.charge.gross += Amount::of_micros(1);
  EXPECT_EQ(error(act), ErrorCode::invalid_argument);  // its parts don't add up
  act.charge.tax += Amount::of_micros(1);
  EXPECT_EQ(error(act), ErrorCode::failed_precondition);  // the attempt was charged less
  OpenDispute claim = dispute(Amount::of_micros(1));
  claim.by = stranger;
  EXPECT_EQ(error(claim), ErrorCode::not_found);
  claim.by = user;
  claim.reason.clear();
  EXPECT_EQ(error(claim), ErrorCode::invalid_argument);
  const JobId running = submit();
  start(running);
  act = refund(Amount::of_micros(1));
  act.charge.job = running;
  EXPECT_EQ(error(act), ErrorCode::failed_precondition);
}

// Parts are monotone and exact at both ends, whatever the charge.
RC_GTEST_PROP(AdjustmentParts, OfAChargeAreMonotoneAndExact, ()) {
  const auto up_to = [](std::int64_t most) { return *rc::gen::inRange<std::int64_t>(0, most + 1); };
  Charge charge;
  charge.tax = Amount::of_micros(up_to(1'000'000));
  charge.center_share = Amount::of_micros(up_to(1'000'000'000));
  charge.margin = Amount::of_micros(up_to(1'000'000));
  charge.gross = charge.tax + charge.center_share + charge.margin;
  const ChargeParts whole = parts_of(charge, charge.gross);
  RC_ASSERT(whole.center_share == charge.center_share && whole.margin == charge.margin && whole.tax == charge.tax);
  ChargeParts before = parts_of(charge, Amount{});
  RC_ASSERT(before.center_share.is_zero() && before.margin.is_zero() && before.tax.is_zero());
  for (int step = 1; step <= 20; ++step) {
    const Amount at = Amount::of_micros(charge.gross.micros / 20 * step);
    const ChargeParts now = parts_of(charge, at);
    RC_ASSERT(now.center_share + now.margin + now.tax == at);
    RC_ASSERT(now.center_share >= before.center_share && now.margin >= before.margin && now.tax >= before.tax);
    before = now;
  }
}

}  // namespace
}  // namespace bourse::broker
