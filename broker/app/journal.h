// The Journal port: an append-only, hash-chained, fenced sequence of rows; and snapshots beside it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "base/time.h"

namespace bourse::broker {

struct JournalRow {
  std::uint64_t seq = 0;    // from 1, without gaps
  std::uint64_t epoch = 0;  // of the writer
  Instant at;
  Hash256 previous;             // hash of row seq − 1; zero for the first
  Hash256 hash;                 // SHA-256(previous ‖ seq ‖ epoch ‖ at ‖ body), integers as 8 bytes little-endian
  std::vector<std::byte> body;  // encoded events
};

// What `hash` must be for the other fields.
Hash256 row_hash(const JournalRow& row);

struct JournalHead {
  std::uint64_t seq = 0;
  Hash256 hash;
};

struct Snapshot {
  JournalHead at;                // state after this row
  std::vector<std::byte> state;  // Market::save
};

// One thread at a time. After `unknown_outcome` or `deposed` only `take_over` may follow: the writer must drop its
// memory.
class Journal {
 public:
  virtual ~Journal() = default;

  // Becomes the writer: raises the epoch, durably, so that any older writer's appends fail with `deposed`. Then the
  // head. Errors: unavailable.
  virtual Result<JournalHead> take_over() = 0;
  // Durable when it returns. The row's epoch is filled in here, and its hash. Errors: deposed (nothing was written),
  // unknown_outcome (it may have been), too_large.
  virtual Result<JournalHead> append(std::span<const std::byte> body, Instant at) = 0;

  virtual std::optional<Snapshot> newest_snapshot() = 0;  // absent, or unreadable: replay from the first row
  virtual Status save_snapshot(const Snapshot& snapshot) = 0;
  // Rows with seq > after, in order, verifying the chain from `after`; stops early when `visit` returns an error.
  // Errors: integrity (gap, wrong hash), unavailable, and visit's own.
  virtual Status replay(JournalHead after, const std::function<Status(const JournalRow&)>& visit) = 0;
};

}  // namespace bourse::broker
