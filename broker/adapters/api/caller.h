// Who asks, as the gateway passed it, and what that lets them do. Nothing here trusts a client's own claim: the gateway
// filled the principal in from the session that this broker resolved.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/id.h"
#include "base/result.h"

namespace bourse::market::v1 {
class Principal;
}

namespace bourse::broker::api {

// Bits. `center_admin` is known and gives no right here yet that a user doesn't have.
enum class Role : std::uint8_t { user = 1, center_admin = 2, operator_ = 4, finance = 8 };

struct Caller {
  UserId user;
  TenantId tenant;
  std::string name;
  std::uint8_t roles = 0;

  bool has(Role role) const { return (roles & static_cast<std::uint8_t>(role)) != 0; }
  bool has_any(std::initializer_list<Role> roles_wanted) const;
};

// Errors: unauthenticated (no principal, or ids that aren't ids).
Result<Caller> caller_of(const market::v1::Principal& principal);
// Errors: forbidden, naming the roles that would do.
Status require(const Caller& caller, std::initializer_list<Role> any_of);

// The bit of a role's name; 0 for a name that is not a role.
std::uint8_t role_bit(std::string_view name);

// "usr_…/key". Errors: invalid_argument (empty, above 255 bytes, not printable ASCII).
Result<std::string> scoped_key(const Caller& caller, std::string_view key);

// Text from outside that is kept and shown: printable UTF-8 without control or direction-changing characters.
// Errors: invalid_argument naming the field.
Status check_text(std::string_view field, std::string_view text, std::size_t max_bytes, bool may_be_empty = false);

}  // namespace bourse::broker::api
