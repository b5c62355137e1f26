// What every Journal must do, on the one in memory and the one in PostgreSQL.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "broker/adapters/store/pg_journal.h"
#include "broker/app/memory_journal.h"
#include "tests/contract/database.h"

namespace bourse::broker {
namespace {

using test::bytes;

// Where journals live: several may be opened on one.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::unique_ptr<Journal> open() = 0;
  virtual void alter_body(std::uint64_t seq) = 0;  // behind everybody's back
};

class InMemory final : public Backend {
 public:
  std::unique_ptr<Journal> open() override { return std::make_unique<MemoryJournal>(store_); }
  void alter_body(std::uint64_t seq) override { store_->rows[seq - 1].body[0] ^= std::byte{1}; }

 private:
  std::shared_ptr<MemoryJournalStore> store_ = std::make_shared<MemoryJournalStore>();
};

class InPostgres final : public Backend {
 public:
  std::unique_ptr<Journal> open() override {
    auto journal = PgJournal::open(database_.as("bourse_writer"));
    if (!journal) ADD_FAILURE() << journal.error().message();
    return journal ? std::move(*journal) : nullptr;
  }
  void alter_body(std::uint64_t seq) override {
    database_.ask("UPDATE journal.rows SET body = set_byte(body, 0, get_byte(body, 0) # 1) WHERE seq = " + std::to_string(seq));
  }

 private:
  test::Database database_;
};

struct Kind {
  const char* name;
  std::function<std::unique_ptr<Backend>()> make;
};
void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

class JournalContract : public ::testing::TestWithParam<Kind> {
 protected:
  std::unique_ptr<Backend> backend_ = GetParam().make();

  static std::vector<JournalRow> rows(Journal& journal, JournalHead after = {}) {
    std::vector<JournalRow> out;
    const Status done = journal.replay(after, [&](const JournalRow& row) -> Status {
      out.push_back(row);
      return {};
    });
    EXPECT_TRUE(done) << done.error().message();
    return out;
  }
};

TEST_P(JournalContract, StartsEmpty) {
  const auto journal = backend_->open();
  const auto head = journal->take_over();
  ASSERT_TRUE(head) << head.error().message();
  EXPECT_EQ(head->seq, 0U);
  EXPECT_TRUE(head->hash.is_zero());
  EXPECT_TRUE(rows(*journal).empty());
  EXPECT_FALSE(journal->newest_snapshot());
}

TEST_P(JournalContract, GivesBackWhatWasAppendedAsAChain) {
  const auto journal = backend_->open();
  ASSERT_TRUE(journal->take_over());
  const std::vector<std::string> bodies = {"one", "", std::string(3 << 20, 'x'), std::string("\0\xff", 2)};
  std::vector<JournalHead> heads;
  for (const std::string& body : bodies) {
    const auto head = journal->append(bytes(body), Instant{1000 + static_cast<std::int64_t>(heads.size())});
    ASSERT_TRUE(head) << head.error().message();
    heads.push_back(*head);
  }
  const auto read = rows(*journal);
  ASSERT_EQ(read.size(), bodies.size());
  Hash256 previous;
  for (std::size_t i = 0; i < read.size(); ++i) {
    EXPECT_EQ(read[i].seq, i + 1);
    EXPECT_EQ(read[i].body, bytes(bodies[i]));
    EXPECT_EQ(read[i].at.unix_ms, 1000 + static_cast<std::int64_t>(i));
    EXPECT_EQ(read[i].previous, previous);
    EXPECT_EQ(read[i].hash, row_hash(read[i]));
    EXPECT_EQ(read[i].hash, heads[i].hash);
    previous = read[i].hash;
  }
  EXPECT_EQ(rows(*journal, heads[1]).size(), 2U);
}

TEST_P(JournalContract, OnlyTheNewestWriterAppends) {
  const auto old_writer = backend_->open();
  const auto new_writer = backend_->open();
  ASSERT_TRUE(old_writer->take_over());
  ASSERT_TRUE(old_writer->append(bytes("old"), Instant{1}));
  const auto head = new_writer->take_over();
  ASSERT_TRUE(head) << head.error().message();
  EXPECT_EQ(head->seq, 1U);

  for (int i = 0; i < 3; ++i) {
    const auto refused = old_writer->append(bytes("too late"), Instant{2});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::deposed);
  }
  ASSERT_TRUE(new_writer->append(bytes("new"), Instant{3}));
  const auto refused = old_writer->append(bytes("too late"), Instant{4});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::deposed);

  const auto read = rows(*new_writer);
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[1].body, bytes("new"));
  EXPECT_GT(read[1].epoch, read[0].epoch);

  // It may become the writer again, which deposes the other.
  ASSERT_TRUE(old_writer->take_over());
  ASSERT_TRUE(old_writer->append(bytes("back"), Instant{5}));
  EXPECT_FALSE(new_writer->append(bytes("no more"), Instant{6}));
}

TEST_P(JournalContract, WithoutTakeOverNobodyAppends) {
  const auto journal = backend_->open();
  const auto refused = journal->append(bytes("x"), Instant{1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::deposed);
}

TEST_P(JournalContract, ReplayNoticesAnAlteredRow) {
  const auto journal = backend_->open();
  ASSERT_TRUE(journal->take_over());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(journal->append(bytes("body " + std::to_string(i)), Instant{i}));
  backend_->alter_body(3);
  std::size_t seen = 0;
  const Status done = journal->replay({}, [&](const JournalRow&) -> Status {
    ++seen;
    return {};
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::integrity);
  EXPECT_LE(seen, 2U);
}

TEST_P(JournalContract, ReplayFromAWrongHashIsRefused) {
  const auto journal = backend_->open();
  ASSERT_TRUE(journal->take_over());
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(journal->append(bytes("body"), Instant{i}));
  JournalHead wrong{1, {}};
  wrong.hash.bytes[5] = 7;
  const Status done = journal->replay(wrong, [](const JournalRow&) -> Status { return {}; });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::integrity);
}

TEST_P(JournalContract, ReplayStopsWhereTheVisitorSays) {
  const auto journal = backend_->open();
  ASSERT_TRUE(journal->take_over());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(journal->append(bytes("body"), Instant{i}));
  std::size_t seen = 0;
  const Status done = journal->replay({}, [&](const JournalRow& row) -> Status {
    ++seen;
    if (row.seq == 3) return fail(ErrorCode::internal, "enough");
    return {};
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().detail, "enough");
  EXPECT_EQ(seen, 3U);
}

TEST_P(JournalContract, TheNewestSnapshotComesBack) {
  const auto journal = backend_->open();
  ASSERT_TRUE(journal->take_over());
  for (int i = 0; i < 3; ++i) {
    const auto head = journal->append(bytes("body"), Instant{i});
    ASSERT_TRUE(head);
    const Snapshot snapshot{*head, bytes(std::string(static_cast<std::size_t>(i) * (6 << 20), static_cast<char>('a' + i)))};
    const Status saved = journal->save_snapshot(snapshot);
    ASSERT_TRUE(saved) << saved.error().message();
    const auto read = journal->newest_snapshot();
    ASSERT_TRUE(read);
    EXPECT_EQ(read->at.seq, head->seq);
    EXPECT_EQ(read->at.hash, head->hash);
    EXPECT_EQ(read->state, snapshot.state);
  }
}

INSTANTIATE_TEST_SUITE_P(All, JournalContract,
                         ::testing::Values(Kind{"Memory", [] { return std::make_unique<InMemory>(); }},
                                           Kind{"Postgres", [] { return std::make_unique<InPostgres>(); }}),
                         [](const auto& info) { return std::string(info.param.name); });

// What only the one in PostgreSQL can show.

TEST(PgJournal, IsNotOpenedWithoutDurability) {
  const test::Database database;
  database.ask("ALTER ROLE bourse_writer SET synchronous_commit = off");
  const auto journal = PgJournal::open(database.as("bourse_writer"));
  database.ask("ALTER ROLE bourse_writer RESET synchronous_commit");
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().code, ErrorCode::failed_precondition);
  EXPECT_THAT(journal.error().detail, ::testing::HasSubstr("synchronous_commit"));
}

TEST(PgJournal, ALostConnectionIsAnUnknownOutcomeAndTakeOverConnectsAgain) {
  const test::Database database;
  auto journal = PgJournal::open(database.as("bourse_writer"));
  ASSERT_TRUE(journal);
  ASSERT_TRUE((*journal)->take_over());
  ASSERT_TRUE((*journal)->append(bytes("one"), Instant{1}));
  database.ask("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'bourse_writer'");
  const auto lost = (*journal)->append(bytes("two"), Instant{2});
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::unknown_outcome);
  const auto head = (*journal)->take_over();
  ASSERT_TRUE(head) << head.error().message();
  EXPECT_EQ(head->seq, 1U);
  EXPECT_TRUE((*journal)->append(bytes("two"), Instant{3}));
}

TEST(PgJournal, AnotherWritersOpenTransactionHoldsTheOldOneBack) {
  // A take-over that has raised the epoch and not committed yet: an append must wait for it and then fail.
  const test::Database database;
  auto old_writer = PgJournal::open(database.as("bourse_writer") + " options='-c lock_timeout=300ms'");
  ASSERT_TRUE(old_writer);
  ASSERT_TRUE((*old_writer)->take_over());
  EXPECT_EQ(database.sqlstate("BEGIN; UPDATE journal.writer SET epoch = epoch + 1; SELECT pg_sleep(0); COMMIT", "bourse_writer"),
            "00000");
  const auto refused = (*old_writer)->append(bytes("late"), Instant{1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::deposed);
}

TEST(PgJournal, NobodyMayChangeWhatIsWritten) {
  const test::Database database;
  auto journal = PgJournal::open(database.as("bourse_writer"));
  ASSERT_TRUE(journal);
  ASSERT_TRUE((*journal)->take_over());
  ASSERT_TRUE((*journal)->append(bytes("kept"), Instant{1}));
  constexpr const char* kInsufficientPrivilege = "42501";
  for (const char* role : {"bourse_writer", "bourse_projector", "bourse_reader"}) {
    EXPECT_EQ(database.sqlstate("UPDATE journal.rows SET body = ''", role), kInsufficientPrivilege) << role;
    EXPECT_EQ(database.sqlstate("DELETE FROM journal.rows", role), kInsufficientPrivilege) << role;
    EXPECT_EQ(database.sqlstate("TRUNCATE journal.rows", role), kInsufficientPrivilege) << role;
    EXPECT_EQ(database.sqlstate("DELETE FROM journal.writer", role), kInsufficientPrivilege) << role;
    EXPECT_EQ(database.sqlstate("SELECT count(*) FROM journal.rows", role), "00000") << role;
  }
  EXPECT_EQ(database.sqlstate("UPDATE journal.writer SET epoch = 9", "bourse_reader"), kInsufficientPrivilege);
  EXPECT_EQ(database.sqlstate("INSERT INTO market.jobs SELECT * FROM market.jobs", "bourse_reader"), kInsufficientPrivilege);
  EXPECT_EQ(database.sqlstate("SELECT count(*) FROM market.jobs", "bourse_reader"), "00000");
}

}  // namespace
}  // namespace bourse::broker
