// The broker's wiring: the only room that sees everything. Construction order is dependency order; stopping is its reverse.
#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "broker/daemon/config.h"

namespace bourse::broker {

class Daemon {
 public:
  explicit Daemon(Config config);
  ~Daemon();  // stops

  // Migrates, takes over the journal, replays, serves. Waits up to 30 s for PostgreSQL to come up.
  // Errors: unavailable, integrity, invalid_argument, internal.
  Status start();
  // Ends streams and calls, finishes the queue, joins. Idempotent.
  void stop();

  // Called once, from some thread, when the engine can't go on (deposed, integrity). Before start.
  void on_fatal(std::function<void(const Error&)> observer);

 private:
  struct Parts;
  Config config_;
  std::function<void(const Error&)> on_fatal_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace bourse::broker
