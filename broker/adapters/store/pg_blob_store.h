// Blobs in PostgreSQL, keyed by their SHA-256.
#pragma once

#include <memory>
#include <string>

#include "broker/app/blob_store.h"

namespace bourse::broker {

class PgBlobStore final : public BlobStore {
 public:
  // `conninfo` is of the role bourse_writer (or bourse_reader, to read only). Connects when first used.
  explicit PgBlobStore(std::string conninfo, std::size_t max_connections = 4);
  ~PgBlobStore() override;

  Result<Hash256> put(BlobKind kind, std::span<const std::byte> bytes) override;
  Result<std::vector<Hash256>> put_all(BlobKind kind, std::span<const std::span<const std::byte>> blobs) override;
  Result<std::vector<std::byte>> get(BlobKind kind, const Hash256& hash) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bourse::broker
