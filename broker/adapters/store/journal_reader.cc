#include "broker/adapters/store/journal_reader.h"

#include <limits>

namespace bourse::broker::store {
namespace {

// octet_length of an uncompressed out-of-line value is known without fetching it, so the running sum costs nothing.
constexpr Statement kChunk{
    "journal_chunk",
    "SELECT seq, epoch, at_ms, previous, hash, body FROM ("
    "  SELECT *, sum(octet_length(body)) OVER (ORDER BY seq) - octet_length(body) AS before FROM ("
    "    SELECT * FROM journal.rows WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3) AS next) AS sized "
    "WHERE before < $4 ORDER BY seq"};

}  // namespace

Status check_follows(const JournalHead& before, const JournalRow& row) {
  const std::string where = "journal row " + std::to_string(row.seq);
  if (row.seq != before.seq + 1)
    return fail(ErrorCode::integrity, where + " follows row " + std::to_string(before.seq) + ": rows are missing");
  if (row.previous != before.hash) return fail(ErrorCode::integrity, where + " does not continue the chain");
  if (row.hash != row_hash(row)) return fail(ErrorCode::integrity, where + " was altered: its hash does not fit");
  return {};
}

Result<std::vector<JournalRow>> read_chunk(Connection& connection, const JournalHead& after, const ChunkLimits& limits,
                                           std::uint64_t upto) {
  const std::int64_t last = upto == 0 ? std::numeric_limits<std::int64_t>::max() : static_cast<std::int64_t>(upto);
  TRY(const Rows rows, connection.run(kChunk, Params()
                                                  .int8(static_cast<std::int64_t>(after.seq))
                                                  .int8(last)
                                                  .int8(limits.max_rows)
                                                  .int8(limits.max_bytes)));
  std::vector<JournalRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  JournalHead head = after;
  for (int i = 0; i < rows.size(); ++i) {
    const auto body = rows.bytes(i, 5);
    out.push_back({.seq = static_cast<std::uint64_t>(rows.int8(i, 0)),
                   .epoch = static_cast<std::uint64_t>(rows.int8(i, 1)),
                   .at = {rows.int8(i, 2)},
                   .previous = rows.hash(i, 3),
                   .hash = rows.hash(i, 4),
                   .body = {body.begin(), body.end()}});
    CHECK_OK(check_follows(head, out.back()));
    head = {out.back().seq, out.back().hash};
  }
  return out;
}

}  // namespace bourse::broker::store
