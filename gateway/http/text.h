// Text as it comes in URLs: percent encoding, forms, and the check that bytes are UTF-8.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "gateway/http/message.h"

namespace bourse::http {

// Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view bytes);
// No byte below 0x20 and no 0x7F.
bool is_free_of_controls(std::string_view bytes);

// Everything but letters, digits and "-._~" as %XX.
std::string percent_encode(std::string_view text);
// name=value&…, both percent-encoded, '+' a space. Refused: a name twice, bad escapes, controls other than tab and line
// ends, bytes that are not UTF-8, more than `most` pairs. Errors: invalid_argument.
Result<Parameters> parse_form(std::string_view text, std::size_t most = 32);
std::string to_form(const Parameters& parameters);

struct Target {
  std::string path;                   // decoded: "/api/v1/jobs"
  std::vector<std::string> segments;  // of the path, none empty
  Parameters query;
};
// A request target in origin form. Refused, so that no two programs on the way can read it differently: empty, "." and
// ".." segments (encoded or not), encoded slashes, backslashes and controls, ';', and bytes that are not UTF-8.
// "/" has no segments. Errors: invalid_argument, too_large.
Result<Target> parse_target(std::string_view target, std::size_t most_bytes = 4096, std::size_t most_parameters = 32);

}  // namespace bourse::http
