// base64url without padding (RFC 4648, section 5), as OAuth and JOSE use it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bourse::sso {

std::string to_base64url(std::span<const std::uint8_t> bytes);
// Its alphabet and nothing else; unused bits must be zero, so a value has one encoding. Errors: invalid_argument.
Result<std::string> from_base64url(std::string_view text);
// Ordinary base64 with padding, for HTTP's Basic scheme.
std::string to_base64(std::string_view bytes);

}  // namespace bourse::sso
