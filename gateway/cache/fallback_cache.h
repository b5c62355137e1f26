// Redis while it answers, this process's memory while it doesn't: without Redis a sign-in works on one gateway and
// limits count per gateway, and nothing is refused.
#pragma once

#include "gateway/cache/cache.h"

namespace bourse::gateway {

class FallbackCache final : public Cache {
 public:
  FallbackCache(Cache& first, Cache& second) : first_(first), second_(second) {}

  Task<Status> put(std::string key, std::string value, Duration ttl) override;
  // From both: a put that `first` answered too late is in both, and must still be taken once only. What is in neither is
  // asked for again if `first` did not answer, which takes the better part of a second.
  Task<Result<std::optional<std::string>>> take(std::string key) override;
  Task<Result<Grant>> draw(std::string key, BucketSize size) override;

 private:
  Cache& first_;
  Cache& second_;
};

}  // namespace bourse::gateway
