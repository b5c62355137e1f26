// Files of a job's folder, as the job's own user, and nowhere else: whatever a path says, and whatever the job makes of its
// folder meanwhile, nothing outside is read, written or made. Paths are resolved by the kernel (openat2 with RESOLVE_BENEATH,
// _NO_SYMLINKS and _NO_MAGICLINKS), or name by name with O_NOFOLLOW where it is older than 5.6.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bourse::host {

// This thread is `uid` to the file systems, without the capabilities that reach beyond file modes, until the end of the
// object's life; other threads are not touched. For a connector that is this user already, nothing changes.
class AsUser {
 public:
  // Errors: forbidden (root; or this process may not become others), unavailable.
  static Result<AsUser> take(uid_t uid, gid_t gid);
  AsUser(AsUser&& other) noexcept;
  AsUser& operator=(AsUser&&) = delete;
  ~AsUser();

 private:
  AsUser() = default;
  bool changed_ = false;
  uid_t uid_ = 0;
  gid_t gid_ = 0;
  std::uint32_t effective_ = 0;
  std::vector<gid_t> groups_;
};

// Owns a file descriptor.
class OpenFile {
 public:
  explicit OpenFile(int fd = -1) : fd_(fd) {}
  OpenFile(OpenFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OpenFile& operator=(OpenFile&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~OpenFile();
  int get() const { return fd_; }

  // Errors of all: unavailable.
  Result<std::int64_t> size() const;
  Status truncate(std::int64_t size) const;
  Status write(std::string_view bytes, std::int64_t offset) const;
  // Fewer only at the end.
  Result<std::string> read(std::int64_t offset, std::size_t most) const;
  Status set_mode(mode_t mode) const;

 private:
  int fd_;
};

struct Found {
  std::string path;  // below the folder
  std::int64_t size = 0;
  bool executable = false;
};

class ConfinedFolder {
 public:
  // `path` itself is trusted but for its last name. Errors: not_found, forbidden (not a folder of `owner`), unavailable.
  static Result<ConfinedFolder> open(const std::string& path, uid_t owner);

  // An existing regular file of the owner's. Hard links are followed: to a file of the owner's own they give nothing away.
  // Errors: not_found, forbidden (a link, a device, another's…: says which), unavailable.
  Result<OpenFile> open_file(const std::string& path) const;
  // The same to be written, made (0600) where it isn't there, with the folders on its way (0700). Nothing is cut off.
  Result<OpenFile> make_file(const std::string& path) const;
  // All regular files of the owner's below, folder by folder in the order of names; links are not followed. `enter` says of a
  // folder whether to look into it. Errors: too_large (more than `most` entries, of whatever kind), unavailable.
  Status walk(std::size_t most, const std::function<bool(const std::string& folder)>& enter, const std::function<void(Found)>& found) const;

 private:
  ConfinedFolder(OpenFile folder, uid_t owner) : folder_(std::move(folder)), owner_(owner) {}
  Result<OpenFile> checked(int fd) const;
  Status walk_folder(int at, const std::string& prefix, int depth, std::size_t& left, const std::function<bool(const std::string&)>& enter,
                     const std::function<void(Found)>& found) const;

  OpenFile folder_;
  uid_t owner_;
};

// For tests: as on a kernel without openat2.
void pretend_no_openat2(bool missing);

}  // namespace bourse::host
