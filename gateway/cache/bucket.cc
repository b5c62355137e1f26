#include "gateway/cache/bucket.h"

#include <algorithm>

namespace bourse::gateway {

Grant draw(Bucket& bucket, BucketSize size, Instant now) {
  const std::int64_t full = size.burst * 1000;
  // A bucket can't be emptier than empty: more than burst / per_second of waiting fills any.
  const std::int64_t longest_ms = full / size.per_second + 1;
  const std::int64_t passed_ms = std::clamp<std::int64_t>(now.unix_ms - bucket.at.unix_ms, 0, longest_ms);
  bucket.milli_tokens = std::min(full, bucket.milli_tokens + passed_ms * size.per_second);
  bucket.at = now;
  if (bucket.milli_tokens >= 1000) {
    bucket.milli_tokens -= 1000;
    return {true, bucket.milli_tokens / 1000, {}};
  }
  const std::int64_t missing = 1000 - bucket.milli_tokens;
  return {false, 0, milliseconds((missing + size.per_second - 1) / size.per_second)};
}

}  // namespace bourse::gateway
