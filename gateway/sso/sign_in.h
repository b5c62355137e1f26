// Signing people in with a browser: /, /auth/login, /auth/callback, /auth/logout.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "gateway/cache/cache.h"
#include "gateway/http/router.h"
#include "gateway/http/workers.h"
#include "gateway/sso/authenticate.h"
#include "gateway/sso/provider.h"

namespace bourse::sso {

// Everything here outlives the server.
struct SignInParts {
  std::vector<std::unique_ptr<Provider>> providers;  // none: nobody can sign in here
  gateway::Cache& cache;
  People& people;
  Authenticator& authenticator;
  http::Workers& workers;
  const Clock& clock;
  Rng& rng;
  std::string origin;  // "https://market.example.org": no path
};

inline constexpr Duration kSessionLife = hours(12);

class SignIn {
 public:
  explicit SignIn(SignInParts parts) : parts_(std::move(parts)) {}
  void add_routes(http::Router& router);

 private:
  http::Task<http::Response> landing(http::Request request);
  http::Task<http::Response> login(http::Request request);
  http::Task<http::Response> callback(http::Request request);
  http::Task<http::Response> logout(http::Request request);
  http::Task<Result<http::Response>> depart(Provider* provider, std::string return_to);
  http::Task<Result<http::Response>> arrive(http::Request request);
  Provider* provider_named(std::string_view name) const;
  std::string callback_url() const { return parts_.origin + "/auth/callback"; }

  SignInParts parts_;
};

// A path of ours to go on with after a sign-in: starts with one '/', stays on this site. "/" for anything else.
std::string local_path(std::string_view wanted);

}  // namespace bourse::sso
