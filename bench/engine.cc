// Jobs a second: submission, hold, order, the center's reports, capture, close, and all of it in the projections.
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "bench/bench.h"
#include "bench/private_server.h"
#include "bench/stub_market.h"
#include "broker/adapters/store/pg_journal.h"
#include "broker/adapters/store/projector.h"
#include "broker/adapters/store/verify.h"

namespace bourse::bench {
namespace {

constexpr std::uint64_t kInFlight = 3'000;  // jobs submitted and not closed

// Submits until `duration` is over, never more than kInFlight ahead. Returns how many jobs were accepted.
Result<std::uint64_t> submit(broker::Engine& engine, StubMarket& market, const Clock& clock, Duration duration) {
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t sent = 0, answered = 0, accepted = 0;
  std::optional<Error> error;
  const std::int64_t start_ms = clock.monotonic().ms;
  while (clock.monotonic().ms - start_ms < duration.ms && !error) {
    if (sent - market.closed() >= kInFlight) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      continue;
    }
    CHECK_OK(engine.submit(market.submission(sent++), [&](Result<broker::CommandResult> result) {
      const std::lock_guard lock(mutex);
      ++answered;
      if (result) ++accepted;
      else error = result.error();
      changed.notify_one();
    }));
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return answered == sent; });
  if (error) return std::unexpected(*error);
  return accepted;
}

}  // namespace

Result<nlohmann::json> run_engine(const BenchOptions& options) {
  const SystemClock clock;
  SystemRng rng;
  TRY(const auto server, PrivateServer::start());
  TRY(auto journal, broker::PgJournal::open(server.postgres().conninfo("bourse_writer")));
  broker::Engine engine({}, *journal, clock, rng);
  broker::Projector projector({.conninfo = server.postgres().conninfo("bourse_projector")});
  StubMarket market({.seed = options.seed}, engine, clock);
  engine.on_committed([&](std::uint64_t position, const std::vector<broker::Event>& events) {
    market.committed(events);
    projector.notify(position);
  });
  CHECK_OK(engine.start());
  CHECK_OK(projector.start());
  CHECK_OK(market.open());
  say("submitting for " + std::to_string(options.duration.ms / 1000) + " s…");

  const std::int64_t start_ms = clock.monotonic().ms;
  TRY(const std::uint64_t jobs, submit(engine, market, clock, options.duration));
  constexpr Duration kDrain = minutes(2);
  while (market.closed() < jobs && clock.monotonic().ms - start_ms < options.duration.ms + kDrain.ms)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  if (market.closed() < jobs) return fail(ErrorCode::timeout, "jobs are left open: " + std::to_string(jobs - market.closed()));
  const std::int64_t closed_ms = clock.monotonic().ms - start_ms;
  if (!projector.wait_for(engine.stats().position, kDrain))
    return fail(ErrorCode::timeout, "the projections did not catch up: " + projector.status().error);
  const std::int64_t took_ms = clock.monotonic().ms - start_ms;
  const auto stats = engine.stats();
  say(std::to_string(jobs) + " jobs closed in " + std::to_string(closed_ms) + " ms, projected after " + std::to_string(took_ms) +
      " ms; " + std::to_string(stats.position) + " journal rows, " + std::to_string(stats.journal_bytes >> 20) + " MiB");
  TRY(const auto verified, broker::verify_ledger(server.postgres().conninfo("bourse_reader"), broker::Limits{}, &engine));
  if (!verified.ok()) return fail(ErrorCode::integrity, verified.differences.empty() ? "" : verified.differences.front());
  market.stop();
  engine.stop();
  projector.stop();
  const auto rate = [&](std::int64_t ms) { return std::llround(static_cast<double>(jobs) * 1000 / static_cast<double>(ms)); };
  return nlohmann::json{{"bench", "engine"},
                        {"jobs_per_s", rate(took_ms)},
                        {"jobs", jobs},
                        {"engine_jobs_per_s", rate(closed_ms)},
                        {"projection_lag_ms", took_ms - closed_ms},
                        {"events_per_s", std::llround(static_cast<double>(stats.events) * 1000 / static_cast<double>(took_ms))},
                        {"quarantined", market.quarantined()},
                        {"verified", true}};
}

}  // namespace bourse::bench
