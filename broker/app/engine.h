// The engine: the one thread that decides. Commands in, one journal row a batch, replies after the commit.
//
//   submit → bounded queue → batch (what has arrived, at most max_batch) → Market::decide → Journal::append → replies
//
// Any thread may submit, read or stop. Completions and readers run on the engine's thread: they must be short and must
// not call back into execute() or read_wait(). When the journal's answer is unknown, every command of the batch gets
// `unknown_outcome`, memory is dropped, and the state is loaded again under a new epoch; when deposed, the engine stops
// and `on_fatal` is called.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/rng.h"
#include "base/time.h"
#include "broker/app/journal.h"
#include "broker/domain/market.h"

namespace bourse::broker {

struct EngineOptions {
  std::size_t max_batch = 8'000;        // commands
  std::size_t max_queue = 200'000;      // commands waiting; beyond: overloaded
  std::size_t max_row_bytes = 8 << 20;  // a batch is cut when its events reach this
  Duration tick = seconds(1);           // Tick is sent this often; 0 = never (tests)
  Limits limits;
};

struct EngineStats {
  std::uint64_t commands = 0, batches = 0, events = 0, journal_bytes = 0, reloads = 0;
  std::uint64_t position = 0;  // newest committed row
};

class Engine {
 public:
  using Completion = std::move_only_function<void(Result<CommandResult>)>;
  // Called on the engine's thread after each commit with the committed events, before the replies.
  using Committed = std::function<void(std::uint64_t position, const std::vector<Event>& events)>;

  Engine(EngineOptions options, Journal& journal, const Clock& clock, Rng& rng);
  ~Engine();  // stops

  // Takes over, loads the newest snapshot, replays the tail, starts the thread. Errors: unavailable, integrity.
  Status start();
  // Refuses new commands, finishes the queue, joins the thread. Idempotent.
  void stop();

  void on_committed(Committed observer);                      // before start
  void on_fatal(std::function<void(const Error&)> observer);  // before start

  // `completion` is called exactly once, unless this returns an error (overloaded, unavailable) and takes nothing.
  Status submit(Command command, Completion completion);
  // Submits and waits. Errors: as decided, or timeout (the outcome is unknown).
  Result<CommandResult> execute(Command command, Duration timeout = seconds(30));
  // Runs `reader` between two batches, on durable state only: it sees all that was answered before, and not necessarily
  // what was only submitted. Errors: overloaded, unavailable.
  Status read(std::move_only_function<void(const Market&)> reader);
  // Runs `reader` and waits for it. Errors: unavailable, timeout.
  Status read_wait(std::move_only_function<void(const Market&)> reader, Duration timeout = seconds(30));

  EngineStats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bourse::broker
