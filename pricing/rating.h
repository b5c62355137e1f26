// Rating: (cumulative readings, locked price rows) → cumulative amounts. Pure, exact, rounded once a line.
#pragma once

#include <span>
#include <vector>

#include "base/amount.h"
#include "pricing/price_book.h"

namespace bourse::pricing {

// What a tenant had of a row in the calendar month before a line.
struct MonthToDate {
  std::int64_t used = 0;    // ticks
  std::int64_t billed = 0;  // of them, those that were not free
  bool operator==(const MonthToDate&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.used, self.billed); }
};

// Usage × price row → amount, with all that is needed to recompute it (the row is found by its id).
struct RatedLine {
  PriceRowId row;
  Meter meter = Meter::core_ms;  // another than the row's: it is included in the row's 度, and costs nothing
  std::int64_t quantity = 0;  // the cumulative reading, or its part in the row's windows; with a scow strategy amount-hours × 10^places
  Amount amount;              // what is due: see rate_line, strategy.h
  Amount discount;            // what the discount took off; amount + discount is the list price
  std::int64_t free = 0;      // ticks of `quantity` that the allowance covers
  std::int32_t month = 0;     // of rows by the month: 12 × year + month − 1, and what it had had before
  MonthToDate before;
  PriceRowId discount_id;     // the Discount's; nil = none

  bool operator==(const RatedLine&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.row, self.meter, self.quantity, self.amount, self.discount, self.free, self.month, self.before,
          self.discount_id);
  }
};

struct Rating {
  std::vector<RatedLine> lines;  // one a row, in the rows' order, then those of included meters
  Amount total;                  // their sum
  bool operator==(const Rating&) const = default;
};

// `quantity` ticks (in all, not since the last time) at a row of any kind but scow's:
//   free     = the part of quantity that the allowance covers, of this line or of what is left of the month's
//   list     = T(b + quantity − free) − T(b); b = what the month was billed before, or 0; T = the tiers' price × factor / per,
//              rounded half away from zero to micro-units, once
//   list     = the minimum if that is more and anything was billed
//   discount = list × bps / 10'000, rounded half away from zero, but not below the minimum
//   amount   = list − discount
// So a month's lines add up to T of the month's use, in whatever order they came (minimum and discounts apart: they belong
// to lines). With volume tiers by the month a line may be negative: it brings what earlier ones paid above the tier now reached.
// Errors: invalid_argument (a quantity, or a month's, that is not from 0 to kMaxReading), amount_overflow.
Result<RatedLine> rate_line(const PriceRow& row, std::int64_t quantity, const MonthToDate& before = {});

// What `billed` ticks of a row consist of, in the tiers' order: a receipt's explanation. Volume tiers give one slice.
struct Slice {
  std::int64_t ticks = 0;
  Decimal price;  // as the row has it, before the factor
};
std::vector<Slice> slices(const PriceRow& row, std::int64_t billed);

// Errors: no_price (a meter reads above zero and no row has or includes it), amount_overflow, invalid_argument (negative reading or
// above kMaxReading). Two rows for one meter is the caller's bug, and so is a row that is not `by_readings`: scow strategies,
// windows and months need more than readings (rate_usage, interval.h).
Result<Rating> rate(const Readings& cumulative, std::span<const PriceRow> rows);
// The same from what a job had, at rows as PriceBook::lock gives them. Errors: as above and those of scow_charge.
Result<Rating> rate_usage(const Usage& usage, std::span<const PriceRow> rows);
// A job's cumulative readings at rows of either kind, where it held `held` in a pool of `pool`: per_meter rows as `rate` has
// them; with a scow strategy the running time is node_ms / held.nodes, of which whole seconds count. A pure function that never
// falls while readings grow (grows_with_use). Errors: those of `rate` and scow_charge; invalid_argument (no nodes).
Result<Rating> rate_held(const Readings& cumulative, const Allocation& held, const PoolTotals& pool, std::span<const PriceRow> rows);

// What a center gets of a sale, from the contract locked with the plan. Prices include tax.
struct Terms {
  std::int32_t tax_bps = 0;     // 600 = 6 % on the net price
  std::int32_t margin_bps = 0;  // the platform's share of the net price
  bool operator==(const Terms&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.tax_bps, self.margin_bps); }
};

struct Split {
  Amount center;
  Amount margin;
  Amount tax;
  bool operator==(const Split&) const = default;
};

// Splits a cumulative amount: tax = ⌊total·t/(1+t)⌋, margin = ⌊(total − tax)·m⌋, the center gets the rest. Each part is
// monotone in `total`, so captures of differences are never negative and many captures split as one would.
// total >= 0; 0 <= tax_bps, margin_bps <= 10'000.
Split split(Amount total, const Terms& terms);

// The same where the center gets `settled`, a rating of the same readings by its own rows: tax as above, the margin is what is
// left of the net price. Where the platform may not subsidise, the center gets the net price at most: prices that cover it
// (coverage.h) miss it by no more than rounding. Tax and center are monotone in both; the margin isn't, it takes the remainders.
// settled >= 0.
Split split_settled(Amount total, Amount settled, const Terms& terms, bool may_subsidise);

}  // namespace bourse::pricing
