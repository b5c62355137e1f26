// Hexadecimal digits, as hashes and ids are written.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace bourse {

std::string to_hex(std::span<const std::uint8_t> bytes);  // lower case
// Fills all of `out` from 2 × its size digits of either case; false for another length or another character.
bool from_hex(std::string_view hex, std::span<std::uint8_t> out);

}  // namespace bourse
