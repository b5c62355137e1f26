// People: sign-in, sessions, and the billing account that a person's first sign-in opens.
#include "broker/adapters/api/api.h"
#include "broker/domain/text.h"

namespace bourse::broker::api {
namespace {

constexpr Duration kLongestSession = hours(24 * 31);

Status check_roles(const auto& roles) {
  if (roles.size() > 16) return fail(ErrorCode::invalid_argument, "roles: more than 16.");
  for (const std::string& role : roles)
    if (role_bit(role) == 0)
      return fail(ErrorCode::invalid_argument, "roles: expected user, center-admin, operator or finance.");
  return {};
}

Result<Hash256> token_hash(const std::string& bytes) {
  if (bytes.size() != 32) return fail(ErrorCode::invalid_argument, "token_sha256 must have 32 bytes.");
  Hash256 hash;
  std::ranges::copy(bytes, hash.bytes.begin());
  return hash;
}

}  // namespace

Result<v1::Principal> Api::sign_in(const v1::SignInRequest& request) {
  CHECK_OK(check_text("issuer", request.issuer(), 500));
  CHECK_OK(check_text("subject", request.subject(), 255));
  CHECK_OK(check_text("tenant_name", request.tenant_name(), 200));
  CHECK_OK(check_roles(request.roles()));
  const Instant now = parts_.clock.now();
  // A provider may call people anything; what can't be shown safely is replaced, not a reason to keep a person out.
  const std::string name = is_label(request.name()) ? request.name() : is_label(request.subject()) ? request.subject() : "Unnamed";
  TRY(const Person person,
      identity_.sign_in(request.issuer(), request.subject(), name, request.tenant_name(),
                        {request.roles().begin(), request.roles().end()}, UserId::make(now, parts_.rng),
                        TenantId::make(now, parts_.rng), now));
  TRY(const bool has_account,
      look([user = person.user](const Market& market) { return !market.accounts_of(user).empty(); }));
  if (!has_account) {
    // Also after a crash between the user's row and here: the key makes the second opening the first one's answer.
    const std::string key = "signin/" + to_text(person.user);
    CHECK_OK(parts_.engine.execute({.key = key,
                                    .fingerprint = 1,
                                    .now = now,
                                    .body = OpenBillingAccount{.account = BillingAccountId::make(now, parts_.rng),
                                                               .tenant = person.tenant,
                                                               .name = name,
                                                               .unit = kCny,
                                                               .owner = person.user}}));
  }
  return principal_of(person);
}

Result<v1::Principal> Api::principal_of(const Person& person) {
  v1::Principal principal;
  principal.set_user(to_text(person.user));
  principal.set_tenant(to_text(person.tenant));
  principal.set_name(person.name);
  for (const std::string& role : person.roles) principal.add_roles(role);
  TRY(const std::vector<std::string> accounts, look([user = person.user](const Market& market) {
        std::vector<std::string> ids;
        for (const BillingAccount* account : market.accounts_of(user)) ids.push_back(to_text(account->id));
        return ids;
      }));
  for (const std::string& account : accounts) principal.add_accounts(account);
  return principal;
}

Result<v1::Empty> Api::create_session(const v1::CreateSessionRequest& request) {
  const Instant now = parts_.clock.now();
  TRY(const Hash256 token, token_hash(request.token_sha256()));
  TRY(const UserId user, read_id<UserIdKind>("user", request.user()));
  CHECK_OK(check_roles(request.roles()));
  CHECK_OK(check_text("kind", request.kind(), 32));
  const Instant expires{request.expires_ms()};
  if (expires <= now || expires > now + kLongestSession)
    return fail(ErrorCode::invalid_argument, "expires_ms must lie in the next 31 days.");
  CHECK_OK(identity_.create_session({.token = token,
                                     .user = user,
                                     .roles = {request.roles().begin(), request.roles().end()},
                                     .kind = request.kind(),
                                     .expires_at = expires},
                                    now));
  return v1::Empty{};
}

Result<v1::Principal> Api::resolve_session(const v1::ResolveSessionRequest& request) {
  TRY(const Hash256 token, token_hash(request.token_sha256()));
  TRY(const Person person, identity_.resolve_session(token, parts_.clock.now()));
  return principal_of(person);
}

Result<v1::Empty> Api::end_session(const v1::EndSessionRequest& request) {
  TRY(const Hash256 token, token_hash(request.token_sha256()));
  CHECK_OK(identity_.end_session(token));
  return v1::Empty{};
}

}  // namespace bourse::broker::api
