// Keeps the projections up with the journal: a thread and a connection of its own, one cursor.
//
// The engine says when something was committed (`notify`); without that it looks by itself now and then. While the server
// can't be reached it tries again; when the journal and the projections don't fit together (integrity) it stops and says
// so in `status`, until `rebuild`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace bourse::broker {

struct ProjectorOptions {
  std::string conninfo;              // of the role bourse_projector
  std::int64_t max_rows = 2'000;     // journal rows in a chunk
  std::int64_t max_bytes = 8 << 20;  // of their bodies
  Duration poll = milliseconds(500); // how often to look without being told
  // Transfers between two times of gathering them by account: fewer make statements read less unsorted, and the projector slower.
  std::size_t gather_every = 100'000;
};

struct ProjectorStatus {
  std::uint64_t position = 0;   // newest projected journal row
  std::uint64_t announced = 0;  // newest committed row it was told of, or has seen
  std::uint64_t chunks = 0;     // since start
  Duration lag;                 // how long ago the oldest row that is not projected was committed; 0 = all are
  bool stopped = false;         // by an integrity error
  std::string error;            // the newest trouble; empty when all is well
};

// Safe from any thread.
class Projector {
 public:
  explicit Projector(ProjectorOptions options);
  ~Projector();  // stops

  // Connects, reads the cursor, starts the thread. Errors: unavailable, integrity.
  Status start();
  void stop();  // after the chunk under way; idempotent

  // Row `position` was committed. Cheap: to be called from Engine::on_committed.
  void notify(std::uint64_t position);
  // True once every row up to `position` is visible in the projections.
  bool wait_for(std::uint64_t position, Duration timeout);
  // Empties the projections and starts from the first row; returns once they are empty. Readers see them fill up again.
  // Errors: unavailable, timeout.
  Status rebuild(Duration timeout = seconds(60));

  ProjectorStatus status() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bourse::broker
