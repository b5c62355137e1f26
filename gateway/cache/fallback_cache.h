// Redis while it answers, this process's memory while it doesn't: without Redis a sign-in works on one gateway and
// limits count per gateway, and nothing is refused.
#pragma once

#include "gateway/cache/cache.h"

namespace bourse::gateway {

class FallbackCache final : public Cache {
 public:
  FallbackCache(Cache& first, Cache& second) : first_(first), second_(second) {}

  Task<Status> put(std::string key, std::string value, Duration ttl) override {
    if (auto done = co_await first_.put(key, value, ttl)) co_return done;
    co_return co_await second_.put(std::move(key), std::move(value), ttl);
  }
  // From both: a put that Redis answered too late is in both, and must still be taken once only.
  Task<Result<std::optional<std::string>>> take(std::string key) override {
    auto taken = co_await first_.take(key);
    auto other = co_await second_.take(std::move(key));
    if (taken && *taken) co_return taken;
    co_return other;
  }
  Task<Result<Grant>> draw(std::string key, BucketSize size) override {
    if (auto grant = co_await first_.draw(key, size)) co_return grant;
    co_return co_await second_.draw(std::move(key), size);
  }

 private:
  Cache& first_;
  Cache& second_;
};

}  // namespace bourse::gateway
