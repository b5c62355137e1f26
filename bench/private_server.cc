#include "bench/private_server.h"

#include <cstdlib>
#include <filesystem>

#include "broker/adapters/store/migrations.h"

namespace bourse::bench {

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

}  // namespace bourse::bench
