#include "connectors/core/record_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/crc.hpp>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

namespace bourse::connector {
namespace {

constexpr std::string_view kMagic = "BRSLOG1\n";
constexpr std::uint32_t kMark = 0x52'42'0A'0D;

struct Header {
  std::uint32_t mark = kMark;
  std::uint32_t length = 0;
  std::uint32_t payload_crc = 0;
  std::uint32_t header_crc = 0;
};
static_assert(sizeof(Header) == 16);

std::uint32_t crc_of(const void* data, std::size_t size) {
  boost::crc_32_type crc;
  crc.process_bytes(data, size);
  return crc.checksum();
}

std::unexpected<Error> io_error(const std::string& path) {
  return fail(ErrorCode::unavailable, path + ": " + std::strerror(errno));
}

// The payload of a whole record at the front of `bytes`.
std::optional<std::string_view> record_at(std::string_view bytes) {
  Header header;
  if (bytes.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.mark != kMark || header.header_crc != crc_of(&header, 12) || header.length > bytes.size() - sizeof header)
    return std::nullopt;
  const std::string_view payload = bytes.substr(sizeof header, header.length);
  if (crc_of(payload.data(), payload.size()) != header.payload_crc) return std::nullopt;
  return payload;
}

bool any_record_in(std::string_view bytes) {
  char mark[4];
  std::memcpy(mark, &kMark, sizeof mark);
  for (std::size_t at = bytes.find(std::string_view(mark, 4)); at != std::string_view::npos;
       at = bytes.find(std::string_view(mark, 4), at + 1))
    if (record_at(bytes.substr(at))) return true;
  return false;
}

Status write_at(int fd, std::string_view bytes, std::uint64_t offset, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return io_error(path);
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

Result<std::string> read_at(int fd, std::uint64_t offset, std::size_t size, const std::string& path) {
  std::string bytes(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const ssize_t n = ::pread(fd, bytes.data() + have, size - have, static_cast<off_t>(offset + have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error(path);
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  bytes.resize(have);
  return bytes;
}

}  // namespace

Status sync_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return io_error(path);
  const int result = ::fsync(fd);
  ::close(fd);
  if (result != 0) return io_error(path);
  return {};
}

Result<RecordLog> RecordLog::open(const std::string& path, const Visit& visit) {
  RecordLog log;
  log.path_ = path;
  log.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  struct stat info{};
  if (log.fd_ < 0 || ::fstat(log.fd_, &info) != 0) return io_error(path);
  TRY(const std::string bytes, read_at(log.fd_, 0, static_cast<std::size_t>(info.st_size), path));

  // A kill between creation and the first sync leaves less than the magic.
  if (bytes.size() < kMagic.size() && kMagic.starts_with(bytes)) {
    CHECK_OK(write_at(log.fd_, kMagic, 0, path));
    log.size_ = kMagic.size();
    CHECK_OK(log.sync());
    CHECK_OK(sync_directory(std::filesystem::path(path).parent_path().string()));
    return log;
  }
  if (!bytes.starts_with(kMagic)) return fail(ErrorCode::integrity, path + ": not a record log");
  std::size_t at = kMagic.size();
  while (at < bytes.size()) {
    const auto payload = record_at(std::string_view(bytes).substr(at));
    if (!payload) break;
    CHECK_OK(visit(at, *payload));
    at += sizeof(Header) + payload->size();
  }
  if (at < bytes.size()) {
    if (any_record_in(std::string_view(bytes).substr(at + 1)))
      return fail(ErrorCode::integrity, path + ": damaged at byte " + std::to_string(at) + ", before whole records");
    if (::ftruncate(log.fd_, static_cast<off_t>(at)) != 0) return io_error(path);
  }
  log.size_ = at;
  CHECK_OK(log.sync());
  return log;
}

RecordLog::RecordLog(RecordLog&& other) noexcept { *this = std::move(other); }

RecordLog& RecordLog::operator=(RecordLog&& other) noexcept {
  if (this == &other) return *this;
  close();
  path_ = std::move(other.path_);
  fd_ = std::exchange(other.fd_, -1);
  size_ = other.size_;
  broken_ = other.broken_;
  return *this;
}

RecordLog::~RecordLog() { close(); }

void RecordLog::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<std::uint64_t> RecordLog::append(std::string_view payload) {
  if (broken_) return fail(ErrorCode::unavailable, path_ + ": an earlier write failed");
  if (payload.size() > kMaxRecordBytes) return fail(ErrorCode::too_large);
  Header header;
  header.length = static_cast<std::uint32_t>(payload.size());
  header.payload_crc = crc_of(payload.data(), payload.size());
  header.header_crc = crc_of(&header, 12);
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes.append(payload);
  const std::uint64_t offset = size_;
  if (auto written = write_at(fd_, bytes, offset, path_); !written) {
    broken_ = true;
    return std::unexpected(written.error());
  }
  size_ += bytes.size();
  return offset;
}

Status RecordLog::sync() {
  if (broken_) return fail(ErrorCode::unavailable, path_ + ": an earlier write failed");
  if (::fdatasync(fd_) == 0) return {};
  broken_ = true;  // after a failed sync the kernel may have dropped the pages: trust nothing
  return io_error(path_);
}

Result<std::string> RecordLog::read(std::uint64_t offset) const {
  TRY(const std::string head, read_at(fd_, offset, sizeof(Header), path_));
  Header header;
  if (head.size() != sizeof header) return fail(ErrorCode::integrity, path_ + ": cut short");
  std::memcpy(&header, head.data(), sizeof header);
  if (header.mark != kMark || header.length > kMaxRecordBytes) return fail(ErrorCode::integrity, path_ + ": no record here");
  TRY(const std::string bytes, read_at(fd_, offset, sizeof header + header.length, path_));
  const auto payload = record_at(bytes);
  if (!payload) return fail(ErrorCode::integrity, path_ + ": the record doesn't match its checksum");
  return std::string(*payload);
}

}  // namespace bourse::connector
