// The cache in this process: what a gateway falls back to without Redis, and what unit tests use.
#pragma once

#include <list>
#include <map>
#include <mutex>

#include "gateway/cache/cache.h"

namespace bourse::gateway {

class MemoryCache final : public Cache {
 public:
  // Keeps at most `most` values and as many buckets. A full store of values refuses (overloaded); the oldest bucket
  // makes room.
  MemoryCache(const Clock& clock, std::size_t most) : clock_(clock), most_(most) {}

  Task<Status> put(std::string key, std::string value, Duration ttl) override;
  Task<Result<std::optional<std::string>>> take(std::string key) override;
  Task<Result<Grant>> draw(std::string key, BucketSize size) override;

 private:
  struct Value {
    std::string text;
    Instant until;
  };
  void drop_expired(Instant now);

  const Clock& clock_;
  const std::size_t most_;
  std::mutex mutex_;
  std::map<std::string, Value> values_;
  std::map<std::string, Bucket> buckets_;
  std::list<std::string> bucket_order_;  // oldest first
};

}  // namespace bourse::gateway
