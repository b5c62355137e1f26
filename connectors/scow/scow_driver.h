// ScowDriver: a cluster behind a SCOW scheduler adapter, as a gRPC client of it (levels 1.0 to 1.17 of the interface).
//
// A run's id is the scheduler's job id; the marker is the job's name. All jobs run in a house account of the scheduler's, so that
// the center's own charging and blocking by account doesn't meet ours (docs/adr/0018). What is asked:
//   live state    GetJobs of our users in live states: the queue itself
//   ends          GetJobs over a window of end times that overlaps the last one, and by name for what neither tells
//   absence       both the queue and the accounting, by name
// What an adapter does not implement is found out by calling it, never by its version.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "connectors/core/driver.h"
#include "connectors/scow/scow_client.h"
#include "connectors/scow/scow_pools.h"
#include "connectors/scow/scow_runs.h"
#include "connectors/scow/scow_submit.h"

namespace bourse::scow {

// What the house account shall be at the scheduler. A block there is lost when Slurm's controller restarts, and may be set by
// others, so it is looked at with every probe.
enum class House : std::uint8_t { as_it_is = 1, open = 2, blocked = 3 };

struct ScowConfig {
  ClientConfig client;
  std::string account;                 // the house account
  std::string owner;                   // makes the house account, and puts local users into it, when set
  House house = House::as_it_is;
  bool only_look = false;              // changes nothing at the scheduler: neither the house account nor any job
  std::vector<std::string> accounts;   // others that local users are mapped to
  std::vector<std::string> users;      // local users that jobs may run as, as far as they are known beforehand
  std::optional<Flavour> flavour;      // nothing: told by the scheduler's name
  std::string arch;                    // of the nodes; empty = this machine's
  Duration max_walltime = hours(24 * 7);
  Duration overlap = minutes(10);      // of windows of end times: how late the accounting may be; later than that, a run is missing
  int accounting_days = 40;            // how far back a marker is looked for
  Duration queue_kept = minutes(5);    // how old the cluster's waiting work may be: asking for it is dear at the adapter
};

// More local users than this can't be asked for: a driver that would have to fails, and believes nothing.
inline constexpr std::size_t kMaxUsers = 1'000;

class ScowDriver final : public connector::Driver {
 public:
  // Asks for the adapter's version and cluster. `clock` must live longer. Errors: invalid_argument (configuration), unavailable.
  static Result<std::unique_ptr<ScowDriver>> open(ScowConfig config, const Clock& clock);

  connector::Capabilities capabilities() const override;
  Result<std::vector<connector::PoolInfo>> probe(const std::vector<std::string>& pools) override;
  Result<std::string> submit(const connector::SubmitRequest& request) override;
  Result<std::optional<std::string>> find_by_marker(const std::string& marker) override;
  Result<std::map<std::string, connector::RunStatus>> poll(const std::map<std::string, std::string>& marker_by_id) override;
  Status cancel(const std::string& id, const connector::LocalUser& user) override;
  // The interface has no such call: always refused as unavailable.
  Status set_paused(const std::string& id, const connector::LocalUser& user, bool paused) override;
  Result<connector::LogPiece> read_log(const std::string& id, const connector::LocalUser& user, const std::string& stdout_path,
                                       std::int64_t offset, std::int64_t max_bytes) override;

 private:
  ScowDriver(ScowConfig config, const Clock& clock, std::unique_ptr<ScowClient> client);
  Status greet();
  void begin();  // the budget of one driver call

  // scow_driver.cc
  Status check_fits(const connector::SubmitRequest& request);
  Status keep_house();
  Status make_house();
  Status admit(const std::string& user, const std::string& account);
  void read_members();
  std::optional<std::set<std::string>> usable_pools();
  const std::vector<JobRow>& queue_of_everybody(bool running_too);

  // scow_poll.cc
  Result<std::vector<JobRow>> live_rows(const std::set<std::string>& of, const std::string& name);
  Result<std::vector<JobRow>> rows_named(const std::string& marker);
  Result<std::vector<JobRow>> ended_rows(Instant now);
  std::set<std::string> known_users() const;
  Result<std::set<std::string>> users_to_ask();
  void hold_only(const std::map<std::string, std::string>& marker_by_id);
  Status ask_by_name(const std::set<std::string>& asked_users, std::map<std::string, JobRow>& live);
  connector::RunStatus status_of(Seen& seen, const JobRow* live, Instant now);
  std::optional<std::int32_t> exit_code_of(const Seen& seen) const;

  const ScowConfig config_;
  const Clock& clock_;
  const std::unique_ptr<ScowClient> client_;
  std::string version_ = "1.0.0", scheduler_;
  Flavour flavour_ = Flavour::slurm;
  std::vector<std::string> accounts_;                // all that our jobs may be in
  // All of what follows may be lost: the adapter can be asked again.
  std::map<std::string, connector::PoolInfo> pools_;
  std::map<std::string, std::vector<std::string>> qos_;  // by pool
  std::set<std::string> submitted_as_, members_;     // local users
  bool blocked_ = true;                              // the house account, as last seen; until then it is
  std::set<std::string> blocked_pools_;
  std::vector<JobRow> queue_;                        // of everybody, as last told
  bool queue_runs_ = false;                          // it has what runs, too
  std::optional<Duration> queue_asked_;              // monotonic
  std::map<std::string, Seen> held_;                 // by id: what poll was asked about last
  std::optional<Instant> ended_from_;                // where the next window of end times begins
  std::string by_name_next_;                         // whose turn it is
};

}  // namespace bourse::scow
