// The port for what gateways share and may lose: sign-ins under way, one-time codes, rate limits.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "gateway/cache/bucket.h"
#include "gateway/http/message.h"

namespace bourse::gateway {

// Safe to use from every loop. Every call ends within a deadline of its own: a quarter of a second for one server.
class Cache {
 public:
  template <class T>
  using Task = http::Task<T>;

  virtual ~Cache() = default;
  // Keeps `value` for `ttl`. Errors: unavailable, overloaded.
  virtual Task<Status> put(std::string key, std::string value, Duration ttl) = 0;
  // The value, which is gone afterwards: of several callers one gets it. Errors: unavailable.
  virtual Task<Result<std::optional<std::string>>> take(std::string key) = 0;
  // Takes one token from the bucket of that key. Errors: unavailable.
  virtual Task<Result<Grant>> draw(std::string key, BucketSize size) = 0;
};

}  // namespace bourse::gateway
