// The engine on PostgreSQL: journal, follower, projector and verification together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "bench/stub_market.h"
#include "broker/adapters/statement/sealer/source.h"
#include "broker/adapters/store/pg_journal.h"
#include "broker/adapters/store/projector.h"
#include "broker/adapters/store/verify.h"
#include "broker/app/engine.h"
#include "broker/app/follower.h"
#include "tests/contract/database.h"

namespace bourse::broker {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

// A broker without its edges.
struct House {
  explicit House(const test::Database& db, std::uint64_t seed = 7)
      : database(db), projector({.conninfo = db.as("bourse_projector")}) {
    auto opened = PgJournal::open(db.as("bourse_writer"));
    EXPECT_TRUE(opened) << opened.error().message();
    journal = std::move(*opened);
    engine = std::make_unique<Engine>(EngineOptions{.tick = {}}, *journal, clock, rng);
    market = std::make_unique<bench::StubMarket>(bench::StubOptions{.seed = seed, .centers = 2, .accounts = 5, .jobs_per_report = 50},
                                                 *engine, clock);
    engine->on_committed([this](std::uint64_t position, const std::vector<Event>& events) {
      market->committed(events);
      projector.notify(position);
    });
    engine->on_fatal([this](const Error& error) { fatal = error.code; });
    const Status engine_started = engine->start();
    EXPECT_TRUE(engine_started) << engine_started.error().message();
    const Status projector_started = projector.start();
    EXPECT_TRUE(projector_started) << projector_started.error().message();
  }
  ~House() {
    market->stop();
    engine->stop();
    projector.stop();
  }

  void trade(std::uint64_t from, std::uint64_t jobs) {
    const Status opened = market->open();
    ASSERT_TRUE(opened) << opened.error().message();
    for (std::uint64_t n = from; n < from + jobs; ++n) {
      const auto result = engine->execute(market->submission(n));
      ASSERT_TRUE(result) << result.error().message();
    }
    await([&] { return market->closed() >= jobs; });
    EXPECT_EQ(market->quarantined(), 0U);
  }
  void await(const std::function<bool()>& done) {
    for (int i = 0; i < 600 && !done(); ++i) engine->read_wait([](const Market&) {}).has_value() ? usleep(50'000) : 0;
    EXPECT_TRUE(done());
  }
  bool caught_up() { return projector.wait_for(engine->stats().position, seconds(60)); }

  LedgerVerification verify() {
    auto out = verify_ledger(database.as("bourse_reader"), Limits{}, engine.get());
    EXPECT_TRUE(out) << out.error().message();
    return out ? *out : LedgerVerification{};
  }
  Hash256 digest() {
    Hash256 digest;
    EXPECT_TRUE(engine->read_wait([&](const Market& m) { digest = m.digest(); }));
    return digest;
  }

  const test::Database& database;
  SystemClock clock;
  SeededRng rng{1};
  std::unique_ptr<PgJournal> journal;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<bench::StubMarket> market;
  Projector projector;
  std::atomic<ErrorCode> fatal{};
};

TEST(EngineOnPostgres, ATradeIsProjectedAndVerifies) {
  const test::Database db;
  House house(db);
  house.trade(0, 300);
  ASSERT_TRUE(house.caught_up());
  const LedgerVerification result = house.verify();
  EXPECT_TRUE(result.ok()) << ::testing::PrintToString(result.differences);
  EXPECT_EQ(result.projected, house.engine->stats().position);
  EXPECT_EQ(db.ask("SELECT count(*) FROM market.jobs WHERE state = 6", "bourse_reader"), "300");
  EXPECT_EQ(db.ask("SELECT count(*) FROM market.usage_captures", "bourse_reader"), "300");
  EXPECT_EQ(db.ask("SELECT count(*) FROM market.jobs j JOIN market.attempts a ON a.id = j.attempt "
                   "WHERE j.charged_micros = a.charged_micros AND j.charged_micros > 0 AND j.scheduler_job = a.scheduler_job"),
            "300");
  EXPECT_EQ(db.ask("SELECT sum(debits_posted_micros) - sum(credits_posted_micros) FROM market.ledger_accounts"), "0");
  EXPECT_EQ(db.ask("SELECT sum(debits_pending_micros) FROM market.ledger_accounts"), "0");
  EXPECT_EQ(db.ask("SELECT sum(gross_micros) FROM market.periods"), db.ask("SELECT sum(charged_micros) FROM market.jobs"));
}

TEST(EngineOnPostgres, ARestartAndARebuildGiveTheSame) {
  const test::Database db;
  Hash256 before;
  {
    House house(db);
    house.trade(0, 120);
    before = house.digest();
  }
  auto followed = PgJournal::open(db.as("bourse_writer"));
  ASSERT_TRUE(followed);
  Follower follower({.poll = milliseconds(20), .snapshot_rows = 5}, **followed);
  ASSERT_TRUE(follower.start());
  {
    House house(db);
    EXPECT_EQ(house.digest(), before);
    house.trade(120, 120);
    house.await([&] { return follower.stats().snapshots > 0; });
    ASSERT_TRUE(house.projector.rebuild());
    ASSERT_TRUE(house.caught_up());
    const LedgerVerification result = house.verify();
    EXPECT_TRUE(result.ok()) << ::testing::PrintToString(result.differences);
    before = house.digest();
  }
  follower.stop();
  EXPECT_NE(db.ask("SELECT count(*) FROM journal.snapshots"), "0");
  const House house(db);
  EXPECT_EQ(const_cast<House&>(house).digest(), before);  // through the snapshot this time
}

TEST(EngineOnPostgres, ADeposedEngineCommitsNothingMore) {
  const test::Database db;
  House first(db);
  first.trade(0, 10);
  const std::uint64_t position = first.engine->stats().position;
  House second(db);
  const auto refused = first.engine->execute(first.market->submission(11));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::deposed);
  EXPECT_EQ(db.ask("SELECT max(seq) FROM journal.rows"), std::to_string(position));
  for (int i = 0; i < 100 && first.fatal.load() != ErrorCode::deposed; ++i) usleep(20'000);
  EXPECT_EQ(first.fatal.load(), ErrorCode::deposed);
  second.trade(11, 10);
}

TEST(EngineOnPostgres, VerificationNamesWhatWasTamperedWith) {
  const test::Database db;
  House house(db);
  house.trade(0, 20);
  ASSERT_TRUE(house.caught_up());
  const std::vector<std::pair<std::string, std::string>> wounds = {
      {"UPDATE market.ledger_accounts SET debits_posted_micros = debits_posted_micros + 1 WHERE code = 9", "debits_posted"},
      {"UPDATE market.jobs SET state = 7 WHERE id = (SELECT min(id::text)::uuid FROM market.jobs)", "is failed in the projection"},
      {"UPDATE market.jobs SET charged_micros = charged_micros - 1 WHERE id = (SELECT min(id::text)::uuid FROM market.jobs)", "charged"},
      {"DELETE FROM market.transfers WHERE code = 4 AND journal_seq = (SELECT max(journal_seq) FROM market.transfers WHERE code = 4)",
       "transfers with code 4"},
      {"UPDATE market.holds SET ended = 2 WHERE false; DELETE FROM market.holds WHERE id = (SELECT min(id::text)::uuid FROM market.holds)",
       "holds: 19 in the projection and 20"},
      {"UPDATE market.periods SET gross_micros = gross_micros + 1, tax_micros = tax_micros + 1", "gross"},
      {"DELETE FROM market.rated_lines WHERE line = 0", "rated_lines"},
      {"SELECT market.gather_moves(); DELETE FROM market.account_moves WHERE account = (SELECT min(account::text)::uuid FROM market.account_moves)",
       "its gathered moves are not its projected transfers"},
      {"SELECT market.gather_moves(); UPDATE market.account_moves SET idxs[1] = idxs[1] + 1 WHERE account = (SELECT min(account::text)::uuid FROM market.account_moves)",
       "its gathered moves are not its projected transfers"}};
  for (const auto& [sql, expected] : wounds) {
    db.tamper(sql);
    const LedgerVerification result = house.verify();
    EXPECT_FALSE(result.projections_match) << sql;
    EXPECT_TRUE(result.chain_ok && result.state_match && result.balanced) << sql;
    EXPECT_THAT(result.differences, Contains(HasSubstr(expected))) << sql;
    ASSERT_TRUE(house.projector.rebuild());
    ASSERT_TRUE(house.caught_up());
  }
  EXPECT_TRUE(house.verify().ok());
  db.ask("UPDATE journal.rows SET body = set_byte(body, 9, get_byte(body, 9) # 1) WHERE seq = 5");
  const LedgerVerification broken = house.verify();
  EXPECT_FALSE(broken.chain_ok);
  EXPECT_FALSE(broken.ok());
  EXPECT_THAT(broken.differences, Contains(HasSubstr("journal row 5")));
}

TEST(EngineOnPostgres, WhatIsBookedIsGuarded) {
  const test::Database db;
  House house(db);
  house.trade(0, 10);
  const CenterId center{bench::StubMarket::derived(7, 7, 0)};
  const auto sealed = [&](PeriodId period) { return SealStatement{.period = period, .statement = Hash256{.bytes = {1}}}; };
  ASSERT_TRUE(house.engine->execute({.now = house.clock.now(), .body = SetContract{{.id = ContractId{{1, 77}}, .center = center, .valid_from = house.clock.now(),
                                                                                   .monthly_fee = Amount::whole(310), .fee_tax_bps = 600}}}));
  const auto closing = house.engine->execute({.key = "close", .now = house.clock.now() + hours(24 * 40), .body = ClosePeriod{.center = center}});
  ASSERT_TRUE(closing) << closing.error().message();
  ASSERT_TRUE(house.caught_up());
  const auto refuses = [&](const std::string& sql) {
    EXPECT_EQ(db.sqlstate(sql, "bourse_projector"), "23000") << sql;
    EXPECT_EQ(db.sqlstate("SET bourse.rebuild = 'on'; " + sql, "bourse_projector"), "23000") << sql;
  };
  refuses("UPDATE market.periods SET gross_micros = gross_micros + 1, tax_micros = tax_micros + 1 WHERE state = 2");
  refuses("UPDATE market.periods SET state = 1 WHERE state = 2");
  refuses("UPDATE market.periods SET cut_off = cut_off - interval '1 day' WHERE state = 2");
  refuses("DELETE FROM market.periods WHERE state = 2");
  ASSERT_TRUE(house.engine->execute({.key = "seal", .now = house.clock.now(), .body = sealed(PeriodId{closing->object})}));
  ASSERT_TRUE(house.caught_up());
  ASSERT_EQ(db.ask("SELECT count(*) FROM market.periods WHERE state = 3"), "1");
  refuses("UPDATE market.periods SET statement = decode(repeat('00', 32), 'hex') WHERE state = 3");
  refuses("UPDATE market.periods SET state = 2 WHERE state = 3");
  for (const std::string table : {"transfers", "usage_captures", "rated_lines", "adjustments", "reservation_accruals", "period_fees"}) {
    refuses("DELETE FROM market." + table);
    refuses("UPDATE market." + table + " SET " + (table == "rated_lines" ? "line = line + 1" : "idx = idx + 1"));
  }
  refuses("INSERT INTO market.usage_captures SELECT (jsonb_populate_record(c, '{\"revision\": 99}')).* FROM market.usage_captures c");
  refuses("INSERT INTO market.period_fees SELECT (jsonb_populate_record(f, '{\"contract\": \"00000000-0000-0000-0000-000000000001\"}')).* FROM market.period_fees f");
  ASSERT_EQ(db.ask("SELECT count(*) FROM market.period_fees WHERE amount_micros > 310000000 AND tax_micros > 0"), "1");
  EXPECT_TRUE(house.verify().ok());
}

// Has every blob: the stub's reports are not signed.
struct AnyBlob : BlobStore {
  Result<Hash256> put(BlobKind, std::span<const std::byte>) override { return fail(ErrorCode::internal); }
  Result<std::vector<Hash256>> put_all(BlobKind, std::span<const std::span<const std::byte>>) override { return fail(ErrorCode::internal); }
  Result<std::vector<std::byte>> get(BlobKind, const Hash256&) override { return std::vector<std::byte>{std::byte{1}}; }
};

// Scow prices sold and settled at a loss: what the projections hold gives a statement that computes, but for its evidence.
TEST(EngineOnPostgres, PricesOfEveryKindReachTheStatement) {
  const test::Database db;
  House house(db);
  ASSERT_TRUE(house.market->open());
  std::vector<Center> centers;
  ASSERT_TRUE(house.engine->read_wait([&](const Market& m) {
    for (const Center* center : m.centers()) centers.push_back(*center);
  }));
  std::uint64_t serial = 0;
  const auto row = [&](CenterId center, Decimal price) {
    return pricing::PriceRow{.id = PriceRowId{{0x0190'0000'0000'7000, ++serial}}, .scope = {.center = center}, .price = price,
                             .per = 3'600'000, .valid_from = Instant{1'700'000'000'001}};
  };
  const auto run = [&](CommandBody body) {
    const auto done = house.engine->execute({.now = house.clock.now(), .body = std::move(body)});
    ASSERT_TRUE(done) << done.error().message();
  };
  for (const Center& center : centers) {
    pricing::PriceRow sale = row(center.id, {4, 2}), settlement = row({}, {9, 2});
    sale.strategy = pricing::Strategy::scow_max_cpus_mem;
    sale.minimum = Amount{10'000};
    settlement.strategy = pricing::Strategy::scow_cpus;
    settlement.minimum = Amount{20'000};
    run(PublishPrices{{sale}});
    run(SetContract{{.id = ContractId{{0x0190'0000'0000'7000, ++serial}}, .center = center.id, .terms = {.tax_bps = 600},
                     .valid_from = house.clock.now(), .settlement = {settlement}, .may_subsidise = true}});
  }
  for (std::uint64_t n = 0; n < 50; ++n) {
    const auto submitted = house.engine->execute(house.market->submission(n));
    ASSERT_TRUE(submitted) << submitted.error().message();
  }
  house.await([&] { return house.market->closed() >= 50; });
  ASSERT_TRUE(house.caught_up());
  const LedgerVerification result = house.verify();
  EXPECT_TRUE(result.ok()) << ::testing::PrintToString(result.differences);
  EXPECT_EQ(db.ask("SELECT count(*) FROM market.settlement_rows WHERE strategy = 1", "bourse_reader"), "2");

  AnyBlob blobs;
  StatementSource source(db.as("bourse_reader"), "bourse.test", blobs);
  const federation::KeyPair key = federation::make_key_pair(house.rng);
  std::size_t lines = 0;
  for (const Center& center : centers) {
    Period period;
    ASSERT_TRUE(house.engine->read_wait([&](const Market& m) { period = *m.period(m.center(center.id)->open_period); }));
    const auto statement = source.gather(period, center);
    ASSERT_TRUE(statement) << statement.error().message();
    lines += statement->lines.size();
    if (!statement->lines.empty()) EXPECT_TRUE(statement->totals.margin.is_negative());
    for (const std::string& difference : statement::verify(statement::seal(*statement, key)).differences)
      for (const char* computed : {".rated", ".settled", ".cumulative", ".added", ".held", ".pool", "totals", "closing"})
        EXPECT_EQ(difference.find(computed), std::string::npos) << difference;
  }
  EXPECT_EQ(lines, 50U);
}

}  // namespace
}  // namespace bourse::broker
