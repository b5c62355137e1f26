#include "tests/contract/database.h"

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "broker/adapters/store/migrations.h"

namespace bourse::test {
namespace {

struct Server {
  std::string folder;
  std::optional<embedded::Postgres> postgres;

  Server() {
    std::string pattern = "/tmp/bourse-test-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    folder = pattern;
    std::filesystem::permissions(folder, std::filesystem::perms(0755));
    auto started = embedded::Postgres::start(folder + "/pg");
    if (!started) {
      std::fprintf(stderr, "%s\n", started.error().message().c_str());
      std::abort();
    }
    postgres.emplace(std::move(*started));
  }
  ~Server() {
    postgres.reset();
    std::filesystem::remove_all(folder);
  }
};

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using Answer = std::unique_ptr<PGresult, decltype(&PQclear)>;

Answer run(const std::string& conninfo, const std::string& sql, std::string& error) {
  const Connection connection(PQconnectdb(conninfo.c_str()), &PQfinish);
  Answer answer(PQexec(connection.get(), sql.c_str()), &PQclear);
  const ExecStatusType status = PQresultStatus(answer.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) error = PQerrorMessage(connection.get());
  return answer;
}

std::string conninfo_of(const std::string& role, const std::string& database) {
  return server().conninfo(role) + " dbname=" + database;  // the last setting counts
}

}  // namespace

embedded::Postgres& server() {
  static Server one;
  return *one.postgres;
}

namespace {

// Migrated once; the others are copies of it.
const std::string& migrated_template() {
  static const std::string name = [] {
    std::string error;
    run(server().conninfo(), "CREATE DATABASE migrated", error);
    if (!error.empty()) ADD_FAILURE() << error;
    const Status done = broker::store::migrate(conninfo_of("postgres", "migrated"));
    if (!done) ADD_FAILURE() << done.error().message();
    return std::string("migrated");
  }();
  return name;
}

}  // namespace

Database::Database(bool migrated) {
  static std::atomic<int> number = 0;
  name_ = "test_" + std::to_string(++number);
  std::string error;
  run(server().conninfo(), "CREATE DATABASE " + name_ + (migrated ? " TEMPLATE " + migrated_template() : ""), error);
  if (!error.empty()) ADD_FAILURE() << error;
}

std::string Database::as(const std::string& role) const { return conninfo_of(role, name_); }

std::string Database::ask(const std::string& sql, const std::string& role) const {
  std::string error;
  const Answer answer = run(as(role), sql, error);
  if (!error.empty()) ADD_FAILURE() << sql << ": " << error;
  return PQntuples(answer.get()) > 0 ? PQgetvalue(answer.get(), 0, 0) : "";
}

std::string Database::sqlstate(const std::string& sql, const std::string& role) const {
  std::string error;
  const Answer answer = run(as(role), sql, error);
  const char* code = PQresultErrorField(answer.get(), PG_DIAG_SQLSTATE);
  return code == nullptr ? (error.empty() ? "00000" : error) : code;
}

}  // namespace bourse::test
