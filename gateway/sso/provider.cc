#include "gateway/sso/provider.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "gateway/http/json.h"
#include "gateway/http/text.h"
#include "gateway/sso/base64url.h"

namespace bourse::sso {
namespace {

using nlohmann::json;

constexpr Duration kDiscoveryKept = hours(1);
constexpr Duration kKeysPause = minutes(1);  // between two fetches of the keys
constexpr Duration kKeysKept = hours(12);
constexpr std::size_t kMostKeySetBytes = 256 * 1024;

std::string text_or_empty(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || !found->is_string() ? std::string() : found->get<std::string>();
}

// True also when the list is not there: it is optional in discovery.
bool lists(const json& object, const char* name, std::string_view value) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array()) return true;
  return std::ranges::any_of(
      *found, [&](const json& one) { return one.is_string() && one.get_ref<const std::string&>() == value; });
}

}  // namespace

Result<Provider::Discovery> Provider::read_discovery(std::string_view text) const {
  const auto unfit = [this](const std::string& why) {
    return fail(ErrorCode::failed_precondition, "the identity provider '" + settings_.name + "' " + why);
  };
  auto parsed = http::parse_json(text, 16);
  if (!parsed || !parsed->is_object()) return unfit("has no discovery document that can be read");
  const json& document = *parsed;
  if (text_or_empty(document, "issuer") != settings_.url)
    return unfit("calls itself by another issuer than the configured one");
  Discovery out;
  out.authorization_endpoint = text_or_empty(document, "authorization_endpoint");
  out.token_endpoint = text_or_empty(document, "token_endpoint");
  out.jwks_uri = text_or_empty(document, "jwks_uri");
  out.userinfo_endpoint = text_or_empty(document, "userinfo_endpoint");
  for (const std::string* url : {&out.authorization_endpoint, &out.token_endpoint, &out.jwks_uri}) {
    // A loopback issuer is the only one that may send us to loopback.
    if (!may_be_fetched(*url) || (is_loopback(*url) && !is_loopback(settings_.url)))
      return unfit("names an endpoint that may not be asked");
  }
  if (!out.userinfo_endpoint.empty() &&
      (!may_be_fetched(out.userinfo_endpoint) || (is_loopback(out.userinfo_endpoint) && !is_loopback(settings_.url))))
    return unfit("names an endpoint that may not be asked");
  if (!lists(document, "id_token_signing_alg_values_supported", settings_.algorithm))
    return unfit("does not sign with " + settings_.algorithm);
  if (!lists(document, "code_challenge_methods_supported", "S256")) return unfit("does not take PKCE with S256");
  out.basic_authentication = lists(document, "token_endpoint_auth_methods_supported", "client_secret_basic");
  out.read_at = clock_.monotonic();
  return out;
}

Result<Provider::Discovery> Provider::discover() {
  const std::lock_guard lock(discovery_mutex_);
  if (discovery_ && clock_.monotonic().ms - discovery_->read_at.ms < kDiscoveryKept.ms) return *discovery_;
  std::string base = settings_.url;
  if (base.ends_with('/')) base.pop_back();
  auto fetched = fetcher_.fetch({.url = base + "/.well-known/openid-configuration", .headers = {}, .form = {}});
  if (!fetched || fetched->status != 200) {
    if (discovery_) return *discovery_;  // endpoints hardly ever move: an old document is better than no sign-in
    if (!fetched) return std::unexpected(fetched.error());
    return fail(ErrorCode::unavailable, "the identity provider '" + settings_.name + "' answered " +
                                            std::to_string(fetched->status) + " to discovery");
  }
  TRY(Discovery fresh, read_discovery(fetched->body));
  discovery_ = fresh;
  return fresh;
}

Result<std::string> Provider::authorization_url(const Departure& departure) {
  TRY(const Discovery discovery, discover());
  const http::Parameters parameters{{"client_id", settings_.client_id},
                                    {"response_type", "code"},
                                    {"redirect_uri", departure.redirect_uri},
                                    {"scope", settings_.scope},
                                    {"state", departure.state},
                                    {"nonce", departure.nonce},
                                    {"code_challenge", departure.challenge},
                                    {"code_challenge_method", "S256"}};
  const bool has_query = discovery.authorization_endpoint.find('?') != std::string::npos;
  return discovery.authorization_endpoint + (has_query ? "&" : "?") + http::to_form(parameters);
}

Result<Provider::Tokens> Provider::exchange(const Discovery& discovery, const Return& back) {
  http::Parameters form{{"grant_type", "authorization_code"},
                        {"code", back.code},
                        {"redirect_uri", back.redirect_uri},
                        {"code_verifier", back.verifier}};
  Fetch request{.url = discovery.token_endpoint, .headers = {}, .form = {}};
  request.headers.add("accept", "application/json");
  if (settings_.client_secret.empty()) {
    form.emplace_back("client_id", settings_.client_id);
  } else if (discovery.basic_authentication) {
    const std::string pair =
        http::percent_encode(settings_.client_id) + ":" + http::percent_encode(settings_.client_secret);
    request.headers.add("authorization", "Basic " + to_base64(pair));
  } else {
    form.emplace_back("client_id", settings_.client_id);
    form.emplace_back("client_secret", settings_.client_secret);
  }
  request.form = http::to_form(form);
  TRY(const Fetched answer, fetcher_.fetch(request));
  if (answer.status >= 400 && answer.status < 500)
    return fail(ErrorCode::unauthenticated, "the identity provider refused the sign-in code");
  if (answer.status != 200)
    return fail(ErrorCode::unavailable, "the identity provider answered " + std::to_string(answer.status));
  auto parsed = http::parse_json(answer.body, 8);
  if (!parsed || !parsed->is_object())
    return fail(ErrorCode::unavailable, "the identity provider's answer can't be read");
  Tokens tokens{text_or_empty(*parsed, "id_token"), text_or_empty(*parsed, "access_token")};
  if (tokens.id_token.empty()) return fail(ErrorCode::unauthenticated, "the identity provider gave no identity token");
  return tokens;
}

Result<PublicKey> Provider::key_for(const Discovery& discovery, const std::optional<std::string>& kid) {
  const std::lock_guard lock(keys_mutex_);
  const Duration now = clock_.monotonic();
  const bool old = !keys_read_at_ || now.ms - keys_read_at_->ms >= kKeysKept.ms;
  const PublicKey* found = old ? nullptr : find_key(keys_, kid);
  if (found == nullptr && keys_read_at_ && now.ms - keys_read_at_->ms < kKeysPause.ms)
    return fail(ErrorCode::unauthenticated, "the identity token names a key that the provider does not publish");
  if (found == nullptr) {
    keys_read_at_ = now;  // a failed try counts too: an unknown key id makes one call a minute, whatever comes of it
    auto fetched =
        fetcher_.fetch({.url = discovery.jwks_uri, .headers = {}, .form = {}, .most_bytes = kMostKeySetBytes});
    if (keys_.empty() && (!fetched || fetched->status != 200)) keys_read_at_.reset();
    if (!fetched) return std::unexpected(fetched.error());
    if (fetched->status != 200)
      return fail(ErrorCode::unavailable,
                  "the identity provider answered " + std::to_string(fetched->status) + " for its keys");
    auto fresh = parse_key_set(fetched->body, settings_.algorithm);
    if (!fresh && keys_.empty()) keys_read_at_.reset();  // the next one is told this, too, and not of an unknown key
    if (!fresh) return std::unexpected(fresh.error());
    keys_ = std::move(*fresh);
    found = find_key(keys_, kid);
  }
  if (found == nullptr)
    return fail(ErrorCode::unauthenticated, "the identity token names a key that the provider does not publish");
  return *found;
}

Result<IdClaims> Provider::complete(const Discovery& discovery, const Tokens& tokens, IdClaims claims) {
  if ((claims.groups && claims.has_name) || discovery.userinfo_endpoint.empty() || tokens.access_token.empty())
    return claims;
  if (!http::is_free_of_controls(tokens.access_token)) return claims;
  Fetch request{.url = discovery.userinfo_endpoint, .headers = {}, .form = {}};
  request.headers.add("authorization", "Bearer " + tokens.access_token);
  TRY(const Fetched answer, fetcher_.fetch(request));
  if (answer.status != 200) return claims;
  TRY(const IdClaims more, parse_userinfo(answer.body, claims.subject, settings_.groups_claim));
  if (!claims.groups) claims.groups = more.groups;
  if (!claims.has_name) claims.name = more.name;
  return claims;
}

Result<Identity> Provider::identify(const Return& back) {
  TRY(const Discovery discovery, discover());
  TRY(const Tokens tokens, exchange(discovery, back));
  TRY(const auto kid, key_id_of(tokens.id_token, settings_.algorithm));
  TRY(const PublicKey key, key_for(discovery, kid));
  const Expected expected{settings_.url, settings_.client_id, settings_.algorithm, back.nonce, clock_.now()};
  TRY(IdClaims claims, verify_id_token(tokens.id_token, key, expected, settings_.groups_claim));
  TRY(claims, complete(discovery, tokens, std::move(claims)));
  std::set<std::string> roles;
  for (const std::string& group : claims.groups.value_or(std::vector<std::string>{}))
    if (const auto role = settings_.roles.find(group); role != settings_.roles.end()) roles.insert(role->second);
  return Identity{settings_.url, claims.subject, claims.name, settings_.tenant, {roles.begin(), roles.end()}};
}

}  // namespace bourse::sso
