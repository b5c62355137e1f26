#include "connectors/kubernetes/names.h"

#include <algorithm>

#include "base/sha256.h"

namespace bourse::kubernetes {
namespace {

constexpr std::string_view kPrefix = "bourse-";
constexpr std::size_t kNameDigits = 32;

bool lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool letter_or_digit(char c) { return lower_or_digit(c) || (c >= 'A' && c <= 'Z'); }

}  // namespace

bool is_dns_label(std::string_view text) {
  return !text.empty() && text.size() <= 63 && lower_or_digit(text.front()) && lower_or_digit(text.back()) &&
         std::ranges::all_of(text, [](char c) { return lower_or_digit(c) || c == '-'; });
}

bool is_dns_subdomain(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  while (true) {
    const std::size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    if (!is_dns_label(part)) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_label_value(std::string_view text) {
  if (text.empty()) return true;
  return text.size() <= 63 && letter_or_digit(text.front()) && letter_or_digit(text.back()) &&
         std::ranges::all_of(text, [](char c) { return letter_or_digit(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_qualified_name(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return !text.empty() && is_label_value(text);
  return is_dns_subdomain(text.substr(0, slash)) && slash + 1 < text.size() && is_label_value(text.substr(slash + 1));
}

bool is_image(std::string_view text) {
  return !text.empty() && text.size() <= 512 && letter_or_digit(text.front()) &&
         std::ranges::all_of(text, [](char c) { return letter_or_digit(c) || std::string_view("._-/:@").contains(c); });
}

std::string job_name(std::string_view marker) { return std::string(kPrefix) + to_hex(sha256(marker)).substr(0, kNameDigits); }

bool is_job_name(std::string_view text) {
  return text.size() == kPrefix.size() + kNameDigits && text.starts_with(kPrefix) &&
         std::ranges::all_of(text.substr(kPrefix.size()), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (letter_or_digit(c) || c == '.' || c == '_' || c == '~' || c == '-') {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%', out += kHex[byte >> 4], out += kHex[byte & 15];
  }
  return out;
}

}  // namespace bourse::kubernetes
