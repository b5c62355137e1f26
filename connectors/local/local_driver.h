// LocalDriver: runs jobs as processes on the connector's own machine, each under a shim that outlives the connector.
//
// The folders below `directory` are the scheduler's whole state (see shim/job_folder.h): a run's id is its marker, which
// is its folder's name. Jobs wait in order of submission until their pool has the cores and the memory; poll() starts them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "connectors/core/driver.h"
#include "connectors/host/process_runner.h"
#include "connectors/local/shim/job_folder.h"

namespace bourse::local {

struct LocalPool {
  std::string name;
  std::int64_t cores = 1;
  std::int64_t mem_mib = 1024;
  Duration max_walltime;  // 0 = no limit
};

struct LocalConfig {
  std::string directory;               // absolute; made if missing, 0700
  std::string shim;                    // absolute path of bourse-job-shim
  std::vector<LocalPool> pools;
  Duration kill_grace = seconds(5);    // between SIGTERM and SIGKILL
  std::int64_t max_processes = 1024;   // of a local user, over all its jobs
  std::int64_t max_file_bytes = 16LL << 30;
  std::int64_t max_log_bytes = 64 << 20;
  Duration keep = hours(24 * 40);      // an ended job's folder is removed this long after its end
};

class LocalDriver final : public connector::Driver {
 public:
  // Takes the folder for itself: a second driver on it is refused. `runner` and `clock` must live longer.
  // Errors: invalid_argument (configuration), failed_precondition (another driver has it), unavailable.
  static Result<std::unique_ptr<LocalDriver>> open(LocalConfig config, const Clock& clock, host::ProcessRunner& runner);
  ~LocalDriver() override;

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
  // What memory knows of a folder; all of it can be read again.
  struct Entry {
    JobFolder folder;
    JobRequest request;
    std::optional<JobStatus> status;  // nothing while it waits
    bool ended() const { return status && status->state == JobState::ended; }
  };
  struct Use {
    std::int64_t cores = 0, mem_mib = 0;
    std::vector<bool> cpus;  // taken, by index into the pool's CPUs
  };

  LocalDriver(LocalConfig config, const Clock& clock, host::ProcessRunner& runner, int lock);
  Status load();
  void refresh();                  // re-reads what may have changed, gives the lost their end, drops the old
  void refresh(Entry& entry);
  void bury(Entry& entry);         // the shim died: ends what it left and says so
  void start_waiting();
  bool start(Entry& entry, const std::vector<int>& cpus);
  Use use_of(const LocalPool& pool) const;
  const LocalPool* pool_named(const std::string& name) const;
  std::vector<int> free_cpus(const LocalPool& pool, const Use& use, std::int64_t count) const;
  std::vector<int> cpus_of(const LocalPool& pool) const;
  connector::RunStatus status_of(const Entry& entry) const;

  const LocalConfig config_;
  const Clock& clock_;
  host::ProcessRunner& runner_;
  const int lock_;
  std::vector<int> cpus_;          // that this process may use
  std::map<std::string, Entry> entries_;  // by marker
  std::int64_t next_number_ = 1;
};

}  // namespace bourse::local
