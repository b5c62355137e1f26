// RunAs: a local user with what a child process needs to become it. Never root.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"

namespace bourse::host {

struct RunAs {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // all of the user's groups, `gid` among them
  std::string home;
};

// True for names that useradd would take: [a-z_][a-z0-9_.-]*, at most 32 characters. So no name can be read as an option.
bool is_user_name(std::string_view name);

// Looks the user up in the machine's user database, its groups included. Errors: invalid_argument (not a user name), not_found, forbidden
// (root, or in root's group), unavailable (the database did not answer).
Result<RunAs> find_run_as(std::string_view name);
Result<RunAs> find_run_as(uid_t uid);

// Gives up this process's identity for good: groups, gid, uid, capabilities, in that order, then checks that none came back. For a
// child between fork and exec: it allocates nothing. Returns 0 or an errno. A process that is already that user keeps
// its groups.
int become(const RunAs& user) noexcept;

}  // namespace bourse::host
