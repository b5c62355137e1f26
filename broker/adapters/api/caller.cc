#include "broker/adapters/api/caller.h"

#include <fmt/format.h>

#include "bourse/market/v1/market.pb.h"

namespace bourse::broker::api {
namespace {

constexpr std::pair<std::string_view, Role> kRoles[] = {
    {"user", Role::user}, {"center-admin", Role::center_admin}, {"operator", Role::operator_}, {"finance", Role::finance}};

// Direction marks, embeddings and isolates, and the separators that break a line: U+200E/F, U+2028…E, U+2066…9, C1.
bool changes_layout(std::string_view text) {
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const auto a = static_cast<unsigned char>(text[i]), b = static_cast<unsigned char>(text[i + 1]);
    if (a == 0xC2 && b < 0xA0) return true;
    if (a != 0xE2 || i + 2 >= text.size()) continue;
    const auto c = static_cast<unsigned char>(text[i + 2]);
    if (b == 0x80 && (c == 0x8E || c == 0x8F || (c >= 0xA8 && c <= 0xAE))) return true;
    if (b == 0x81 && c >= 0xA6 && c <= 0xA9) return true;
  }
  return false;
}

}  // namespace

bool Caller::has_any(std::initializer_list<Role> roles_wanted) const {
  for (const Role role : roles_wanted)
    if (has(role)) return true;
  return false;
}

std::uint8_t role_bit(std::string_view name) {
  for (const auto& [text, role] : kRoles)
    if (text == name) return static_cast<std::uint8_t>(role);
  return 0;
}

Result<Caller> caller_of(const market::v1::Principal& principal) {
  const auto user = parse_id<UserIdKind>(principal.user());
  const auto tenant = parse_id<TenantIdKind>(principal.tenant());
  if (!user || !tenant) return fail(ErrorCode::unauthenticated);
  Caller caller{*user, *tenant, principal.name(), 0};
  for (const std::string& role : principal.roles()) caller.roles |= role_bit(role);
  return caller;
}

Status require(const Caller& caller, std::initializer_list<Role> any_of) {
  if (caller.has_any(any_of)) return {};
  std::string wanted;
  for (const Role role : any_of)
    for (const auto& [text, known] : kRoles)
      if (known == role) wanted.append(wanted.empty() ? "" : " or ").append(text);
  return fail(ErrorCode::forbidden, fmt::format("It needs the role {}.", wanted));
}

Result<std::string> scoped_key(const Caller& caller, std::string_view key) {
  if (key.empty()) return fail(ErrorCode::invalid_argument, "An idempotency key is required.");
  if (key.size() > 255) return fail(ErrorCode::invalid_argument, "The idempotency key is longer than 255 characters.");
  for (const char c : key)
    if (c < 0x20 || c > 0x7e)
      return fail(ErrorCode::invalid_argument, "The idempotency key has characters outside printable ASCII.");
  return to_text(caller.user).append("/").append(key);
}

Status check_text(std::string_view field, std::string_view text, std::size_t max_bytes, bool may_be_empty) {
  if (text.empty() && !may_be_empty) return fail(ErrorCode::invalid_argument, fmt::format("{} is empty.", field));
  if (text.size() > max_bytes)
    return fail(ErrorCode::invalid_argument, fmt::format("{} is longer than {} bytes.", field, max_bytes));
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return fail(ErrorCode::invalid_argument, fmt::format("{} has a control character.", field));
  if (changes_layout(text))
    return fail(ErrorCode::invalid_argument, fmt::format("{} has a character that changes direction or breaks lines.", field));
  return {};
}

}  // namespace bourse::broker::api
