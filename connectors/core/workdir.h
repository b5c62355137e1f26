// The folders that jobs run in: <root>/<attempt>, owned by the job's local user, in a folder that no such user can write.
#pragma once

#include <string>

#include "connectors/core/identity.h"

namespace bourse::connector {

// Makes the root (0711: users reach their own folder and see no other names). Errors: unavailable.
Status make_jobs_root(const std::string& root);

// Makes <root>/<name>, 0700, `user`'s; one that is there already (a repeated try) is taken over. Returns its path.
// A connector that isn't root can only make folders of its own user. Errors: unavailable, forbidden.
Result<std::string> make_workdir(const std::string& root, const std::string& name, const LocalUser& user);

// Takes every folder under root that belongs to `user` away from it, before the account passes to another tenant.
// Errors: unavailable.
Status close_workdirs(const std::string& root, const LocalUser& user);

}  // namespace bourse::connector
