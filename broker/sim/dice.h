// Chance, from one seed.
#pragma once

#include <cstdint>
#include <span>

#include "base/rng.h"
#include "base/time.h"

namespace bourse::broker::sim {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : rng_(seed) {}

  bool permille(std::uint64_t chance) { return rng_.below(1000) < chance; }
  std::uint64_t below(std::uint64_t bound) { return rng_.below(bound); }
  // Uniform in [0, most], to the millisecond.
  Duration up_to(Duration most) {
    return {static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(most.ms) + 1))};
  }
  Rng& rng() { return rng_; }

 private:
  SeededRng rng_;
};

}  // namespace bourse::broker::sim
