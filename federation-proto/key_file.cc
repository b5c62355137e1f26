#include "federation-proto/key_file.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace bourse::federation {
namespace {

constexpr std::size_t kMaxFileBytes = 1 << 20;

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::unexpected<Error> io_error(const std::string& path) {
  return fail(errno == ENOENT ? ErrorCode::not_found : ErrorCode::unavailable, path + ": " + std::strerror(errno));
}

Status check_private(int fd, const std::string& path, bool folder) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return io_error(path);
  if (folder ? !S_ISDIR(info.st_mode) : !S_ISREG(info.st_mode))
    return fail(ErrorCode::integrity, path + " is not a regular " + (folder ? "folder" : "file"));
  // Root may look at a server's keys, as when it prepares that server's folders.
  if (info.st_uid != ::geteuid() && ::geteuid() != 0) return fail(ErrorCode::integrity, path + " belongs to another user");
  if ((info.st_mode & 077) != 0)
    return fail(ErrorCode::integrity, path + " is open to others; chmod " + (folder ? "0700" : "0600") + " it");
  return {};
}

Status write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return io_error(path);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::fsync(fd) != 0) return io_error(path);
  return {};
}

}  // namespace

Status make_private_directory(const std::string& path) {
  const auto parent = std::filesystem::path(path).lexically_normal().parent_path();
  std::error_code error;
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (error) return fail(ErrorCode::unavailable, parent.string() + ": " + error.message());
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return io_error(path);
  const File folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.ok()) return io_error(path);
  return check_private(folder.get(), path, true);
}

Result<std::string> read_private_file(const std::string& path) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.ok()) return io_error(path);
  CHECK_OK(check_private(file.get(), path, false));
  std::string bytes;
  char buffer[16'384];
  for (;;) {
    const ssize_t n = ::read(file.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error(path);
    if (n == 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(n));
    if (bytes.size() > kMaxFileBytes) return fail(ErrorCode::integrity, path + " is too large");
  }
}

Status write_private_file(const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".new";
  {
    const File file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.ok()) return io_error(temporary);
    if (::fchmod(file.get(), 0600) != 0) return io_error(temporary);
    CHECK_OK(write_all(file.get(), bytes, temporary));
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return io_error(path);
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const File directory(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok() || ::fsync(directory.get()) != 0) return io_error(folder);
  return {};
}

Result<KeyPair> load_key_pair(const std::string& path) {
  TRY(std::string bytes, read_private_file(path));
  std::array<std::uint8_t, 32> seed{};
  if (bytes.size() != seed.size()) return fail(ErrorCode::integrity, path + ": a key's seed has 32 bytes");
  std::memcpy(seed.data(), bytes.data(), seed.size());
  const KeyPair pair = key_pair_of_seed(seed);
  sodium_memzero(seed.data(), seed.size());
  sodium_memzero(bytes.data(), bytes.size());
  return pair;
}

Result<KeyPair> load_or_create_key_pair(const std::string& path, Rng& rng) {
  auto existing = load_key_pair(path);
  if (existing || existing.error().code != ErrorCode::not_found) return existing;
  const KeyPair pair = make_key_pair(rng);
  // libsodium keeps the seed in the first half of the secret key.
  CHECK_OK(write_private_file(path, {reinterpret_cast<const char*>(pair.secret.data()), 32}));
  return pair;
}

}  // namespace bourse::federation
