#include "pricing/rating.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "base/assert.h"

namespace bourse::pricing {
namespace {

constexpr std::array<std::int64_t, 7> kPowersOfTen = {1, 10, 100, 1'000, 10'000, 100'000, 1'000'000};
static_assert(Decimal::kMaxScale - Amount::kPlaces < kPowersOfTen.size());

// quantity × coefficient × 10^(6 − scale) / per, the power on the side where it is an integer.
Result<Amount> amount_of(std::int64_t quantity, const PriceRow& row) {
  const auto too_large = [&row] {
    return fail(ErrorCode::amount_overflow,
                "the amount of " + std::string(name(row.meter)) + " at price row " + to_text(row.id));
  };
  __int128 numerator = static_cast<__int128>(quantity) * row.price.coefficient;  // < 10^18 × 2^63 < 2^127
  __int128 denominator = row.per;
  if (row.price.scale <= Amount::kPlaces) {
    // Past 2^127 the quotient is past 2^63 too, since `per` is below 2^63.
    if (__builtin_mul_overflow(numerator, kPowersOfTen[Amount::kPlaces - row.price.scale], &numerator))
      return too_large();
  } else {
    denominator *= kPowersOfTen[row.price.scale - Amount::kPlaces];
  }
  const __int128 micros = divide_half_away(numerator, denominator);
  if (micros > std::numeric_limits<std::int64_t>::max()) return too_large();
  return Amount{static_cast<std::int64_t>(micros)};
}

}  // namespace

Result<Rating> rate(const Readings& cumulative, std::span<const PriceRow> rows) {
  for (const Meter meter : kMeters) {
    if (cumulative[meter] < 0 || cumulative[meter] > kMaxReading)
      return fail(ErrorCode::invalid_argument, "the reading " + std::to_string(cumulative[meter]) + " of " +
                                                   std::string(name(meter)) + " is not from 0 to 10^18");
  }
  std::array<bool, kMeterCount> priced{};
  Rating rating;
  rating.lines.reserve(rows.size());
  for (const PriceRow& row : rows) {
    bool& seen = priced[static_cast<std::size_t>(row.meter)];
    BOURSE_ASSERT(!seen && row.strategy == Strategy::per_meter);
    BOURSE_ASSERT(row.unit == rows.front().unit);
    seen = true;
    const std::int64_t quantity = cumulative[row.meter];
    TRY(Amount amount, amount_of(quantity, row));
    if (quantity > 0) amount = std::max(amount, row.minimum);
    const auto total = checked_add(rating.total, amount);
    if (!total) return fail(ErrorCode::amount_overflow, "the total of the rated lines");
    rating.total = *total;
    rating.lines.push_back({.row = row.id, .meter = row.meter, .quantity = quantity, .amount = amount});
  }
  for (const Meter meter : kMeters) {
    if (cumulative[meter] > 0 && !priced[static_cast<std::size_t>(meter)])
      return fail(ErrorCode::no_price, std::string(name(meter)) + " was used and has no price row");
  }
  return rating;
}

Result<Rating> rate_usage(const Usage& usage, std::span<const PriceRow> rows) {
  if (rows.empty() || rows.front().strategy == Strategy::per_meter) return rate(readings_of(usage.allocation, usage.running), rows);
  BOURSE_ASSERT(rows.size() == 1);
  const PriceRow& row = rows.front();
  TRY(const std::int64_t amount, scow_amount(row.strategy, usage.allocation, usage.pool));
  TRY(const ScowCharge charge, scow_charge(amount, usage.running.ms / 1000, {row.price, row.places, row.minimum}));
  return Rating{.lines = {{.row = row.id, .meter = row.meter, .quantity = charge.quantity, .amount = charge.amount}},
                .total = charge.amount};
}

Split split(Amount total, const Terms& terms) {
  constexpr std::int32_t kWhole = 10'000;
  BOURSE_ASSERT(!total.is_negative());
  BOURSE_ASSERT(terms.tax_bps >= 0 && terms.tax_bps <= kWhole);
  BOURSE_ASSERT(terms.margin_bps >= 0 && terms.margin_bps <= kWhole);
  const __int128 tax = static_cast<__int128>(total.micros) * terms.tax_bps / (kWhole + terms.tax_bps);
  const __int128 net = total.micros - tax;
  const __int128 margin = net * terms.margin_bps / kWhole;
  return {.center = Amount{static_cast<std::int64_t>(net - margin)},
          .margin = Amount{static_cast<std::int64_t>(margin)},
          .tax = Amount{static_cast<std::int64_t>(tax)}};
}

}  // namespace bourse::pricing
