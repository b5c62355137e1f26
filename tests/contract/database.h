// A PostgreSQL of the test program's own: started when first asked for, with the migrations applied; each test takes a
// database that is new.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "cli/embedded/postgres.h"

namespace bourse::test {

inline std::vector<std::byte> bytes(std::string_view text) {
  const auto* at = reinterpret_cast<const std::byte*>(text.data());
  return {at, at + text.size()};
}

// An existing server for the whole program, in a folder that goes away with it. Stops the program when it can't start.
embedded::Postgres& server();

// A new database on `server`. It is left there: dropping one costs a checkpoint, and the server goes away as a whole.
class Database {
 public:
  explicit Database(bool migrated = true);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  std::string as(const std::string& role) const;  // "bourse_writer", "postgres"…
  // The first column of the first row as text; empty without one. Fails the test on an error.
  std::string ask(const std::string& sql, const std::string& role = "postgres") const;
  // The server's SQLSTATE of `sql` as `role`; "00000" when it worked.
  std::string sqlstate(const std::string& sql, const std::string& role) const;
  // What a superuser can do who gets around the guards of booked rows.
  void tamper(const std::string& sql) const { ask("SET session_replication_role = replica; " + sql); }

 private:
  std::string name_;
};

}  // namespace bourse::test
