#include "gateway/http/text.h"

#include <array>
#include <cstdint>

namespace bourse::http {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// Nothing for a broken escape.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return out;
}

bool is_free_of_odd_controls(std::string_view bytes) {
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7F) return false;
  }
  return true;
}

Result<std::string> path_segment(std::string_view raw) {
  if (raw.empty()) return fail(ErrorCode::invalid_argument, "the path has an empty segment");
  for (const char c : raw)
    if (c == ';' || c == '\\' || static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7F)
      return fail(ErrorCode::invalid_argument, "the path has a character that must not stand there");
  auto decoded = percent_decode(raw, false);
  if (!decoded) return fail(ErrorCode::invalid_argument, "the path has a broken percent escape");
  if (*decoded == "." || *decoded == "..") return fail(ErrorCode::invalid_argument, "the path has a dot segment");
  if (decoded->find_first_of("/\\;") != std::string::npos || !is_free_of_controls(*decoded))
    return fail(ErrorCode::invalid_argument,
                "the path has an encoded slash, backslash, semicolon or control character");
  if (!is_utf8(*decoded)) return fail(ErrorCode::invalid_argument, "the path is not UTF-8");
  return std::move(*decoded);
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size();) {
    const auto lead = static_cast<std::uint8_t>(bytes[i]);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || bytes.size() - i < length) return false;
    std::uint32_t point = lead & (0x7FU >> length);
    for (std::size_t k = 1; k < length; ++k) {
      const auto next = static_cast<std::uint8_t>(bytes[i + k]);
      if ((next & 0xC0U) != 0x80) return false;
      point = (point << 6) | (next & 0x3FU);
    }
    constexpr std::array<std::uint32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
    if (point < kLeast[length] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return false;
    i += length;
  }
  return true;
}

bool is_free_of_controls(std::string_view bytes) {
  for (const char c : bytes)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
  return true;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c)) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

Result<Parameters> parse_form(std::string_view text, std::size_t most) {
  Parameters out;
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (pair.empty()) continue;
    if (out.size() == most) return fail(ErrorCode::invalid_argument, "there are too many parameters");
    const std::size_t equals = pair.find('=');
    auto name = percent_decode(pair.substr(0, equals), true);
    auto value = percent_decode(equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1), true);
    if (!name || !value) return fail(ErrorCode::invalid_argument, "a parameter has a broken percent escape");
    for (const auto* part : {&*name, &*value})
      if (!is_utf8(*part) || !is_free_of_odd_controls(*part))
        return fail(ErrorCode::invalid_argument, "a parameter is not plain UTF-8 text");
    if (find(out, *name)) return fail(ErrorCode::invalid_argument, "the parameter '" + *name + "' is given twice");
    out.emplace_back(std::move(*name), std::move(*value));
  }
  return out;
}

std::string to_form(const Parameters& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (!out.empty()) out.push_back('&');
    out.append(percent_encode(name)).append("=").append(percent_encode(value));
  }
  return out;
}

Result<Target> parse_target(std::string_view target, std::size_t most_bytes, std::size_t most_parameters) {
  if (target.size() > most_bytes) return fail(ErrorCode::too_large, "the request target is too long");
  if (target.empty() || target.front() != '/')
    return fail(ErrorCode::invalid_argument, "the request target must start with '/'");
  if (target.find('#') != std::string_view::npos)
    return fail(ErrorCode::invalid_argument, "the request target has a fragment");
  const std::size_t question = target.find('?');
  std::string_view path = target.substr(1, question == std::string_view::npos ? question : question - 1);
  Target out;
  if (question != std::string_view::npos) {
    TRY(out.query, parse_form(target.substr(question + 1), most_parameters));
  }
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    TRY(std::string segment, path_segment(path.substr(0, slash)));
    out.path.append("/").append(segment);
    out.segments.push_back(std::move(segment));
    if (slash == std::string_view::npos) break;
    path = path.substr(slash + 1);
    if (path.empty()) return fail(ErrorCode::invalid_argument, "the path ends with a slash");
  }
  if (out.segments.empty()) out.path = "/";
  return out;
}

}  // namespace bourse::http
