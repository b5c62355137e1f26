#include "connectors/host/confined.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <system_error>

namespace bourse::host {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::uint32_t kFileCapabilities = 1U << CAP_CHOWN | 1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH | 1U << CAP_FOWNER | 1U << CAP_FSETID;

std::atomic<bool> no_openat2 = false;

std::unexpected<Error> file_error(std::string_view act, int error) {
  const std::string text = std::string(act) + ": " + std::generic_category().message(error);
  if (error == ENOENT || error == ENOTDIR) return fail(ErrorCode::not_found, text);
  if (error == ELOOP || error == EXDEV) return fail(ErrorCode::forbidden, "it is a symbolic link, or lies behind one");
  if (error == EACCES || error == EPERM || error == ENXIO || error == EISDIR) return fail(ErrorCode::forbidden, text);
  return fail(ErrorCode::unavailable, text);
}

// The C library has calls for none of these that are for one thread only.
Result<std::uint32_t> effective_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3]{};
  if (::syscall(SYS_capget, &header, sets) != 0) return fail(ErrorCode::unavailable, "reading capabilities");
  return sets[0].effective;
}

bool set_effective_capabilities(std::uint32_t effective) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3]{};
  if (::syscall(SYS_capget, &header, sets) != 0) return false;
  sets[0].effective = effective & sets[0].permitted;
  return ::syscall(SYS_capset, &header, sets) == 0;
}

int open_by_name(int root, const std::string& path, int flags, mode_t mode) {
  OpenFile at;
  int folder = root;
  for (std::size_t from = 0;;) {
    const std::size_t slash = path.find('/', from);
    const std::string name = path.substr(from, slash - from);
    if (name.empty() || name == "." || name == "..") return errno = EXDEV, -1;
    if (slash == std::string::npos) return ::openat(folder, name.c_str(), flags | O_NOFOLLOW, mode);
    OpenFile next(::openat(folder, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (next.get() < 0) return -1;
    at = std::move(next);
    folder = at.get();
    from = slash + 1;
  }
}

int open_beneath(int root, const std::string& path, int flags, mode_t mode) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_NOFOLLOW | O_CLOEXEC);
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  // A rename elsewhere in the tree makes the kernel unsure: it says so, and is asked again.
  for (int tries = 0; tries < 64 && !no_openat2; ++tries) {
    const long fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    if (fd >= 0) return static_cast<int>(fd);
    if (errno == ENOSYS || errno == EPERM) break;  // older than 5.6, or a sandbox that doesn't know it
    if (errno != EAGAIN && errno != EINTR) return -1;
  }
  return open_by_name(root, path, flags | O_CLOEXEC, mode);
}

// A folder's names in order, so that what is left out by a bound is the same each time.
Result<std::vector<std::string>> names_in(int at, std::size_t& left) {
  const int again = ::openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(again < 0 ? nullptr : ::fdopendir(again), ::closedir);
  if (!folder) return file_error("looking into a folder", errno);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (left == 0) return fail(ErrorCode::too_large, "there are too many files and folders");
    --left;
    names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

void pretend_no_openat2(bool missing) { no_openat2 = missing; }

Result<AsUser> AsUser::take(uid_t uid, gid_t gid) {
  if (uid == 0 || gid == 0) return fail(ErrorCode::forbidden, "jobs' files are never root's");
  AsUser self;
  if (::geteuid() == uid) return self;
  self.uid_ = ::geteuid();
  self.gid_ = ::getegid();
  TRY(self.effective_, effective_capabilities());
  const int count = ::getgroups(0, nullptr);
  if (count < 0) return fail(ErrorCode::unavailable, "reading groups");
  self.groups_.resize(static_cast<std::size_t>(count));
  if (::getgroups(count, self.groups_.data()) < 0) return fail(ErrorCode::unavailable, "reading groups");
  // By the bare call: the C library's would change every thread.
  if (::syscall(SYS_setgroups, 1, &gid) != 0) return fail(ErrorCode::forbidden, "this connector may not reach other users' files");
  self.changed_ = true;
  ::setfsgid(gid);
  ::setfsuid(uid);
  const bool became = ::setfsuid(static_cast<uid_t>(-1)) == static_cast<int>(uid) && ::setfsgid(static_cast<gid_t>(-1)) == static_cast<int>(gid);
  if (!became || !set_effective_capabilities(self.effective_ & ~kFileCapabilities))
    return fail(ErrorCode::forbidden, "this connector may not reach other users' files");
  return self;
}

AsUser::AsUser(AsUser&& other) noexcept
    : changed_(std::exchange(other.changed_, false)), uid_(other.uid_), gid_(other.gid_), effective_(other.effective_), groups_(std::move(other.groups_)) {}

AsUser::~AsUser() {
  if (!changed_) return;
  ::setfsuid(uid_);
  ::setfsgid(gid_);
  set_effective_capabilities(effective_);  // last: a change of the user between root and others touches them too
  ::syscall(SYS_setgroups, groups_.size(), groups_.data());
}

OpenFile::~OpenFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::int64_t> OpenFile::size() const {
  struct stat info{};
  if (::fstat(fd_, &info) != 0) return file_error("looking at a file", errno);
  return static_cast<std::int64_t>(info.st_size);
}

Status OpenFile::truncate(std::int64_t size) const {
  if (::ftruncate(fd_, size) != 0) return file_error("cutting a file", errno);
  return {};
}

Status OpenFile::write(std::string_view bytes, std::int64_t offset) const {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(ErrorCode::unavailable, "writing a file: " + std::generic_category().message(errno));
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += n;
  }
  return {};
}

Result<std::string> OpenFile::read(std::int64_t offset, std::size_t most) const {
  std::string bytes(most, '\0');
  std::size_t have = 0;
  while (have < most) {
    const ssize_t n = ::pread(fd_, bytes.data() + have, most - have, offset + static_cast<std::int64_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(ErrorCode::unavailable, "reading a file: " + std::generic_category().message(errno));
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  bytes.resize(have);
  return bytes;
}

Status OpenFile::set_mode(mode_t mode) const {
  if (::fchmod(fd_, mode) != 0) return file_error("setting a file's mode", errno);
  return {};
}

Result<ConfinedFolder> ConfinedFolder::open(const std::string& path, uid_t owner) {
  OpenFile folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (folder.get() < 0) return file_error("the job's folder", errno);
  struct stat info{};
  if (::fstat(folder.get(), &info) != 0 || info.st_uid != owner) return fail(ErrorCode::forbidden, "the job's folder is not its user's any more");
  return ConfinedFolder(std::move(folder), owner);
}

Result<OpenFile> ConfinedFolder::checked(int fd) const {
  if (fd < 0) return file_error("opening a file", errno);
  OpenFile file(fd);
  struct stat info{};
  if (::fstat(fd, &info) != 0) return file_error("looking at a file", errno);
  if (!S_ISREG(info.st_mode)) return fail(ErrorCode::forbidden, "it is not a regular file");
  if (info.st_uid != owner_) return fail(ErrorCode::forbidden, "it belongs to somebody else");
  return file;
}

// O_NONBLOCK: a FIFO must not hold us up.
Result<OpenFile> ConfinedFolder::open_file(const std::string& path) const {
  return checked(open_beneath(folder_.get(), path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0));
}

Result<OpenFile> ConfinedFolder::make_file(const std::string& path) const {
  OpenFile at;
  int folder = folder_.get();
  std::size_t from = 0;
  for (std::size_t slash = 0; (slash = path.find('/', from)) != std::string::npos; from = slash + 1) {
    const std::string name = path.substr(from, slash - from);
    if (name.empty() || name == "." || name == "..") return fail(ErrorCode::forbidden, "a path that leads elsewhere");
    if (::mkdirat(folder, name.c_str(), 0700) != 0 && errno != EEXIST) return file_error("making a folder", errno);
    OpenFile next(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (next.get() < 0) return file_error("opening a folder", errno == ENOTDIR ? ELOOP : errno);
    at = std::move(next);
    folder = at.get();
  }
  return checked(open_beneath(folder_.get(), path, O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY, 0600));
}

Status ConfinedFolder::walk(std::size_t most, const std::function<bool(const std::string&)>& enter, const std::function<void(Found)>& found) const {
  return walk_folder(folder_.get(), "", 0, most, enter, found);
}

Status ConfinedFolder::walk_folder(int at, const std::string& prefix, int depth, std::size_t& left, const std::function<bool(const std::string&)>& enter,
                                   const std::function<void(Found)>& found) const {
  const auto names = names_in(at, left);
  // A folder that its own user can't list keeps what is beside it from nobody.
  if (!names && depth > 0 && names.error().code != ErrorCode::too_large) return {};
  if (!names) return std::unexpected(names.error());
  for (const std::string& name : *names) {
    struct stat info{};
    if (::fstatat(at, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;  // gone meanwhile
    const std::string path = prefix + name;
    if (S_ISREG(info.st_mode) && info.st_uid == owner_) found({path, info.st_size, (info.st_mode & S_IXUSR) != 0});
    if (!S_ISDIR(info.st_mode) || depth + 1 >= kMaxDepth || !enter(path)) continue;
    const OpenFile folder(::openat(at, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (folder.get() < 0) continue;  // not ours to look into, or something else by now
    CHECK_OK(walk_folder(folder.get(), path + "/", depth + 1, left, enter, found));
  }
  return {};
}

}  // namespace bourse::host
