#include "broker/domain/text.h"

#include <algorithm>
#include <cstdint>

namespace bourse::broker {
namespace {

struct Character {
  char32_t code = 0;
  std::size_t size = 0;  // 0: not UTF-8
};

// The character at the front of a text that is not empty (RFC 3629: no overlong forms, no surrogates).
Character front(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return {};
  char32_t code = first & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {};
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[size] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
  return {code, size};
}

// Controls, what reorders or hides its neighbours, line separators, and what is no character at all.
bool is_harmful(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x061C || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
         (c & 0xFFFEU) == 0xFFFEU || (c >= 0xFDD0 && c <= 0xFDEF) || (c >= 0xE0000 && c <= 0xE007F);
}

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_token_character(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || std::string_view("._+:@-").contains(c);
}

}  // namespace

bool is_label(std::string_view text) {
  if (text.empty() || text.size() > kMaxLabel || text.front() == '-' || text.front() == ' ' || text.back() == ' ')
    return false;
  while (!text.empty()) {
    const Character c = front(text);
    if (c.size == 0 || is_harmful(c.code)) return false;
    text.remove_prefix(c.size);
  }
  return true;
}

bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= kMaxToken && text.front() != '-' && text.front() != '.' &&
         std::ranges::all_of(text, is_token_character);
}

bool is_slug(std::string_view text) {
  return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
         std::ranges::all_of(text, [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

std::string shown(std::string_view text) {
  std::string out;
  out.reserve(std::min(text.size(), kMaxReason));
  while (!text.empty()) {
    const Character c = front(text);
    const bool harmless = c.size != 0 && !is_harmful(c.code);
    const std::string_view piece = harmless ? text.substr(0, c.size) : std::string_view("?");
    if (out.size() + piece.size() > kMaxReason) break;
    out += piece;
    text.remove_prefix(std::max<std::size_t>(c.size, 1));
  }
  return out;
}

}  // namespace bourse::broker
