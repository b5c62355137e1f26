#include "base/error.h"

#include <algorithm>
#include <array>

#include "base/assert.h"

namespace bourse {
namespace {

constexpr ErrorInfo kTable[] = {
#define BOURSE_ERROR(number, name, outcome, http, grpc, exit, sentence, remedy) \
  ErrorInfo{ErrorCode::name, #name, Outcome::outcome, http, grpc, exit, sentence, remedy},
#include "base/error_table.inc"
#undef BOURSE_ERROR
};

// Lookup is by position, so numbers run from 1 without gaps; a gap would not compile.
static_assert([] {
  for (std::size_t i = 0; i < std::size(kTable); ++i)
    if (static_cast<std::size_t>(kTable[i].code) != i + 1) return false;
  return true;
}());

}  // namespace

const ErrorInfo& info(ErrorCode code) {
  const auto number = static_cast<std::size_t>(code);
  BOURSE_ASSERT(number >= 1 && number <= std::size(kTable));
  return kTable[number - 1];
}

std::optional<ErrorCode> error_code_named(std::string_view name) {
  const auto* row = std::ranges::find(kTable, name, &ErrorInfo::name);
  if (row == std::end(kTable)) return std::nullopt;
  return row->code;
}

std::string Error::message() const {
  const ErrorInfo& row = info(code);
  std::string text(row.sentence);
  if (!detail.empty()) text.append(" ").append(detail);
  text.append(" ").append(row.remedy);
  return text;
}

}  // namespace bourse
