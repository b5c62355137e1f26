#include "connectors/core/workdir.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

namespace bourse::connector {
namespace {

std::unexpected<Error> io_error(const std::string& path) { return fail(ErrorCode::unavailable, path + ": " + std::strerror(errno)); }

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

Status make_jobs_root(const std::string& root) {
  std::error_code error;
  std::filesystem::create_directories(root, error);
  if (error) return fail(ErrorCode::unavailable, root + ": " + error.message());
  struct stat info{};
  if (::lstat(root.c_str(), &info) != 0) return io_error(root);
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid()) return fail(ErrorCode::unavailable, root + ": not a folder of ours");
  if (::chmod(root.c_str(), 0711) != 0) return io_error(root);
  return {};
}

Result<std::string> make_workdir(const std::string& root, const std::string& name, const LocalUser& user) {
  const std::string path = root + "/" + name;
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return io_error(path);
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return io_error(path);
  struct stat info{};
  const bool right = ::fstat(fd, &info) == 0 && (info.st_uid == user.uid || ::fchown(fd, user.uid, user.gid) == 0) && ::fchmod(fd, 0700) == 0;
  const int error = errno;
  ::close(fd);
  if (right) return path;
  if (error == EPERM) return fail(ErrorCode::forbidden, "this connector may only run jobs as its own user, not as " + user.name);
  errno = error;
  return io_error(path);
}

Status close_workdirs(const std::string& root, const LocalUser& user) {
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(root.c_str()));
  if (!directory) return io_error(root);
  const int at = ::dirfd(directory.get());
  while (const dirent* entry = ::readdir(directory.get())) {
    struct stat info{};
    if (entry->d_name[0] == '.' || ::fstatat(at, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (!S_ISDIR(info.st_mode) || info.st_uid != user.uid) continue;
    if (::fchownat(at, entry->d_name, ::geteuid(), ::getegid(), AT_SYMLINK_NOFOLLOW) != 0) return io_error(root);
  }
  return {};
}

}  // namespace bourse::connector
