#include "connectors/host/key_values.h"

#include <charconv>

namespace bourse::host {
namespace {

std::string escape(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\') text += "\\\\";
    else if (c == '\n') text += "\\n";
    else if (c == '\r') text += "\\r";
    else if (c == '\0') text += "\\0";
    else text += c;
  }
  return text;
}

Result<std::string> unescape(std::string_view text) {
  std::string value;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      value += text[i];
      continue;
    }
    if (++i == text.size()) return fail(ErrorCode::integrity, "a value ends in its escape");
    switch (text[i]) {
      case '\\': value += '\\'; break;
      case 'n': value += '\n'; break;
      case 'r': value += '\r'; break;
      case '0': value += '\0'; break;
      default: return fail(ErrorCode::integrity, "unknown escape in a value");
    }
  }
  return value;
}

}  // namespace

Result<std::string> KeyValues::text(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return fail(ErrorCode::integrity, std::string(key) + " is missing");
  return found->second;
}

Result<std::int64_t> KeyValues::integer(std::string_view key, std::int64_t least, std::int64_t most) const {
  TRY(const std::string value, text(key));
  const auto number = parse_integer(value, least, most);
  if (!number) return fail(ErrorCode::integrity, std::string(key) + ": " + number.error().detail);
  return *number;
}

std::string KeyValues::to_text() const {
  std::string text;
  for (const auto& [key, value] : values_) text.append(key).append("=").append(escape(value)).append("\n");
  return text + "end\n";
}

Result<KeyValues> KeyValues::parse(std::string_view text) {
  KeyValues read;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) break;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line == "end") return text.empty() ? Result<KeyValues>(std::move(read)) : fail(ErrorCode::integrity, "text after the end");
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0) return fail(ErrorCode::integrity, "a line is not key=value");
    TRY(std::string value, unescape(line.substr(equals + 1)));
    if (!read.values_.emplace(line.substr(0, equals), std::move(value)).second)
      return fail(ErrorCode::integrity, "a key comes twice");
  }
  return fail(ErrorCode::integrity, "the file is cut short");
}

Result<std::int64_t> parse_integer(std::string_view text, std::int64_t least, std::int64_t most) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || text.empty()) return fail(ErrorCode::invalid_argument, "not an integer");
  if (value < least || value > most) return fail(ErrorCode::invalid_argument, "integer out of range");
  return value;
}

}  // namespace bourse::host
