// Amount: money (or 度) as a signed 64-bit count of micro-units. No floating point anywhere.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/result.h"

namespace bourse {

// One micro-unit is 0.000001 of the unit (yuan, 度…). The unit itself is kept beside the amount (see Unit): amounts of
// different units must never meet, and the ledger's accounts say which unit they are kept in.
struct Amount {
  std::int64_t micros = 0;

  static constexpr std::int64_t kMicrosPerUnit = 1'000'000;
  static constexpr std::uint8_t kPlaces = 6;
  static constexpr Amount of_micros(std::int64_t micros) { return Amount{micros}; }
  static constexpr Amount whole(std::int64_t units) { return Amount{units * kMicrosPerUnit}; }

  constexpr bool is_zero() const { return micros == 0; }
  constexpr bool is_positive() const { return micros > 0; }
  constexpr bool is_negative() const { return micros < 0; }
  constexpr auto operator<=>(const Amount&) const = default;
};

// Nothing when the sum leaves the range: for amounts that come from outside.
constexpr std::optional<Amount> checked_add(Amount a, Amount b) {
  Amount sum;
  if (__builtin_add_overflow(a.micros, b.micros, &sum.micros)) return std::nullopt;
  return sum;
}

// For amounts already validated; leaving the range is a bug and stops the process.
inline Amount operator+(Amount a, Amount b) {
  Amount sum;
  BOURSE_ASSERT(!__builtin_add_overflow(a.micros, b.micros, &sum.micros));
  return sum;
}
inline Amount operator-(Amount a, Amount b) {
  Amount difference;
  BOURSE_ASSERT(!__builtin_sub_overflow(a.micros, b.micros, &difference.micros));
  return difference;
}
inline Amount& operator+=(Amount& a, Amount b) { return a = a + b; }
inline Amount& operator-=(Amount& a, Amount b) { return a = a - b; }

// "12.50", "-0.000001": a plain decimal with at least two places and no trailing zeros beyond them.
std::string to_text(Amount amount);
// Reads what to_text writes: optional '-', digits, optional '.' and at most six digits; nothing else (no '+', no
// exponent, no separators, no spaces). Errors: invalid_argument, amount_overflow.
Result<Amount> parse_amount(std::string_view text);

}  // namespace bourse
