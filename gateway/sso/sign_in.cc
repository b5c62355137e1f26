#include "gateway/sso/sign_in.h"

#include <nlohmann/json.hpp>

#include "base/sha256.h"
#include "gateway/http/json.h"
#include "gateway/http/text.h"
#include "gateway/sso/pages.h"
#include "gateway/sso/secrets.h"

namespace bourse::sso {
namespace {

constexpr std::string_view kBindingCookie = "__Host-bourse-sign-in";
constexpr Duration kPatience = minutes(10);                              // for a person at the provider's form
constexpr gateway::BucketSize kStarts{.burst = 400, .per_second = 100};  // of the whole market: each one takes memory

std::string key_of(std::string_view state) {
  return "bourse:sign-in:" + to_hex(sha256(state));
}

std::string set_cookie(std::string_view name, std::string_view value, Duration life) {
  return std::string(name)
      .append("=")
      .append(value)
      .append("; Path=/; Max-Age=")
      .append(std::to_string(life.ms / 1000))
      .append("; HttpOnly; Secure; SameSite=Lax");
}

// What is kept at the cache between leaving for the provider and coming back.
struct UnderWay {
  std::string provider, nonce, verifier, return_to, binding;
};

std::string to_text(const UnderWay& u) {
  return nlohmann::json{{"provider", u.provider},
                        {"nonce", u.nonce},
                        {"verifier", u.verifier},
                        {"return_to", u.return_to},
                        {"binding", u.binding}}
      .dump();
}

std::optional<UnderWay> parse_under_way(std::string_view text) {
  const auto parsed = http::parse_json(text, 2);
  if (!parsed || !parsed->is_object()) return std::nullopt;
  UnderWay out;
  const std::pair<const char*, std::string*> members[] = {{"provider", &out.provider},
                                                          {"nonce", &out.nonce},
                                                          {"verifier", &out.verifier},
                                                          {"return_to", &out.return_to},
                                                          {"binding", &out.binding}};
  for (const auto& [name, value] : members) {
    if (!parsed->contains(name) || !(*parsed)[name].is_string()) return std::nullopt;
    *value = (*parsed)[name].get<std::string>();
  }
  return out;
}

}  // namespace

std::string local_path(std::string_view wanted) {
  if (wanted.size() > 3000 || !wanted.starts_with('/') || wanted.starts_with("//") || wanted.starts_with("/\\"))
    return "/";
  for (const char c : wanted)
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7F || c == '\\') return "/";
  return std::string(wanted);
}

void SignIn::add_routes(http::Router& router) {
  using http::Method;
  router.add(
      {.method = Method::get, .pattern = "/", .handler = [this](http::Request r) { return landing(std::move(r)); }});
  router.add({.method = Method::get, .pattern = "/auth/login", .handler = [this](http::Request r) {
                return login(std::move(r));
              }});
  router.add({.method = Method::get, .pattern = "/auth/callback", .handler = [this](http::Request r) {
                return callback(std::move(r));
              }});
  router.add(
      {.method = Method::post, .pattern = "/auth/logout", .body_bytes = 1024, .handler = [this](http::Request r) {
         return logout(std::move(r));
       }});
}

Provider* SignIn::provider_named(std::string_view name) const {
  for (const auto& provider : parts_.providers)
    if (provider->settings().name == name) return provider.get();
  return nullptr;
}

http::Task<http::Response> SignIn::landing(http::Request request) {
  const auto credential = credential_of(request.headers);
  if (credential) {
    const auto principal = co_await parts_.authenticator.resolve(*credential);
    if (principal) co_return signed_in_page(*principal);
  }
  co_return landing_page("/auth/login");
}

http::Task<http::Response> SignIn::login(http::Request request) {
  const std::string return_to = local_path(http::find(request.query, "return_to").value_or("/"));
  const auto name = http::find(request.query, "issuer");
  if (parts_.providers.empty())
    co_return error_page(
        {ErrorCode::failed_precondition, "no identity provider is configured ([[issuer]] in gateway.toml)"},
        request.request_id);
  if (!name && parts_.providers.size() > 1) {
    std::vector<Choice> choices;
    for (const auto& provider : parts_.providers)
      choices.push_back(
          {provider->settings().tenant,
           "/auth/login?" + http::to_form({{"issuer", provider->settings().name}, {"return_to", return_to}})});
    co_return chooser_page(choices);
  }
  Provider* provider = name ? provider_named(*name) : parts_.providers.front().get();
  if (provider == nullptr)
    co_return error_page({ErrorCode::not_found, "there is no identity provider of that name here"}, request.request_id);
  auto response = co_await depart(provider, return_to);
  if (!response) co_return error_page(response.error(), request.request_id);
  co_return std::move(*response);
}

http::Task<Result<http::Response>> SignIn::depart(Provider* provider, std::string return_to) {
  const auto start = co_await parts_.cache.draw("bourse:limit:sign-in", kStarts);
  if (!start) co_return std::unexpected(start.error());
  if (!start->granted) co_return fail(ErrorCode::rate_limited, "too many people are signing in at this moment");
  const std::string state = make_secret(parts_.rng);
  const std::string binding = make_secret(parts_.rng);
  const UnderWay under_way{provider->settings().name, make_secret(parts_.rng), make_secret(parts_.rng),
                           std::move(return_to), to_hex(sha256(binding))};
  const Departure departure{callback_url(), state, under_way.nonce, challenge_of(under_way.verifier)};
  std::function<Result<std::string>()> ask = [provider, departure] { return provider->authorization_url(departure); };
  auto url = co_await parts_.workers.run(std::move(ask));
  if (!url) co_return std::unexpected(url.error());
  if (auto kept = co_await parts_.cache.put(key_of(state), to_text(under_way), kPatience); !kept)
    co_return std::unexpected(kept.error());
  http::Response response = see_other(std::move(*url));
  response.headers.add("set-cookie", set_cookie(kBindingCookie, binding, kPatience));
  co_return response;
}

http::Task<Result<http::Response>> SignIn::arrive(http::Request request) {
  const auto state = http::find(request.query, "state");
  if (!state || !looks_like_secret(*state))
    co_return fail(ErrorCode::invalid_argument, "this address belongs to no sign-in");
  const auto kept = co_await parts_.cache.take(key_of(*state));
  if (!kept) co_return std::unexpected(kept.error());
  const auto under_way = *kept ? parse_under_way(**kept) : std::nullopt;
  if (!under_way)
    co_return fail(ErrorCode::invalid_argument, "this sign-in was finished or took too long; start again");
  const auto binding = cookie(request.headers, kBindingCookie);
  if (!binding || !same_secret(to_hex(sha256(*binding)), under_way->binding))
    co_return fail(ErrorCode::forbidden, "this sign-in was started in another browser");
  Provider* provider = provider_named(under_way->provider);
  if (provider == nullptr) co_return fail(ErrorCode::not_found, "that identity provider is no longer used here");
  if (const auto issuer = http::find(request.query, "iss"); issuer && *issuer != provider->settings().url)
    co_return fail(ErrorCode::unauthenticated, "the answer comes from another issuer");
  if (http::find(request.query, "error"))
    co_return fail(ErrorCode::unauthenticated, "the identity provider ended the sign-in");
  const auto code = http::find(request.query, "code");
  if (!code || code->empty() || code->size() > 2048)
    co_return fail(ErrorCode::invalid_argument, "the identity provider gave no code");
  const Return back{callback_url(), std::string(*code), under_way->verifier, under_way->nonce};
  std::function<Result<Identity>()> ask = [provider, back] { return provider->identify(back); };
  auto identity = co_await parts_.workers.run(std::move(ask));
  if (!identity) co_return std::unexpected(identity.error());
  std::vector<std::string> roles = identity->roles;
  auto principal = co_await parts_.people.sign_in(std::move(*identity));
  if (!principal) co_return std::unexpected(principal.error());
  const std::string token = make_secret(parts_.rng);  // a new one at each sign-in
  NewSession session{sha256(token), principal->user, std::move(roles), parts_.clock.now() + kSessionLife, "browser"};
  if (auto opened = co_await parts_.people.open_session(std::move(session)); !opened)
    co_return std::unexpected(opened.error());
  if (const auto old = credential_of(request.headers); old && old->from_cookie) {
    parts_.authenticator.forget(old->token);
    (void)co_await parts_.people.end_session(old->token);  // it ends by itself if this fails
  }
  http::Response response = see_other(local_path(under_way->return_to));
  response.headers.add("set-cookie", set_cookie(kSessionCookie, token, kSessionLife));
  response.headers.add("set-cookie", set_cookie(kBindingCookie, "", Duration{}));
  co_return response;
}

http::Task<http::Response> SignIn::callback(http::Request request) {
  const std::string request_id = request.request_id;
  auto response = co_await arrive(std::move(request));
  if (!response) co_return error_page(response.error(), request_id);
  co_return std::move(*response);
}

// SameSite=Lax keeps the cookie out of other sites' POSTs and Origin is checked; without X-Bourse-Request, so that a
// plain form can sign out.
http::Task<http::Response> SignIn::logout(http::Request request) {
  if (auto own = check_origin(request.headers, parts_.origin); !own)
    co_return error_page(own.error(), request.request_id);
  if (const auto credential = credential_of(request.headers); credential && credential->from_cookie) {
    parts_.authenticator.forget(credential->token);
    if (auto ended = co_await parts_.people.end_session(credential->token); !ended)
      co_return error_page(ended.error(), request.request_id);
  }
  http::Response response = see_other("/");
  response.headers.add("set-cookie", set_cookie(kSessionCookie, "", Duration{}));
  co_return response;
}

}  // namespace bourse::sso
