#include "gateway/sso/authenticate.h"

#include "base/sha256.h"
#include "gateway/sso/secrets.h"

namespace bourse::sso {
namespace {

bool is_scheme_bearer(std::string_view value) {
  if (value.size() < 7 || value[6] != ' ') return false;
  constexpr std::string_view kBearer = "bearer";
  for (std::size_t i = 0; i < kBearer.size(); ++i)
    if ((value[i] | 0x20) != kBearer[i]) return false;
  return true;
}

}  // namespace

std::optional<std::string> cookie(const http::Headers& headers, std::string_view name) {
  std::optional<std::string> found;
  for (const auto& [field, value] : headers) {
    if (field != "cookie") continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t end = rest.find(';');
      std::string_view pair = rest.substr(0, end);
      rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
      while (pair.starts_with(' ')) pair.remove_prefix(1);
      const std::size_t equals = pair.find('=');
      if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
      if (found) return std::nullopt;
      found.emplace(pair.substr(equals + 1));
    }
  }
  return found;
}

Result<Credential> credential_of(const http::Headers& headers) {
  if (headers.count("authorization") > 0) {
    const auto value = headers.get("authorization");
    if (!value || !is_scheme_bearer(*value))
      return fail(ErrorCode::unauthenticated, "the Authorization field must be 'Bearer' and an access token");
    const std::string_view token = value->substr(7);
    if (!looks_like_access_token(token))
      return fail(ErrorCode::unauthenticated, "this is not an access token of ours; it may be cut short");
    return Credential{sha256(token), false};
  }
  const auto token = cookie(headers, kSessionCookie);
  if (!token || !looks_like_secret(*token)) return fail(ErrorCode::unauthenticated, "there is no session");
  return Credential{sha256(*token), true};
}

Status check_origin(const http::Headers& headers, std::string_view origin) {
  if (headers.get("origin") != origin)
    return fail(ErrorCode::forbidden, "the request does not come from this site's own pages (Origin)");
  return {};
}

Status check_own_page(const http::Headers& headers, std::string_view origin) {
  CHECK_OK(check_origin(headers, origin));
  if (headers.get("x-bourse-request") != "1")
    return fail(ErrorCode::forbidden, "a change made with the session cookie needs the header X-Bourse-Request: 1");
  return {};
}

std::optional<Principal> Authenticator::remembered(const Hash256& token) {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(token);
  if (found == known_.end()) return std::nullopt;
  if (found->second.until > clock_.monotonic()) return found->second.principal;
  erase(found);
  return std::nullopt;
}

void Authenticator::remember(const Hash256& token, const Principal& principal) {
  const std::lock_guard lock(mutex_);
  if (const auto found = known_.find(token); found != known_.end()) erase(found);
  if (known_.size() >= kMostKept) erase(known_.find(order_.front()));
  order_.push_back(token);
  known_.emplace(token, Known{principal, Duration{clock_.monotonic().ms + kKept.ms}, std::prev(order_.end())});
}

void Authenticator::erase(std::map<Hash256, Known>::iterator found) {
  order_.erase(found->second.place);
  known_.erase(found);
}

void Authenticator::forget(const Hash256& token) {
  const std::lock_guard lock(mutex_);
  if (const auto found = known_.find(token); found != known_.end()) erase(found);
}

http::Task<Result<Principal>> Authenticator::resolve(Credential credential) {
  if (auto known = remembered(credential.token)) co_return std::move(*known);
  auto principal = co_await people_.resolve(credential.token);
  if (principal) remember(credential.token, *principal);
  co_return principal;
}

}  // namespace bourse::sso
