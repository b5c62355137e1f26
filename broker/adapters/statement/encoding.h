// Base64 with padding (RFC 4648), as the statement's file and body carry bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bourse::statement {

std::string base64(std::string_view bytes);
std::optional<std::string> unbase64(std::string_view text);

}  // namespace bourse::statement
