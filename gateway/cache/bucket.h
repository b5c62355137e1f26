// A token bucket, in integers: it holds up to `burst` tokens and gains `per_second` of them.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace bourse::gateway {

struct BucketSize {
  std::int64_t burst = 1;       // 1 … 1'000'000
  std::int64_t per_second = 1;  // 1 … 1'000'000
};

struct Grant {
  bool granted = false;
  std::int64_t left = 0;  // whole tokens
  Duration wait;          // until there is a token again; 0 when granted
};

struct Bucket {
  std::int64_t milli_tokens = 0;
  Instant at;
};

// Fills `bucket` up to `now` (a clock that steps back adds nothing) and takes one token if there is one.
Grant draw(Bucket& bucket, BucketSize size, Instant now);

}  // namespace bourse::gateway
