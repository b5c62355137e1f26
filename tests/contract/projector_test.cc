// The projector on rows that no engine would write together, and on trouble.
#include "broker/adapters/store/projector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/adapters/store/pg_journal.h"
#include "broker/domain/events.h"
#include "tests/contract/database.h"

namespace bourse::broker {
namespace {

using ::testing::HasSubstr;

template <class IdType>
IdType id(std::uint64_t n) {
  return {Uuid{0x0190'0000'0000'7000ULL, 0x8000'0000'0000'0000ULL | n}};
}

class ProjectorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = PgJournal::open(database_.as("bourse_writer"));
    ASSERT_TRUE(opened) << opened.error().message();
    journal_ = std::move(*opened);
    ASSERT_TRUE(journal_->take_over());
    const Status started = projector_.start();
    ASSERT_TRUE(started) << started.error().message();
  }

  std::uint64_t append(const std::vector<Event>& events) {
    std::vector<std::byte> body;
    for (const Event& event : events) encode(event, body);
    const auto head = journal_->append(body, Instant{1'800'000'000'000});
    EXPECT_TRUE(head) << head.error().message();
    return head ? head->seq : 0;
  }
  bool projected(std::uint64_t seq) {
    projector_.notify(seq);
    return projector_.wait_for(seq, seconds(30));
  }
  static CommandAnswered answered(std::string key, ErrorCode error, std::string detail = {}) {
    return {.key = std::move(key), .fingerprint = ~0ULL, .error = error, .detail = std::move(detail), .at = Instant{1}};
  }
  static ledger::AccountOpened account(std::uint64_t n) {
    return {.account = id<LedgerAccountId>(n), .unit = kCny, .code = ledger::AccountCode::deferred_revenue};
  }

  test::Database database_;
  std::unique_ptr<PgJournal> journal_;
  Projector projector_{{.conninfo = database_.as("bourse_projector"), .poll = milliseconds(50)}};
};

TEST_F(ProjectorTest, AKeyAnsweredAgainKeepsItsFirstAnswer) {
  append({answered("k1", ErrorCode{}), answered("k2", ErrorCode::no_price)});
  ASSERT_TRUE(projected(1));
  append({answered("k2", ErrorCode{}), answered("k3", ErrorCode{}), answered("k3", ErrorCode::timeout)});
  ASSERT_TRUE(projected(2)) << projector_.status().error;
  EXPECT_EQ(database_.ask("SELECT string_agg(key || ':' || error, ' ' ORDER BY key) FROM market.commands"), "k1:0 k2:11 k3:0");
  EXPECT_EQ(database_.ask("SELECT fingerprint FROM market.commands LIMIT 1"), "-1");
}

TEST_F(ProjectorTest, HostileTextIsStored) {
  append({answered(std::string("k\0\xFF", 3), ErrorCode::internal, "'; DROP TABLE market.jobs; --")});
  ASSERT_TRUE(projected(1)) << projector_.status().error;
  EXPECT_EQ(database_.ask("SELECT length(key) FROM market.commands"), "3");
  EXPECT_EQ(database_.ask("SELECT detail FROM market.commands"), "'; DROP TABLE market.jobs; --");
}

TEST_F(ProjectorTest, AnAccountOpenedAgainChangesNothing) {
  append({account(1), account(2),
          ledger::Posted{id<TransferId>(1), id<LedgerAccountId>(1), id<LedgerAccountId>(2), Amount::whole(5)}});
  ASSERT_TRUE(projected(1)) << projector_.status().error;
  append({account(1), account(3),
          ledger::Posted{id<TransferId>(2), id<LedgerAccountId>(1), id<LedgerAccountId>(3), Amount::whole(2)}});
  ASSERT_TRUE(projected(2)) << projector_.status().error;
  EXPECT_EQ(database_.ask("SELECT string_agg((debits_posted_micros / 1000000)::text, ' ' ORDER BY id) FROM market.ledger_accounts"),
            "7 0 0");
}

TEST_F(ProjectorTest, WhatDoesNotFitStopsItUntilARebuild) {
  append({account(1), account(2)});
  ASSERT_TRUE(projected(1));
  database_.ask("DELETE FROM market.ledger_accounts", "bourse_projector");
  // The rows are still in its memory: only a new connection looks at the tables again.
  database_.ask("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'bourse_projector'");
  append({ledger::Posted{id<TransferId>(1), id<LedgerAccountId>(1), id<LedgerAccountId>(2), Amount::whole(5)}});
  projector_.notify(2);
  for (int i = 0; i < 200 && !projector_.status().stopped; ++i) EXPECT_FALSE(projector_.wait_for(2, milliseconds(50)));
  EXPECT_TRUE(projector_.status().stopped);
  EXPECT_THAT(projector_.status().error, HasSubstr("is not projected"));
  EXPECT_EQ(projector_.status().position, 1U);
  ASSERT_TRUE(projector_.rebuild());
  ASSERT_TRUE(projected(2)) << projector_.status().error;
  EXPECT_EQ(database_.ask("SELECT count(*) FROM market.transfers"), "1");
  EXPECT_EQ(projector_.status().lag.ms, 0);
}

TEST_F(ProjectorTest, GoesOnAfterItsSessionWasEnded) {
  append({account(1)});
  ASSERT_TRUE(projected(1));
  for (int i = 0; i < 3; ++i) {
    database_.ask("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'bourse_projector'");
    const std::uint64_t seq = append({account(10 + static_cast<std::uint64_t>(i))});
    ASSERT_TRUE(projected(seq)) << projector_.status().error;
  }
  EXPECT_EQ(database_.ask("SELECT count(*) FROM market.ledger_accounts"), "4");
}

TEST_F(ProjectorTest, FindsRowsThatNobodyTellsItOf) {
  const std::uint64_t seq = append({account(1)});
  EXPECT_TRUE(projector_.wait_for(seq, seconds(30)));
}

}  // namespace
}  // namespace bourse::broker
