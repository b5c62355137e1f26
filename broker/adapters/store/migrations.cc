#include "broker/adapters/store/migrations.h"

#include <map>

#include "base/sha256.h"
#include "broker/adapters/store/connection.h"

namespace bourse::broker::store {
namespace {

constexpr Duration kMigrationTimeout = minutes(30);

// Any number will do, as long as every program takes the same: one migrates at a time.
constexpr const char* kLock = "SELECT pg_advisory_lock(7305808868209)";

Result<bool> holds(Connection& connection, const char* sql) {
  TRY(const Rows answer, connection.run(sql));
  return answer.size() == 1 && answer.boolean(0, 0);
}

// Roles belong to the server and grants to the database, so each is looked at by itself. An administrator may have done
// all of it before; then the connection needs no more than to be a member of bourse_migrator.
Status make_roles(Connection& connection) {
  for (const std::string role : {"bourse_migrator", "bourse_writer", "bourse_projector", "bourse_reader"}) {
    TRY(const Rows found, connection.run("SELECT 1 FROM pg_roles WHERE rolname = $1", Params().text(role)));
    // Without a password nobody can use it over TCP until an administrator sets one.
    if (found.size() == 0) CHECK_OK(connection.script("CREATE ROLE " + role + " LOGIN"));
  }
  TRY(const bool member, holds(connection, "SELECT pg_has_role('bourse_migrator', 'bourse_projector', 'MEMBER')"));
  if (!member) CHECK_OK(connection.script("GRANT bourse_projector TO bourse_migrator"));
  TRY(const bool creates, holds(connection, "SELECT has_database_privilege('bourse_migrator', current_database(), 'CREATE') AND "
                                            "has_database_privilege('bourse_projector', current_database(), 'TEMP') AND "
                                            "has_schema_privilege('bourse_migrator', 'public', 'CREATE')"));
  if (creates) return {};
  TRY(const Rows name, connection.run("SELECT quote_ident(current_database())::text"));
  const std::string database(name.text(0, 0));
  return connection.script("GRANT CREATE ON DATABASE " + database + " TO bourse_migrator; GRANT TEMP ON DATABASE " + database +
                           " TO bourse_projector; GRANT CREATE ON SCHEMA public TO bourse_migrator");
}

Result<std::map<std::string, Hash256>> applied(Connection& connection) {
  CHECK_OK(connection.script("CREATE TABLE IF NOT EXISTS public.bourse_migrations (name text PRIMARY KEY, sha256 bytea NOT NULL, "
                             "applied_at timestamptz NOT NULL DEFAULT now())"));
  TRY(const Rows rows, connection.run("SELECT name, sha256 FROM public.bourse_migrations"));
  std::map<std::string, Hash256> out;
  for (int row = 0; row < rows.size(); ++row) out.emplace(rows.text(row, 0), rows.hash(row, 1));
  return out;
}

Status apply(Connection& connection, const Migration& migration) {
  const auto failed = [&](const Error& error) {
    return fail(error.code, "migration " + std::string(migration.name) + ": " + error.detail);
  };
  CHECK_OK(connection.script("BEGIN"));
  if (auto done = connection.script(std::string(migration.sql), kMigrationTimeout); !done) return failed(done.error());
  CHECK_OK(connection.script("SET LOCAL ROLE bourse_migrator"));
  auto noted = connection.run("INSERT INTO public.bourse_migrations (name, sha256) VALUES ($1, $2)",
                              Params().text(migration.name).hash(sha256(migration.sql)));
  if (!noted) return failed(noted.error());
  return connection.script("COMMIT");
}

}  // namespace

Status migrate(const std::string& conninfo) { return migrate(conninfo, migrations()); }

Status migrate(const std::string& conninfo, const std::vector<Migration>& all) {
  TRY(Connection connection, Connection::open(conninfo));
  if (auto locked = connection.run(kLock, {}, kMigrationTimeout); !locked) return std::unexpected(locked.error());
  CHECK_OK(make_roles(connection));
  CHECK_OK(connection.script("SET ROLE bourse_migrator"));
  TRY(auto known, applied(connection));
  for (const Migration& migration : all) {
    const auto found = known.find(std::string(migration.name));
    if (found == known.end()) {
      CHECK_OK(apply(connection, migration));
      continue;
    }
    if (found->second != sha256(migration.sql))
      return fail(ErrorCode::failed_precondition,
                  "migration " + found->first + " was changed after it had been applied; put it back and write a new one");
    known.erase(found);
  }
  if (!known.empty())
    return fail(ErrorCode::failed_precondition, "the database has migration " + known.begin()->first +
                                                    ", which this program doesn't know; install the newer one");
  return {};
}

}  // namespace bourse::broker::store
