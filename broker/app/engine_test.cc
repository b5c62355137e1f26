#include "broker/app/engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "broker/app/commands_for_test.h"
#include "broker/app/memory_journal.h"
#include "broker/domain/enrolment.h"

namespace bourse::broker {
namespace {

using testing::command;
using testing::fund;
using testing::id_of;
using testing::open_account;
using Fault = MemoryJournal::Fault;

class EngineTest : public ::testing::Test {
 protected:
  static constexpr Instant kNow{1'800'000'000'000};
  EngineOptions quiet() const { return {.tick = {}}; }

  Amount balance(Engine& engine, std::uint64_t account) {
    Amount found;
    EXPECT_TRUE(engine.read_wait([&](const Market& market) {
      const auto* known = market.account(id_of<BillingAccountId>(account));
      if (known != nullptr) found = market.ledger().account(known->wallet)->balance();
    }));
    return found;
  }

  ManualClock clock{kNow};
  SeededRng rng{1};
  MemoryJournal journal;
};

TEST_F(EngineTest, AnswersAfterTheCommitWithThePosition) {
  Engine engine(quiet(), journal, clock, rng);
  std::vector<std::uint64_t> committed;
  engine.on_committed([&](std::uint64_t position, const std::vector<Event>& events) {
    EXPECT_FALSE(events.empty());
    committed.push_back(position);
  });
  ASSERT_TRUE(engine.start());
  const auto opened = engine.execute(command(kNow, open_account(1), "k1"));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->position, 1U);
  EXPECT_EQ(journal.store()->rows.size(), 1U);
  const auto again = engine.execute(command(kNow, open_account(1), "k1"));
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->object, opened->object);
  EXPECT_EQ(again->position, 1U);
  EXPECT_EQ(engine.execute(command(kNow, open_account(2), "k1", 7)).error().code, ErrorCode::conflict);
  engine.stop();
  EXPECT_EQ(committed, std::vector<std::uint64_t>{1});
  EXPECT_EQ(engine.stats().position, 1U);
}

TEST_F(EngineTest, CommandsThatArriveTogetherShareARow) {
  Engine engine(quiet(), journal, clock, rng);
  ASSERT_TRUE(engine.start());
  ASSERT_TRUE(engine.execute(command(kNow, open_account(1))));
  // A reader holds the engine while the commands queue up.
  std::promise<void> held, go;
  std::atomic<int> answered = 0;
  ASSERT_TRUE(engine.read([&](const Market&) {
    held.set_value();
    go.get_future().wait();
  }));
  held.get_future().wait();
  for (std::uint64_t i = 0; i < 100; ++i)
    ASSERT_TRUE(engine.submit(command(kNow, fund(1, 100 + i, 1)), [&](Result<CommandResult> result) {
      EXPECT_TRUE(result);
      ++answered;
    }));
  go.set_value();
  ASSERT_TRUE(engine.execute(command(kNow, fund(1, 99, 1))));
  EXPECT_EQ(balance(engine, 1), Amount::whole(101));
  engine.stop();
  EXPECT_EQ(answered, 100);
  EXPECT_LE(journal.store()->rows.size(), 3U);
}

TEST_F(EngineTest, ABatchIsCutByCommandsAndBytes) {
  EngineOptions options = quiet();
  options.max_batch = 10;
  Engine engine(options, journal, clock, rng);
  ASSERT_TRUE(engine.start());
  ASSERT_TRUE(engine.execute(command(kNow, open_account(1))));
  std::promise<void> go;
  ASSERT_TRUE(engine.read([&](const Market&) { go.get_future().wait(); }));
  for (std::uint64_t i = 0; i < 95; ++i) ASSERT_TRUE(engine.submit(command(kNow, fund(1, 100 + i, 1)), [](auto) {}));
  go.set_value();
  engine.stop();
  EXPECT_GE(journal.store()->rows.size(), 1U + 10U);
}

TEST_F(EngineTest, AFullQueueRefuses) {
  EngineOptions options = quiet();
  options.max_queue = 3;
  Engine engine(options, journal, clock, rng);
  EXPECT_EQ(engine.submit(command(kNow, open_account(1)), [](auto) {}).error().code, ErrorCode::unavailable);
  ASSERT_TRUE(engine.start());
  std::promise<void> go;
  std::promise<void> held;
  ASSERT_TRUE(engine.read([&](const Market&) {
    held.set_value();
    go.get_future().wait();
  }));
  held.get_future().wait();
  int answers = 0;
  for (std::uint64_t i = 1; i <= 3; ++i)
    ASSERT_TRUE(engine.submit(command(kNow, open_account(i)), [&](auto) { ++answers; }));
  EXPECT_EQ(engine.submit(command(kNow, open_account(4)), [](auto) {}).error().code, ErrorCode::overloaded);
  go.set_value();
  engine.stop();
  EXPECT_EQ(answers, 3);
  EXPECT_EQ(engine.submit(command(kNow, open_account(5)), [](auto) {}).error().code, ErrorCode::unavailable);
  EXPECT_EQ(engine.read_wait([](const Market&) {}).error().code, ErrorCode::unavailable);
}

TEST_F(EngineTest, AnUnknownOutcomeIsSaidAndARepeatConverges) {
  for (const Fault fault : {Fault::lost_write, Fault::lost_answer}) {
    MemoryJournal fresh;
    Engine engine(quiet(), fresh, clock, rng);
    ASSERT_TRUE(engine.start());
    ASSERT_TRUE(engine.execute(command(kNow, open_account(1), "open")));
    ASSERT_TRUE(engine.read_wait([&](const Market&) { fresh.fail_next_append(fault), fresh.fail_take_overs(2); }));
    const auto lost = engine.execute(command(kNow, fund(1, 5, 10), "fund"));
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().code, ErrorCode::unknown_outcome);
    const auto repeated = engine.execute(command(kNow, fund(1, 6, 10), "fund"));
    ASSERT_TRUE(repeated) << repeated.error().message();
    EXPECT_EQ(repeated->repeated, fault == Fault::lost_answer);
    EXPECT_EQ(balance(engine, 1), Amount::whole(10));
    engine.stop();
    EXPECT_EQ(engine.stats().reloads, 1U);
  }
}

TEST_F(EngineTest, ADeposedEngineStopsAndSaysSo) {
  Engine engine(quiet(), journal, clock, rng);
  std::promise<ErrorCode> fatal;
  engine.on_fatal([&](const Error& error) { fatal.set_value(error.code); });
  ASSERT_TRUE(engine.start());
  MemoryJournal other(journal.store());
  ASSERT_TRUE(other.take_over());
  EXPECT_EQ(engine.execute(command(kNow, open_account(1))).error().code, ErrorCode::deposed);
  EXPECT_EQ(fatal.get_future().get(), ErrorCode::deposed);
  EXPECT_TRUE(journal.store()->rows.empty());
  engine.stop();
  EXPECT_EQ(engine.execute(command(kNow, open_account(1))).error().code, ErrorCode::unavailable);
}

TEST_F(EngineTest, ARestartHasWhatWasAcknowledged) {
  {
    Engine engine(quiet(), journal, clock, rng);
    ASSERT_TRUE(engine.start());
    ASSERT_TRUE(engine.execute(command(kNow, open_account(1), "open")));
    ASSERT_TRUE(engine.execute(command(kNow, fund(1, 5, 10), "fund")));
  }
  MemoryJournal reopened(journal.store());
  Engine engine(quiet(), reopened, clock, rng);
  ASSERT_TRUE(engine.start());
  EXPECT_EQ(balance(engine, 1), Amount::whole(10));
  EXPECT_TRUE(engine.execute(command(kNow, fund(1, 5, 10), "fund"))->repeated);
}

TEST_F(EngineTest, ADamagedJournalIsNotServed) {
  {
    Engine engine(quiet(), journal, clock, rng);
    ASSERT_TRUE(engine.start());
    ASSERT_TRUE(engine.execute(command(kNow, open_account(1))));
  }
  journal.store()->rows[0].body.back() ^= std::byte{1};
  Engine engine(quiet(), journal, clock, rng);
  EXPECT_EQ(engine.start().error().code, ErrorCode::integrity);
}

TEST_F(EngineTest, AWaitHasADeadline) {
  Engine engine(quiet(), journal, clock, rng);
  ASSERT_TRUE(engine.start());
  std::promise<void> go;
  ASSERT_TRUE(engine.read([&](const Market&) { go.get_future().wait(); }));
  bool ran = false;
  EXPECT_EQ(engine.execute(command(kNow, open_account(1)), milliseconds(1)).error().code, ErrorCode::timeout);
  EXPECT_EQ(engine.read_wait([&](const Market&) { ran = true; }, milliseconds(1)).error().code, ErrorCode::timeout);
  go.set_value();
  engine.stop();
  EXPECT_FALSE(ran);
}

TEST_F(EngineTest, TicksComeByThemselves) {
  SystemClock system;
  MemoryJournal ticked;
  Engine engine({.tick = milliseconds(1)}, ticked, system, rng);
  std::promise<void> closed;
  engine.on_committed([&](std::uint64_t, const std::vector<Event>& events) {
    if (std::holds_alternative<PeriodClosing>(events.front())) closed.set_value();
  });
  ASSERT_TRUE(engine.start());
  EnrolCenter enrol{id_of<CenterId>(1), "north", id_of<ConnectorId>(1), {1}, {2}};
  const Instant long_ago = system.now() - hours(25);
  for (CommandBody& step : enrolment(enrol)) ASSERT_TRUE(engine.execute(command(long_ago, std::move(step))));
  const Contract daily{id_of<ContractId>(1), enrol.center, kCny, {}, long_ago, hours(24)};
  ASSERT_TRUE(engine.execute(command(long_ago, SetContract{daily})));
  closed.get_future().wait();  // the period that was due is closed without a command
  engine.stop();
}

TEST_F(EngineTest, ManyThreadsMaySubmit) {
  Engine engine(quiet(), journal, clock, rng);
  ASSERT_TRUE(engine.start());
  ASSERT_TRUE(engine.execute(command(kNow, open_account(1))));
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 50; ++i) EXPECT_TRUE(engine.execute(command(kNow, fund(1, 1000 * (t + 1) + i, 1))));
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(balance(engine, 1), Amount::whole(200));
}

}  // namespace
}  // namespace bourse::broker
