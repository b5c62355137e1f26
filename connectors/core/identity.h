// Who runs it there: the mapping from (tenant, billing account, user) to a local user. No mapping, no job; never root.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"

namespace bourse::connector {

struct LocalUser {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;               // leased accounts get the run's workdir for a home
  std::string scheduler_account;  // empty = the user's default
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.name, self.uid, self.gid, self.home, self.scheduler_account);
  }
};

// The order's three ids in text ("ten_…", "acc_…", "usr_…").
struct Requester {
  std::string tenant;
  std::string billing_account;
  std::string user;
};

// The machine's user database, as a port. Errors: not_found.
class UserDirectory {
 public:
  virtual ~UserDirectory() = default;
  virtual Result<LocalUser> find(const std::string& name) const = 0;
};
class SystemUserDirectory final : public UserDirectory {
 public:
  Result<LocalUser> find(const std::string& name) const override;  // getpwnam_r
};

// [identity] of connector.toml. Looked through in order: table, house, pattern, pool; the first that matches decides.
struct IdentityConfig {
  struct Row {  // an empty field matches everything
    std::string tenant, billing_account, user;
    std::string local;
    std::string scheduler_account;
  };
  std::vector<Row> table;
  // "bourse-{user}": {user}, {tenant}, {account} become the last 8 characters of the id, in lower case. Empty = off.
  std::string pattern;
  // Local accounts of which each is leased to one tenant at a time.
  std::vector<std::string> pool;
  std::string scheduler_account;  // for pattern and pool
};

// Leases are kept in a file (replaced atomically, fsynced). One thread.
class IdentityMap {
 public:
  // Errors: integrity (the lease file is unreadable), invalid_argument (configuration).
  static Result<IdentityMap> open(IdentityConfig config, std::string lease_path, const UserDirectory& users);

  // Errors: forbidden (no mapping, or it leads to root), not_found (no such local user), overloaded (every account of the
  // pool is leased to another tenant that has runs), unavailable (the lease could not be stored).
  // `busy` says which tenants hold runs now: a lease of a tenant that holds none may pass on, and then `passed_on` names it.
  struct Mapping {
    LocalUser user;
    bool leased = false;
    std::string passed_on;  // the tenant whose lease ended for this one; its files must be closed to the local user first
  };
  Result<Mapping> map(const Requester& requester, const std::set<std::string>& busy);

 private:
  IdentityMap() = default;
  Result<Mapping> lease(const Requester& requester, const std::set<std::string>& busy);
  Result<LocalUser> local_user(const std::string& name, const std::string& scheduler_account) const;
  Status save() const;

  IdentityConfig config_;
  std::string lease_path_;
  const UserDirectory* users_ = nullptr;
  std::map<std::string, std::string> tenant_by_local_;
};

}  // namespace bourse::connector
