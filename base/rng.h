// The Rng port: random bytes come only through it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace bourse {

class Rng {
 public:
  virtual ~Rng() = default;
  virtual void fill(std::span<std::byte> out) = 0;

  std::uint64_t next_u64();
  // Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound);
};

// The kernel's generator (getrandom); fit for keys and tokens. Thread-safe.
class SystemRng final : public Rng {
 public:
  void fill(std::span<std::byte> out) override;
};

// Reproducible (xoshiro256**, seeded by splitmix64); for tests and the simulator, never for secrets. Not thread-safe.
class SeededRng final : public Rng {
 public:
  explicit SeededRng(std::uint64_t seed);
  void fill(std::span<std::byte> out) override;

 private:
  std::uint64_t state_[4];
};

}  // namespace bourse
