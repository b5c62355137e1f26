// A look at a request's header before the parser's: it refuses what two parsers might read in two ways.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace bourse::http {

// The length of the header at the front of `bytes`, its empty line included; nothing while it is not complete.
// Looks only at bytes from `from` on (and the three before), which earlier calls have not seen.
std::optional<std::size_t> header_length(std::string_view bytes, std::size_t from = 0);

// Whether `bytes`, a complete header or the part of one that has come, has the one shape we read: CRLF line ends and
// nothing else, no folded lines, no controls, no space before a colon, at most `most_fields` fields, one Host at most,
// and not two of Content-Length and Transfer-Encoding. Errors: invalid_argument, too_large.
Status check_header(std::string_view bytes, std::size_t most_fields);

}  // namespace bourse::http
