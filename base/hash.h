// Hash256: a SHA-256 value. The value lives here; computing it belongs to base/sha256.h.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bourse {

struct Hash256 {
  std::array<std::uint8_t, 32> bytes{};
  constexpr bool is_zero() const { return *this == Hash256{}; }
  constexpr auto operator<=>(const Hash256&) const = default;
};

std::string to_hex(const Hash256& hash);
Result<Hash256> parse_hash(std::string_view hex);  // 64 hexadecimal digits; errors: invalid_argument

}  // namespace bourse
