#include "documents/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace bourse::documents {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

// The next character of `text`, which is not empty, and how many bytes it takes. RFC 3629: no overlong forms, no surrogates.
std::pair<char32_t, std::size_t> next_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t size = first >= 0xF0 && first <= 0xF4 ? 4 : first >= 0xE0 && first < 0xF0 ? 3 : first >= 0xC2 && first < 0xE0 ? 2 : 0;
  if (size == 0 || text.size() < size) return {kReplacement, 1};
  char32_t value = first & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {kReplacement, 1};
    value = value << 6 | (byte(i) & 0x3FU);
  }
  const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
  if (overlong || (value >= 0xD800 && value <= 0xDFFF) || value > 0x10FFFF) return {kReplacement, 1};
  return {value, size};
}

// Controls, and every blank but the one: a program that reads names would have its own opinion of the others.
bool is_blank(char32_t c) {
  return c <= 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

// Zero-width characters, marks and overrides of direction, the byte order mark, tags, and what is no character at all.
bool is_unseen(char32_t c) {
  return (c >= 0x200B && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0x061C || c == 0xFEFF ||
         (c >= 0xE0000 && c <= 0xE007F) || (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF);
}

std::uint64_t size_of(std::int64_t value) {
  return value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
}

std::string in_threes(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

}  // namespace

std::string clean(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto [character, size] = next_character(text);
    if (character == kReplacement)
      out += "\xEF\xBF\xBD";
    else if (is_blank(character))
      out += ' ';
    else if (!is_unseen(character))
      out += text.substr(0, size);
    text.remove_prefix(size);
  }
  return out;
}

int places_of(Amount amount) {
  int places = Amount::kPlaces;
  for (std::uint64_t rest = size_of(amount.micros); places > 2 && rest % 10 == 0; rest /= 10) --places;
  return places;
}

std::string grouped(Amount amount, int places) {
  const std::uint64_t size = size_of(amount.micros);
  std::string fraction = fmt::format("{:06}", size % 1'000'000);
  fraction.resize(static_cast<std::size_t>(std::clamp<int>(std::max(places, places_of(amount)), 2, Amount::kPlaces)));
  return (amount.is_negative() ? "-" : "") + in_threes(size / 1'000'000) + "." + fraction;
}

std::string grouped(std::int64_t number) { return (number < 0 ? "-" : "") + in_threes(size_of(number)); }

std::string readable(Instant t) {
  std::string text = to_text(t);
  if (text.ends_with('Z')) text.pop_back();
  if (const std::size_t at = text.find('T'); at != std::string::npos) text[at] = ' ';
  return text;
}

std::string day_of(Instant t) {
  const std::string text = to_text(t);
  return text.substr(0, text.find('T'));
}

std::string plain(const Cell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell)) return clean(*text);
  if (const auto* money = std::get_if<Money>(&cell)) return to_text(money->amount);
  if (const auto* number = std::get_if<std::int64_t>(&cell)) return std::to_string(*number);
  if (const auto* at = std::get_if<Instant>(&cell)) return to_text(*at);
  return {};
}

}  // namespace bourse::documents
