#include "connectors/daemon/scow.h"

#include <set>

#include "connectors/host/files.h"

namespace bourse::connector {
namespace {

constexpr std::size_t kMaxPem = 1 << 20;

Result<std::string> pem(const std::string& path) {
  if (path.empty()) return std::string();
  auto text = host::read_file(path, kMaxPem);
  if (!text) return fail(text.error().code, path + ": " + text.error().detail);
  return text;
}

}  // namespace

Result<scow::ScowConfig> scow_config(const DriverConfig& config, const IdentityConfig& identity) {
  scow::ScowConfig scow;
  scow.client.address = config.address;
  scow.account = config.account;
  scow.owner = config.owner;
  scow.arch = config.arch;
  scow.max_walltime = config.max_walltime;
  if (config.house == "open") scow.house = scow::House::open;
  if (config.house == "blocked") scow.house = scow::House::blocked;
  if (config.flavour == "slurm") scow.flavour = scow::Flavour::slurm;
  if (config.flavour == "crane") scow.flavour = scow::Flavour::crane;
  if (!config.tls_ca.empty()) {
    scow::TlsFiles tls{.ca = {}, .certificate = {}, .key = {}, .server_name = config.tls_server_name};
    TRY(tls.ca, pem(config.tls_ca));
    TRY(tls.certificate, pem(config.tls_certificate));
    TRY(tls.key, pem(config.tls_key));
    scow.client.tls = std::move(tls);
  }
  std::set<std::string> users(identity.pool.begin(), identity.pool.end()), accounts;
  if (!identity.scheduler_account.empty()) accounts.insert(identity.scheduler_account);
  for (const IdentityConfig::Row& row : identity.table) {
    users.insert(row.local);
    if (!row.scheduler_account.empty()) accounts.insert(row.scheduler_account);
  }
  scow.users.assign(users.begin(), users.end());
  scow.accounts.assign(accounts.begin(), accounts.end());
  return scow;
}

}  // namespace bourse::connector
