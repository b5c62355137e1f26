// KubernetesDriver: a namespace of a Kubernetes cluster, as a client of its API (batch/v1 Jobs; 1.20 and later).
//
// A run's id is its Job's name, which follows from the marker; the marker itself is an annotation. The Job keeps its end: cancelling
// lets the job controller end its pods and leaves the Job, so a restart of the connector loses nothing. See README.md for the mapping,
// docs/adr/0020 for the reasons.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "connectors/core/driver.h"
#include "connectors/kubernetes/api_client.h"
#include "connectors/kubernetes/job_object.h"
#include "connectors/kubernetes/kubeconfig.h"
#include "connectors/kubernetes/pools.h"
#include "connectors/kubernetes/run_cache.h"

namespace bourse::kubernetes {

struct KubernetesConfig {
  AccessConfig access;
  std::string name_space;                  // empty = the kubeconfig's or the pod's own
  std::vector<PoolConfig> pools;
  std::string image;                       // of pools that have none
  std::string service_account;             // of local users that have no scheduler account
  std::map<std::string, std::string> qos;  // QoS to priority class
  std::string claim;                       // see JobSettings
  std::int64_t scratch_mib = 10'240;
  Duration max_walltime = hours(24 * 7);
  Duration start_allowance = minutes(10);
  Duration kill_grace = seconds(30);
  Duration keep = hours(24 * 7);           // an ended Job stays so long, with its log
  Duration figures_kept = seconds(30);     // nodes and pods of the whole cluster are asked for no more often
  Patience patience;
  Listing::Limits listing;
  ClientLimits limits;
  bool only_look = false;                  // changes nothing at the cluster
};

class KubernetesDriver final : public connector::Driver {
 public:
  // Asks for the server's version and whether it has batch/v1 Jobs. `clock` must live longer. Errors: invalid_argument
  // (configuration), not_found (a file), failed_precondition (the server lacks what is needed), unavailable.
  static Result<std::unique_ptr<KubernetesDriver>> open(KubernetesConfig config, const Clock& clock);

  connector::Capabilities capabilities() const override;
  Result<std::vector<connector::PoolInfo>> probe(const std::vector<std::string>& pools) override;
  Result<std::string> submit(const connector::SubmitRequest& request) override;
  Result<std::optional<std::string>> find_by_marker(const std::string& marker) override;
  Result<std::map<std::string, connector::RunStatus>> poll(const std::map<std::string, std::string>& marker_by_id) override;
  Status cancel(const std::string& id, const connector::LocalUser& user) override;
  // Suspending a Job kills its pods, which is no pause: always refused as unavailable.
  Status set_paused(const std::string& id, const connector::LocalUser& user, bool paused) override;
  // Out of the API, which knows no offsets: reads from the log's beginning and leaves out what comes before. Beyond 64 MiB it has
  // nothing; `size` is what is there as far as was read (64 KiB beyond the piece).
  Result<connector::LogPiece> read_log(const std::string& id, const connector::LocalUser& user, const std::string& stdout_path,
                                       std::int64_t offset, std::int64_t max_bytes) override;

  const RunCache& cache() const { return cache_; }  // for tests

 private:
  KubernetesDriver(KubernetesConfig config, const Clock& clock, std::unique_ptr<ApiClient> client, std::unique_ptr<ApiClient> log_client);
  Status greet();
  void begin() { client_->begin(capabilities().call_deadline); }

  // kubernetes_driver.cc
  Status look_at_pools();
  Status check_fits(const connector::SubmitRequest& request, const PoolFigures& pool) const;
  Result<JobSettings> settings_for(const connector::SubmitRequest& request);
  Result<bool> has_secret(const std::string& name);
  Result<std::string> create_job(const connector::SubmitRequest& request, const std::string& body);
  Status create_secret(const connector::SubmitRequest& request, const JobSettings& settings, const std::string& uid);
  void take_back(const std::string& name, const std::string& uid, Error& why);

  // kubernetes_poll.cc
  Status stop(const std::string& name, const std::string& why);
  void learn_job(const Answer& answer);
  void grant(const std::map<std::string, std::string>& marker_by_id);
  Status look_for(const std::map<std::string, std::string>& marker_by_id);
  void remove_finished();

  const KubernetesConfig config_;
  const Clock& clock_;
  const std::unique_ptr<ApiClient> client_;
  Version version_;
  std::string version_text_;
  RunCache cache_;
  std::vector<PoolFigures> pools_;
  std::optional<Duration> pools_asked_;     // monotonic
  bool sees_all_pods_ = true;               // the connector may list other namespaces' pods
  std::set<std::string> confirmed_;         // Jobs whose end was read with all their pods
  std::map<std::string, Duration> asked_;   // monotonic: when a Job got its last patch
  std::map<std::string, Duration> absent_;  // monotonic: when a Job that is asked for was found not to be there

  std::mutex log_mutex_;
  const std::unique_ptr<ApiClient> log_client_;  // of read_log's thread
};

}  // namespace bourse::kubernetes
