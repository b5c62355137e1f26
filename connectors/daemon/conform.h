// `bourse-connector conform`: the suite of connectors/conformance on the scheduler that connector.toml describes, as a local user of the
// center, in a pool of its. Runs jobs, ends them, and removes their folders.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "connectors/core/driver.h"
#include "connectors/core/identity.h"
#include "connectors/core/sell.h"

namespace bourse::connector {

struct ConformOptions {
  std::string directory;
  std::string config_path;         // empty = <directory>/connector.toml
  std::string pool;                // empty = the first that is for sale
  std::string user;                // one of [identity]; empty = the first
  std::vector<std::string> only;   // checks by name; empty = all
  std::int64_t timeout_s = 60;     // for one change of a job's state, the wait in the queue included
  bool fill_pool = false;
  bool json = false;
  bool yes = false;                // go on without being asked
};

// Reports on stdout; progress, questions and complaints go to stderr. SIGINT and SIGTERM end it in an orderly way. Returns the exit code:
// 0 all promises are kept, 8 one is not, 130 stopped, else that of the error that kept it from beginning.
int conform(const ConformOptions& options);

// Pieces of it, for their tests.
// Whom the jobs run as: `wanted`, which [identity] must lead to, or the first it names. Errors: invalid_argument, not_found, forbidden (root).
Result<LocalUser> choose_user(const IdentityConfig& identity, const std::string& wanted, const UserDirectory& users);
// Errors: not_found, failed_precondition (nothing is for sale).
Result<std::string> choose_pool(const std::vector<PoolInfo>& pools, const SellConfig& sell, const std::string& wanted);

}  // namespace bourse::connector
