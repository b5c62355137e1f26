// People in ordinary tables: tenants, users by (issuer, subject), sessions by the hash of their token. The engine learns
// only ids. Schema `identity`, written here and nowhere else.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "broker/adapters/api/database.h"

namespace bourse::broker::api {

struct Person {
  UserId user;
  TenantId tenant;
  std::string name;
  std::string tenant_name;
  std::vector<std::string> roles;  // of the session, or of the last sign-in
};

struct Session {
  Hash256 token;  // SHA-256 of the token; the token itself is nowhere at rest
  UserId user;
  std::vector<std::string> roles;
  std::string kind;  // "browser", "cli"
  Instant expires_at;
};

// Safe from any thread.
class Identity {
 public:
  // `writer_conninfo`: a role that may write the schema `identity`.
  explicit Identity(const std::string& writer_conninfo);

  // Makes or refreshes tenant (by name) and user (by issuer and subject; name and roles are replaced). `new_user` and
  // `new_tenant` are used for who isn't there yet. Errors: forbidden (the user belongs to another tenant).
  Result<Person> sign_in(const std::string& issuer, const std::string& subject, const std::string& name,
                         const std::string& tenant_name, const std::vector<std::string>& roles, UserId new_user,
                         TenantId new_tenant, Instant now);
  // Repeating it with the same content is harmless. Errors: not_found (no such user), conflict (the token is known).
  Status create_session(const Session& session, Instant now);
  // Errors: unauthenticated (unknown or expired).
  Result<Person> resolve_session(const Hash256& token, Instant now);
  // Ending what isn't there is harmless.
  Status end_session(const Hash256& token);

  // A person by id, or, with an issuer, by subject there. Errors: not_found.
  Result<Person> person(const std::string& user, const std::string& issuer);

  // Who speaks for a center. Adding and removing again is harmless. Errors: not_found (no such person).
  Status add_center_admin(CenterId center, UserId user, UserId by, Instant now);
  Status remove_center_admin(CenterId center, UserId user);
  struct CenterAdmin {
    CenterId center;
    UserId user;
    std::string name, added_by_name;
    Instant added_at;
  };
  Result<std::vector<CenterAdmin>> center_admins(CenterId center);  // in the order they were added
  Result<std::vector<CenterId>> centers_of(UserId user);

  // The bank's own words for an entry, kept under the id that the ledger carries.
  Status keep_bank_entry(Uuid reference, const std::string& text, UserId by, Instant now);

  // Names for lists; what is unknown stays out.
  Result<std::vector<std::pair<TenantId, std::string>>> tenants();

 private:
  Database database_;
};

}  // namespace bourse::broker::api
