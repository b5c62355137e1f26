// Instants and durations as integers, and the Clock port through which alone they enter.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bourse {

struct Duration {
  std::int64_t ms = 0;
  constexpr auto operator<=>(const Duration&) const = default;
};

constexpr Duration milliseconds(std::int64_t n) { return {n}; }
constexpr Duration seconds(std::int64_t n) { return {n * 1000}; }
constexpr Duration minutes(std::int64_t n) { return {n * 60'000}; }
constexpr Duration hours(std::int64_t n) { return {n * 3'600'000}; }

// Milliseconds since 1970-01-01T00:00:00Z, without leap seconds. 0 means "not set" in optional places of the wire.
struct Instant {
  std::int64_t unix_ms = 0;
  constexpr auto operator<=>(const Instant&) const = default;
};

// Sums and differences stop at the ends of the range, since instants come from outside too.
constexpr std::int64_t saturating_add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a > 0 ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min();
}
constexpr std::int64_t saturating_subtract(std::int64_t a, std::int64_t b) {
  std::int64_t difference = 0;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return a >= 0 ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min();
}
constexpr Instant operator+(Instant t, Duration d) { return {saturating_add(t.unix_ms, d.ms)}; }
constexpr Instant operator-(Instant t, Duration d) { return {saturating_subtract(t.unix_ms, d.ms)}; }
constexpr Duration operator-(Instant a, Instant b) { return {saturating_subtract(a.unix_ms, b.unix_ms)}; }
constexpr Duration operator+(Duration a, Duration b) { return {saturating_add(a.ms, b.ms)}; }
constexpr Duration operator-(Duration a, Duration b) { return {saturating_subtract(a.ms, b.ms)}; }

// "2026-11-21T08:30:00.250Z" (RFC 3339, always UTC; the fraction only if it isn't zero). Outside the years 0001 to 9999 the
// year has a sign and six digits or more, which parse_instant refuses.
std::string to_text(Instant t);
// RFC 3339 with 'Z' or a numeric offset, years 0001 to 9999; finer than milliseconds is cut off; no leap seconds.
// Errors: invalid_argument.
Result<Instant> parse_instant(std::string_view text);

// The port for time. Implementations are safe to call from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall clock: may step. For stamps that people and other machines see.
  virtual Instant now() const = 0;
  // Never steps; only differences mean anything. For timeouts and measurements.
  virtual Duration monotonic() const = 0;
};

// The machine's clocks. The only place that reads them.
class SystemClock final : public Clock {
 public:
  Instant now() const override;
  Duration monotonic() const override;
};

// A clock that stands until it is moved: for tests and the simulator. Not thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Instant start) : now_(start) {}
  Instant now() const override { return now_; }
  Duration monotonic() const override { return now_ - Instant{}; }
  void advance(Duration d) { now_ = now_ + d; }

 private:
  Instant now_;
};

}  // namespace bourse
