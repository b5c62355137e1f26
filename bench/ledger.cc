// Transfers a second through the engine and the journal, and through a plain relational table on the same server.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "bench/baseline.h"
#include "bench/bench.h"
#include "bench/private_server.h"
#include "bench/transfers.h"
#include "broker/adapters/store/pg_journal.h"
#include "broker/app/engine.h"

namespace bourse::bench {
namespace {

constexpr std::size_t kBatches[] = {100, 1'000, 8'000};  // transfers in a journal row, at most

struct Measured {
  double per_s = 0;
  double p99_ms = 0;
};

// Keeps two rows' worth of commands under way: while one is being committed the next is there.
class Driver {
 public:
  Driver(broker::Engine& engine, const Clock& clock, TransferSource& source, std::size_t batch)
      : engine_(engine), clock_(clock), source_(source), most_(2 * std::max<std::size_t>(1, batch / kPerCommand)) {}

  Result<Measured> run(Duration duration) {
    const std::int64_t start_ms = clock_.monotonic().ms;
    while (clock_.monotonic().ms - start_ms < duration.ms) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return under_way_ < most_; });
        if (error_) return std::unexpected(*error_);
        ++under_way_;
      }
      const auto sent = std::chrono::steady_clock::now();
      CHECK_OK(engine_.submit({.now = clock_.now(), .body = source_.next(clock_.now())},
                              [this, sent](Result<broker::CommandResult> result) { answered(sent, result); }));
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return under_way_ == 0; });
    if (error_) return std::unexpected(*error_);
    const std::int64_t took_ms = clock_.monotonic().ms - start_ms;
    return Measured{static_cast<double>(posted_) * 1000 / static_cast<double>(took_ms), percentile(latencies_ms_, 990)};
  }

 private:
  void answered(std::chrono::steady_clock::time_point sent, const Result<broker::CommandResult>& result) {
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - sent;
    const std::lock_guard lock(mutex_);
    --under_way_;
    latencies_ms_.push_back(took.count());
    if (result) {
      for (const auto& outcome : result->transfers) posted_ += outcome.kind == ledger::TransferOutcome::Kind::posted;
    } else {
      error_ = result.error();
    }
    if (under_way_ == 0 || under_way_ < most_ / 2 + 1) changed_.notify_one();
  }

  broker::Engine& engine_;
  const Clock& clock_;
  TransferSource& source_;
  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t under_way_ = 0;
  std::uint64_t posted_ = 0;
  std::vector<double> latencies_ms_;
  std::optional<Error> error_;
};

Result<Measured> measure(const std::string& conninfo, const Clock& clock, TransferSource& source, std::size_t batch, Duration duration) {
  TRY(auto journal, broker::PgJournal::open(conninfo));
  SystemRng rng;
  broker::Engine engine({.max_batch = std::max<std::size_t>(1, batch / kPerCommand), .tick = {}}, *journal, clock, rng);
  CHECK_OK(engine.start());
  CHECK_OK(open_accounts(engine, clock));
  TRY(const Measured warm_up, Driver(engine, clock, source, batch).run(seconds(1)));
  static_cast<void>(warm_up);
  return Driver(engine, clock, source, batch).run(duration);
}

}  // namespace

Result<nlohmann::json> run_ledger(const BenchOptions& options) {
  const SystemClock clock;
  nlohmann::json by_batch, p99;
  double best = 0, best_baseline = 0;
  for (const std::size_t batch : kBatches) {
    TRY(const auto server, PrivateServer::start());
    CHECK_OK(server.age());
    TransferSource source(options.seed);
    TRY(const Measured ours, measure(server.postgres().conninfo("bourse_writer"), clock, source, batch, options.duration));
    TRY(const double theirs, measure_baseline(server.postgres().conninfo(), kAccounts, batch, options));
    best = std::max(best, ours.per_s);
    best_baseline = std::max(best_baseline, theirs);
    const std::string name = std::to_string(batch);
    p99[name] = ours.p99_ms;
    by_batch[name] = {{"transfers_per_s", std::llround(ours.per_s)}, {"baseline_transfers_per_s", std::llround(theirs)}};
    say("batch " + name + ": " + std::to_string(std::llround(ours.per_s)) + " transfers/s, p99 " + std::to_string(ours.p99_ms) +
        " ms; relational baseline " + std::to_string(std::llround(theirs)) + "/s");
  }
  return nlohmann::json{{"bench", "ledger"},
                        {"transfers_per_s", std::llround(best)},
                        {"p99_ms", p99},
                        {"by_batch", by_batch},
                        {"baseline_transfers_per_s", std::llround(best_baseline)},
                        {"ratio", best / std::max(1.0, best_baseline)}};
}

}  // namespace bourse::bench
