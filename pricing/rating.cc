#include "pricing/rating.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <tuple>
#include <utility>

#include "base/assert.h"

namespace bourse::pricing {
namespace {

constexpr std::array<std::int64_t, 7> kPowersOfTen = {1, 10, 100, 1'000, 10'000, 100'000, 1'000'000};
constexpr std::int32_t kWhole = 10'000;  // basis points
static_assert(Decimal::kMaxScale - Amount::kPlaces < kPowersOfTen.size());

std::unexpected<Error> too_large(const PriceRow& row) {
  return fail(ErrorCode::amount_overflow,
              "the amount of " + std::string(name(row.meter)) + " at price row " + to_text(row.id));
}

// numerator × 10^(6 − scale) / per, the power on the side where it is an integer. numerator >= 0.
Result<Amount> rounded(__int128 numerator, int scale, const PriceRow& row) {
  __int128 denominator = row.per;
  if (scale <= Amount::kPlaces) {
    // Past 2^127 the quotient is past 2^63 too, since `per` is below 2^63.
    if (__builtin_mul_overflow(numerator, kPowersOfTen[static_cast<std::size_t>(Amount::kPlaces - scale)], &numerator)) return too_large(row);
  } else {
    denominator *= kPowersOfTen[static_cast<std::size_t>(scale - Amount::kPlaces)];
  }
  const __int128 micros = divide_half_away(numerator, denominator);
  if (micros > std::numeric_limits<std::int64_t>::max()) return too_large(row);
  return Amount{static_cast<std::int64_t>(micros)};
}

// The slices' sum at the finest of their scales, times the factor: exact, and rounded once.
Result<Amount> amount_of_slices(std::int64_t billed, const PriceRow& row) {
  const std::vector<Slice> parts = slices(row, billed);
  int scale = 0;
  for (const Slice& part : parts) scale = std::max<int>(scale, part.price.scale);
  __int128 sum = 0;
  for (const Slice& part : parts) {
    __int128 product = static_cast<__int128>(part.ticks) * part.price.coefficient;
    for (int places = part.price.scale; places < scale; ++places)
      if (__builtin_mul_overflow(product, 10, &product)) return too_large(row);
    if (__builtin_add_overflow(sum, product, &sum)) return too_large(row);
  }
  if (row.factor.table.empty()) return rounded(sum, scale, row);
  if (__builtin_mul_overflow(sum, row.factor.value.coefficient, &sum)) return too_large(row);
  return rounded(sum, scale + row.factor.value.scale, row);
}

Result<Amount> amount_of(std::int64_t billed, const PriceRow& row) {
  if (!row.tiers.steps.empty() || !row.factor.table.empty()) return amount_of_slices(billed, row);
  return rounded(static_cast<__int128>(billed) * row.price.coefficient, row.price.scale, row);  // < 10^18 × 2^63 < 2^127
}

// `list` less the row's discount, and what that took off.
std::pair<Amount, Amount> discounted(Amount list, const PriceRow& row, bool billed) {
  if (row.off.bps == 0) return {list, {}};
  const auto off = static_cast<std::int64_t>(divide_half_away(static_cast<__int128>(list.micros) * row.off.bps, kWhole));
  Amount due = list - Amount{off};
  if (billed) due = std::max(due, std::min(list, row.minimum));
  return {due, list - due};
}

// The line of `quantity` after `line.before`, both in range.
Status rate_into(RatedLine& line, const PriceRow& row, std::int64_t quantity) {
  line.row = row.id;
  line.meter = row.meter;
  line.quantity = quantity;
  if (row.free.ticks > 0) {
    const std::int64_t had = row.free.over == Over::month ? line.before.used : 0;
    line.free = std::min(quantity, std::max<std::int64_t>(0, row.free.ticks - had));
  }
  const std::int64_t billed = quantity - line.free;
  const std::int64_t base = row.tiers.over == Over::month ? line.before.billed : 0;
  TRY(Amount list, amount_of(base + billed, row));
  if (base > 0) {
    TRY(const Amount earlier, amount_of(base, row));
    list -= earlier;
  }
  if (billed > 0 && !row.minimum.is_zero()) list = std::max(list, row.minimum);  // without one a month's line may be negative
  line.amount = list;
  if (row.off.bps != 0) {
    std::tie(line.amount, line.discount) = discounted(list, row, billed > 0);
    line.discount_id = row.off.id;
  }
  return {};
}

// A scow strategy prices the whole job, so its row is alone.
bool of_whole_jobs(std::span<const PriceRow> rows) {
  if (rows.empty() || rows.front().strategy == Strategy::per_meter) return false;
  BOURSE_ASSERT(rows.size() == 1);
  return true;
}

}  // namespace

std::vector<Slice> slices(const PriceRow& row, std::int64_t billed) {
  const std::vector<Tier>& steps = row.tiers.steps;
  const auto reached = std::ranges::lower_bound(steps, billed, {}, &Tier::above);  // the first that is not
  if (row.tiers.mode == TierMode::volume) return {{billed, reached == steps.begin() ? row.price : std::prev(reached)->price}};
  std::vector<Slice> parts = {{billed, row.price}};
  for (auto tier = steps.begin(); tier != reached; ++tier) {
    const std::int64_t above = billed - tier->above;
    parts.back().ticks -= above;
    parts.push_back({above, tier->price});
  }
  return parts;
}

Result<RatedLine> rate_line(const PriceRow& row, std::int64_t quantity, const MonthToDate& before) {
  if (quantity < 0 || quantity > kMaxReading || before.used < 0 || before.used > kMaxReading - quantity || before.billed < 0 ||
      before.billed > before.used)
    return fail(ErrorCode::invalid_argument, "the quantity " + std::to_string(quantity) + " of " + std::string(name(row.meter)) + " after " +
                                                 std::to_string(before.used) + " in its month is not from 0 to 10^18");
  RatedLine line{.before = before};
  CHECK_OK(rate_into(line, row, quantity));
  return line;
}

namespace {

// `cumulative` is of the first N meters, and the rows are of no others.
template <std::size_t N>
Result<Rating> rate_first(const ReadingsOf<N>& cumulative, std::span<const PriceRow> rows) {
  const auto meters = std::span(kMeters).first(N);
  for (const Meter meter : meters) {
    if (cumulative[meter] < 0 || cumulative[meter] > kMaxReading)
      return fail(ErrorCode::invalid_argument, "the reading " + std::to_string(cumulative[meter]) + " of " +
                                                   std::string(name(meter)) + " is not from 0 to 10^18");
  }
  std::array<bool, N> priced{};
  Rating rating;
  rating.lines.reserve(rows.size());
  for (const PriceRow& row : rows) {
    BOURSE_ASSERT(static_cast<std::size_t>(row.meter) < N);
    bool& seen = priced[static_cast<std::size_t>(row.meter)];
    BOURSE_ASSERT(!seen && by_readings(row));
    BOURSE_ASSERT(row.unit == rows.front().unit);
    seen = true;
    RatedLine& line = rating.lines.emplace_back();
    CHECK_OK(rate_into(line, row, cumulative[row.meter]));
    const auto total = checked_add(rating.total, line.amount);
    if (!total) return fail(ErrorCode::amount_overflow, "the total of the rated lines");
    rating.total = *total;
  }
  for (const Meter meter : meters) {
    if (cumulative[meter] == 0 || priced[static_cast<std::size_t>(meter)]) continue;
    const auto row = std::ranges::find_if(rows, [meter](const PriceRow& r) { return includes(r.factor, meter); });
    if (row == rows.end()) return fail(ErrorCode::no_price, std::string(name(meter)) + " was used and has no price row");
    rating.lines.push_back({.row = row->id, .meter = meter, .quantity = cumulative[meter]});
  }
  return rating;
}

}  // namespace

Result<Rating> rate(const Readings& cumulative, std::span<const PriceRow> rows) { return rate_first(cumulative, rows); }

Result<Rating> rate_usage(const Usage& usage, std::span<const PriceRow> rows) {
  if (!of_whole_jobs(rows)) return rate_first(readings_of(usage), rows);
  const PriceRow& row = rows.front();
  TRY(const std::int64_t amount, scow_amount(row.strategy, usage.allocation, usage.pool));
  TRY(const ScowCharge charge, scow_charge(amount, usage.running.ms / 1000, {row.price, row.places, row.minimum}));
  const auto [due, off] = discounted(charge.amount, row, charge.amount.is_positive());
  return Rating{.lines = {{.row = row.id, .meter = row.meter, .quantity = charge.quantity, .amount = due, .discount = off, .discount_id = row.off.id}}, .total = due};
}

Result<Rating> rate_held(const Readings& cumulative, const Allocation& held, const PoolTotals& pool, std::span<const PriceRow> rows) {
  if (!of_whole_jobs(rows)) return rate(cumulative, rows);
  const std::int64_t node_ms = cumulative[Meter::node_ms];
  if (held.nodes < 1 || node_ms < 0 || node_ms > kMaxReading)
    return fail(ErrorCode::invalid_argument, "no running time follows from " + std::to_string(node_ms) + " node_ms of " +
                                                 std::to_string(held.nodes) + " nodes");
  return rate_usage({.allocation = held, .running = Duration{node_ms / held.nodes}, .pool = pool}, rows);
}

Split split_settled(Amount total, Amount settled, const Terms& terms, bool may_subsidise) {
  BOURSE_ASSERT(!settled.is_negative());
  const Amount tax = split(total, {.tax_bps = terms.tax_bps}).tax;
  const Amount net = total - tax;
  const Amount center = may_subsidise ? settled : std::min(settled, net);
  return {.center = center, .margin = net - center, .tax = tax};
}

Split split(Amount total, const Terms& terms) {
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
