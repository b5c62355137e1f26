#include "base/amount.h"

#include "base/decimal.h"

namespace bourse {
namespace {

constexpr std::uint8_t kPlaces = 6;
constexpr std::uint8_t kLeastPlaces = 2;

}  // namespace

std::string to_text(Amount amount) {
  std::string text = to_text(Decimal{amount.micros, kPlaces});
  std::size_t trailing = 0;
  while (trailing < kPlaces - kLeastPlaces && text[text.size() - 1 - trailing] == '0') ++trailing;
  text.resize(text.size() - trailing);
  return text;
}

Result<Amount> parse_amount(std::string_view text) {
  TRY(const Decimal decimal, parse_decimal(text));
  if (decimal.scale > kPlaces)
    return fail(ErrorCode::invalid_argument, "an amount has at most 6 places after its point");
  Amount amount{decimal.coefficient};
  for (std::uint8_t scale = decimal.scale; scale < kPlaces; ++scale)
    if (__builtin_mul_overflow(amount.micros, 10, &amount.micros))
      return fail(ErrorCode::amount_overflow, "an amount is at most 9223372036854.775807");
  return amount;
}

}  // namespace bourse
