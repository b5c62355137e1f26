// The FileStore port: the bytes of jobs' inputs and outputs, and what each job has of them. Not in the journal: no money
// follows from a file.
//
// A file is named by (billing account, SHA-256, size). Accounts share nothing: who only knows a hash gets no bytes by it. It
// arrives in pieces, each where the last one ended, and is there once all of it has come and its hash is right. Files are kept
// for a time after their last use, which is an upload, a job that names them, or a look that asks for it (`use`).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/id.h"
#include "base/result.h"
#include "base/time.h"

namespace bourse::broker {

struct FileLimits {
  std::int64_t file_bytes = std::int64_t{10} << 30;
  std::int64_t account_bytes = std::int64_t{100} << 30;
  std::int64_t account_files = 1'000'000;
  Duration retention = hours(24 * 30);   // after the last use
  Duration unfinished = hours(24 * 7);   // of an upload that doesn't go on
};

struct FileName {
  BillingAccountId account;
  Hash256 hash;
  std::int64_t size = 0;
  auto operator<=>(const FileName&) const = default;
};

struct Received {
  std::int64_t bytes = 0;   // the next piece goes here
  bool complete = false;
  bool operator==(const Received&) const = default;
};

struct Swept {
  std::int64_t files = 0, bytes = 0;
};

// Safe from any thread.
class FileStore {
 public:
  virtual ~FileStore() = default;

  // How much of it is there. Errors: unavailable.
  virtual Result<Received> received(const FileName& file) = 0;
  // A piece at `offset`, at most 1 MiB; an empty piece asks for the end of a file whose bytes are all there (and makes the
  // empty file). Of what is complete already: success, whatever is sent. With the last byte the hash is checked.
  // Errors: conflict (`offset` is not where it goes on; see received), too_large (the file, or the account's bytes or files),
  // integrity (the bytes have another hash: they are thrown away), unavailable (disk full, or another writer is at it).
  virtual Result<Received> write(const FileName& file, std::int64_t offset, std::span<const std::byte> piece) = 0;
  // Bytes [offset, offset + most), fewer at the end. Errors: not_found (it is not there, or not complete), unavailable.
  virtual Result<std::vector<std::byte>> read(const FileName& file, std::int64_t offset, std::size_t most) = 0;
  // Marks it as used now. False: it is not there. Errors: unavailable.
  virtual Result<bool> use(const FileName& file) = 0;

  // What a job's run left behind, in whatever form its writer chose; replaced as a whole, at most 4 MiB, kept as files are.
  // Errors: too_large, not_found (get), unavailable.
  virtual Status put_listing(BillingAccountId account, JobId job, std::string_view bytes) = 0;
  virtual Result<std::string> listing(BillingAccountId account, JobId job) = 0;

  // Removes what was not used for its time. Errors: unavailable.
  virtual Result<Swept> sweep() = 0;

  virtual const FileLimits& limits() const = 0;
};

}  // namespace bourse::broker
