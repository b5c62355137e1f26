// Decimal: an exact decimal number, coefficient / 10^scale. Prices are Decimals; amounts are what they round to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bourse {

struct Decimal {
  std::int64_t coefficient = 0;
  std::uint8_t scale = 0;  // 0 … 12

  static constexpr std::uint8_t kMaxScale = 12;
  // By representation: 1.0 and 1.00 differ. Prices are kept as they were written.
  bool operator==(const Decimal&) const = default;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.coefficient, self.scale); }
};

std::string to_text(const Decimal& value);
// Optional '-', digits, optional '.' and at most 12 digits; nothing else. Errors: invalid_argument, amount_overflow.
Result<Decimal> parse_decimal(std::string_view text);

// numerator / denominator rounded half away from zero. denominator > 0.
__int128 divide_half_away(__int128 numerator, __int128 denominator);

}  // namespace bourse
