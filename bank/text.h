// Characters of UTF-8 texts, for rules that count or compare them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace bourse::bank {

// Takes the first character off a text that isn't empty; nothing (and nothing taken) if it isn't well-formed UTF-8.
std::optional<char32_t> take_character(std::string_view& text);

}  // namespace bourse::bank
