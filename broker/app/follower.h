// The follower: a second market that applies the journal behind the writer and writes snapshots, so that the writer
// never pauses for one and a start replays little.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/time.h"
#include "broker/app/replay.h"

namespace bourse::broker {

struct FollowerOptions {
  Duration poll = seconds(2);                   // how often it looks for new rows
  std::uint64_t snapshot_rows = 20'000;         // a snapshot is due after that many rows,
  std::uint64_t snapshot_bytes = 256ULL << 20;  // or after rows of that size in all
  Limits limits;                                // the engine's
};

struct FollowerStats {
  std::uint64_t position = 0;   // newest row applied
  std::uint64_t snapshots = 0;  // written since the start
  std::uint64_t snapshot_position = 0;
};

class Follower {
 public:
  // `journal` is the follower's own (another connection than the writer's), and only its thread uses it after start.
  // It never takes over.
  Follower(FollowerOptions options, Journal& journal);
  ~Follower();  // stops

  // Loads what there is and starts the thread. Errors: unavailable, integrity.
  Status start();
  // Ends after the row or snapshot in hand; joins. Idempotent.
  void stop();
  // Called once, on the follower's thread, when the journal turns out to be damaged; the follower has then ended.
  // Before start. (While the journal is unavailable it keeps trying.)
  void on_fatal(std::function<void(const Error&)> observer);

  FollowerStats stats() const;  // from any thread

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bourse::broker
