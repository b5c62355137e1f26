#include "broker/adapters/store/pg_blob_store.h"

#include <algorithm>

#include "base/sha256.h"
#include "broker/adapters/store/connection_pool.h"
#include "federation-proto/envelope.h"

namespace bourse::broker {
namespace {

using store::Params;
using store::Rows;
using store::Statement;

constexpr Duration kPutTimeout = minutes(2);

// One transaction for all of them; those that are there already cost an index look-up.
constexpr Statement kPut{"blob_put",
                         "INSERT INTO blob.blobs (hash, kind, bytes) SELECT h, $1, b FROM unnest($2::bytea[], $3::bytea[]) "
                         "AS new (h, b) ON CONFLICT (hash, kind) DO NOTHING"};
constexpr Statement kPutOne{"blob_put_one",
                            "INSERT INTO blob.blobs (hash, kind, bytes) VALUES ($1, $2, $3) ON CONFLICT (hash, kind) DO NOTHING"};
constexpr Statement kGet{"blob_get", "SELECT bytes FROM blob.blobs WHERE hash = $1 AND kind = $2"};

std::size_t limit_of(BlobKind kind) { return kind == BlobKind::statement ? 256U << 20 : 8U << 20; }

Status check_size(BlobKind kind, std::span<const std::byte> bytes) {
  if (bytes.size() > limit_of(kind))
    return fail(ErrorCode::too_large, "the limit is " + std::to_string(limit_of(kind) >> 20) + " MiB");
  return {};
}

// What a blob is found by; see the port. Errors: invalid_argument (a report that is no envelope).
Result<Hash256> name_of(BlobKind kind, std::span<const std::byte> bytes) {
  if (kind != BlobKind::report && kind != BlobKind::acknowledgement) return sha256(bytes);
  return federation::payload_hash({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

// Storing a blob twice is harmless, so whatever went wrong may be tried again.
Error retriable(Error error) { return {ErrorCode::unavailable, std::move(error.detail)}; }

}  // namespace

struct PgBlobStore::Impl {
  store::ConnectionPool pool;
};

PgBlobStore::PgBlobStore(std::string conninfo, std::size_t max_connections)
    : impl_(new Impl{{std::move(conninfo), max_connections}}) {}
PgBlobStore::~PgBlobStore() = default;

Result<Hash256> PgBlobStore::put(BlobKind kind, std::span<const std::byte> bytes) {
  CHECK_OK(check_size(kind, bytes));
  TRY(const Hash256 hash, name_of(kind, bytes));
  TRY(auto connection, impl_->pool.borrow());
  auto done = connection->run(kPutOne, Params().hash(hash).int2(static_cast<std::int16_t>(kind)).bytes(bytes), kPutTimeout);
  if (!done) return std::unexpected(retriable(std::move(done.error())));
  return hash;
}

Result<std::vector<Hash256>> PgBlobStore::put_all(BlobKind kind, std::span<const std::span<const std::byte>> blobs) {
  constexpr std::size_t kMostBytes = 256 << 20;
  std::vector<Hash256> hashes;
  std::size_t total = 0;
  for (const auto& bytes : blobs) {
    CHECK_OK(check_size(kind, bytes));
    TRY(const Hash256 hash, name_of(kind, bytes));
    hashes.push_back(hash);
    total += bytes.size();
  }
  if (total > kMostBytes) return fail(ErrorCode::too_large, "the limit is 256 MiB together");
  if (blobs.empty()) return hashes;
  TRY(auto connection, impl_->pool.borrow());
  auto done = connection->run(kPut, Params().int2(static_cast<std::int16_t>(kind)).hashes(hashes).byte_arrays(blobs), kPutTimeout);
  if (!done) return std::unexpected(retriable(std::move(done.error())));
  return hashes;
}

Result<std::vector<std::byte>> PgBlobStore::get(BlobKind kind, const Hash256& hash) {
  TRY(auto connection, impl_->pool.borrow());
  auto rows = connection->run(kGet, Params().hash(hash).int2(static_cast<std::int16_t>(kind)), kPutTimeout);
  if (!rows) return std::unexpected(retriable(std::move(rows.error())));
  if (rows->size() == 0) return fail(ErrorCode::not_found, "no blob " + to_hex(hash));
  const auto bytes = rows->bytes(0, 0);
  const auto name = name_of(kind, bytes);
  if (!name || *name != hash) return fail(ErrorCode::integrity, "blob " + to_hex(hash) + " was altered");
  return std::vector<std::byte>(bytes.begin(), bytes.end());
}

}  // namespace bourse::broker
