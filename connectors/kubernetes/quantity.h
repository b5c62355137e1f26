// Kubernetes' quantities: "500m", "2", "128Mi", "1.5Gi", "1e3". Pure, no floating point.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace bourse::kubernetes {

// Thousandths, finer ones cut off. Nothing: not a quantity, negative, or beyond 64 bits.
std::optional<std::int64_t> parse_milli(std::string_view text);

}  // namespace bourse::kubernetes
