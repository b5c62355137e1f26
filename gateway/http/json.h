// JSON as we take it from outside: strict, and bounded in depth.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "base/result.h"

namespace bourse::http {

inline constexpr int kMostJsonDepth = 32;

// Refused, with the place: a byte order mark, anything that is not UTF-8, a name twice in one object, numbers that a
// double can't hold, lone surrogates, more than `most_depth` levels, text after the value. Integers stay integers;
// those outside 64 bits come out as floating point, which no field of ours takes. Errors: invalid_argument.
Result<nlohmann::json> parse_json(std::string_view text, int most_depth = kMostJsonDepth);

}  // namespace bourse::http
