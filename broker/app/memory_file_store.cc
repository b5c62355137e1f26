#include "broker/app/memory_file_store.h"

#include <algorithm>

#include "base/sha256.h"

namespace bourse::broker {
namespace {

std::string in_bytes(std::int64_t bytes) {
  for (const auto& [shift, unit] : {std::pair(40, "TiB"), {30, "GiB"}, {20, "MiB"}, {10, "KiB"}})
    if (bytes >= std::int64_t{1} << shift && bytes % (std::int64_t{1} << shift) == 0) return std::to_string(bytes >> shift) + " " + unit;
  return std::to_string(bytes) + " bytes";
}

}  // namespace

Status check_piece(const FileName& file, std::int64_t offset, std::size_t bytes, const FileLimits& limits) {
  if (file.size < 0 || offset < 0) return fail(ErrorCode::invalid_argument, "A size or an offset is negative.");
  if (file.size > limits.file_bytes) return fail(ErrorCode::too_large, "A file may have at most " + in_bytes(limits.file_bytes) + " here.");
  if (bytes > kMaxPieceBytes) return fail(ErrorCode::too_large, "A piece of a file has at most 1 MiB.");
  if (offset > file.size || static_cast<std::int64_t>(bytes) > file.size - offset)
    return fail(ErrorCode::invalid_argument, "The piece goes beyond the file's size.");
  return {};
}

Status check_quota(const FileName& file, std::int64_t bytes, std::int64_t files, const FileLimits& limits) {
  if (files >= limits.account_files)
    return fail(ErrorCode::too_large, "The billing account has as many files as it may keep (" + std::to_string(limits.account_files) + ").");
  if (file.size > limits.account_bytes - bytes)
    return fail(ErrorCode::too_large, "The file doesn't fit: the billing account may keep " + in_bytes(limits.account_bytes) + " of files and has " +
                                          std::to_string(bytes) + " bytes.");
  return {};
}

Result<Received> MemoryFileStore::received(const FileName& file) {
  const std::scoped_lock lock(mutex_);
  const auto found = files_.find(file);
  if (found == files_.end()) return Received{};
  return Received{static_cast<std::int64_t>(found->second.bytes.size()), found->second.complete};
}

Status MemoryFileStore::check_room(const FileName& file) const {
  std::int64_t bytes = 0, files = 0;
  for (const auto& [name, kept] : files_)
    if (name.account == file.account) bytes += name.size, ++files;
  return check_quota(file, bytes, files, limits_);
}

Result<Received> MemoryFileStore::write(const FileName& file, std::int64_t offset, std::span<const std::byte> piece) {
  CHECK_OK(check_piece(file, offset, piece.size(), limits_));
  const std::scoped_lock lock(mutex_);
  auto found = files_.find(file);
  if (found == files_.end()) {
    if (offset != 0) return fail(ErrorCode::conflict, "The file goes on at 0.");
    CHECK_OK(check_room(file));
    found = files_.emplace(file, Kept{}).first;
  }
  Kept& kept = found->second;
  kept.used = clock_.now();
  const auto have = static_cast<std::int64_t>(kept.bytes.size());
  if (kept.complete) return Received{have, true};
  if (offset != have) return fail(ErrorCode::conflict, "The file goes on at " + std::to_string(have) + ".");
  kept.bytes.insert(kept.bytes.end(), piece.begin(), piece.end());
  if (static_cast<std::int64_t>(kept.bytes.size()) < file.size) return Received{static_cast<std::int64_t>(kept.bytes.size()), false};
  if (sha256(kept.bytes) != file.hash) {
    files_.erase(found);
    return fail(ErrorCode::integrity, "The bytes that came have another SHA-256; send the file again.");
  }
  kept.complete = true;
  return Received{file.size, true};
}

Result<std::vector<std::byte>> MemoryFileStore::read(const FileName& file, std::int64_t offset, std::size_t most) {
  const std::scoped_lock lock(mutex_);
  const auto found = files_.find(file);
  if (found == files_.end() || !found->second.complete) return fail(ErrorCode::not_found, "There is no such file.");
  const auto& bytes = found->second.bytes;
  const std::size_t from = std::min(static_cast<std::size_t>(std::max<std::int64_t>(offset, 0)), bytes.size());
  const std::size_t count = std::min({most, bytes.size() - from, kMaxPieceBytes});
  return std::vector<std::byte>(bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.begin() + static_cast<std::ptrdiff_t>(from + count));
}

Result<bool> MemoryFileStore::use(const FileName& file) {
  const std::scoped_lock lock(mutex_);
  const auto found = files_.find(file);
  if (found == files_.end() || !found->second.complete) return false;
  found->second.used = clock_.now();
  return true;
}

Status MemoryFileStore::put_listing(BillingAccountId account, JobId job, std::string_view bytes) {
  if (bytes.size() > kMaxListingBytes) return fail(ErrorCode::too_large, "A listing has at most 4 MiB.");
  const std::scoped_lock lock(mutex_);
  listings_[{account, job}] = {std::string(bytes), clock_.now()};
  return {};
}

Result<std::string> MemoryFileStore::listing(BillingAccountId account, JobId job) {
  const std::scoped_lock lock(mutex_);
  const auto found = listings_.find({account, job});
  if (found == listings_.end()) return fail(ErrorCode::not_found, "Nothing is kept of this job.");
  return found->second.bytes;
}

Result<Swept> MemoryFileStore::sweep() {
  const std::scoped_lock lock(mutex_);
  Swept swept;
  const Instant now = clock_.now();
  std::erase_if(files_, [&](const auto& entry) {
    const auto& [name, kept] = entry;
    if (now - kept.used <= (kept.complete ? limits_.retention : limits_.unfinished)) return false;
    ++swept.files;
    swept.bytes += static_cast<std::int64_t>(kept.bytes.size());
    return true;
  });
  std::erase_if(listings_, [&](const auto& entry) { return now - entry.second.used > limits_.retention; });
  return swept;
}

}  // namespace bourse::broker
