// The REST market API: authenticates, limits, checks form, and passes on to the broker, which decides.
#pragma once

#include <list>
#include <map>
#include <mutex>
#include <string>

#include "gateway/api/market_client.h"
#include "gateway/api/operations.h"
#include "gateway/cache/cache.h"
#include "gateway/http/router.h"
#include "gateway/sso/authenticate.h"

namespace google::protobuf {
class Message;
}

namespace bourse::gateway {

// The newest journal position that each user was told of, so that a list shows what was just done. Bounded: whoever was
// quiet longest is forgotten, and then sees a list that is a moment old.
class Positions {
 public:
  explicit Positions(std::size_t most) : most_(most) {}
  void raise(const std::string& user, std::uint64_t position);
  std::uint64_t of(const std::string& user) const;

 private:
  struct Known {
    std::uint64_t position = 0;
    std::list<std::string>::iterator place;
  };
  const std::size_t most_;
  mutable std::mutex mutex_;
  std::map<std::string, Known> known_;
  std::list<std::string> order_;  // oldest first
};

// All outlive the server.
struct ApiParts {
  MarketClient& market;
  sso::Authenticator& authenticator;
  Cache& cache;
  std::string origin;                                 // "https://market.example.org"
  BucketSize limit{.burst = 400, .per_second = 200};  // of each user's requests
  BucketSize guesses{.burst = 10, .per_second = 1};    // of those that take a secret
};

class Api {
 public:
  explicit Api(ApiParts parts) : parts_(std::move(parts)) {}
  // The operations, and /healthz, /api/v1/me, /api/v1/openapi.yaml.
  void add_routes(http::Router& router);

 private:
  // Who asks, once they may: signed in, from our own page if by cookie, and within their limit.
  http::Task<Result<sso::Principal>> admit(http::Request request, Grant* grant);
  http::Task<http::Response> me(http::Request request);
  http::Task<http::Response> serve(const Operation* operation, http::Request request);
  http::Task<Result<http::Response>> perform(const Operation* operation, http::Request request,
                                             sso::Principal principal);
  http::Task<Result<http::Response>> ask(const Operation* operation, Call call,
                                         const google::protobuf::Message* request, google::protobuf::Message* reply);
  void note_position(const sso::Principal& principal, const google::protobuf::Message& reply);

  ApiParts parts_;
  Positions positions_{100'000};
};

// The served document (openapi.yaml).
std::string_view openapi_document();

}  // namespace bourse::gateway
