#include <gtest/gtest.h>

#include <limits>

#include "ledger/domain/test_bank.h"

namespace bourse::ledger {
namespace {

CaptureLeg to_center(std::int64_t micros) {
  return {kCenter, Amount{micros}, TransferCode::capture_center};
}
CaptureLeg to_revenue(std::int64_t micros) {
  return {kRevenue, Amount{micros}, TransferCode::capture_margin};
}

class Holds : public testing::Test {
 protected:
  Holds() { bank.fund(1, kAlice, 100); }
  const Account& of(LedgerAccountId id) const { return *bank.ledger.account(id); }
  const Hold& hold(std::uint64_t id) const { return *bank.ledger.hold(hold_id(id)); }

  TestBank bank;
};

TEST_F(Holds, SetMoneyAside) {
  ASSERT_TRUE(bank.place(1, kAlice, 60));
  EXPECT_EQ(of(kAlice).debits_pending, Amount{60});
  EXPECT_EQ(of(kHolds).credits_pending, Amount{60});
  EXPECT_EQ(of(kAlice).available(), Amount{40});
  EXPECT_EQ(of(kAlice).balance(), Amount{100});
  EXPECT_EQ(hold(1).remaining(), Amount{60});
}

TEST_F(Holds, AreRefusedWithAReason) {
  EXPECT_EQ(error_of(bank.place(1, kAlice, 101)), ErrorCode::insufficient_funds);
  EXPECT_EQ(error_of(bank.place(1, kAlice, 0)), ErrorCode::amount_not_positive);
  EXPECT_EQ(error_of(bank.place(1, kAlice, -1)), ErrorCode::amount_not_positive);
  EXPECT_EQ(error_of(bank.place(1, kNobody, 1)), ErrorCode::account_not_found);
  EXPECT_EQ(error_of(bank.place(1, kDuWallet, 1)), ErrorCode::unit_mismatch);
  EXPECT_EQ(error_of(bank.place(1, kHolds, 1)), ErrorCode::same_account);
  const HoldPlaced without_id{
      .hold = {}, .wallet = kAlice, .holds = kHolds, .amount = Amount{1}, .expires_at = {}, .reference = {}};
  EXPECT_EQ(bank.ledger.place(without_id).error().code, ErrorCode::invalid_argument);
  ASSERT_TRUE(bank.place(1, kAlice, 100));
  EXPECT_EQ(error_of(bank.place(1, kAlice, 100)), ErrorCode::conflict);
  EXPECT_EQ(error_of(bank.place(2, kAlice, 1)), ErrorCode::insufficient_funds) << "limits count what is pending";
}

TEST_F(Holds, RefusalsSayHowMuchThereIs) {
  const Status status = bank.place(1, kAlice, 150);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().detail.find("0.0001"), std::string::npos) << status.error().detail;
}

TEST_F(Holds, AreCapturedManyTimes) {
  ASSERT_TRUE(bank.place(1, kAlice, 60));
  ASSERT_TRUE(bank.capture(1, {to_center(20), to_revenue(5)}));
  ASSERT_TRUE(bank.capture(1, {to_center(10), to_center(1)}));
  EXPECT_EQ(hold(1).captured, Amount{36});
  EXPECT_EQ(hold(1).remaining(), Amount{24});
  EXPECT_EQ(of(kAlice).debits_pending, Amount{24});
  EXPECT_EQ(of(kAlice).debits_posted, Amount{36});
  EXPECT_EQ(of(kHolds).credits_pending, Amount{24});
  EXPECT_EQ(of(kHolds).credits_posted, Amount{});
  EXPECT_EQ(of(kCenter).balance(), Amount{31});
  EXPECT_EQ(of(kRevenue).balance(), Amount{5});
  EXPECT_EQ(of(kAlice).available(), Amount{40});
}

TEST_F(Holds, CapturesAreRefusedWhole) {
  ASSERT_TRUE(bank.place(1, kAlice, 60));
  const auto before = saved(bank.ledger);
  EXPECT_EQ(error_of(bank.capture(2, {to_center(1)})), ErrorCode::hold_not_found);
  EXPECT_EQ(error_of(bank.capture(1, {})), ErrorCode::invalid_argument);
  EXPECT_EQ(error_of(bank.capture(1, {to_center(61)})), ErrorCode::exceeds_hold);
  EXPECT_EQ(error_of(bank.capture(1, {to_center(60), to_revenue(1)})), ErrorCode::exceeds_hold);
  EXPECT_EQ(error_of(bank.capture(1, {to_center(1), to_center(kMost)})), ErrorCode::exceeds_hold);
  EXPECT_EQ(error_of(bank.capture(1, {to_center(1), to_revenue(0)})), ErrorCode::amount_not_positive);
  EXPECT_EQ(error_of(bank.capture(1, {to_center(-1)})), ErrorCode::amount_not_positive);
  EXPECT_EQ(error_of(bank.capture(1, {{kNobody, Amount{1}, {}}})), ErrorCode::account_not_found);
  EXPECT_EQ(error_of(bank.capture(1, {{kDuWallet, Amount{1}, {}}})), ErrorCode::unit_mismatch);
  EXPECT_EQ(error_of(bank.capture(1, {{kAlice, Amount{1}, {}}})), ErrorCode::same_account);
  EXPECT_EQ(saved(bank.ledger), before);
}

TEST_F(Holds, ACaptureMayNotOverflowTheOneItPays) {
  ASSERT_TRUE(bank.place(1, kAlice, 60));
  bank.post_one(transfer(2, kRevenue, kCenter, kMost - 1));
  EXPECT_EQ(error_of(bank.capture(1, {to_center(1), to_center(1)})), ErrorCode::amount_overflow);
  EXPECT_TRUE(bank.capture(1, {to_center(1)}));
}

TEST_F(Holds, GrowByExtension) {
  ASSERT_TRUE(bank.place(1, kAlice, 60));
  EXPECT_EQ(error_of(bank.extend(1, 41)), ErrorCode::insufficient_funds);
  EXPECT_EQ(error_of(bank.extend(1, -1)), ErrorCode::invalid_argument);
  EXPECT_EQ(error_of(bank.extend(2, 1)), ErrorCode::hold_not_found);
  ASSERT_TRUE(bank.extend(1, 40, kLater + seconds(5)));
  EXPECT_EQ(hold(1).amount, Amount{100});
  EXPECT_EQ(of(kAlice).debits_pending, Amount{100});
  EXPECT_TRUE(bank.ledger.expired(kLater, 10).empty());
  EXPECT_TRUE(bank.capture(1, {to_center(100)}));
  ASSERT_TRUE(bank.extend(1, 0, kLater));
  EXPECT_EQ(bank.ledger.expired(kLater, 10).size(), 1U);
}

TEST_F(Holds, ExtensionMayNotOverflow) {
  bank.post_one(transfer(2, kBank, kBob, kMost - 100));
  ASSERT_TRUE(bank.place(1, kBob, kMost - 100));
  EXPECT_EQ(error_of(bank.extend(1, kMost)), ErrorCode::amount_overflow);
}

TEST_F(Holds, EndOnceAndGiveBackWhatIsLeft) {
  ASSERT_TRUE(bank.place(1, kAlice, 60));
  ASSERT_TRUE(bank.capture(1, {to_center(25)}));
  ASSERT_TRUE(bank.release(1));
  EXPECT_EQ(hold(1).released, Amount{35});
  EXPECT_EQ(hold(1).remaining(), Amount{});
  EXPECT_TRUE(hold(1).ended);
  EXPECT_EQ(of(kAlice).available(), Amount{75});
  EXPECT_EQ(of(kAlice).debits_pending, Amount{});
  EXPECT_EQ(of(kHolds).credits_pending, Amount{});
  EXPECT_EQ(error_of(bank.release(1)), ErrorCode::hold_closed);
  EXPECT_EQ(error_of(bank.capture(1, {to_center(1)})), ErrorCode::hold_closed);
  EXPECT_EQ(error_of(bank.extend(1, 1)), ErrorCode::hold_closed);
  EXPECT_EQ(error_of(bank.place(1, kAlice, 1)), ErrorCode::conflict);
  EXPECT_EQ(error_of(bank.release(2)), ErrorCode::hold_not_found);
  EXPECT_EQ(hold(1).released, Amount{35});
}

TEST_F(Holds, CapturedInFullStillHaveToEnd) {
  ASSERT_TRUE(bank.place(1, kAlice, 60));
  ASSERT_TRUE(bank.capture(1, {to_center(60)}));
  EXPECT_EQ(error_of(bank.capture(1, {to_center(1)})), ErrorCode::exceeds_hold);
  ASSERT_TRUE(bank.release(1));
  EXPECT_EQ(hold(1).released, Amount{});
}

TEST_F(Holds, ExpireOldestFirst) {
  ASSERT_TRUE(bank.place(1, kAlice, 1, Instant{30}));
  ASSERT_TRUE(bank.place(2, kAlice, 1, Instant{10}));
  ASSERT_TRUE(bank.place(3, kAlice, 1, Instant{20}));
  EXPECT_TRUE(bank.ledger.expired(Instant{9}, 10).empty());
  EXPECT_EQ(bank.ledger.expired(Instant{20}, 10), (std::vector<HoldId>{hold_id(2), hold_id(3)}));
  EXPECT_EQ(bank.ledger.expired(Instant{99}, 1), (std::vector<HoldId>{hold_id(2)}));
  ASSERT_TRUE(bank.release(2, HoldEnd::expired));
  EXPECT_EQ(bank.ledger.expired(Instant{99}, 10), (std::vector<HoldId>{hold_id(3), hold_id(1)}));
}

TEST_F(Holds, EndedOnesAreForgottenOldestFirst) {
  TestBank small(Retention{.decided_transfers = 10, .ended_holds = 2});
  small.fund(1, kAlice, 100);
  for (std::uint64_t id = 1; id <= 4; ++id) ASSERT_TRUE(small.place(id, kAlice, 10));
  for (std::uint64_t id = 1; id <= 3; ++id) ASSERT_TRUE(small.release(id));
  EXPECT_EQ(error_of(small.release(1)), ErrorCode::hold_not_found);
  EXPECT_EQ(error_of(small.release(2)), ErrorCode::hold_closed);
  EXPECT_EQ(error_of(small.release(3)), ErrorCode::hold_closed);
  EXPECT_TRUE(small.release(4));
}

TEST(HoldsDeathTest, ApplyingTheImpossibleStops) {
  TestBank bank;
  bank.fund(1, kAlice, 100);
  ASSERT_TRUE(bank.place(1, kAlice, 60));
  EXPECT_DEATH(bank.ledger.apply(HoldEnded{hold_id(2), {}, HoldEnd::released}), "assertion failed");
  EXPECT_DEATH(bank.ledger.apply(HoldEnded{hold_id(1), Amount{1}, HoldEnd::released}), "assertion failed");
  EXPECT_DEATH(bank.ledger.apply(HoldCaptured{hold_id(1), {to_center(61)}, {}}), "assertion failed");
  EXPECT_DEATH(
      bank.ledger.apply(Posted{.transfer = transfer_id(1), .debit = kBank, .credit = kAlice, .amount = Amount{1}}),
      "assertion failed");
  EXPECT_DEATH(
      bank.ledger.apply(Posted{.transfer = transfer_id(9), .debit = kBank, .credit = kNobody, .amount = Amount{1}}),
      "assertion failed");
}

}  // namespace
}  // namespace bourse::ledger
