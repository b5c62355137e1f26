#include "broker/adapters/store/pg_evidence_log.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "broker/adapters/store/connection_pool.h"

namespace bourse::broker {
namespace {

using evidence::Frontier;
using evidence::Node;
using evidence::NodeId;
using store::Connection;
using store::Params;
using store::Rows;
using store::Statement;

// One writer a tree: the lock ends with the transaction.
constexpr Statement kLockTree{"evidence_lock", "SELECT pg_advisory_xact_lock(hashtextextended($1::text, 107))"};
constexpr Statement kTreeSize{"evidence_size", "SELECT coalesce(max(idx) + 1, 0)::bigint FROM evidence.leaves WHERE center = $1"};
constexpr Statement kKnown{"evidence_known",
                           "SELECT l.kind, l.subject FROM evidence.leaves l JOIN unnest($2::bigint[], $3::bytea[]) AS w (kind, subject) "
                           "ON l.kind = w.kind AND l.subject = w.subject WHERE l.center = $1"};
constexpr Statement kNodesOf{"evidence_nodes",
                             "SELECT n.level, n.idx, n.hash FROM evidence.nodes n JOIN unnest($2::bigint[], $3::bigint[]) AS w (level, idx) "
                             "ON n.level = w.level AND n.idx = w.idx WHERE n.center = $1"};
constexpr Statement kAddLeaves{"evidence_add_leaves",
                               "INSERT INTO evidence.leaves (center, idx, kind, name, subject) SELECT $1, i, k, n, s "
                               "FROM unnest($2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[]) AS new (i, k, n, s)"};
constexpr Statement kAddNodes{"evidence_add_nodes",
                              "INSERT INTO evidence.nodes (center, level, idx, hash) SELECT $1, l, i, h "
                              "FROM unnest($2::bigint[], $3::bigint[], $4::bytea[]) AS new (l, i, h)"};
constexpr Statement kFindLeaf{"evidence_find",
                              "SELECT idx, name, subject FROM evidence.leaves WHERE center = $1 AND kind = $2 AND subject = ANY($3::bytea[])"};
constexpr Statement kKeep{"evidence_keep",
                          "INSERT INTO evidence.checkpoints (center, size, root, at, period, envelope) VALUES ($1, $2, $3, "
                          "to_timestamp($4::bigint / 1000.0), nullif($5, '00000000-0000-0000-0000-000000000000'::uuid), $6) "
                          "ON CONFLICT (period) DO NOTHING"};
constexpr Statement kNewest{"evidence_newest",
                            "SELECT size, root, at, period, envelope FROM evidence.checkpoints WHERE center = $1 ORDER BY id DESC LIMIT 1"};
constexpr Statement kOfPeriod{"evidence_of_period", "SELECT size, root, at, period, envelope FROM evidence.checkpoints WHERE period = $1"};

// Appending and keeping may be repeated without harm, so whatever went wrong may be tried again.
std::unexpected<Error> retriable_evidence(Error error) { return std::unexpected(Error{ErrorCode::unavailable, std::move(error.detail)}); }

std::optional<KeptCheckpoint> checkpoint_of(const Rows& rows) {
  if (rows.size() == 0) return std::nullopt;
  const auto envelope = rows.bytes(0, 4);
  return KeptCheckpoint{static_cast<std::uint64_t>(rows.int8(0, 0)), rows.hash(0, 1), rows.instant(0, 2), PeriodId{rows.uuid(0, 3)},
                        {reinterpret_cast<const char*>(envelope.data()), envelope.size()}};
}

Result<std::vector<Hash256>> read_nodes(Connection& connection, CenterId center, std::span<const NodeId> ids) {
  std::vector<Hash256> out;
  if (ids.empty()) return out;
  std::vector<std::int64_t> levels, indices;
  for (const NodeId id : ids) levels.push_back(id.level), indices.push_back(static_cast<std::int64_t>(id.index));
  TRY(const Rows rows, connection.run(kNodesOf, Params().uuid(center.uuid).int8s(levels).int8s(indices)));
  std::map<NodeId, Hash256> found;
  for (int row = 0; row < rows.size(); ++row)
    found[{static_cast<std::uint8_t>(rows.int2(row, 0)), static_cast<std::uint64_t>(rows.int8(row, 1))}] = rows.hash(row, 2);
  for (const NodeId id : ids) {
    const auto at = found.find(id);
    if (at == found.end()) return fail(ErrorCode::not_found, "a subtree beyond the tree");
    out.push_back(at->second);
  }
  return out;
}

Result<Frontier> read_frontier(Connection& connection, CenterId center) {
  TRY(const Rows rows, connection.run(kTreeSize, Params().uuid(center.uuid)));
  const auto size = static_cast<std::uint64_t>(rows.int8(0, 0));
  TRY(std::vector<Hash256> peaks, read_nodes(connection, center, evidence::peaks_of(size)));
  return Frontier::of(size, std::move(peaks));
}

using Key = std::pair<std::int64_t, Hash256>;  // kind, subject

Result<std::set<Key>> known_keys(Connection& connection, CenterId center, std::span<const EvidenceItem* const> items) {
  std::vector<std::int64_t> kinds;
  std::vector<Hash256> subjects;
  for (const EvidenceItem* item : items) kinds.push_back(static_cast<std::int64_t>(item->kind)), subjects.push_back(item->subject);
  TRY(const Rows rows, connection.run(kKnown, Params().uuid(center.uuid).int8s(kinds).hashes(subjects)));
  std::set<Key> out;
  for (int row = 0; row < rows.size(); ++row) out.emplace(rows.int2(row, 0), rows.hash(row, 1));
  return out;
}

Status append_to_tree(Connection& connection, CenterId center, std::span<const EvidenceItem* const> items) {
  TRY(const Rows locked, connection.run(kLockTree, Params().text(to_text(center))));
  TRY(std::set<Key> known, known_keys(connection, center, items));
  TRY(Frontier frontier, read_frontier(connection, center));
  std::vector<std::int64_t> indices, kinds, levels, node_indices;
  std::vector<Hash256> names, subjects, hashes;
  std::vector<Node> made;
  for (const EvidenceItem* item : items) {
    if (!known.emplace(static_cast<std::int64_t>(item->kind), item->subject).second) continue;
    indices.push_back(static_cast<std::int64_t>(frontier.size()));
    kinds.push_back(static_cast<std::int64_t>(item->kind));
    names.push_back(item->name);
    subjects.push_back(item->subject);
    frontier.append(item->leaf, made);
  }
  if (indices.empty()) return {};
  for (const auto& [id, hash] : made) {
    levels.push_back(id.level);
    node_indices.push_back(static_cast<std::int64_t>(id.index));
    hashes.push_back(hash);
  }
  TRY(const Rows leaves, connection.run(kAddLeaves, Params().uuid(center.uuid).int8s(indices).int8s(kinds).hashes(names).hashes(subjects)));
  TRY(const Rows nodes, connection.run(kAddNodes, Params().uuid(center.uuid).int8s(levels).int8s(node_indices).hashes(hashes)));
  return {};
}

}  // namespace

struct PgEvidenceLog::Impl {
  store::ConnectionPool pool;

  Result<std::optional<KeptCheckpoint>> read(const Statement& statement, Uuid of) {
    TRY(auto connection, pool.borrow());
    auto rows = connection->run(statement, Params().uuid(of));
    if (!rows) return retriable_evidence(std::move(rows.error()));
    return checkpoint_of(*rows);
  }
};

PgEvidenceLog::PgEvidenceLog(std::string conninfo, std::size_t max_connections)
    : impl_(new Impl{{std::move(conninfo), max_connections}}) {}
PgEvidenceLog::~PgEvidenceLog() = default;

Status PgEvidenceLog::append(std::span<const EvidenceItem> items) {
  std::map<CenterId, std::vector<const EvidenceItem*>> by_center;  // in the order of ids, as everybody locks them
  for (const EvidenceItem& item : items) by_center[item.center].push_back(&item);
  if (by_center.empty()) return {};
  TRY(auto connection, impl_->pool.borrow());
  Status done = connection->script("BEGIN");
  for (const auto& [center, of_center] : by_center)
    if (done) done = append_to_tree(*connection, center, of_center);
  if (done) done = connection->script("COMMIT");
  if (done) return {};
  if (connection->usable() && !connection->script("ROLLBACK")) return retriable_evidence(std::move(done.error()));
  if (done.error().code == ErrorCode::not_found) return fail(ErrorCode::integrity, "evidence: a subtree of the tree is missing");
  return retriable_evidence(std::move(done.error()));
}

Result<Frontier> PgEvidenceLog::frontier(CenterId center) {
  TRY(auto connection, impl_->pool.borrow());
  auto found = read_frontier(*connection, center);
  if (found) return found;
  if (found.error().code == ErrorCode::not_found) return fail(ErrorCode::integrity, "evidence: a subtree of the tree is missing");
  return retriable_evidence(std::move(found.error()));
}

Result<std::vector<std::optional<EvidencePlace>>> PgEvidenceLog::find(CenterId center, EvidenceKind kind,
                                                                      std::span<const Hash256> subjects) {
  TRY(auto connection, impl_->pool.borrow());
  auto rows = connection->run(kFindLeaf, Params().uuid(center.uuid).int2(static_cast<std::int16_t>(kind)).hashes(subjects));
  if (!rows) return retriable_evidence(std::move(rows.error()));
  std::map<Hash256, EvidencePlace> found;
  for (int row = 0; row < rows->size(); ++row)
    found[rows->hash(row, 2)] = {static_cast<std::uint64_t>(rows->int8(row, 0)), rows->hash(row, 1)};
  std::vector<std::optional<EvidencePlace>> out;
  for (const Hash256& subject : subjects) {
    const auto at = found.find(subject);
    out.push_back(at == found.end() ? std::nullopt : std::optional(at->second));
  }
  return out;
}

Result<std::vector<Hash256>> PgEvidenceLog::nodes(CenterId center, std::span<const NodeId> ids) {
  TRY(auto connection, impl_->pool.borrow());
  return read_nodes(*connection, center, ids);
}

Result<KeptCheckpoint> PgEvidenceLog::keep(CenterId center, KeptCheckpoint checkpoint) {
  {
    TRY(auto connection, impl_->pool.borrow());
    auto done = connection->run(kKeep, Params()
                                           .uuid(center.uuid)
                                           .int8(static_cast<std::int64_t>(checkpoint.size))
                                           .hash(checkpoint.root)
                                           .int8(checkpoint.at.unix_ms)
                                           .uuid(checkpoint.period.uuid)
                                           .bytes(std::as_bytes(std::span(checkpoint.envelope))));
    if (!done) return retriable_evidence(std::move(done.error()));
  }
  if (checkpoint.period.is_nil()) return checkpoint;
  TRY(const auto kept, of_period(checkpoint.period));
  if (!kept) return fail(ErrorCode::integrity, "evidence: a checkpoint that was kept is not there");
  return *kept;
}

Result<std::optional<KeptCheckpoint>> PgEvidenceLog::newest(CenterId center) { return impl_->read(kNewest, center.uuid); }
Result<std::optional<KeptCheckpoint>> PgEvidenceLog::of_period(PeriodId period) { return impl_->read(kOfPeriod, period.uuid); }

}  // namespace bourse::broker
