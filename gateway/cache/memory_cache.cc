#include "gateway/cache/memory_cache.h"

namespace bourse::gateway {

void MemoryCache::drop_expired(Instant now) {
  std::erase_if(values_, [now](const auto& entry) { return entry.second.until <= now; });
}

http::Task<Status> MemoryCache::put(std::string key, std::string value, Duration ttl) {
  const std::lock_guard lock(mutex_);
  const Instant now = clock_.now();
  if (values_.size() >= most_) drop_expired(now);
  if (values_.size() >= most_ && !values_.contains(key))
    co_return fail(ErrorCode::overloaded, "too many sign-ins are under way");
  values_[std::move(key)] = Value{std::move(value), now + ttl};
  co_return Status{};
}

http::Task<Result<std::optional<std::string>>> MemoryCache::take(std::string key) {
  const std::lock_guard lock(mutex_);
  auto node = values_.extract(key);
  if (node.empty() || node.mapped().until <= clock_.now()) co_return std::optional<std::string>{};
  co_return std::optional<std::string>(std::move(node.mapped().text));
}

http::Task<Result<Grant>> MemoryCache::draw(std::string key, BucketSize size) {
  const std::lock_guard lock(mutex_);
  const Instant now = clock_.now();
  auto found = buckets_.find(key);
  if (found == buckets_.end()) {
    if (buckets_.size() >= most_) {
      buckets_.erase(bucket_order_.front());
      bucket_order_.pop_front();
    }
    bucket_order_.push_back(key);
    found = buckets_.emplace(std::move(key), Bucket{size.burst * 1000, now}).first;
  }
  co_return gateway::draw(found->second, size, now);
}

}  // namespace bourse::gateway
