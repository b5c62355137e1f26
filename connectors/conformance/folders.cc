#include "connectors/conformance/folders.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "connectors/core/workdir.h"
#include "connectors/host/files.h"

namespace bourse::conformance {

Result<std::string> SystemFolders::make(const std::string& name, const connector::LocalUser& user) {
  CHECK_OK(connector::make_jobs_root(root_));
  return connector::make_workdir(root_, name, user);
}

Result<std::string> SystemFolders::make_closed(const std::string& name, const connector::LocalUser& user, const connector::LocalUser* owner) {
  const connector::LocalUser ours{.name = "the connector's user", .uid = ::geteuid(), .gid = ::getegid(), .home = {}, .scheduler_account = {}};
  const connector::LocalUser& whose = owner != nullptr ? *owner : ours;
  if (whose.uid == user.uid) return fail(ErrorCode::forbidden, "jobs run as the connector's own user, so nothing is closed to them");
  TRY(const std::string folder, make(name, whose));
  CHECK_OK(host::write_new(folder + "/secret", "a secret of somebody else\n", {.mode = 0600, .uid = whose.uid, .gid = whose.gid}));
  return folder;
}

Status SystemFolders::put(const std::string& folder, const std::string& name) { return host::write_new(folder + "/" + name, "", {.mode = 0644}); }

Status SystemFolders::remove(const std::string& folder) {
  // Ours first, so that what may still run there as its user finds the way in closed.
  (void)::fchownat(AT_FDCWD, folder.c_str(), ::geteuid(), ::getegid(), AT_SYMLINK_NOFOLLOW);
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  if (error) return fail(ErrorCode::unavailable, folder + ": " + error.message());
  return {};
}

}  // namespace bourse::conformance
