// Rating: (cumulative readings, locked price rows) → cumulative amounts. Pure, exact, rounded once a line.
#pragma once

#include <span>
#include <vector>

#include "base/amount.h"
#include "pricing/price_book.h"

namespace bourse::pricing {

// Usage × price row → amount, with all that is needed to recompute it (the row is found by its id).
struct RatedLine {
  PriceRowId row;
  Meter meter = Meter::core_ms;
  std::int64_t quantity = 0;  // the cumulative reading; with a scow strategy amount-hours × 10^places
  Amount amount;              // quantity × price / per, rounded half away from zero to micro-units; see strategy.h

  bool operator==(const RatedLine&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.row, self.meter, self.quantity, self.amount); }
};

struct Rating {
  std::vector<RatedLine> lines;  // one a row, in the rows' order
  Amount total;
};

// Errors: no_price (a meter reads above zero and no row has it), amount_overflow, invalid_argument (negative reading or
// above kMaxReading). Two rows for one meter is the caller's bug.
// Rows with a scow strategy need more than readings: they are the caller's bug here.
Result<Rating> rate(const Readings& cumulative, std::span<const PriceRow> rows);
// The same from what a job had, at rows as PriceBook::lock gives them. Errors: as above and those of scow_charge.
Result<Rating> rate_usage(const Usage& usage, std::span<const PriceRow> rows);

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

}  // namespace bourse::pricing
