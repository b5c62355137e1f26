// The gateway as the command line's authorization server (RFC 6749, 7636, 8252, 7009): /oauth/authorize, /oauth/token,
// /oauth/revoke. One public client, "bourse-cli", which listens on a loopback port of the user's machine.
#pragma once

#include <optional>
#include <string>

#include "base/rng.h"
#include "gateway/cache/cache.h"
#include "gateway/http/router.h"
#include "gateway/sso/authenticate.h"

namespace bourse::sso {

struct AuthorizationParts {
  gateway::Cache& cache;
  People& people;
  Authenticator& authenticator;
  const Clock& clock;
  Rng& rng;
  std::string origin;
};

inline constexpr std::string_view kCliClient = "bourse-cli";

class AuthorizationServer {
 public:
  explicit AuthorizationServer(AuthorizationParts parts) : parts_(std::move(parts)) {}
  void add_routes(http::Router& router);

 private:
  http::Task<http::Response> ask(http::Request request);     // GET  /oauth/authorize
  http::Task<http::Response> decide(http::Request request);  // POST /oauth/authorize
  http::Task<http::Response> token(http::Request request);
  http::Task<http::Response> revoke(http::Request request);
  http::Task<void> end_replayed(std::string code_hash);

  AuthorizationParts parts_;
};

// "http://127.0.0.1:PORT/callback" or "http://[::1]:PORT/callback", nothing else; gives its origin.
std::optional<std::string> loopback_origin(std::string_view redirect_uri);

}  // namespace bourse::sso
