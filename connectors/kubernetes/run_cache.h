// What the API has of our Jobs and their pods, followed by two listings. What was seen last of a thing that is gone is kept while
// somebody asks for it. One thread.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/time.h"
#include "connectors/kubernetes/listing.h"
#include "connectors/kubernetes/run_state.h"

namespace bourse::kubernetes {

class RunCache {
 public:
  RunCache(const std::string& name_space, Listing::Limits limits, const Clock& clock);

  // Errors: unavailable; what was known before stays.
  Status refresh(ApiClient& client);
  // The same, by a list, whatever the watch said.
  Status list_again(ApiClient& client) {
    job_listing_.forget();
    return refresh(client);
  }
  // Asks for this Job alone: a watch may be a moment behind. True: it is there. Errors: unavailable.
  Result<bool> ask_for(ApiClient& client, const std::string& name);
  // Asks for the pods of this Job alone. Errors: unavailable.
  Status ask_for_pods(ApiClient& client, const std::string& name);

  // What the server answered to a change: the listings may be behind it.
  void learn(const nlohmann::json& job) { see_job(job, false); }

  const std::map<std::string, KnownJob>& jobs() const { return jobs_; }  // by name
  const KnownJob* find(const std::string& name) const;
  // Of what is gone, keep only these.
  void keep_only(const std::set<std::string>& names);
  const Listing& job_listing() const { return job_listing_; }
  const Listing& pod_listing() const { return pod_listing_; }

 private:
  void see_job(const nlohmann::json& object, bool removed);
  void see_pod(const nlohmann::json& object, bool removed);
  void jobs_whole();
  void pods_whole();

  const std::string jobs_path_, pods_path_;
  const Clock& clock_;
  std::map<std::string, KnownJob> jobs_;
  // Pods whose Job isn't known (yet), by Job.
  std::map<std::string, std::map<std::string, KnownPod>> orphans_;
  std::set<std::string> listed_;  // uids of the list that is being read
  Listing job_listing_, pod_listing_;
};

std::string jobs_path(const std::string& name_space);   // of the API, without a query
std::string pods_path(const std::string& name_space);
std::string secrets_path(const std::string& name_space);

}  // namespace bourse::kubernetes
