// Whether what a sale leaves after tax covers what its center gets by settlement rows, however long the job runs.
#pragma once

#include <cstdint>
#include <span>

#include "pricing/rating.h"

namespace bourse::pricing {

// Both lists as PriceBook::lock gives them for one job; rows are `can_sell` (spread.h) and grow with use.
struct Deal {
  std::span<const PriceRow> sale;
  std::span<const PriceRow> settlement;
  std::int32_t tax_bps = 0;
  PoolTotals pool;
};

// By the prices alone, for every job and reading. False: they don't tell; ask `covers`.
bool covers_always(const Deal& deal);

// For `held` up to `longest`, to within kCoverageRounding. Meter by meter, since a meter may run ahead of another; where either
// side has a scow strategy, in all at every instant. Walks from the point where coverage was last shown to the farthest one
// that follows from it; false also where more than kMostCoverageSteps would be needed (prices within a fraction of a percent
// of each other that aren't plainly one above the other).
bool covers(const Deal& deal, const Allocation& held, Duration longest);

inline constexpr Amount kCoverageRounding{4};  // half a micro-unit a line and the tax's remainder
inline constexpr int kMostCoverageSteps = 1'000;

}  // namespace bourse::pricing
