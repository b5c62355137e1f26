#include "connectors/daemon/wiring.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "connectors/daemon/kubernetes.h"
#include "connectors/daemon/scow.h"
#include "connectors/local/local_driver.h"
#include "connectors/slurm/slurm_driver.h"

namespace bourse::connector {
namespace {

constexpr int kMaxMessageBytes = 4 << 20;

std::string program_directory() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path().string();
}

// To the edge by one of its names, and with a client certificate where there is one.
std::shared_ptr<grpc::Channel> dial(const federation::JoinBundle& bundle, const std::string& server_name, const Credentials& ours) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = bundle.root_pem;
  tls.pem_cert_chain = ours.certificate_pem;
  tls.pem_private_key = ours.tls_key_pem;
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(server_name);
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, server_name);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  return grpc::CreateCustomChannel(bundle.connect, grpc::SslCredentials(tls), arguments);
}

}  // namespace

Result<std::unique_ptr<Driver>> open_driver(const DaemonConfig& all, const std::string& directory, const Clock& clock,
                                            host::ProcessRunner& runner, Purpose purpose) {
  const DriverConfig& config = all.driver;
  if (config.kind == "scow") {
    TRY(scow::ScowConfig scow, scow_config(config, all.identity));
    scow.only_look = purpose == Purpose::look;
    return scow::ScowDriver::open(std::move(scow), clock);
  }
  if (config.kind == "kubernetes") {
    TRY(kubernetes::KubernetesConfig cluster, kubernetes_config(config));
    cluster.only_look = purpose == Purpose::look;
    return kubernetes::KubernetesDriver::open(std::move(cluster), clock);
  }
  if (config.kind == "slurm") {
    slurm::SlurmConfig slurm;
    slurm.conf = config.slurm_conf;
    slurm.bin_directory = config.bin_directory;
    slurm.account = config.account;
    return slurm::SlurmDriver::open(std::move(slurm), runner);
  }
  local::LocalConfig local;
  local.directory = directory + "/local";
  local.shim = config.shim.empty() ? program_directory() + "/bourse-job-shim" : config.shim;
  for (const auto& pool : config.pools) local.pools.push_back({pool.name, pool.cores, pool.mem_mib, pool.max_walltime});
  return local::LocalDriver::open(std::move(local), clock, runner);
}

std::shared_ptr<grpc::Channel> dial_membership(const federation::JoinBundle& bundle) { return dial(bundle, bundle.join_server_name, {}); }

std::shared_ptr<grpc::Channel> dial_link(const std::string& directory, const federation::JoinBundle& bundle, const Credentials& first) {
  return dial(bundle, bundle.server_name, load_credentials(directory).value_or(first));
}

std::string jobs_directory(const DaemonConfig& config, const std::string& directory) {
  return config.jobs_directory.empty() ? directory + "-jobs" : config.jobs_directory;
}

std::optional<std::string> closed_to_others(const std::string& path) {
  const bool others_run_jobs = ::geteuid() == 0 || ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_SETUID, 0, 0) == 1;
  for (std::filesystem::path at = std::filesystem::path(path).parent_path(); !at.empty(); at = at.parent_path()) {
    struct stat info{};
    if (::stat(at.c_str(), &info) == 0 && (info.st_mode & S_IXOTH) == 0 && others_run_jobs) return at.string();
    if (at == at.root_path()) break;
  }
  return std::nullopt;
}

}  // namespace bourse::connector
