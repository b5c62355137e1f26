// The spool: every signed report, from before it is sent until long after it was acknowledged.
//
// Segments reports-<first seq>.log of records {seq, SHA-256 of the payload, envelope}, and acks.log with the broker's
// signed answers. What is not acknowledged is never dropped; what is, stays until the archive's bound is reached.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/result.h"
#include "connectors/core/record_log.h"

namespace bourse::connector {

struct SpoolOptions {
  std::string directory;
  std::uint64_t segment_bytes = 8 << 20;
  std::uint64_t archive_bytes = 256 << 20;  // of acknowledged segments
  std::uint64_t full_bytes = 1 << 30;       // not acknowledged: beyond, full() says so
};

// One thread.
class Spool {
 public:
  // Errors: integrity (damage, or sequence numbers with a gap), unavailable.
  static Result<Spool> open(SpoolOptions options);

  std::uint64_t last_seq() const { return first_seq_ + entries_.size() - 1; }  // 0 = nothing ever
  std::uint64_t first_seq() const { return first_seq_; }                       // of what is still here
  std::uint64_t acked_seq() const { return acked_seq_; }
  Hash256 last_hash() const;                    // zero when nothing was spooled
  Result<Hash256> hash(std::uint64_t seq) const;  // errors: not_found
  // More is waiting than may be: take no new orders. Appending still works, so that what runs is reported.
  bool full() const { return unacked_bytes_ > options_.full_bytes; }

  // Durable when it returns; becomes last_seq(). Errors: unavailable, too_large.
  Status append(const Hash256& payload_hash, std::string_view envelope);
  // Errors: not_found, integrity, unavailable.
  Result<std::string> envelope(std::uint64_t seq) const;
  // The broker has `seq` and all before it. `ack` is its signed word, or empty when it was told at a welcome. Lower
  // numbers than before change nothing. Errors: invalid_argument (nothing like it was spooled), unavailable.
  Status acknowledge(std::uint64_t seq, std::string_view ack);

 private:
  struct Segment {
    RecordLog log;
    std::uint64_t first_seq = 0;
  };
  struct Entry {
    Hash256 hash;
    Segment* segment = nullptr;
    std::uint64_t offset = 0;
    std::uint32_t bytes = 0;
  };
  Spool() = default;
  Status open_segment(const std::string& path, std::uint64_t first_seq);
  Status open_acks();
  void drop_archive();

  SpoolOptions options_;
  std::deque<std::unique_ptr<Segment>> segments_;
  std::deque<Entry> entries_;
  RecordLog acks_;
  std::uint64_t first_seq_ = 1;
  std::uint64_t acked_seq_ = 0;
  std::uint64_t unacked_bytes_ = 0;
};

}  // namespace bourse::connector
