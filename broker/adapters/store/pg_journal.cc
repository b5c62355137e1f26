#include "broker/adapters/store/pg_journal.h"

#include <algorithm>
#include <utility>

#include "base/sha256.h"
#include "broker/adapters/store/connection.h"
#include "broker/adapters/store/journal_reader.h"

namespace bourse::broker {
namespace {

using store::Connection;
using store::Params;
using store::Rows;
using store::Statement;

constexpr std::size_t kMaxBody = 256 << 20;
constexpr std::size_t kSnapshotPart = 8 << 20;
constexpr Duration kAppendTimeout = seconds(30);

// One statement is one transaction: the fence, the place in the sequence, and the row. FOR SHARE makes a take-over wait
// for an append that is under way, and an append wait for a take-over.
constexpr Statement kAppend{
    "journal_append",
    "INSERT INTO journal.rows (seq, epoch, at_ms, previous, hash, body) "
    "SELECT $1, $2, $3, $4, $5, $6 FROM (SELECT epoch FROM journal.writer FOR SHARE) AS writer "
    "WHERE writer.epoch = $2 AND $1 = 1 + coalesce((SELECT max(seq) FROM journal.rows), 0)"};

}  // namespace

struct PgJournal::Impl {
  std::string conninfo;
  std::optional<Connection> connection;
  std::uint64_t epoch = 0;  // 0: not the writer
  JournalHead head;

  Status connect() {
    if (connection && connection->usable()) return {};
    connection.reset();
    TRY(connection, Connection::open(conninfo));
    return store::assert_durable(*connection);
  }
};

PgJournal::PgJournal(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PgJournal::~PgJournal() = default;

Result<std::unique_ptr<PgJournal>> PgJournal::open(std::string conninfo) {
  auto impl = std::make_unique<Impl>();
  impl->conninfo = std::move(conninfo);
  CHECK_OK(impl->connect());
  return std::unique_ptr<PgJournal>(new PgJournal(std::move(impl)));
}

Result<JournalHead> PgJournal::take_over() {
  impl_->epoch = 0;
  CHECK_OK(impl_->connect());
  // Two statements: the second sees what an append that made the first one wait has committed.
  TRY(const Rows raised, impl_->connection->run("UPDATE journal.writer SET epoch = epoch + 1 RETURNING epoch"));
  if (raised.size() != 1) return fail(ErrorCode::integrity, "journal.writer must have exactly one row");
  TRY(const Rows last, impl_->connection->run("SELECT seq, hash FROM journal.rows ORDER BY seq DESC LIMIT 1"));
  impl_->head = last.size() == 0 ? JournalHead{} : JournalHead{static_cast<std::uint64_t>(last.int8(0, 0)), last.hash(0, 1)};
  impl_->epoch = static_cast<std::uint64_t>(raised.int8(0, 0));
  return impl_->head;
}

Result<JournalHead> PgJournal::append(std::span<const std::byte> body, Instant at) {
  if (body.size() > kMaxBody) return fail(ErrorCode::too_large, "a journal row may have 256 MiB");
  if (impl_->epoch == 0 || !impl_->connection) return fail(ErrorCode::deposed, "not the journal's writer");
  JournalRow row{.seq = impl_->head.seq + 1, .epoch = impl_->epoch, .at = at, .previous = impl_->head.hash};
  row.body.assign(body.begin(), body.end());
  row.hash = row_hash(row);
  auto done = impl_->connection->run(kAppend,
                                     Params()
                                         .int8(static_cast<std::int64_t>(row.seq))
                                         .int8(static_cast<std::int64_t>(row.epoch))
                                         .int8(row.at.unix_ms)
                                         .hash(row.previous)
                                         .hash(row.hash)
                                         .bytes(row.body),
                                     kAppendTimeout);
  if (done && done->affected() == 1) {
    impl_->head = {row.seq, row.hash};
    return impl_->head;
  }
  impl_->epoch = 0;  // only a take-over may follow
  // A unique violation is another writer's row in our place.
  if (done || done.error().code == ErrorCode::conflict)
    return fail(ErrorCode::deposed, "another writer holds the journal; row " + std::to_string(row.seq) + " was not written");
  return fail(ErrorCode::unknown_outcome, "journal row " + std::to_string(row.seq) + ": " + done.error().detail);
}

std::optional<Snapshot> PgJournal::newest_snapshot() {
  if (!impl_->connect()) return std::nullopt;
  const auto found = impl_->connection->run("SELECT seq, hash, parts, sha256 FROM journal.snapshots ORDER BY seq DESC LIMIT 2");
  if (!found) return std::nullopt;
  for (int i = 0; i < found->size(); ++i) {
    Snapshot snapshot;
    snapshot.at = {static_cast<std::uint64_t>(found->int8(i, 0)), found->hash(i, 1)};
    bool complete = true;
    for (std::int32_t part = 0; part < found->int4(i, 2) && complete; ++part) {
      const auto piece = impl_->connection->run("SELECT body FROM journal.snapshot_parts WHERE seq = $1 AND part = $2",
                                                Params().int8(found->int8(i, 0)).int4(part));
      complete = piece && piece->size() == 1;
      if (!complete) break;
      const auto bytes = piece->bytes(0, 0);
      snapshot.state.insert(snapshot.state.end(), bytes.begin(), bytes.end());
    }
    if (complete && sha256(snapshot.state) == found->hash(i, 3)) return snapshot;
  }
  return std::nullopt;
}

Status PgJournal::save_snapshot(const Snapshot& snapshot) {
  CHECK_OK(impl_->connect());
  Connection& connection = *impl_->connection;
  const auto seq = static_cast<std::int64_t>(snapshot.at.seq);
  const std::span<const std::byte> state = snapshot.state;
  const std::size_t parts = (state.size() + kSnapshotPart - 1) / kSnapshotPart;
  const auto write = [&]() -> Status {
    CHECK_OK(connection.run("DELETE FROM journal.snapshots WHERE seq = $1", Params().int8(seq)));
    CHECK_OK(connection.run("INSERT INTO journal.snapshots (seq, hash, parts, sha256) VALUES ($1, $2, $3, $4)",
                            Params().int8(seq).hash(snapshot.at.hash).int4(static_cast<std::int32_t>(parts)).hash(sha256(state))));
    for (std::size_t part = 0; part < parts; ++part) {
      const std::size_t at = part * kSnapshotPart;
      CHECK_OK(connection.run("INSERT INTO journal.snapshot_parts (seq, part, body) VALUES ($1, $2, $3)",
                              Params().int8(seq).int4(static_cast<std::int32_t>(part)).bytes(
                                  state.subspan(at, std::min(kSnapshotPart, state.size() - at)))));
    }
    CHECK_OK(connection.run("DELETE FROM journal.snapshots WHERE seq < "
                            "(SELECT min(seq) FROM (SELECT seq FROM journal.snapshots ORDER BY seq DESC LIMIT 2) AS newest)"));
    return connection.script("COMMIT");
  };
  CHECK_OK(connection.script("BEGIN"));
  const Status written = write();
  if (!written && connection.usable()) static_cast<void>(connection.script("ROLLBACK"));
  return written;
}

Status PgJournal::replay(JournalHead after, const std::function<Status(const JournalRow&)>& visit) {
  CHECK_OK(impl_->connect());
  while (true) {
    TRY(const auto rows, store::read_chunk(*impl_->connection, after, {}));
    if (rows.empty()) return {};
    for (const JournalRow& row : rows) CHECK_OK(visit(row));
    after = {rows.back().seq, rows.back().hash};
  }
}

}  // namespace bourse::broker
