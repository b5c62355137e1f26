#include "connectors/daemon/kubernetes.h"

namespace bourse::connector {

Result<kubernetes::KubernetesConfig> kubernetes_config(const DriverConfig& config) {
  kubernetes::KubernetesConfig cluster;
  cluster.access = {.kubeconfig = config.kubeconfig, .context = config.context, .address = config.address, .ca = config.tls_ca,
                    .token_file = config.token_file, .certificate = config.tls_certificate, .key = config.tls_key,
                    .server_name = config.tls_server_name};
  cluster.name_space = config.name_space;
  cluster.image = config.image;
  cluster.service_account = config.service_account;
  cluster.qos = config.qos;
  cluster.claim = config.claim;
  cluster.scratch_mib = config.scratch_mib;
  cluster.max_walltime = config.max_walltime;
  cluster.start_allowance = config.start_allowance;
  cluster.keep = config.keep;
  for (const DriverConfig::Pool& from : config.pools) {
    kubernetes::PoolConfig& pool = cluster.pools.emplace_back();
    pool.name = from.name;
    pool.selector = from.selector;
    pool.image = from.image;
    pool.gpu_resource = from.gpu_resource;
    pool.gpu_model = from.gpu_model;
    pool.max_walltime = from.max_walltime;
    for (const std::string& text : from.tolerations) {
      TRY(kubernetes::Toleration toleration, kubernetes::parse_toleration(text));
      pool.tolerations.push_back(std::move(toleration));
    }
  }
  return cluster;
}

}  // namespace bourse::connector
