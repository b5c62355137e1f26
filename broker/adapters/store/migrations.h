// Migrations: sql/NNN_name.sql, forward only, each applied once and never changed afterwards.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bourse::broker::store {

struct Migration {
  std::string_view name;  // "001_journal"
  std::string_view sql;   // statements, without BEGIN and COMMIT
};

// In order; generated from the folder sql/.
const std::vector<Migration>& migrations();

// Brings the database up to date, each migration in a transaction of its own, together with its name and SHA-256 in
// public.bourse_migrations. Makes the roles bourse_migrator (owns everything but the projections), bourse_writer,
// bourse_projector and bourse_reader when they are missing and the connection may. Several programs may call it at once.
// Errors: unavailable; failed_precondition (a migration that was applied has changed since, or the database knows a newer
// one than this program); forbidden; internal (the SQL failed, with the server's words).
Status migrate(const std::string& conninfo);
Status migrate(const std::string& conninfo, const std::vector<Migration>& all);

}  // namespace bourse::broker::store
