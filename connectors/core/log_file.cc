#include "connectors/core/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace bourse::connector {

Result<LogPiece> read_log_file(const std::string& path, const LocalUser& user, std::int64_t offset, std::int64_t max_bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT || errno == ELOOP) return fail(ErrorCode::not_found, "there is no log yet");
    return fail(ErrorCode::unavailable, std::string("the log can't be opened: ") + std::strerror(errno));
  }
  struct stat info{};
  const bool ours = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == user.uid && info.st_nlink == 1;
  if (!ours) {
    ::close(fd);
    return fail(ErrorCode::not_found, "the log was replaced by something else");
  }
  LogPiece piece{.data = {}, .offset = std::max<std::int64_t>(offset, 0), .size = info.st_size};
  const std::int64_t left = std::max<std::int64_t>(piece.size - piece.offset, 0);
  piece.data.resize(static_cast<std::size_t>(std::min(left, std::clamp<std::int64_t>(max_bytes, 0, 256 << 10))));
  std::size_t have = 0;
  while (have < piece.data.size()) {
    const ssize_t n = ::pread(fd, piece.data.data() + have, piece.data.size() - have, static_cast<off_t>(piece.offset) + static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    have += static_cast<std::size_t>(n);
  }
  ::close(fd);
  piece.data.resize(have);
  return piece;
}

}  // namespace bourse::connector
