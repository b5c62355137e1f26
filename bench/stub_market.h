// A market with a few made-up centers that run every job at once: what drives the engine in the bench and the crash test.
//
// The centers hear of orders as a real link does, from committed events, and answer with reports that go the way of signed
// ones, one outstanding at a time for each center. All ids follow from the seed and a number, so a restarted program can
// send the same command again.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "broker/app/engine.h"

namespace bourse::bench {

struct StubOptions {
  std::uint64_t seed = 1;
  std::size_t centers = 4;
  std::size_t accounts = 100;
  std::size_t jobs_per_report = 300;
  bool persistent = false;  // try again while the engine is unavailable or its answer unknown
};

class StubMarket {
 public:
  StubMarket(StubOptions options, broker::Engine& engine, const Clock& clock);
  ~StubMarket();  // stops

  // Accounts, centers, contracts, prices and pools; then the centers begin. May be repeated on a market that has them.
  // Call before it: engine.on_committed(…) → committed().
  Status open();
  void stop();

  // From Engine::on_committed.
  void committed(const std::vector<broker::Event>& events);

  // Submission number n; the same each time.
  broker::Command submission(std::uint64_t n) const;
  static JobId job_id(std::uint64_t seed, std::uint64_t n);
  // The id of kind-independent thing number n, derived from the seed.
  static Uuid derived(std::uint64_t seed, std::uint64_t kind, std::uint64_t n);

  std::uint64_t closed() const { return closed_.load(); }
  std::uint64_t reports() const { return reports_.load(); }
  std::uint64_t quarantined() const { return quarantined_.load(); }

  // Executes, and with `persistent` again until there is an answer or `stop`.
  Result<broker::CommandResult> execute(const std::function<broker::Command()>& command);

 private:
  struct Order {
    JobId job;
    AttemptId attempt;
    std::uint32_t fence = 0;
  };
  struct Center {
    CenterId id;
    std::mutex mutex;
    std::condition_variable ready;
    std::deque<Order> orders;
    std::thread thread;
    std::uint64_t seq = 0;
    Hash256 hash;
  };
  Status open_accounts();
  Status open_center(Center& center, std::size_t number);
  void run(Center& center);
  void play(Center& center, const std::vector<Order>& orders);
  bool report(Center& center, std::vector<broker::ReportRecord> records);

  const StubOptions options_;
  broker::Engine& engine_;
  const Clock& clock_;
  std::vector<std::unique_ptr<Center>> centers_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> closed_ = 0, reports_ = 0, quarantined_ = 0;
};

}  // namespace bourse::bench
