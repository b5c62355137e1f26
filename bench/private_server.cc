#include "bench/private_server.h"

#include <cstdlib>
#include <filesystem>

#include "broker/adapters/store/connection.h"
#include "broker/adapters/store/migrations.h"

namespace bourse::bench {
namespace {

constexpr int kSegments = 128;  // of 16 MB: as much as embedded::Postgres keeps (min_wal_size)

}  // namespace

PrivateServer::Folder::~Folder() {
  std::error_code ignored;
  if (!path.empty()) std::filesystem::remove_all(path, ignored);
}

PrivateServer::~PrivateServer() = default;

Result<PrivateServer> PrivateServer::start() {
  PrivateServer server;
  std::string pattern = (std::filesystem::temp_directory_path() / "bourse-bench-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) return fail(ErrorCode::unavailable, "can't make a folder like " + pattern);
  server.folder_.path = pattern;
  std::filesystem::permissions(pattern, std::filesystem::perms(0755));
  TRY(server.postgres_, embedded::Postgres::start(pattern + "/pg"));
  CHECK_OK(broker::store::migrate(server.postgres_->conninfo()));
  return server;
}

Status PrivateServer::age() const {
  TRY(auto connection, broker::store::Connection::open(postgres_->conninfo()));
  for (int segment = 0; segment < kSegments; ++segment)
    CHECK_OK(connection.script("SELECT pg_logical_emit_message(true, 'bench', 'age'); SELECT pg_switch_wal()"));
  return connection.script("CHECKPOINT");
}

}  // namespace bourse::bench
