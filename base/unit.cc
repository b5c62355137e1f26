#include "base/unit.h"

#include <algorithm>
#include <string>

namespace bourse {

Result<Unit> parse_unit(std::string_view text) {
  const auto is_letter = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (text.size() < 2 || text.size() > 4 || !std::ranges::all_of(text, is_letter))
    return fail(ErrorCode::invalid_argument, "a unit is two to four letters A to Z, like CNY");
  Unit unit;
  std::ranges::copy(text, unit.code.begin());
  return unit;
}

}  // namespace bourse
