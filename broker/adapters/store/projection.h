// The fold from journal rows to projected rows: one chunk at a time, in one transaction with the cursor.
//
//   begin → (decode, find what the chunk needs, load it, apply) → COPY and merge → cursor → commit
//
// Refuses (integrity) what does not fit the rows that are there: then the projections need a rebuild, or the journal and
// this program disagree.
#pragma once

#include <memory>
#include <span>

#include "broker/adapters/store/connection.h"
#include "broker/app/journal.h"

namespace bourse::broker::store {

class Projection {
 public:
  // Transfers are gathered by account after `gather_every` of them (account_moves.h).
  explicit Projection(std::size_t gather_every);
  ~Projection();

  // Makes a new connection's temporary tables and settings, forgets what was in memory, and gathers what was not gathered yet.
  Status prepare(Connection& connection);
  Result<JournalHead> cursor(Connection& connection);
  // `rows` follow the cursor. On success all of it is committed (not necessarily flushed: what a crash of the server takes
  // back is projected again). On failure nothing is, and `prepare` must come before the next call.
  Status project(Connection& connection, std::span<const JournalRow> rows);
  // Empties every projection and puts the cursor before the first row, in one transaction.
  Status clear(Connection& connection);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bourse::broker::store
