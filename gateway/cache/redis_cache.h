// The cache in Redis, on a Unix socket: one connection a loop, opened when it is needed and again when it was lost.
// hiredis writes to sockets that may be gone, so the process must ignore SIGPIPE.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gateway/cache/cache.h"
#include "gateway/http/loops.h"

namespace bourse::gateway {

class RedisCache final : public Cache {
 public:
  // A call ends after `deadline`, and its connection with it: behind a Redis that stands still nobody queues.
  RedisCache(http::Loops& loops, std::string socket, const Clock& clock, Duration deadline = milliseconds(250));
  ~RedisCache() override;

  Task<Status> put(std::string key, std::string value, Duration ttl) override;
  Task<Result<std::optional<std::string>>> take(std::string key) override;
  Task<Result<Grant>> draw(std::string key, BucketSize size) override;

  // Closes the connections, from outside the loops and while they run; calls after it fail.
  void close();

 private:
  class Link;
  Task<Link*> link();

  http::Loops& loops_;
  std::vector<std::unique_ptr<Link>> links_;  // by loop, touched on it only
};

}  // namespace bourse::gateway
