// Everybody at once for the same money: a wallet with money for a hundred jobs gets a hundred, whoever asks how often.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "broker/app/commands_for_test.h"
#include "broker/app/engine.h"
#include "broker/app/memory_journal.h"
#include "broker/app/replay.h"
#include "broker/domain/enrolment.h"

namespace bourse::broker {
namespace {

using testing::command;
using testing::fund;
using testing::id_of;
using testing::open_account;

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::uint64_t kSubmits = 32'000;
#else
constexpr std::uint64_t kSubmits = 640'000;
#endif
constexpr std::uint64_t kThreads = 8;
constexpr Instant kRushHour{1'800'000'000'000};
const CenterId kRushCenter = id_of<CenterId>(1);

// One core for an hour at 1 CNY.
JobSpec spec() {
  JobSpec job{.name = "rush", .need = {.cores = 1, .nodes = 1, .mem_mib = 1}, .walltime = hours(1)};
  job.script.bytes.fill(7);
  return job;
}

void open_center(Engine& engine) {
  EnrolCenter enrol{kRushCenter, "north", id_of<ConnectorId>(1)};
  enrol.identity_key.fill(1);
  enrol.billing_key.fill(2);
  for (CommandBody& step : enrolment(enrol)) ASSERT_TRUE(engine.execute(command(kRushHour, std::move(step))));
  ASSERT_TRUE(engine.execute(command(
      kRushHour, SetContract{{.id = id_of<ContractId>(1), .center = kRushCenter, .unit = kCny, .terms = {}, .valid_from = kRushHour}})));
  PublishPrices prices;
  for (const auto meter : {pricing::Meter::core_ms, pricing::Meter::node_ms, pricing::Meter::mem_mib_s})
    prices.rows.push_back({.id = id_of<PriceRowId>(static_cast<std::uint64_t>(meter) + 1),
                           .meter = meter,
                           .price = {meter == pricing::Meter::core_ms ? 1 : 0, 0},
                           .per = 3'600'000,
                           .valid_from = kRushHour});
  ASSERT_TRUE(engine.execute(command(kRushHour, prices)));
  const routing::Pool pool{.center = kRushCenter, .name = "cpu", .arch = "x86_64", .nodes = 10, .cores_per_node = 64, .mem_mib_per_node = 65'536, .online = true};
  ASSERT_TRUE(engine.execute(command(kRushHour, ObservePools{kRushCenter, true, {pool}})));
}

TEST(Contention, MoneyForAHundredMakesAHundredHolds) {
  ManualClock clock{kRushHour};
  SeededRng rng{1};
  MemoryJournal journal;
  Engine engine({.tick = {}}, journal, clock, rng);
  ASSERT_TRUE(engine.start());
  ASSERT_TRUE(engine.execute(command(kRushHour, open_account(1))));
  ASSERT_TRUE(engine.execute(command(kRushHour, fund(1, 1, 100))));
  ASSERT_NO_FATAL_FAILURE(open_center(engine));

  std::atomic<std::uint64_t> held = 0, refused = 0, other = 0;
  const auto rush = [&](std::uint64_t thread) {
    for (std::uint64_t n = thread; n < kSubmits; n += kThreads) {
      const std::uint64_t id = 1'000'000 + n;
      const SubmitJob submit{id_of<JobId>(id), id_of<AttemptId>(id), id_of<HoldId>(id), id_of<BillingAccountId>(1),
                             id_of<UserId>(1), {}, spec()};
      const auto answer = [&](const Result<CommandResult>& result) {
        if (!result && result.error().code != ErrorCode::insufficient_funds && other == 0) ADD_FAILURE() << result.error().message();
        ++(result ? held : result.error().code == ErrorCode::insufficient_funds ? refused : other);
      };
      // A full queue is an answer too: ask again, as a client would.
      while (!engine.submit(command(kRushHour, submit, "rush/" + std::to_string(n)), answer)) std::this_thread::yield();
    }
  };
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < kThreads; ++thread) threads.emplace_back(rush, thread);
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(engine.read_wait([&](const Market& market) {
    const ledger::Account& wallet = *market.ledger().account(market.account(id_of<BillingAccountId>(1))->wallet);
    EXPECT_EQ(wallet.debits_pending, Amount::whole(100));
    EXPECT_EQ(wallet.available(), Amount{});
    EXPECT_EQ(market.live_jobs(), 100U);
  }, minutes(5)));
  engine.stop();
  EXPECT_EQ(held, 100U);
  EXPECT_EQ(refused, kSubmits - 100);
  EXPECT_EQ(other, 0U);
  const auto replayed = replay_all(journal, {});
  ASSERT_TRUE(replayed) << replayed.error().message();
  EXPECT_EQ(replayed->market->live_jobs(), 100U);
}

}  // namespace
}  // namespace bourse::broker
