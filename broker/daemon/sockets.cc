#include "broker/daemon/sockets.h"

#include <fmt/format.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace bourse::broker {
namespace {

bool somebody_accepts(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const bool alive = result == 0 || errno == EAGAIN;  // EAGAIN: its backlog is full
  close(fd);
  return alive;
}

std::unexpected<Error> system_error(const std::string& path) {
  return fail(ErrorCode::unavailable, fmt::format("{}: {}", path, std::strerror(errno)));
}

}  // namespace

Status clear_stale_socket(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return system_error(path);
  }
  if (!S_ISSOCK(status.st_mode)) return fail(ErrorCode::failed_precondition, fmt::format("{} exists and is no socket.", path));
  if (somebody_accepts(path)) return fail(ErrorCode::failed_precondition, fmt::format("{} is served by another process.", path));
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return system_error(path);
  return {};
}

Status protect_socket(const std::string& path, const std::string& group) {
  if (!group.empty()) {
    std::vector<char> buffer(16 * 1024);
    struct group entry {};
    struct group* found = nullptr;
    if (getgrnam_r(group.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
      return fail(ErrorCode::invalid_argument, fmt::format("listen.group: there is no group {}.", group));
    if (chown(path.c_str(), static_cast<uid_t>(-1), found->gr_gid) != 0) return system_error(path);
  }
  if (chmod(path.c_str(), 0660) != 0) return system_error(path);
  return {};
}

}  // namespace bourse::broker
