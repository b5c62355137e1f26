// Decide, commit, answer: what the engine does with a batch, without its thread. The simulator drives it directly.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/time.h"
#include "broker/app/replay.h"

namespace bourse::broker {

using Completion = std::move_only_function<void(Result<CommandResult>)>;
using Committed = std::function<void(std::uint64_t position, const std::vector<Event>& events)>;

// One thread.
class Committer {
 public:
  struct Options {
    std::size_t max_batch = 8'000;        // commands
    std::size_t max_row_bytes = 8 << 20;  // a batch is cut when its events reach this
    Limits limits;
  };
  struct Item {
    Command command;
    Completion completion;
  };
  // `lost`: it is not known whether the last row was written, and the market in memory must not be used; only recover
  // may follow. `deposed`: another writer has taken over; nothing may follow.
  enum class State : std::uint8_t { lost, ready, deposed };

  Committer(Options options, Journal& journal, const Clock& clock);

  void on_committed(Committed observer) { on_committed_ = std::move(observer); }

  // Takes the journal over and loads the market. What was observed of pools is kept. Errors: unavailable, integrity;
  // then the state is `lost`, and it may be tried again.
  Status recover();

  // Decides items from the front until the batch is full, writes their events as one row, and calls their completions.
  // Returns how many were taken: at least one of a span that is not empty. Only when ready.
  std::size_t run(std::span<Item> items);

  State state() const { return state_; }
  const Market& market() const { return *replayed_.market; }  // durable state only between two runs
  JournalHead head() const { return replayed_.head; }

  // Since construction.
  struct Counts {
    std::uint64_t commands = 0, batches = 0, events = 0, journal_bytes = 0, recoveries = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  Status commit();

  Options options_;
  Journal& journal_;
  const Clock& clock_;
  Committed on_committed_;
  State state_ = State::lost;
  Replayed replayed_;
  Counts counts_;
  // Of the running batch; members so that their memory is kept.
  std::vector<std::byte> body_;
  std::vector<Event> events_;
  std::vector<Result<CommandResult>> results_;
  Market::Emit emit_;
};

}  // namespace bourse::broker
