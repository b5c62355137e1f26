#include "broker/adapters/files/directory_file_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <functional>
#include <system_error>

#include "base/sha256.h"
#include "broker/app/memory_file_store.h"

namespace bourse::broker {
namespace {

constexpr std::size_t kHashBuffer = 1 << 20;
constexpr const char* kFiles = "files";
constexpr const char* kParts = "parts";
constexpr const char* kJobs = "jobs";

std::unexpected<Error> failed(std::string_view act, int error) {
  return fail(ErrorCode::unavailable, std::string(act) + ": " + std::generic_category().message(error));
}

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

Status make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return failed("a folder for files", errno);
}

Status sync_folder(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return failed("syncing a folder of files", errno);
  return {};
}

Status touch(int fd, Instant now) {
  const timespec at{.tv_sec = now.unix_ms / 1000, .tv_nsec = (now.unix_ms % 1000) * 1'000'000};
  const timespec both[] = {at, at};
  if (::futimens(fd, both) != 0) return failed("marking a file as used", errno);
  return {};
}

Status write_at(int fd, std::span<const std::byte> bytes, std::int64_t offset) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("writing a file", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    offset += n;
  }
  return {};
}

// Fewer than asked only at the file's end.
Result<std::size_t> read_at(int fd, std::span<std::byte> bytes, std::int64_t offset) {
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t n = ::pread(fd, bytes.data() + have, bytes.size() - have, offset + static_cast<std::int64_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("reading a file", errno);
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  return have;
}

Result<Hash256> hash_of_file(int fd) {
  Sha256 hash;
  std::vector<std::byte> buffer(kHashBuffer);
  for (std::int64_t offset = 0;;) {
    TRY(const std::size_t n, read_at(fd, buffer, offset));
    hash.add(std::span(buffer).first(n));
    offset += static_cast<std::int64_t>(n);
    if (n < buffer.size()) return hash.finish();
  }
}

// The size at the end of "<sha256>-<size>".
std::optional<std::int64_t> size_in(std::string_view name) {
  if (name.size() < 66 || name[64] != '-') return std::nullopt;
  std::int64_t size = 0;
  const auto [end, error] = std::from_chars(name.data() + 65, name.data() + name.size(), size);
  return error == std::errc{} && end == name.data() + name.size() ? std::optional(size) : std::nullopt;
}

// A folder that isn't there has no entries.
Status each_entry(const std::string& path, const std::function<Status(int at, const char* name)>& visit) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  if (!folder && errno == ENOENT) return {};
  if (!folder) return failed("looking into a folder of files", errno);
  while (const dirent* entry = ::readdir(folder.get()))
    if (entry->d_name[0] != '.') CHECK_OK(visit(::dirfd(folder.get()), entry->d_name));
  return {};
}

}  // namespace

class DirectoryFileStore::Turn {
 public:
  static Result<Turn> take(DirectoryFileStore& store, const FileName& file) {
    const std::scoped_lock lock(store.mutex_);
    if (!store.busy_.insert(file).second) return fail(ErrorCode::unavailable, "The file is being written by somebody else; try again.");
    return Turn(&store, file);
  }
  Turn(Turn&& other) noexcept : store_(std::exchange(other.store_, nullptr)), file_(other.file_) {}
  Turn& operator=(Turn&&) = delete;
  ~Turn() {
    if (store_ == nullptr) return;
    const std::scoped_lock lock(store_->mutex_);
    store_->busy_.erase(file_);
  }

 private:
  Turn(DirectoryFileStore* store, const FileName& file) : store_(store), file_(file) {}
  DirectoryFileStore* store_;
  FileName file_;
};

Result<std::unique_ptr<DirectoryFileStore>> DirectoryFileStore::open(std::string directory, FileLimits limits, const Clock& clock) {
  if (auto made = make_folder(directory); !made) return fail(ErrorCode::unavailable, directory + ": " + made.error().detail);
  return std::unique_ptr<DirectoryFileStore>(new DirectoryFileStore(std::move(directory), limits, clock));
}

std::string DirectoryFileStore::folder(BillingAccountId account) const { return directory_ + "/" + to_text(account); }
std::string DirectoryFileStore::path(const FileName& file, const char* kind) const {
  return folder(file.account) + "/" + kind + "/" + to_hex(file.hash) + "-" + std::to_string(file.size);
}

Result<Received> DirectoryFileStore::received(const FileName& file) {
  struct stat info{};
  if (::stat(path(file, kFiles).c_str(), &info) == 0) return Received{file.size, true};
  if (::stat(path(file, kParts).c_str(), &info) == 0) return Received{std::min<std::int64_t>(info.st_size, file.size), false};
  if (errno == ENOENT) return Received{};
  return failed("looking for a file", errno);
}

Result<DirectoryFileStore::Usage*> DirectoryFileStore::usage(BillingAccountId account) {
  if (const auto known = usage_.find(account); known != usage_.end()) return &known->second;
  Usage counted;
  for (const char* kind : {kFiles, kParts})
    CHECK_OK(each_entry(folder(account) + "/" + kind, [&](int, const char* name) -> Status {
      if (const auto size = size_in(name)) counted.bytes += *size, ++counted.files;
      return {};
    }));
  return &usage_.emplace(account, counted).first->second;
}

void DirectoryFileStore::forget(const FileName& file) {
  const std::scoped_lock lock(mutex_);
  if (const auto known = usage_.find(file.account); known != usage_.end()) known->second.bytes -= file.size, --known->second.files;
}

// A new part, and its place in the account's quota.
Status DirectoryFileStore::begin(const FileName& file) {
  const std::scoped_lock lock(mutex_);
  TRY(Usage* const used, usage(file.account));
  CHECK_OK(check_quota(file, used->bytes, used->files, limits_));
  for (const std::string& made : {folder(file.account), folder(file.account) + "/" + kFiles, folder(file.account) + "/" + kParts}) CHECK_OK(make_folder(made));
  const Descriptor fd(::open(path(file, kParts).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return failed("making a file", errno);
  used->bytes += file.size;
  ++used->files;
  return {};
}

Result<Received> DirectoryFileStore::write(const FileName& file, std::int64_t offset, std::span<const std::byte> piece) {
  CHECK_OK(check_piece(file, offset, piece.size(), limits_));
  TRY(const Turn turn, Turn::take(*this, file));
  TRY(const bool there, use(file));
  if (there) return Received{file.size, true};
  TRY(Received have, received(file));
  if (offset != have.bytes) return fail(ErrorCode::conflict, "The file goes on at " + std::to_string(have.bytes) + ".");
  const std::string part = path(file, kParts);
  if (have.bytes == 0 && ::access(part.c_str(), F_OK) != 0) CHECK_OK(begin(file));
  {
    const Descriptor fd(::open(part.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd.valid()) return failed("opening a file", errno);
    CHECK_OK(write_at(fd.get(), piece, offset));
    CHECK_OK(touch(fd.get(), clock_.now()));
  }
  have.bytes += static_cast<std::int64_t>(piece.size());
  return have.bytes < file.size ? have : finish(file);
}

// All bytes are there: on the disk, with the right hash, and under the name of what is complete.
Result<Received> DirectoryFileStore::finish(const FileName& file) {
  const std::string part = path(file, kParts), whole = path(file, kFiles);
  const Descriptor fd(::open(part.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) return failed("opening a file", errno);
  if (::ftruncate(fd.get(), file.size) != 0 || ::fsync(fd.get()) != 0) return failed("syncing a file", errno);
  TRY(const Hash256 hash, hash_of_file(fd.get()));
  if (hash != file.hash) {
    if (::unlink(part.c_str()) == 0) forget(file);
    return fail(ErrorCode::integrity, "The bytes that came have another SHA-256; send the file again.");
  }
  CHECK_OK(touch(fd.get(), clock_.now()));
  if (::rename(part.c_str(), whole.c_str()) != 0) return failed("naming a file", errno);
  CHECK_OK(sync_folder(folder(file.account) + "/" + kFiles));
  return Received{file.size, true};
}

Result<std::vector<std::byte>> DirectoryFileStore::read(const FileName& file, std::int64_t offset, std::size_t most) {
  const Descriptor fd(::open(path(file, kFiles).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid() && errno == ENOENT) return fail(ErrorCode::not_found, "There is no such file.");
  if (!fd.valid()) return failed("opening a file", errno);
  const std::int64_t from = std::clamp<std::int64_t>(offset, 0, file.size);
  std::vector<std::byte> bytes(std::min({most, static_cast<std::size_t>(file.size - from), kMaxPieceBytes}));
  TRY(const std::size_t have, read_at(fd.get(), bytes, from));
  bytes.resize(have);
  return bytes;
}

Result<bool> DirectoryFileStore::use(const FileName& file) {
  const std::scoped_lock lock(mutex_);  // against a sweep between its look and its end
  const Descriptor fd(::open(path(file, kFiles).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid() && errno == ENOENT) return false;
  if (!fd.valid()) return failed("opening a file", errno);
  CHECK_OK(touch(fd.get(), clock_.now()));
  return true;
}

Status DirectoryFileStore::put_listing(BillingAccountId account, JobId job, std::string_view bytes) {
  if (bytes.size() > kMaxListingBytes) return fail(ErrorCode::too_large, "A listing has at most 4 MiB.");
  const std::string at = folder(account) + "/" + kJobs, whole = at + "/" + to_text(job), fresh = whole + ".new";
  const std::scoped_lock lock(mutex_);
  CHECK_OK(make_folder(folder(account)));
  CHECK_OK(make_folder(at));
  {
    const Descriptor fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.valid()) return failed("making a listing", errno);
    CHECK_OK(write_at(fd.get(), std::as_bytes(std::span(bytes)), 0));
    CHECK_OK(touch(fd.get(), clock_.now()));
    if (::fsync(fd.get()) != 0) return failed("syncing a listing", errno);
  }
  if (::rename(fresh.c_str(), whole.c_str()) != 0) return failed("naming a listing", errno);
  return sync_folder(at);
}

Result<std::string> DirectoryFileStore::listing(BillingAccountId account, JobId job) {
  const Descriptor fd(::open((folder(account) + "/" + kJobs + "/" + to_text(job)).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid() && errno == ENOENT) return fail(ErrorCode::not_found, "Nothing is kept of this job.");
  struct stat info{};
  if (!fd.valid() || ::fstat(fd.get(), &info) != 0) return failed("opening a listing", errno);
  std::string text(std::min(static_cast<std::size_t>(info.st_size), kMaxListingBytes), '\0');
  TRY(const std::size_t have, read_at(fd.get(), std::as_writable_bytes(std::span(text)), 0));
  text.resize(have);
  return text;
}

Result<Swept> DirectoryFileStore::sweep_folder(BillingAccountId account, const char* kind, Duration life) {
  Swept swept;
  const Instant now = clock_.now();
  CHECK_OK(each_entry(folder(account) + "/" + kind, [&](int at, const char* name) -> Status {
    struct stat info{};
    const std::scoped_lock lock(mutex_);  // against a use between the look and the end
    if (::fstatat(at, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return {};
    const Instant used{info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1'000'000};
    if (now - used <= life) return {};
    const auto size = size_in(name);
    const auto hash = size ? parse_hash(std::string_view(name, 64)) : Result<Hash256>(Hash256{});
    if (size && hash && busy_.contains({account, *hash, *size})) return {};
    if (::unlinkat(at, name, 0) != 0) return {};
    if (!size) return {};
    ++swept.files;
    swept.bytes += info.st_size;
    if (const auto known = usage_.find(account); known != usage_.end()) known->second.bytes -= *size, --known->second.files;
    return {};
  }));
  return swept;
}

Result<Swept> DirectoryFileStore::sweep() {
  Swept all;
  CHECK_OK(each_entry(directory_, [&](int, const char* name) -> Status {
    const auto account = parse_id<BillingAccountIdKind>(name);
    if (!account) return {};
    for (const auto& [kind, life] : {std::pair(kFiles, limits_.retention), {kParts, limits_.unfinished}, {kJobs, limits_.retention}}) {
      TRY(const Swept swept, sweep_folder(*account, kind, life));
      all.files += swept.files;
      all.bytes += swept.bytes;
    }
    return {};
  }));
  return all;
}

}  // namespace bourse::broker
