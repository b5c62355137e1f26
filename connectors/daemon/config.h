// connector.toml: what the center's administrator decides. config/connector.example.toml documents every key.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "connectors/core/identity.h"
#include "connectors/core/sell.h"

namespace bourse::connector {

struct DriverConfig {
  std::string kind;  // "slurm", "scow", "kubernetes" or "local"
  // slurm; for scow `account` is the house account
  std::string slurm_conf, bin_directory = "/usr/bin", account;
  // scow
  std::string address, owner;
  std::string house = "as-it-is";  // or "open", "blocked"
  std::string flavour;             // "slurm", "crane"; empty = by the scheduler's name
  std::string arch;
  Duration max_walltime = hours(24 * 7);
  std::string tls_ca, tls_certificate, tls_key, tls_server_name;  // paths of PEM files; no ca = no TLS
  // local; for kubernetes cores and memory are the nodes' own
  struct Pool {
    std::string name;
    std::int64_t cores = 1, mem_mib = 1024;
    Duration max_walltime;
    // kubernetes
    std::string image, gpu_resource, gpu_model;
    std::map<std::string, std::string> selector;  // labels of nodes
    std::vector<std::string> tolerations;         // "key=value:NoSchedule"
  };
  std::vector<Pool> pools;
  std::string shim;  // empty = beside this program
  // kubernetes; `address`, `max_walltime` and tls_… as above
  std::string kubeconfig, context, token_file, name_space, image, service_account, claim;
  std::map<std::string, std::string> qos;  // to priority classes
  std::int64_t scratch_mib = 10'240;
  Duration keep = hours(24 * 7), start_allowance = minutes(10);
};

struct DaemonConfig {
  DriverConfig driver;
  IdentityConfig identity;
  SellConfig sell;
  std::string jobs_directory;  // empty = <dir>-jobs
  Duration poll = seconds(1);
  Duration pools = seconds(10);
  Duration usage = seconds(15);
  std::int64_t max_held = 10'000;
  Duration lost_after = hours(1);
  Duration retry = seconds(30);  // the longest pause between two dials
  std::int64_t file_gib = 10, files_gib = 100, log_kib = 1'024;  // of one file; of a job's inputs, and outputs; of a log's end
};

// Unknown keys are refused, so that a misspelt one can't go unnoticed. Errors: invalid_argument, naming the key; not_found.
Result<DaemonConfig> read_config(const std::string& path);
Result<DaemonConfig> parse_config(const std::string& text, const std::string& name);

}  // namespace bourse::connector
