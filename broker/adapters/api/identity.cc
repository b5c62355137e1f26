#include "broker/adapters/api/identity.h"

#include <fmt/format.h>

namespace bourse::broker::api {
namespace {

constexpr std::size_t kConnections = 4;

// Roles are words of [a-z-]: a comma-separated column reads well in psql and needs no array parsing.
std::string join(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, ",")); }

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) words.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return words;
}

Person person_of(const pqxx::row& row) {
  return {.user = id_column<UserIdKind>(row["user_id"]),
          .tenant = id_column<TenantIdKind>(row["tenant_id"]),
          .name = row["name"].c_str(),
          .tenant_name = row["tenant_name"].c_str(),
          .roles = split_words(row["roles"].c_str())};
}

}  // namespace

Identity::Identity(const std::string& writer_conninfo)
    : database_(writer_conninfo, "SET statement_timeout = 5000; SET lock_timeout = 2000", kConnections) {}

Result<Person> Identity::sign_in(const std::string& issuer, const std::string& subject, const std::string& name,
                                 const std::string& tenant_name, const std::vector<std::string>& roles, UserId new_user,
                                 TenantId new_tenant, Instant now) {
  return database_.write<Person>([&](pqxx::work& work) -> Result<Person> {
    work.exec_params("INSERT INTO identity.tenants (id, name, made_at) VALUES ($1, $2, to_timestamp($3::bigint / 1000.0)) "
                     "ON CONFLICT (name) DO NOTHING",
                     sql(new_tenant), tenant_name, now.unix_ms);
    const auto tenant = id_column<TenantIdKind>(
        work.exec_params1("SELECT id FROM identity.tenants WHERE name = $1", tenant_name)[0]);
    work.exec_params(
        "INSERT INTO identity.users (id, tenant_id, issuer, subject, name, roles, made_at, seen_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, to_timestamp($7::bigint / 1000.0), to_timestamp($7::bigint / 1000.0)) "
        "ON CONFLICT (issuer, subject) DO UPDATE SET name = excluded.name, roles = excluded.roles, seen_at = excluded.seen_at",
        sql(new_user), sql(tenant), issuer, subject, name, join(roles), now.unix_ms);
    const Person person = person_of(work.exec_params1(
        "SELECT u.id AS user_id, u.tenant_id, u.name, t.name AS tenant_name, u.roles "
        "FROM identity.users u JOIN identity.tenants t ON t.id = u.tenant_id WHERE u.issuer = $1 AND u.subject = $2",
        issuer, subject));
    if (person.tenant != tenant) return fail(ErrorCode::forbidden, "This person belongs to another tenant.");
    return person;
  });
}

Status Identity::create_session(const Session& session, Instant now) {
  const auto done = database_.write<bool>([&](pqxx::work& work) -> Result<bool> {
    if (work.exec_params("SELECT 1 FROM identity.users WHERE id = $1", sql(session.user)).empty())
      return fail(ErrorCode::not_found, "There is no such user.");
    // Expired ones go when new ones come: the table stays as large as the sessions alive.
    work.exec_params("DELETE FROM identity.sessions WHERE expires_at <= to_timestamp($1::bigint / 1000.0)", now.unix_ms);
    const auto inserted = work.exec_params(
        "INSERT INTO identity.sessions (token_sha256, user_id, roles, kind, made_at, expires_at) VALUES (decode($1, 'hex'), "
        "$2, $3, $4, to_timestamp($5::bigint / 1000.0), to_timestamp($6::bigint / 1000.0)) ON CONFLICT DO NOTHING",
        to_hex(session.token), sql(session.user), join(session.roles), session.kind, now.unix_ms,
        session.expires_at.unix_ms);
    if (inserted.affected_rows() == 1) return true;
    const auto same = work.exec_params("SELECT 1 FROM identity.sessions WHERE token_sha256 = decode($1, 'hex') AND "
                                       "user_id = $2 AND roles = $3 AND kind = $4",
                                       to_hex(session.token), sql(session.user), join(session.roles), session.kind);
    if (same.empty()) return fail(ErrorCode::conflict, "The session token is in use.");
    return true;
  });
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<Person> Identity::resolve_session(const Hash256& token, Instant now) {
  return database_.read<Person>([&](pqxx::transaction_base& work) -> Result<Person> {
    const auto rows = work.exec_params(
        "SELECT s.user_id, u.tenant_id, u.name, t.name AS tenant_name, s.roles FROM identity.sessions s "
        "JOIN identity.users u ON u.id = s.user_id JOIN identity.tenants t ON t.id = u.tenant_id "
        "WHERE s.token_sha256 = decode($1, 'hex') AND s.expires_at > to_timestamp($2::bigint / 1000.0)",
        to_hex(token), now.unix_ms);
    if (rows.empty()) return fail(ErrorCode::unauthenticated);
    return person_of(rows[0]);
  });
}

Status Identity::end_session(const Hash256& token) {
  const auto done = database_.write<bool>([&](pqxx::work& work) -> Result<bool> {
    work.exec_params("DELETE FROM identity.sessions WHERE token_sha256 = decode($1, 'hex')", to_hex(token));
    return true;
  });
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<Person> Identity::person(const std::string& user, const std::string& issuer) {
  return database_.read<Person>([&](pqxx::transaction_base& work) -> Result<Person> {
    constexpr const char* kPerson = "SELECT u.id AS user_id, u.tenant_id, u.name, t.name AS tenant_name, u.roles FROM identity.users u "
                                    "JOIN identity.tenants t ON t.id = u.tenant_id WHERE ";
    const auto id = parse_id<UserIdKind>(user);
    if (issuer.empty() && !id) return fail(ErrorCode::not_found, "There is no such person.");
    const auto rows = issuer.empty() ? work.exec_params(std::string(kPerson) + "u.id = $1", sql(*id))
                                     : work.exec_params(std::string(kPerson) + "u.issuer = $1 AND u.subject = $2", issuer, user);
    if (rows.empty()) return fail(ErrorCode::not_found, "There is no such person; who is added must have signed in once.");
    return person_of(rows[0]);
  });
}

Status Identity::add_center_admin(CenterId center, UserId user, UserId by, Instant now) {
  const auto done = database_.write<bool>([&](pqxx::work& work) -> Result<bool> {
    work.exec_params("INSERT INTO identity.center_admins (center, user_id, added_by, added_at) "
                     "VALUES ($1, $2, $3, to_timestamp($4::bigint / 1000.0)) ON CONFLICT DO NOTHING",
                     sql(center), sql(user), sql(by), now.unix_ms);
    return true;
  });
  if (!done) return std::unexpected(done.error());
  return {};
}

Status Identity::remove_center_admin(CenterId center, UserId user) {
  const auto done = database_.write<bool>([&](pqxx::work& work) -> Result<bool> {
    work.exec_params("DELETE FROM identity.center_admins WHERE center = $1 AND user_id = $2", sql(center), sql(user));
    return true;
  });
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<std::vector<Identity::CenterAdmin>> Identity::center_admins(CenterId center) {
  using Admins = std::vector<CenterAdmin>;
  return database_.read<Admins>([&](pqxx::transaction_base& work) -> Result<Admins> {
    Admins admins;
    for (const auto& row : work.exec_params("SELECT a.user_id, u.name, coalesce(b.name, '') AS by_name, (extract(epoch FROM a.added_at) * 1000)::bigint AS ms "
                                            "FROM identity.center_admins a JOIN identity.users u ON u.id = a.user_id "
                                            "LEFT JOIN identity.users b ON b.id = a.added_by WHERE a.center = $1 ORDER BY a.added_at, a.user_id",
                                            sql(center)))
      admins.push_back({.center = center, .user = id_column<UserIdKind>(row["user_id"]), .name = row["name"].c_str(),
                        .added_by_name = row["by_name"].c_str(), .added_at = Instant{row["ms"].as<std::int64_t>()}});
    return admins;
  });
}

Result<std::vector<CenterId>> Identity::centers_of(UserId user) {
  using Centers = std::vector<CenterId>;
  return database_.read<Centers>([&](pqxx::transaction_base& work) -> Result<Centers> {
    Centers centers;
    for (const auto& row : work.exec_params("SELECT center FROM identity.center_admins WHERE user_id = $1 ORDER BY center", sql(user)))
      centers.push_back(id_column<CenterIdKind>(row[0]));
    return centers;
  });
}

Status Identity::keep_bank_entry(Uuid reference, const std::string& text, UserId by, Instant now) {
  const auto done = database_.write<bool>([&](pqxx::work& work) -> Result<bool> {
    work.exec_params("INSERT INTO identity.bank_entries (reference, text, entered_by, entered_at) "
                     "VALUES ($1, $2, $3, to_timestamp($4::bigint / 1000.0)) ON CONFLICT DO NOTHING",
                     to_hyphenated(reference), text, sql(by), now.unix_ms);
    return true;
  });
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<std::vector<std::pair<TenantId, std::string>>> Identity::tenants() {
  using Names = std::vector<std::pair<TenantId, std::string>>;
  return database_.read<Names>([&](pqxx::transaction_base& work) -> Result<Names> {
    Names names;
    for (const auto& row : work.exec("SELECT id, name FROM identity.tenants"))
      names.emplace_back(id_column<TenantIdKind>(row[0]), row[1].c_str());
    return names;
  });
}

}  // namespace bourse::broker::api
