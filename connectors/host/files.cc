#include "connectors/host/files.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bourse::host {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::unexpected<Error> failed(std::string_view act, const std::string& path, int error) {
  const ErrorCode code = error == ENOENT ? ErrorCode::not_found : error == EEXIST ? ErrorCode::conflict : ErrorCode::unavailable;
  return fail(code, std::string(act) + " " + path + ": " + std::generic_category().message(error));
}

Status write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("writing", path, errno);
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

bool owned(const Access& access) { return access.uid != static_cast<uid_t>(-1) || access.gid != static_cast<gid_t>(-1); }

}  // namespace

Status write_durably(const std::string& path, std::string_view content, Access access) {
  const std::string fresh = path + ".new";
  if (::unlink(fresh.c_str()) != 0 && errno != ENOENT) return failed("removing", fresh, errno);
  {
    const Descriptor fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.valid()) return failed("creating", fresh, errno);
    CHECK_OK(write_all(fd.get(), content, fresh));
    if (owned(access) && ::fchown(fd.get(), access.uid, access.gid) != 0) return failed("giving away", fresh, errno);
    if (::fchmod(fd.get(), access.mode) != 0) return failed("setting the mode of", fresh, errno);
    if (::fsync(fd.get()) != 0) return failed("syncing", fresh, errno);
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return failed("renaming to", path, errno);
  return sync_directory(parent_of(path));
}

Result<int> create_new(const std::string& path, Access access) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed("removing", path, errno);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return failed("creating", path, errno);
  if ((!owned(access) || ::fchown(fd, access.uid, access.gid) == 0) && ::fchmod(fd, access.mode) == 0) return fd;
  const int error = errno;
  ::close(fd);
  return failed("giving away", path, error);
}

Status write_new(const std::string& path, std::string_view content, Access access) {
  TRY(const int created, create_new(path, access));
  const Descriptor fd(created);
  CHECK_OK(write_all(fd.get(), content, path));
  if (::fsync(fd.get()) != 0) return failed("syncing", path, errno);
  return {};
}

Result<std::string> read_file(const std::string& path, std::size_t max_bytes) {
  TRY(FilePart part, read_part(path, 0, max_bytes + 1));
  if (part.data.size() > max_bytes) return fail(ErrorCode::too_large, path);
  return std::move(part.data);
}

Result<FilePart> read_part(const std::string& path, std::int64_t offset, std::size_t max_bytes) {
  // O_NONBLOCK: what was put in the place of a log (a FIFO, say) must not hold us up.
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd.valid()) return failed("opening", path, errno);
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return failed("looking at", path, errno);
  if (!S_ISREG(info.st_mode)) return fail(ErrorCode::unavailable, path + " is not a file");
  FilePart part{{}, info.st_size};
  if (offset < 0 || offset >= info.st_size) return part;
  part.data.resize(std::min(max_bytes, static_cast<std::size_t>(info.st_size - offset)));
  std::size_t got = 0;
  while (got < part.data.size()) {
    const ssize_t n = ::pread(fd.get(), part.data.data() + got, part.data.size() - got, offset + static_cast<off_t>(got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("reading", path, errno);
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  part.data.resize(got);
  return part;
}

Status make_directory(const std::string& path, Access access) {
  if (::mkdir(path.c_str(), 0700) != 0) return failed("making", path, errno);
  if (owned(access) && ::chown(path.c_str(), access.uid, access.gid) != 0) return failed("giving away", path, errno);
  if (::chmod(path.c_str(), access.mode) != 0) return failed("setting the mode of", path, errno);
  return sync_directory(parent_of(path));
}

Status sync_directory(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return failed("opening", path, errno);
  if (::fsync(fd.get()) != 0) return failed("syncing", path, errno);
  return {};
}

}  // namespace bourse::host
