#include "gateway/http/header_block.h"

#include <algorithm>
#include <string>

namespace bourse::http {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x + 32 : x) == y; });
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

Status check_characters(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (byte == '\n' && (i == 0 || bytes[i - 1] != '\r'))
      return fail(ErrorCode::invalid_argument, "a header line ends with a bare line feed");
    if (byte == '\r' && i + 1 < bytes.size() && bytes[i + 1] != '\n')
      return fail(ErrorCode::invalid_argument, "the header has a bare carriage return");
    if ((byte < 0x20 && byte != '\r' && byte != '\n' && byte != '\t') || byte == 0x7F)
      return fail(ErrorCode::invalid_argument, "the header has a control character");
  }
  return {};
}

struct Framing {
  int hosts = 0;
  int lengths = 0;
  int codings = 0;
};

Status check_field(std::string_view line, Framing& framing) {
  if (line.front() == ' ' || line.front() == '\t') return fail(ErrorCode::invalid_argument, "a header line is folded");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0)
    return fail(ErrorCode::invalid_argument, "a header line has no name");
  const std::string_view name = line.substr(0, colon);
  if (name.find_first_of(" \t") != std::string_view::npos)
    return fail(ErrorCode::invalid_argument, "a header name has a space in it");
  if (same_name(name, "host") && ++framing.hosts > 1)
    return fail(ErrorCode::invalid_argument, "there are two Host fields");
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (same_name(name, "content-length")) {
    ++framing.lengths;
    if (value.empty() || value.find_first_not_of("0123456789") != std::string_view::npos)
      return fail(ErrorCode::invalid_argument, "Content-Length is not one number");
  }
  if (same_name(name, "transfer-encoding")) {
    ++framing.codings;
    if (!same_name(value, "chunked"))
      return fail(ErrorCode::invalid_argument, "the body is in a transfer coding other than chunked");
  }
  if (framing.lengths + framing.codings > 1)
    return fail(ErrorCode::invalid_argument,
                "the length of the body is given twice (Content-Length, Transfer-Encoding)");
  return {};
}

}  // namespace

std::optional<std::size_t> header_length(std::string_view bytes, std::size_t from) {
  const std::size_t at = bytes.find("\r\n\r\n", from < 3 ? 0 : from - 3);
  if (at == std::string_view::npos) return std::nullopt;
  return at + 4;
}

Status check_header(std::string_view bytes, std::size_t most_fields) {
  CHECK_OK(check_characters(bytes));
  std::size_t fields = 0;
  Framing framing;
  std::size_t start = bytes.find("\r\n");  // past the request line
  while (start != std::string_view::npos) {
    start += 2;
    const std::size_t end = bytes.find("\r\n", start);
    if (end == std::string_view::npos || end == start) break;
    if (++fields > most_fields)
      return fail(ErrorCode::too_large, "there are more than " + std::to_string(most_fields) + " header fields");
    CHECK_OK(check_field(bytes.substr(start, end - start), framing));
    start = end;
  }
  return {};
}

}  // namespace bourse::http
