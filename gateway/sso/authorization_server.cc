#include "gateway/sso/authorization_server.h"

#include <nlohmann/json.hpp>

#include "base/sha256.h"
#include "gateway/http/json.h"
#include "gateway/http/text.h"
#include "gateway/sso/pages.h"
#include "gateway/sso/secrets.h"
#include "gateway/sso/sign_in.h"

namespace bourse::sso {
namespace {

using nlohmann::json;

constexpr Duration kConsentLife = minutes(5);
constexpr Duration kCodeLife = seconds(60);
constexpr Duration kReplayWatch = minutes(10);

// An authorization on its way: waiting for consent, then for its code.
struct Pending {
  std::string session;  // hex SHA-256 of the browser's session token
  std::string user, roles, redirect_uri, challenge, state;
};

std::string to_text(const Pending& p) {
  return json{{"session", p.session},           {"user", p.user},           {"roles", p.roles},
              {"redirect_uri", p.redirect_uri}, {"challenge", p.challenge}, {"state", p.state}}
      .dump();
}

std::optional<Pending> parse_pending(std::string_view text) {
  const auto parsed = http::parse_json(text, 2);
  if (!parsed || !parsed->is_object()) return std::nullopt;
  Pending out;
  const std::pair<const char*, std::string*> members[] = {
      {"session", &out.session},           {"user", &out.user},           {"roles", &out.roles},
      {"redirect_uri", &out.redirect_uri}, {"challenge", &out.challenge}, {"state", &out.state}};
  for (const auto& [name, value] : members) {
    if (!parsed->contains(name) || !(*parsed)[name].is_string()) return std::nullopt;
    *value = (*parsed)[name].get<std::string>();
  }
  return out;
}

std::string join(const std::vector<std::string>& roles) {
  std::string out;
  for (const std::string& role : roles) out.append(out.empty() ? "" : " ").append(role);
  return out;
}

std::vector<std::string> split(std::string_view roles) {
  std::vector<std::string> out;
  while (!roles.empty()) {
    const std::size_t space = roles.find(' ');
    out.emplace_back(roles.substr(0, space));
    roles = space == std::string_view::npos ? std::string_view{} : roles.substr(space + 1);
  }
  return out;
}

// RFC 6749, section 5.2: this endpoint's errors have a shape of their own.
http::Response oauth_error(int status, std::string_view error, std::string_view description) {
  http::Response out;
  out.status = status;
  out.headers.add("content-type", "application/json");
  out.body = json{{"error", error}, {"error_description", description}}.dump();
  return out;
}

bool is_form(const http::Headers& headers) {
  const auto type = headers.get("content-type");
  return type && type->substr(0, type->find(';')) == "application/x-www-form-urlencoded";
}

std::string value_of(const http::Parameters& form, std::string_view name) {
  return std::string(http::find(form, name).value_or(""));
}

std::string with_query(std::string url, const http::Parameters& parameters) {
  return std::move(url) + "?" + http::to_form(parameters);
}

http::Parameters with_state(http::Parameters parameters, const std::string& state) {
  if (!state.empty()) parameters.emplace_back("state", state);
  return parameters;
}

}  // namespace

std::optional<std::string> loopback_origin(std::string_view uri) {
  for (const std::string_view host : {"http://127.0.0.1:", "http://[::1]:"}) {
    if (!uri.starts_with(host)) continue;
    const std::string_view rest = uri.substr(host.size());
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos || rest.substr(slash) != "/callback") return std::nullopt;
    const std::string_view port = rest.substr(0, slash);
    if (port.empty() || port.size() > 5 || port.front() == '0' ||
        port.find_first_not_of("0123456789") != std::string_view::npos)
      return std::nullopt;
    int number = 0;
    for (const char digit : port) number = number * 10 + (digit - '0');
    if (number > 65535) return std::nullopt;
    return std::string(host).append(port);
  }
  return std::nullopt;
}

void AuthorizationServer::add_routes(http::Router& router) {
  using http::Method;
  router.add({.method = Method::get, .pattern = "/oauth/authorize", .handler = [this](http::Request r) {
                return ask(std::move(r));
              }});
  router.add(
      {.method = Method::post, .pattern = "/oauth/authorize", .body_bytes = 4096, .handler = [this](http::Request r) {
         return decide(std::move(r));
       }});
  router.add(
      {.method = Method::post, .pattern = "/oauth/token", .body_bytes = 4096, .handler = [this](http::Request r) {
         return token(std::move(r));
       }});
  router.add(
      {.method = Method::post, .pattern = "/oauth/revoke", .body_bytes = 4096, .handler = [this](http::Request r) {
         return revoke(std::move(r));
       }});
}

http::Task<http::Response> AuthorizationServer::ask(http::Request request) {
  const auto refuse = [&](std::string why) {
    return error_page({ErrorCode::invalid_argument, std::move(why)}, request.request_id);
  };
  const std::string redirect_uri = value_of(request.query, "redirect_uri");
  const std::string state = value_of(request.query, "state");
  const auto destination = loopback_origin(redirect_uri);
  if (value_of(request.query, "client_id") != kCliClient) co_return refuse("there is no such client");
  if (!destination) co_return refuse("redirect_uri must be http://127.0.0.1:PORT/callback");
  if (state.size() > 512 || !http::is_free_of_controls(state)) co_return refuse("state is too long");
  const auto send_back = [&](std::string_view error) {
    return see_other(with_query(redirect_uri, with_state({{"error", std::string(error)}}, state)));
  };
  if (value_of(request.query, "response_type") != "code") co_return send_back("unsupported_response_type");
  const std::string challenge = value_of(request.query, "code_challenge");
  if (value_of(request.query, "code_challenge_method") != "S256" || !is_challenge(challenge))
    co_return send_back("invalid_request");

  const auto credential = credential_of(request.headers);
  auto principal = credential && credential->from_cookie ? co_await parts_.authenticator.resolve(*credential)
                                                         : Result<Principal>(fail(ErrorCode::unauthenticated));
  if (!principal && principal.error().code == ErrorCode::unauthenticated) {
    http::Parameters sign_in{{"return_to", with_query("/oauth/authorize", request.query)}};
    if (const auto issuer = http::find(request.query, "issuer")) sign_in.emplace_back("issuer", std::string(*issuer));
    co_return see_other(with_query("/auth/login", sign_in));
  }
  if (!principal) co_return error_page(principal.error(), request.request_id);
  const std::string one_time = make_secret(parts_.rng);
  const Pending pending{
      to_hex(credential->token), principal->user, join(principal->roles), redirect_uri, challenge, state};
  if (auto kept =
          co_await parts_.cache.put("bourse:consent:" + to_hex(sha256(one_time)), to_text(pending), kConsentLife);
      !kept)
    co_return error_page(kept.error(), request.request_id);
  co_return consent_page(*principal, one_time, *destination);
}

http::Task<http::Response> AuthorizationServer::decide(http::Request request) {
  const auto refuse = [&](Error error) { return error_page(error, request.request_id); };
  if (auto own = check_origin(request.headers, parts_.origin); !own) co_return refuse(own.error());
  if (!is_form(request.headers)) co_return refuse({ErrorCode::unsupported_media_type, "a form is expected"});
  const auto form = http::parse_form(request.body);
  if (!form) co_return refuse(form.error());
  const auto credential = credential_of(request.headers);
  if (!credential || !credential->from_cookie) co_return refuse({ErrorCode::unauthenticated, "the session has ended"});
  const auto kept = co_await parts_.cache.take("bourse:consent:" + to_hex(sha256(value_of(*form, "request"))));
  if (!kept) co_return refuse(kept.error());
  const auto pending = *kept ? parse_pending(**kept) : std::nullopt;
  if (!pending || pending->session != to_hex(credential->token))
    co_return refuse(
        {ErrorCode::invalid_argument, "this page was answered already or is too old; run 'bourse login' again"});
  if (value_of(*form, "decision") != "allow")
    co_return see_other(with_query(pending->redirect_uri, with_state({{"error", "access_denied"}}, pending->state)));
  const std::string code = make_secret(parts_.rng);
  if (auto put = co_await parts_.cache.put("bourse:code:" + to_hex(sha256(code)), to_text(*pending), kCodeLife); !put)
    co_return refuse(put.error());
  co_return see_other(with_query(pending->redirect_uri, with_state({{"code", code}}, pending->state)));
}

// A code that comes twice was stolen, or so we must think: the token that it brought ends.
http::Task<void> AuthorizationServer::end_replayed(std::string code_hash) {
  const auto used = co_await parts_.cache.take("bourse:code-used:" + code_hash);
  if (!used || !*used) co_return;
  const auto issued = parse_hash(**used);
  if (!issued) co_return;
  parts_.authenticator.forget(*issued);
  (void)co_await parts_.people.end_session(*issued);
}

http::Task<http::Response> AuthorizationServer::token(http::Request request) {
  if (!is_form(request.headers))
    co_return oauth_error(400, "invalid_request", "send a form (application/x-www-form-urlencoded)");
  const auto form = http::parse_form(request.body);
  if (!form) co_return oauth_error(400, "invalid_request", form.error().detail);
  if (value_of(*form, "grant_type") != "authorization_code")
    co_return oauth_error(400, "unsupported_grant_type", "only authorization_code is");
  if (value_of(*form, "client_id") != kCliClient)
    co_return oauth_error(401, "invalid_client", "there is no such client");
  const std::string code = value_of(*form, "code");
  const std::string verifier = value_of(*form, "code_verifier");
  if (!looks_like_secret(code) || !is_verifier(verifier))
    co_return oauth_error(400, "invalid_request", "code or code_verifier is missing or malformed");
  const std::string code_hash = to_hex(sha256(code));
  const auto kept = co_await parts_.cache.take("bourse:code:" + code_hash);
  if (!kept) co_return oauth_error(503, "temporarily_unavailable", kept.error().detail);
  const auto pending = *kept ? parse_pending(**kept) : std::nullopt;
  if (!pending) {
    co_await end_replayed(code_hash);
    co_return oauth_error(400, "invalid_grant", "the code is unknown, used or older than a minute");
  }
  if (pending->redirect_uri != value_of(*form, "redirect_uri") ||
      !same_secret(challenge_of(verifier), pending->challenge))
    co_return oauth_error(400, "invalid_grant", "the code was made for another request");
  const std::string access = make_access_token(parts_.rng);
  NewSession session{sha256(access), pending->user, split(pending->roles), parts_.clock.now() + kSessionLife, "cli"};
  const auto opened = co_await parts_.people.open_session(std::move(session));
  if (!opened) co_return oauth_error(503, "temporarily_unavailable", "the broker can't be reached");
  (void)co_await parts_.cache.put("bourse:code-used:" + code_hash, to_hex(sha256(access)), kReplayWatch);
  http::Response out;
  out.headers.add("content-type", "application/json");
  out.body = json{{"access_token", access}, {"token_type", "Bearer"}, {"expires_in", kSessionLife.ms / 1000}}.dump();
  co_return out;
}

// RFC 7009: the answer is the same whether the token was known or not.
http::Task<http::Response> AuthorizationServer::revoke(http::Request request) {
  if (!is_form(request.headers))
    co_return oauth_error(400, "invalid_request", "send a form (application/x-www-form-urlencoded)");
  const auto form = http::parse_form(request.body);
  if (!form) co_return oauth_error(400, "invalid_request", form.error().detail);
  const std::string token = value_of(*form, "token");
  http::Response out;
  if (!looks_like_access_token(token)) co_return out;
  parts_.authenticator.forget(sha256(token));
  const auto ended = co_await parts_.people.end_session(sha256(token));
  if (!ended && ended.error().outcome() != Outcome::rejected)
    co_return oauth_error(503, "temporarily_unavailable", "the broker can't be reached");
  co_return out;
}

}  // namespace bourse::sso
