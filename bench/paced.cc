// A steady stream of 100,000 transfers a second: how long each waits for its commit, alone and with the projections keeping up.
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "bench/bench.h"
#include "bench/private_server.h"
#include "bench/transfers.h"
#include "broker/adapters/store/pg_journal.h"
#include "broker/adapters/store/projector.h"

namespace bourse::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr std::uint64_t kPerSecond = 100'000;
constexpr std::chrono::microseconds kEvery{1'000'000 * kPerCommand / kPerSecond};

struct Paced {
  double per_s = 0, p50_ms = 0, p99_ms = 0, most_ms = 0;
};

// Sends a command when its time has come, whether or not those before were answered, so a pause is felt by all that wait.
class Pacer {
 public:
  Pacer(broker::Engine& engine, const Clock& clock, TransferSource& source)
      : engine_(engine), clock_(clock), source_(source) {}

  Result<Paced> run(Duration duration) {
    const auto start = SteadyClock::now();
    const auto count = static_cast<std::uint64_t>(duration.ms) * 1000 / static_cast<std::uint64_t>(kEvery.count());
    for (std::uint64_t n = 0; n < count; ++n) {
      const auto due = start + kEvery * n;
      std::this_thread::sleep_until(due);
      CHECK_OK(engine_.submit({.now = clock_.now(), .body = source_.next(clock_.now())},
                              [this, due](const Result<broker::CommandResult>& result) { answered(due, result); }));
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return latencies_ms_.size() == count; });
    if (error_) return std::unexpected(*error_);
    const Milliseconds took = SteadyClock::now() - start;
    Paced out{.per_s = static_cast<double>(count * kPerCommand) * 1000 / took.count()};
    out.p50_ms = percentile(latencies_ms_, 500);
    out.p99_ms = percentile(latencies_ms_, 990);
    out.most_ms = percentile(latencies_ms_, 1000);
    return out;
  }

 private:
  void answered(SteadyClock::time_point due, const Result<broker::CommandResult>& result) {
    const Milliseconds waited = SteadyClock::now() - due;
    const std::lock_guard lock(mutex_);
    latencies_ms_.push_back(waited.count());
    if (!result) error_ = result.error();
    changed_.notify_one();
  }

  broker::Engine& engine_;
  const Clock& clock_;
  TransferSource& source_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<double> latencies_ms_;
  std::optional<Error> error_;
};

// Looks every few milliseconds how far behind the projections are.
class LagWatch {
 public:
  explicit LagWatch(const broker::Projector& projector)
      : thread_([this, &projector](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            most_ms_ = std::max(most_ms_, projector.status().lag.ms);
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
          }
        }) {}
  std::int64_t most_ms() {
    thread_.request_stop();
    thread_.join();
    return most_ms_;
  }

 private:
  std::int64_t most_ms_ = 0;
  std::jthread thread_;
};

nlohmann::json show(const Paced& paced) {
  return {{"transfers_per_s", std::llround(paced.per_s)}, {"p50_ms", paced.p50_ms}, {"p99_ms", paced.p99_ms}, {"most_ms", paced.most_ms}};
}

Result<Paced> alone(const BenchOptions& options, const Clock& clock) {
  TRY(const auto server, PrivateServer::start());
  CHECK_OK(server.age());
  TRY(auto journal, broker::PgJournal::open(server.postgres().conninfo("bourse_writer")));
  SystemRng rng;
  broker::Engine engine({.tick = {}}, *journal, clock, rng);
  CHECK_OK(engine.start());
  CHECK_OK(open_accounts(engine, clock));
  TransferSource source(options.seed);
  TRY(const Paced warm_up, Pacer(engine, clock, source).run(seconds(1)));
  static_cast<void>(warm_up);
  return Pacer(engine, clock, source).run(options.duration);
}

}  // namespace

Result<nlohmann::json> run_paced(const BenchOptions& options) {
  const SystemClock clock;
  TRY(const Paced plain, alone(options, clock));
  say("alone: " + show(plain).dump());

  TRY(const auto server, PrivateServer::start());
  CHECK_OK(server.age());
  TRY(auto journal, broker::PgJournal::open(server.postgres().conninfo("bourse_writer")));
  SystemRng rng;
  broker::Engine engine({.tick = {}}, *journal, clock, rng);
  broker::Projector projector({.conninfo = server.postgres().conninfo("bourse_projector")});
  engine.on_committed([&](std::uint64_t position, const auto&) { projector.notify(position); });
  CHECK_OK(engine.start());
  CHECK_OK(projector.start());
  CHECK_OK(open_accounts(engine, clock));
  TransferSource source(options.seed);
  TRY(const Paced warm_up, Pacer(engine, clock, source).run(seconds(1)));
  static_cast<void>(warm_up);
  LagWatch lag(projector);
  TRY(const Paced projected, Pacer(engine, clock, source).run(options.duration));
  const auto before = SteadyClock::now();
  if (!projector.wait_for(engine.stats().position, minutes(5)))
    return fail(ErrorCode::timeout, "the projections did not catch up: " + projector.status().error);
  const Milliseconds caught_up = SteadyClock::now() - before;
  const std::int64_t most_lag_ms = lag.most_ms();
  engine.stop();
  auto with = show(projected);
  with["most_lag_ms"] = most_lag_ms;
  with["caught_up_after_ms"] = caught_up.count();
  say("with projections: " + with.dump());
  return nlohmann::json{{"bench", "paced"}, {"seconds", options.duration.ms / 1000}, {"alone", show(plain)}, {"projected", with}};
}

}  // namespace bourse::bench
