#include <gtest/gtest.h>

#include "ledger/domain/test_bank.h"

namespace bourse::ledger {
namespace {

// A ledger with some of everything.
TestBank busy_bank(Retention retention = {}) {
  TestBank bank(retention);
  bank.fund(1, kAlice, 100);
  bank.post_one(transfer(2, kBob, kAlice, 1));
  bank.post({transfer(3, kDuBank, kDuWallet, 5, true), transfer(4, kAlice, kBob, 10)});
  for (std::uint64_t id = 1; id <= 4; ++id)
    EXPECT_TRUE(bank.place(id, kAlice, 10, Instant{static_cast<std::int64_t>(100 - id)}));
  EXPECT_TRUE(bank.capture(2, {{kCenter, Amount{3}, TransferCode::capture_center}}));
  EXPECT_TRUE(bank.release(3));
  EXPECT_TRUE(bank.release(2, HoldEnd::expired));
  EXPECT_TRUE(bank.extend(4, 2, Instant{50}));
  return bank;
}

Result<Ledger> loaded(std::span<const std::byte> bytes, Retention retention = {}) {
  Ledger ledger(retention);
  codec::Reader reader(bytes);
  CHECK_OK(ledger.load(reader));
  return ledger;
}

TEST(Snapshot, RoundTrips) {
  TestBank bank = busy_bank();
  const auto bytes = saved(bank.ledger);
  auto copy = loaded(bytes);
  ASSERT_TRUE(copy);
  EXPECT_EQ(saved(*copy), bytes);
  // …and goes on like the original.
  EXPECT_EQ(copy->expired(Instant{99}, 10), bank.ledger.expired(Instant{99}, 10));
  EXPECT_EQ(copy->release(hold_id(3), HoldEnd::released).error().code, ErrorCode::hold_closed);
  std::vector<TransferOutcome> outcomes;
  const auto again = {transfer(1, kBank, kAlice, 100), transfer(2, kBob, kAlice, 1), transfer(1, kBank, kAlice, 101)};
  copy->post(std::vector(again), outcomes, [](const auto&) { FAIL() << "nothing new was decided"; });
  EXPECT_EQ(outcomes[0].kind, TransferOutcome::Kind::existed);
  EXPECT_EQ(error_of(outcomes[1]), ErrorCode::insufficient_funds);
  EXPECT_EQ(error_of(outcomes[2]), ErrorCode::conflict);
}

TEST(Snapshot, ReplacesWhatWasThere) {
  TestBank bank = busy_bank();
  const auto bytes = saved(Ledger());
  codec::Reader reader(bytes);
  ASSERT_TRUE(bank.ledger.load(reader));
  EXPECT_EQ(saved(bank.ledger), bytes);
  EXPECT_TRUE(bank.ledger.accounts().empty());
}

TEST(Snapshot, IsTheSameAfterReplay) {
  const TestBank bank = busy_bank();
  EXPECT_EQ(saved(replay(bank.events)), saved(bank.ledger));
}

TEST(Snapshot, KeepsTheOrderOfForgetting) {
  const Retention small{.decided_transfers = 3, .ended_holds = 2};
  TestBank bank = busy_bank(small);
  auto copy = loaded(saved(bank.ledger), small);
  ASSERT_TRUE(copy);
  const HoldEnded next{hold_id(1), Amount{10}, HoldEnd::released};
  copy->apply(next);
  bank.ledger.apply(next);
  EXPECT_EQ(saved(*copy), saved(bank.ledger));
  EXPECT_EQ(copy->hold(hold_id(3)), nullptr);
}

TEST(Snapshot, CutShortIsAnErrorAndLeavesAnEmptyLedger) {
  const auto bytes = saved(busy_bank().ledger);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Ledger ledger;
    const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    codec::Reader reader(cut);
    const Status status = ledger.load(reader);
    ASSERT_FALSE(status) << size;
    EXPECT_EQ(status.error().code, ErrorCode::integrity);
    EXPECT_TRUE(ledger.accounts().empty());
  }
}

TEST(Snapshot, UnbalancedCountersAreAnError) {
  TestBank bank;
  bank.fund(1, kAlice, 0x1122334455);
  auto bytes = saved(bank.ledger);
  const std::byte amount[] = {std::byte{0x55}, std::byte{0x44}, std::byte{0x33}, std::byte{0x22}, std::byte{0x11}};
  auto at = std::search(bytes.begin(), bytes.end(), std::begin(amount), std::end(amount));
  ASSERT_NE(at, bytes.end());
  *at = std::byte{0x54};
  EXPECT_EQ(loaded(bytes).error().code, ErrorCode::integrity);
}

}  // namespace
}  // namespace bourse::ledger
