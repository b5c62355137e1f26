#include "connectors/host/text.h"

#include <algorithm>

#include "connectors/host/key_values.h"

namespace bourse::host {
namespace {

constexpr std::size_t kMaxShown = 300;
constexpr std::size_t kMaxName = 64;

bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

}  // namespace

std::optional<std::int64_t> parse_count(std::string_view text, std::int64_t most) {
  const auto value = parse_integer(text, 0, most);
  return value ? std::optional(*value) : std::nullopt;
}

std::string shown(std::string_view text) {
  std::string detail;
  for (const char c : text.substr(0, kMaxShown)) detail += (c >= 0x20 && c != 0x7f) ? c : ' ';
  while (detail.ends_with(' ')) detail.pop_back();
  return detail;
}

bool is_plain_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName && text.front() != '-' && std::ranges::all_of(text, is_name_byte);
}

bool is_plain_path(std::string_view text) {
  return text.starts_with('/') && text.size() < 4096 && !text.contains("..") &&
         std::ranges::all_of(text, [](char c) { return is_name_byte(c) || c == '/'; });
}

}  // namespace bourse::host
