// The connector: one thread that owns the spool, the run table and the driver, fed by the link.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/rng.h"
#include "base/time.h"
#include "connectors/core/days.h"
#include "connectors/core/driver.h"
#include "connectors/core/identity.h"
#include "connectors/core/link.h"
#include "connectors/core/order_check.h"
#include "connectors/core/runs.h"
#include "connectors/core/session.h"
#include "connectors/core/stager.h"
#include "connectors/core/spool.h"
#include "connectors/core/witness.h"
#include "federation-proto/envelope.h"

namespace bourse::connector {

struct ConnectorOptions {
  std::string directory;        // 0700; spool, run table, scripts and leases are kept in it
  std::string jobs_directory;   // workdirs
  std::string software;         // "bourse-connector 0.1.0"
  Membership membership;
  std::function<std::uint64_t()> generation = [] { return std::uint64_t{0}; };  // of the newest certificate; asked for every hello
  IdentityConfig identity;
  SellConfig sell;
  Duration poll_interval = seconds(2);
  Duration pools_interval = seconds(10);
  Duration usage_interval = seconds(30);
  Duration days_interval = hours(1);  // how often the day that runs is said; 0 = when it is over
  Duration missing_patience = minutes(10), lost_patience = hours(1);  // see RunsOptions
  std::size_t max_held = 10'000;
  StagerOptions files;          // `directory` is the connector's own affair
  std::size_t max_inbox = 64;   // frames not yet looked at; then the link's reader waits
};

// on_link and read_log are safe from any thread; the rest belongs to the thread that runs it.
class Connector {
 public:
  // Opens what is in the folder. Errors: integrity, unavailable, invalid_argument.
  static Result<std::unique_ptr<Connector>> open(ConnectorOptions options, const federation::KeyPair& identity,
                                                 const federation::KeyPair& billing, Driver& driver, const UserDirectory& users,
                                                 const Clock& clock, Rng& rng);

  // Before anything else, then once: the link to speak through, and what to do at the first welcome.
  void attach(Link& link, std::function<void()> on_ready);

  // Works until stopped (then: everything known is in the spool, and jobs go on). Errors are for good.
  Status run(std::stop_token stop);

  // One round: what has arrived, then what is due. `run` is this in a loop; tests call it themselves.
  Status step();

  // Blocks while the inbox is full, until stopped.
  void on_link(LinkEvent event);
  void stop_files();          // ends what goes on with files; before the link is stopped
  void refuse_link_events();  // from here on they are thrown away, so that the link can be stopped
  Result<LogPiece> read_log(AttemptId attempt, std::int64_t offset, std::int64_t max_bytes);

 private:
  Connector(ConnectorOptions options, const federation::KeyPair& identity, const federation::KeyPair& billing, Driver& driver,
            const Clock& clock);
  std::optional<LinkEvent> take();
  void wait_for_work(std::stop_token stop);

  ConnectorOptions options_;
  federation::KeyPair identity_, billing_;
  Driver& driver_;
  const Clock& clock_;
  std::optional<Spool> spool_;
  std::optional<RunTable> table_;
  std::optional<IdentityMap> identities_;
  std::optional<Reporter> reporter_;
  std::optional<Runs> runs_;
  std::optional<Witness> witness_;
  std::optional<Days> days_;
  std::mutex log_mutex_;        // drivers read one log at a time
  std::optional<Stager> stager_;
  std::optional<Session> session_;
  std::function<void()> on_ready_;
  bool more_to_submit_ = false;
  std::optional<Duration> polled_, observed_;

  std::mutex inbox_mutex_;
  std::condition_variable inbox_changed_;
  std::deque<LinkEvent> inbox_;
  bool refusing_ = false;
};

}  // namespace bourse::connector
