#include "ledger/domain/decided.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>

namespace bourse::ledger {
namespace {

DecidedTransfers::Entry entry(std::uint64_t n) {
  return {.id = TransferId{{0, n}}, .fingerprint = n * 3, .error = static_cast<ErrorCode>(n % 2)};
}

TEST(DecidedTransfers, FindsWhatWasAdded) {
  DecidedTransfers decided;
  EXPECT_EQ(decided.find(entry(1).id), nullptr);
  decided.prefetch(entry(1).id, 0);
  for (std::uint64_t n = 1; n <= 1'000; ++n) decided.add(entry(n));
  EXPECT_EQ(decided.size(), 1'000U);
  for (std::uint64_t n = 1; n <= 1'000; ++n) EXPECT_EQ(decided.find(entry(n).id)->fingerprint, n * 3);
  EXPECT_EQ(decided.find(entry(0).id), nullptr);
  EXPECT_EQ(decided.find(entry(1'001).id), nullptr);
  EXPECT_EQ(decided[0].id, entry(1).id);
  EXPECT_EQ(decided[999].id, entry(1'000).id);
}

// By doubling, and from some thousands on to all that are expected at once.
TEST(DecidedTransfers, GrowingKeepsTheEntries) {
  DecidedTransfers decided;
  decided.expect(100'000);
  decided.add(entry(1));
  decided.add(entry(2));
  decided.forget_oldest();
  for (std::uint64_t n = 3; n <= 150'000; ++n) decided.add(entry(n));
  EXPECT_EQ(decided.size(), 149'999U);
  EXPECT_EQ(decided.find(entry(1).id), nullptr);
  for (std::uint64_t n = 2; n <= 150'000; ++n) ASSERT_NE(decided.find(entry(n).id), nullptr) << n;
}

TEST(DecidedTransfersDeathTest, ForgettingNothingIsABug) {
  DecidedTransfers decided;
  EXPECT_DEATH(decided.forget_oldest(), "assertion failed");
  EXPECT_DEATH(decided.forget_newest(), "assertion failed");
}

// Small and crowded, so that entries push each other on and vacated slots must be closed again.
RC_GTEST_PROP(DecidedTransfersProperty, BehavesLikeAQueue, ()) {
  DecidedTransfers decided;
  std::deque<std::uint64_t> model;
  std::uint64_t next = *rc::gen::arbitrary<std::uint32_t>();
  for (int step = 0; step < 400; ++step) {
    const int action = *rc::gen::inRange(0, 10);
    if (action < 6 || model.empty()) {
      decided.add(entry(next));
      model.push_back(next++);
    } else if (action < 8) {
      decided.forget_oldest();
      model.pop_front();
    } else {
      decided.forget_newest();
      model.pop_back();
    }
    RC_ASSERT(decided.size() == model.size());
  }
  for (std::size_t i = 0; i < model.size(); ++i) {
    RC_ASSERT(decided[i].id == entry(model[i]).id);
    const auto* found = decided.find(entry(model[i]).id);
    RC_ASSERT(found != nullptr);
    RC_ASSERT(found->fingerprint == entry(model[i]).fingerprint);
  }
  if (!model.empty()) RC_ASSERT(decided.find(entry(model.front() - 1).id) == nullptr);
  RC_ASSERT(decided.find(entry(next).id) == nullptr);
}

}  // namespace
}  // namespace bourse::ledger
