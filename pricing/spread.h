// Rows with weekly windows, as the market sells by them: usage is spread over the rows as it comes in, and what is kept of it
// is one quantity a row, however long the job runs and however many windows it crosses.
#pragma once

#include <span>
#include <vector>

#include "pricing/interval.h"

namespace bourse::pricing {

// Whether a row has windows, so that readings alone don't price them.
bool by_windows(std::span<const PriceRow> rows);

// Whether a market can sell by what a book locked: every row is `by_job`, or has windows. Where a meter's rows have windows,
// each of them has one price (no tiers, free quantity, minimum or factor) and the last of them always holds.
bool can_sell(std::span<const PriceRow> rows);

// Where the meters stood, and what of them fell to each row.
struct Spread {
  Instant at;                            // of the newest reading; 0 = nothing was read yet
  Readings cumulative;                   // at it
  std::vector<std::int64_t> quantities;  // one a row; empty = nothing was read yet
  bool operator==(const Spread&) const = default;
};

// Goes on from `before` to the last of `taken` (rising; not empty). Each difference between two readings belongs to the row
// that held then. Where the tariff changes between two readings and nobody read there, all of the difference goes to the
// cheapest of the rows that held meanwhile: who should have read bears the silence (docs/adr/0012). So reading at more
// instants never makes more of it than reading at the edges alone, and reading elsewhere changes nothing.
// Rows are `can_sell`. Errors: invalid_argument (readings or instants that fall; as tariff_edges), no_price (a meter moved
// that has no row).
Result<Spread> spread_on(Spread before, std::span<const ReadingAt> taken, std::span<const PriceRow> rows);

// One line a row, in the rows' order. A pure function that never falls while quantities grow. Errors: those of rate_line.
Result<Rating> rate_quantities(std::span<const std::int64_t> quantities, std::span<const PriceRow> rows);

// The most that holding `held` for `running` can cost, whenever it starts: every meter at its dearest row, and what rounding
// several lines may add. Rows are `can_sell`. Errors: those of rate_held.
Result<Amount> dearest(const Allocation& held, const PoolTotals& pool, Duration running, std::span<const PriceRow> rows);

// What it costs from `start` on without interruption. Errors: those of rate_held and spread_on.
Result<Rating> rate_from(Instant start, const Allocation& held, const PoolTotals& pool, Duration running, std::span<const PriceRow> rows);

// Of two rows of a meter, each with one price: whether `a` is cheaper a tick, discounts off.
bool cheaper(const PriceRow& a, const PriceRow& b);

}  // namespace bourse::pricing
