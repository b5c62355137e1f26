// Reads committed journal rows in order and in bounded chunks, verifying the chain.
#pragma once

#include <cstdint>
#include <vector>

#include "broker/adapters/store/connection.h"
#include "broker/app/journal.h"

namespace bourse::broker::store {

struct ChunkLimits {
  std::int64_t max_rows = 2'000;
  std::int64_t max_bytes = 8 << 20;  // of bodies; a single larger row still comes, alone
};

// Rows with seq > after, oldest first; empty at the end. `upto` bounds seq when it isn't 0.
// Errors: integrity (a gap, or a hash that doesn't fit), unavailable, timeout.
Result<std::vector<JournalRow>> read_chunk(Connection& connection, const JournalHead& after, const ChunkLimits& limits,
                                           std::uint64_t upto = 0);

// Errors: integrity, naming the row, when `row` doesn't follow `before`.
Status check_follows(const JournalHead& before, const JournalRow& row);

}  // namespace bourse::broker::store
