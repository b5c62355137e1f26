// Unit: what a ledger is kept in, as a short upper-case code: a currency ("CNY") or "DU" (度).
#pragma once

#include <array>
#include <compare>
#include <string_view>

#include "base/result.h"

namespace bourse {

struct Unit {
  std::array<char, 4> code{};  // padded with NUL

  constexpr auto operator<=>(const Unit&) const = default;
  std::string_view text() const {
    return {code.data(), code[3] != '\0' ? 4U : code[2] != '\0' ? 3U : code[1] != '\0' ? 2U : code[0] != '\0' ? 1U : 0U};
  }
};

inline constexpr Unit kCny{{'C', 'N', 'Y', '\0'}};
inline constexpr Unit kDu{{'D', 'U', '\0', '\0'}};

// Two to four letters A to Z. Errors: invalid_argument.
Result<Unit> parse_unit(std::string_view text);

}  // namespace bourse
