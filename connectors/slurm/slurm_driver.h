// SlurmDriver: a Slurm cluster through its own commands (sbatch, squeue, sacct, scancel, sinfo), by argument vector.
//
// A run's id is Slurm's job id. The marker is the job's name, which squeue and sacct can filter by. What is asked:
//   live state    squeue, which knows a job from submission until MinJobAge after its end
//   final figures sacct, and only sacct: while the accounting has not caught up, an ended job still shows as running
//   absence       both, answered: squeue without the name and sacct without it. A silent slurmdbd is not an absence.
// Slurm counts whole minutes of walltime (a job of 90 s may run 120) and ends a job up to KillWait after that.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "connectors/core/driver.h"
#include "connectors/host/process_runner.h"
#include "connectors/slurm/slurm_text.h"

namespace bourse::slurm {

struct SlurmConfig {
  std::string conf;                          // slurm.conf; empty = Slurm's own default
  std::string bin_directory = "/usr/bin";    // of sbatch, squeue, sacct, scancel, sinfo
  std::string account;                       // for local users without a scheduler account; empty = Slurm's default
  std::string arch;                          // of the nodes; empty = this machine's
  Duration call_limit = seconds(12);         // for one command
  int accounting_days = 40;                  // how far back a marker is looked for
};

class SlurmDriver final : public connector::Driver {
 public:
  // Asks for Slurm's version. `runner` must live longer. Errors: invalid_argument (configuration), unavailable.
  static Result<std::unique_ptr<SlurmDriver>> open(SlurmConfig config, host::ProcessRunner& runner);

  connector::Capabilities capabilities() const override;
  Result<std::vector<connector::PoolInfo>> probe(const std::vector<std::string>& pools) override;
  Result<std::string> submit(const connector::SubmitRequest& request) override;
  Result<std::optional<std::string>> find_by_marker(const std::string& marker) override;
  Result<std::map<std::string, connector::RunStatus>> poll(const std::map<std::string, std::string>& marker_by_id) override;
  Status cancel(const std::string& id, const connector::LocalUser& user) override;
  Status set_paused(const std::string& id, const connector::LocalUser& user, bool paused) override;
  Result<connector::LogPiece> read_log(const std::string& id, const connector::LocalUser& user, const std::string& stdout_path,
                                       std::int64_t offset, std::int64_t max_bytes) override;

 private:
  using MarkerById = std::map<std::string, std::string>;
  struct Seen {
    std::map<std::string, LiveRow> live;
    std::map<std::string, std::vector<AccountingRow>> accounted;  // in order of submission
  };

  SlurmDriver(SlurmConfig config, std::string version, host::ProcessRunner& runner)
      : config_(std::move(config)), version_(std::move(version)), runner_(runner) {}
  host::Command command(std::string_view program, std::vector<std::string> arguments) const;
  // stdout of a command that succeeded and was not cut short. Errors: unavailable.
  Result<std::string> ask(std::string_view program, std::vector<std::string> arguments);
  Status check_fits(const connector::SubmitRequest& request);
  Status ask_chunk(const MarkerById& ids, Seen& seen);
  Status ask_renamed(const MarkerById& ids, Seen& seen);
  Result<std::vector<LiveRow>> live_rows(std::vector<std::string> filter);
  Result<std::vector<AccountingRow>> accounting_rows(std::vector<std::string> filter);

  const SlurmConfig config_;
  const std::string version_;
  host::ProcessRunner& runner_;
  std::map<std::string, connector::PoolInfo> pools_;  // as last seen; may be lost
};

// One run's status from all that is known of it. `live` may be null.
connector::RunStatus status_of(const LiveRow* live, const std::vector<AccountingRow>& accounted);

}  // namespace bourse::slurm
