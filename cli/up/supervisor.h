// The parent of the embedded market's processes: starts them in order, restarts the dead, stops them in reverse.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/rng.h"
#include "base/time.h"
#include "cli/up/configuration.h"

namespace bourse::embedded {

// One process under supervision. `start` returns when it serves.
struct Component {
  std::string name;
  std::function<Status()> start;
  std::function<bool()> running;
  std::function<pid_t()> pid;
  std::function<void()> stop;
  std::uint32_t restarts = 0;
  Instant since;
  Duration retry_at;           // monotonic; when a dead one is tried again
  Duration backoff = seconds(1);  // doubles to 30 s while it keeps dying, back to 1 s after a minute of life
  std::string problem;         // why it is down
};

// One thread, one instance a state directory (a file lock sees to that).
class Supervisor {
 public:
  using Progress = std::function<void(const std::string& line)>;

  Supervisor(MarketOptions options, const Clock& clock, Rng& rng);
  ~Supervisor();

  // Prepares the state directory and starts everything. Errors: conflict (another one runs there), invalid_argument,
  // unavailable, timeout; what had started is stopped again.
  Status start(const Progress& progress);
  // Restarts what died until `stop_requested` says so, then stops everything.
  void watch(const std::function<bool()>& stop_requested);
  void stop();

  const StateDirectory& state() const { return state_; }

 private:
  Status lock();
  Status prepare_files();
  void add_components();
  void add_program(const std::string& name, std::vector<std::string> argv, const std::string& user,
                   std::function<bool()> ready);
  Status make_admin_token();  // a new one at each start: it lives 30 days
  void revive(Component& component);
  void write_status() const;

  MarketOptions options_;
  StateDirectory state_;
  const Clock& clock_;
  Rng& rng_;
  int lock_ = -1;
  std::vector<Component> components_;
  struct Servers;
  std::unique_ptr<Servers> servers_;
};

}  // namespace bourse::embedded
