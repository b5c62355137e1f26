#include <gtest/gtest.h>

#include <limits>

#include "ledger/domain/test_bank.h"

namespace bourse::ledger {
namespace {

using enum TransferOutcome::Kind;

std::size_t decided_events(const TestBank& bank) {
  return bank.events.size() - chart().size();
}

TEST(Transfers, MoveDebitsAndCredits) {
  TestBank bank;
  EXPECT_EQ(bank.post_one(transfer(1, kBank, kAlice, 100)).kind, posted);
  EXPECT_EQ(bank.post_one(transfer(2, kAlice, kCenter, 30)).kind, posted);
  const Account& alice = *bank.ledger.account(kAlice);
  EXPECT_EQ(alice.credits_posted, Amount{100});
  EXPECT_EQ(alice.debits_posted, Amount{30});
  EXPECT_EQ(alice.available(), Amount{70});
  EXPECT_EQ(bank.ledger.account(kCenter)->balance(), Amount{30});
  EXPECT_EQ(bank.ledger.account(kBank)->balance(), Amount{-100});
  EXPECT_EQ(decided_events(bank), 2U);
}

TEST(Transfers, AreRefusedWithAReason) {
  TestBank bank;
  bank.fund(1, kAlice, 100);
  EXPECT_EQ(error_of(bank.post_one(transfer(2, kAlice, kAlice, 1))), ErrorCode::same_account);
  EXPECT_EQ(error_of(bank.post_one(transfer(3, kAlice, kBob, 0))), ErrorCode::amount_not_positive);
  EXPECT_EQ(error_of(bank.post_one(transfer(4, kAlice, kBob, -5))), ErrorCode::amount_not_positive);
  EXPECT_EQ(error_of(bank.post_one(transfer(5, kAlice, kNobody, 1))), ErrorCode::account_not_found);
  EXPECT_EQ(error_of(bank.post_one(transfer(6, kNobody, kAlice, 1))), ErrorCode::account_not_found);
  EXPECT_EQ(error_of(bank.post_one(transfer(7, kAlice, kDuWallet, 1))), ErrorCode::unit_mismatch);
  EXPECT_EQ(error_of(bank.post_one(transfer(8, kAlice, kBob, 101))), ErrorCode::insufficient_funds);
  EXPECT_EQ(decided_events(bank), 8U) << "each refusal is an event";
  EXPECT_EQ(bank.ledger.account(kAlice)->available(), Amount{100});
}

TEST(Transfers, NeedAnId) {
  TestBank bank;
  TransferRequest request = transfer(0, kBank, kAlice, 1);
  request.id = {};
  EXPECT_EQ(error_of(bank.post_one(request)), ErrorCode::invalid_argument);
  EXPECT_EQ(decided_events(bank), 0U);
}

TEST(Transfers, ALimitedAccountMayUseItsCredit) {
  TestBank bank;
  EXPECT_EQ(error_of(bank.post_one(transfer(1, kCarol, kCenter, 51))), ErrorCode::insufficient_funds);
  EXPECT_EQ(bank.post_one(transfer(2, kCarol, kCenter, 50)).kind, posted);
  EXPECT_EQ(error_of(bank.post_one(transfer(3, kCarol, kCenter, 1))), ErrorCode::insufficient_funds);
}

TEST(Transfers, PendingDebitsCannotBeSpent) {
  TestBank bank;
  bank.fund(1, kAlice, 100);
  ASSERT_TRUE(bank.place(1, kAlice, 60));
  EXPECT_EQ(error_of(bank.post_one(transfer(2, kAlice, kBob, 41))), ErrorCode::insufficient_funds);
  EXPECT_EQ(bank.post_one(transfer(3, kAlice, kBob, 40)).kind, posted);
}

TEST(Transfers, OverflowIsRefusedWithPendingCounted) {
  TestBank bank;
  EXPECT_EQ(bank.post_one(transfer(1, kBank, kAlice, kMost)).kind, posted);
  EXPECT_EQ(error_of(bank.post_one(transfer(2, kBank, kBob, 1))), ErrorCode::amount_overflow);
  EXPECT_EQ(error_of(bank.post_one(transfer(3, kCenter, kAlice, 1))), ErrorCode::amount_overflow);
  ASSERT_TRUE(bank.place(1, kAlice, 10));
  EXPECT_EQ(error_of(bank.post_one(transfer(4, kAlice, kBob, kMost - 9))), ErrorCode::amount_overflow);
  EXPECT_EQ(bank.post_one(transfer(5, kAlice, kBob, kMost - 10)).kind, posted);
  EXPECT_TRUE(bank.capture(1, {{kBob, Amount{10}, TransferCode::other}}));
}

TEST(TransferIdempotency, TheSamePayloadExistsAndDoesNothing) {
  TestBank bank;
  EXPECT_EQ(bank.post_one(transfer(1, kBank, kAlice, 100)).kind, posted);
  EXPECT_EQ(bank.post_one(transfer(1, kBank, kAlice, 100)).kind, existed);
  EXPECT_EQ(bank.ledger.account(kAlice)->balance(), Amount{100});
  EXPECT_EQ(decided_events(bank), 1U);
}

TEST(TransferIdempotency, AnotherPayloadConflictsAndIsNotFrozen) {
  TestBank bank;
  bank.fund(1, kAlice, 100);
  const TransferRequest first = transfer(1, kBank, kAlice, 100);
  for (const auto change :
       {+[](TransferRequest& r) { r.debit = kCenter; }, +[](TransferRequest& r) { r.credit = kBob; },
        +[](TransferRequest& r) { r.amount = Amount{101}; }, +[](TransferRequest& r) { r.code = TransferCode::top_up; },
        +[](TransferRequest& r) { r.reference = {0, 1}; }}) {
    TransferRequest changed = first;
    change(changed);
    EXPECT_EQ(error_of(bank.post_one(changed)), ErrorCode::conflict);
  }
  EXPECT_EQ(bank.post_one(first).kind, existed);
  EXPECT_EQ(decided_events(bank), 1U);
}

TEST(TransferIdempotency, ARefusalIsFrozen) {
  TestBank bank;
  EXPECT_EQ(error_of(bank.post_one(transfer(1, kAlice, kBob, 10))), ErrorCode::insufficient_funds);
  bank.fund(2, kAlice, 100);
  EXPECT_EQ(error_of(bank.post_one(transfer(1, kAlice, kBob, 10))), ErrorCode::insufficient_funds);
  EXPECT_EQ(error_of(bank.post_one(transfer(1, kAlice, kBob, 11))), ErrorCode::conflict);
  EXPECT_EQ(bank.ledger.account(kAlice)->balance(), Amount{100});
}

TEST(TransferIdempotency, OldIdsAreForgottenFirst) {
  TestBank bank(Retention{.decided_transfers = 2, .ended_holds = 2});
  for (std::uint64_t n = 1; n <= 3; ++n) bank.fund(n, kAlice, 10);
  EXPECT_EQ(bank.post_one(transfer(2, kBank, kAlice, 10)).kind, existed);
  EXPECT_EQ(bank.post_one(transfer(3, kBank, kAlice, 10)).kind, existed);
  EXPECT_EQ(bank.post_one(transfer(1, kBank, kAlice, 10)).kind, posted) << "forgotten here; the projections know it";
}

// The journal holds fingerprints of refusals for ever, so the function may never change.
TEST(TransferIdempotency, TheFingerprintStays) {
  EXPECT_EQ(fingerprint({.id = transfer_id(1),
                         .debit = {{1, 2}},
                         .credit = {{3, 4}},
                         .amount = Amount{5},
                         .code = TransferCode::payout,
                         .reference = {6, 7},
                         .linked = true}),
            10854431812879125137U);
}

TEST(LinkedTransfers, SucceedTogether) {
  TestBank bank;
  const auto outcomes = bank.post(
      {transfer(1, kBank, kAlice, 100, true), transfer(2, kAlice, kBob, 60, true), transfer(3, kBob, kCenter, 50)});
  for (const TransferOutcome& outcome : outcomes) EXPECT_EQ(outcome.kind, posted);
  EXPECT_EQ(bank.ledger.account(kAlice)->balance(), Amount{40});
  EXPECT_EQ(bank.ledger.account(kBob)->balance(), Amount{10});
}

TEST(LinkedTransfers, FailTogetherAndLeaveNothing) {
  TestBank bank;
  const auto outcomes =
      bank.post({transfer(1, kBank, kBob, 5), transfer(2, kBank, kAlice, 100, true),
                 transfer(3, kAlice, kBob, 101, true), transfer(4, kBank, kBob, 1), transfer(5, kBank, kBob, 7)});
  EXPECT_EQ(outcomes[0].kind, posted);
  EXPECT_EQ(error_of(outcomes[1]), ErrorCode::linked_failed);
  EXPECT_EQ(error_of(outcomes[2]), ErrorCode::insufficient_funds);
  EXPECT_EQ(error_of(outcomes[3]), ErrorCode::linked_failed);
  EXPECT_EQ(outcomes[4].kind, posted);
  EXPECT_EQ(bank.ledger.account(kAlice)->credits_posted, Amount{});
  EXPECT_EQ(bank.ledger.account(kBob)->balance(), Amount{12});
  EXPECT_EQ(decided_events(bank), 5U);
  // Frozen, each with its own reason.
  EXPECT_EQ(error_of(bank.post_one(transfer(2, kBank, kAlice, 100))), ErrorCode::linked_failed);
  EXPECT_EQ(error_of(bank.post_one(transfer(3, kAlice, kBob, 101))), ErrorCode::insufficient_funds);
}

TEST(LinkedTransfers, ARetriedChainGetsTheSameAnswers) {
  TestBank bank;
  const std::vector<TransferRequest> good = {transfer(1, kBank, kAlice, 100, true), transfer(2, kAlice, kBob, 60)};
  const std::vector<TransferRequest> bad = {transfer(3, kBank, kAlice, 1, true), transfer(4, kBob, kAlice, 61)};
  bank.post(good);
  bank.post(bad);
  bank.fund(5, kBob, 1'000);
  const std::size_t events = bank.events.size();
  for (const TransferOutcome& outcome : bank.post(good)) EXPECT_EQ(outcome.kind, existed);
  const auto again = bank.post(bad);
  EXPECT_EQ(error_of(again[0]), ErrorCode::linked_failed);
  EXPECT_EQ(error_of(again[1]), ErrorCode::insufficient_funds);
  EXPECT_EQ(bank.events.size(), events);
}

TEST(LinkedTransfers, AMemberPostedBeforeStaysAndDoesNotFailTheChain) {
  TestBank bank;
  bank.fund(1, kAlice, 100);
  const auto outcomes = bank.post({transfer(1, kBank, kAlice, 100, true), transfer(2, kAlice, kBob, 10)});
  EXPECT_EQ(outcomes[0].kind, existed);
  EXPECT_EQ(outcomes[1].kind, posted);
  const auto failed = bank.post({transfer(1, kBank, kAlice, 100, true), transfer(3, kAlice, kBob, 1'000)});
  EXPECT_EQ(failed[0].kind, existed);
  EXPECT_EQ(error_of(failed[1]), ErrorCode::insufficient_funds);
  EXPECT_EQ(bank.ledger.account(kAlice)->balance(), Amount{90});
}

TEST(LinkedTransfers, AMemberRefusedBeforeOrInConflictFailsTheChain) {
  TestBank bank;
  bank.post_one(transfer(1, kAlice, kBob, 10));
  const auto refused_before = bank.post({transfer(2, kBank, kAlice, 10, true), transfer(1, kAlice, kBob, 10)});
  EXPECT_EQ(error_of(refused_before[0]), ErrorCode::linked_failed);
  EXPECT_EQ(error_of(refused_before[1]), ErrorCode::insufficient_funds);
  const auto conflict = bank.post({transfer(3, kBank, kAlice, 10, true), transfer(1, kAlice, kBob, 11)});
  EXPECT_EQ(error_of(conflict[0]), ErrorCode::linked_failed);
  EXPECT_EQ(error_of(conflict[1]), ErrorCode::conflict);
  EXPECT_EQ(bank.ledger.account(kAlice)->credits_posted, Amount{});
}

TEST(LinkedTransfers, ARepeatInsideAChainFollowsTheFirst) {
  TestBank bank;
  const auto good = bank.post({transfer(1, kBank, kAlice, 10, true), transfer(1, kBank, kAlice, 10)});
  EXPECT_EQ(good[0].kind, posted);
  EXPECT_EQ(good[1].kind, existed);
  const auto bad = bank.post(
      {transfer(2, kBank, kAlice, 10, true), transfer(2, kBank, kAlice, 10, true), transfer(3, kBob, kAlice, 10)});
  EXPECT_EQ(error_of(bad[0]), ErrorCode::linked_failed);
  EXPECT_EQ(error_of(bad[1]), ErrorCode::linked_failed);
  EXPECT_EQ(error_of(bad[2]), ErrorCode::insufficient_funds);
  EXPECT_EQ(bank.ledger.account(kAlice)->balance(), Amount{10});
}

TEST(LinkedTransfers, TheLastOneOfABatchIsLinkedToNothing) {
  TestBank bank;
  const auto outcomes = bank.post({transfer(1, kBank, kAlice, 10, true), transfer(2, kBank, kBob, 10, true)});
  EXPECT_EQ(outcomes[0].kind, posted);
  EXPECT_EQ(outcomes[1].kind, posted);
  EXPECT_TRUE(bank.post({}).empty());
}

TEST(LinkedTransfers, AChainLongerThanTheRetentionIsUndoneWhole) {
  TestBank bank(Retention{.decided_transfers = 4, .ended_holds = 4});
  bank.fund(100, kAlice, 1);
  std::vector<TransferRequest> chain;
  for (std::uint64_t n = 1; n <= 20; ++n) chain.push_back(transfer(n, kBank, kAlice, 10, true));
  chain.push_back(transfer(21, kBob, kAlice, 1));
  const auto outcomes = bank.post(chain);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(error_of(outcomes[i]), ErrorCode::linked_failed);
  EXPECT_EQ(error_of(outcomes[20]), ErrorCode::insufficient_funds);
  EXPECT_EQ(bank.ledger.account(kAlice)->balance(), Amount{1});
}

}  // namespace
}  // namespace bourse::ledger
