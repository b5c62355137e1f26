#include "base/decimal.h"

#include <algorithm>

#include "base/assert.h"

namespace bourse {

std::string to_text(const Decimal& value) {
  const auto magnitude = value.coefficient < 0 ? 0 - static_cast<std::uint64_t>(value.coefficient)
                                               : static_cast<std::uint64_t>(value.coefficient);
  std::string text = std::to_string(magnitude);
  if (value.scale > 0) {
    if (text.size() <= value.scale) text.insert(0, value.scale + 1U - text.size(), '0');
    text.insert(text.size() - value.scale, 1, '.');
  }
  if (value.coefficient < 0) text.insert(0, 1, '-');
  return text;
}

Result<Decimal> parse_decimal(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool negative = text.starts_with('-');
  std::string_view whole = negative ? text.substr(1) : text;
  std::string_view fraction;
  if (const auto dot = whole.find('.'); dot != std::string_view::npos) {
    fraction = whole.substr(dot + 1);
    whole = whole.substr(0, dot);
    if (fraction.empty()) return fail(ErrorCode::invalid_argument, "a decimal needs digits after its point");
  }
  if (whole.empty()) return fail(ErrorCode::invalid_argument, "a decimal needs digits before its point");
  if (!std::ranges::all_of(whole, is_digit) || !std::ranges::all_of(fraction, is_digit))
    return fail(ErrorCode::invalid_argument, "a decimal is written with digits, one point and a leading minus only");
  if (fraction.size() > Decimal::kMaxScale)
    return fail(ErrorCode::invalid_argument, "a decimal has at most 12 places after its point");

  Decimal value{0, static_cast<std::uint8_t>(fraction.size())};
  for (const std::string_view digits : {whole, fraction}) {
    for (const char c : digits) {
      // Built downwards, because the least value has no positive twin.
      if (__builtin_mul_overflow(value.coefficient, 10, &value.coefficient) ||
          __builtin_sub_overflow(value.coefficient, c - '0', &value.coefficient))
        return fail(ErrorCode::amount_overflow, "the decimal has too many digits");
    }
  }
  if (!negative && __builtin_sub_overflow(0, value.coefficient, &value.coefficient))
    return fail(ErrorCode::amount_overflow, "the decimal has too many digits");
  return value;
}

__int128 divide_half_away(__int128 numerator, __int128 denominator) {
  BOURSE_ASSERT(denominator > 0);
  const __int128 quotient = numerator / denominator;  // towards zero
  const __int128 remainder = numerator % denominator;
  const __int128 distance = remainder < 0 ? -remainder : remainder;
  if (distance < denominator - distance) return quotient;  // doubling could overflow
  return numerator < 0 ? quotient - 1 : quotient + 1;
}

}  // namespace bourse
