// An append-only file of checked records that survives a kill at any instant and torn tails.
//
// Layout: 8 bytes "BRSLOG1\n", then records of u32 mark, u32 length, u32 CRC-32 of the payload, u32 CRC-32 of those three,
// payload; integers little-endian. What was never synced may be lost or torn and is cut off at opening; damage that has
// whole records after it is not a torn tail, and opening refuses it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bourse::connector {

// One thread. Movable; closes with destruction.
class RecordLog {
 public:
  static constexpr std::size_t kMaxRecordBytes = 8 << 20;
  using Visit = std::function<Status(std::uint64_t offset, std::string_view payload)>;

  RecordLog() = default;
  // Opens or creates (0600). `visit` sees each whole record in order; its error ends the opening.
  // Errors: integrity, unavailable.
  static Result<RecordLog> open(const std::string& path, const Visit& visit);
  RecordLog(RecordLog&& other) noexcept;
  RecordLog& operator=(RecordLog&& other) noexcept;
  ~RecordLog();

  // Where the record begins. Nothing is durable before sync(). After an error the log takes no more: what reached the
  // disk is unknown until it is opened again. Errors: unavailable, too_large.
  Result<std::uint64_t> append(std::string_view payload);
  Status sync();
  // Errors: integrity, unavailable.
  Result<std::string> read(std::uint64_t offset) const;

  std::uint64_t bytes() const { return size_; }
  const std::string& path() const { return path_; }

 private:
  void close();

  std::string path_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
  bool broken_ = false;
};

// fsync of a folder, so that files made or renamed in it stay. Errors: unavailable.
Status sync_directory(const std::string& path);

}  // namespace bourse::connector
