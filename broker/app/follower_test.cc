#include "broker/app/follower.h"

#include <gtest/gtest.h>

#include <thread>

#include "broker/app/commands_for_test.h"
#include "broker/app/committer.h"
#include "broker/app/memory_journal.h"

namespace bourse::broker {
namespace {

using testing::command;
using testing::fund;
using testing::open_account;

constexpr Instant kNow{1'800'000'000'000};

class Followed : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(committer.recover());
    run(open_account(1));
  }
  void run(CommandBody body) {
    Committer::Item item{command(kNow, std::move(body)), {}};
    committer.run(std::span(&item, 1));
  }
  template <class Condition>
  static bool eventually(Condition&& condition) {
    for (int i = 0; i < 10'000'000; ++i) {
      if (condition()) return true;
      std::this_thread::yield();
    }
    return false;
  }

  ManualClock clock{kNow};
  MemoryJournal journal;
  Committer committer{{}, journal, clock};
  MemoryJournal own{journal.store()};
};

TEST_F(Followed, WritesSnapshotsThatARestartBeginsAt) {
  Follower follower({.poll = milliseconds(1), .snapshot_rows = 10}, own);
  ASSERT_TRUE(follower.start());
  for (std::uint64_t i = 1; i <= 25; ++i) run(fund(1, i, 1));
  ASSERT_TRUE(eventually([&] { return follower.stats().position == 26 && follower.stats().snapshots > 0; }));
  follower.stop();
  ASSERT_TRUE(journal.store()->snapshot.has_value());
  const std::uint64_t at = journal.store()->snapshot->at.seq;
  EXPECT_GE(at, 10U);

  MemoryJournal reopened(journal.store());
  const auto replayed = replay_all(reopened, {});
  ASSERT_TRUE(replayed);
  EXPECT_EQ(replayed->snapshot_seq, at);
  EXPECT_EQ(replayed->head.seq, 26U);
  EXPECT_EQ(replayed->market->digest(), committer.market().digest());
}

TEST_F(Followed, ADamagedSnapshotIsPassedOver) {
  journal.store()->snapshot = Snapshot{committer.head(), std::vector<std::byte>(100, std::byte{7})};
  const auto replayed = replay_all(own, {});
  ASSERT_TRUE(replayed);
  EXPECT_EQ(replayed->snapshot_seq, 0U);
  EXPECT_EQ(replayed->market->digest(), committer.market().digest());
}

TEST_F(Followed, ADamagedRowIsFatal) {
  Follower follower({.poll = milliseconds(1)}, own);
  std::atomic<bool> fatal = false;
  follower.on_fatal([&](const Error& error) { fatal = error.code == ErrorCode::integrity; });
  ASSERT_TRUE(follower.start());
  {
    const std::scoped_lock lock(journal.store()->mutex);
    JournalRow row = journal.store()->rows.back();
    row.seq += 1;
    journal.store()->rows.push_back(row);
  }
  EXPECT_TRUE(eventually([&] { return fatal.load(); }));
}

}  // namespace
}  // namespace bourse::broker
