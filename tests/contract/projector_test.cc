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
  Projector projector_{{.conninfo = database_.as("bourse_projector"), .poll = milliseconds(50), .gather_every = 4}};
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

TEST_F(ProjectorTest, AnAccountsMovesAreFoundGatheredOrNot) {
  std::uint64_t transfers = 0;
  const auto post = [&](std::uint64_t from, std::uint64_t to, std::int64_t amount) -> Event {
    return ledger::Posted{id<TransferId>(++transfers), id<LedgerAccountId>(from), id<LedgerAccountId>(to), Amount::whole(amount)};
  };
  const auto moves = [&] {
    return database_.ask("SELECT string_agg(journal_seq || '.' || idx || ':' || moved / 1000000, ' ' ORDER BY journal_seq, idx) "
                         "FROM market.moves_of('01900000-0000-7000-8000-000000000001')", "bourse_reader");
  };
  const auto gathered = [&] { return database_.ask("SELECT gathered || ' ' || (SELECT count(*) FROM market.account_moves) FROM market.projector_cursor"); };

  append({account(1), account(2), account(3), post(1, 2, 5), post(2, 3, 1)});
  ASSERT_TRUE(projected(1)) << projector_.status().error;
  EXPECT_EQ(gathered(), "0 0");
  EXPECT_EQ(moves(), "1.0:-5");
  append({post(3, 1, 7), post(2, 3, 2)});  // the fourth of them
  ASSERT_TRUE(projected(2)) << projector_.status().error;
  EXPECT_EQ(gathered(), "2 3");
  EXPECT_EQ(moves(), "1.0:-5 2.0:7");
  append({post(1, 3, 9)});
  ASSERT_TRUE(projected(3)) << projector_.status().error;
  EXPECT_EQ(gathered(), "2 3");
  EXPECT_EQ(moves(), "1.0:-5 2.0:7 3.0:-9");
  EXPECT_EQ(database_.ask("SELECT count(*) FROM market.moves_of('01900000-0000-7000-8000-000000000001', '2027-01-15T08:00:00.001Z')"), "0");
  EXPECT_EQ(database_.ask("SELECT count(*) FROM market.moves_of('01900000-0000-7000-8000-000000000001', '-infinity', '2027-01-15T08:00:00Z')"), "0");
  EXPECT_EQ(database_.ask("SELECT count(*) FROM market.moves_of('01900000-0000-7000-8000-000000000001', '2027-01-15T08:00:00Z', '2027-01-15T08:00:00.001Z')"), "3");

  // What it had in memory is had again from the tables.
  database_.ask("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'bourse_projector'");
  std::vector<Event> many;
  for (int i = 0; i < 300; ++i) many.push_back(post(2, 1, 1));
  append(many);
  ASSERT_TRUE(projected(4)) << projector_.status().error;
  EXPECT_EQ(gathered(), "4 11");  // two more rows of row 3, and 300 legs of two accounts by the 128
  EXPECT_EQ(database_.ask("SELECT count(*) || ' ' || (sum(moved) / 1000000)::bigint FROM market.moves_of('01900000-0000-7000-8000-000000000001')"), "303 293");
  ASSERT_TRUE(projector_.rebuild());
  ASSERT_TRUE(projected(4)) << projector_.status().error;
  EXPECT_EQ(database_.ask("SELECT count(*) || ' ' || (sum(moved) / 1000000)::bigint FROM market.moves_of('01900000-0000-7000-8000-000000000001')"), "303 293");
}

TEST_F(ProjectorTest, WhatSomebodyElseGatheredIsNotGatheredTwice) {
  const auto post = [](std::uint64_t n) -> Event {
    return ledger::Posted{id<TransferId>(n), id<LedgerAccountId>(1), id<LedgerAccountId>(2), Amount::whole(1)};
  };
  append({account(1), account(2), post(1), post(2)});
  ASSERT_TRUE(projected(1)) << projector_.status().error;
  database_.ask("SELECT market.gather_moves()", "bourse_projector");
  append({post(3), post(4)});
  ASSERT_TRUE(projected(2)) << projector_.status().error;
  EXPECT_EQ(database_.ask("SELECT count(*) || ' ' || (sum(moved) / 1000000)::bigint FROM market.moves_of('01900000-0000-7000-8000-000000000001')"), "4 -4");
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
