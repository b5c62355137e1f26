#include "pricing/coverage.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "pricing/spread.h"

namespace bourse::pricing {
namespace {

constexpr std::int32_t kAll = 10'000;  // basis points

const PriceRow* of_meter(std::span<const PriceRow> rows, Meter meter) {
  const auto at = std::ranges::find(rows, meter, &PriceRow::meter);
  return at == rows.end() ? nullptr : &*at;
}

bool has_scow(std::span<const PriceRow> rows) { return !rows.empty() && rows.front().strategy != Strategy::per_meter; }

// a.price × a_factor / a.per >= b.price × b_factor / b.per; nothing when the products leave 128 bits.
struct Ratio {
  Decimal price;
  std::int64_t per = 1;
  std::int64_t factor = 1;
};
std::optional<bool> at_least(const Ratio& a, const Ratio& b) {
  const auto cross = [](const Ratio& x, const Ratio& y) -> std::optional<__int128> {
    __int128 product = static_cast<__int128>(x.price.coefficient) * x.factor;
    if (__builtin_mul_overflow(product, static_cast<__int128>(y.per), &product)) return std::nullopt;
    for (int places = x.price.scale; places < y.price.scale; ++places)
      if (__builtin_mul_overflow(product, static_cast<__int128>(10), &product)) return std::nullopt;
    return product;
  };
  const auto left = cross(a, b), right = cross(b, a);
  if (!left || !right) return std::nullopt;
  return *left >= *right;
}

// Whether each price of `sale`, less discount and tax, is at least each price of `settlement`. What else rows have must not
// count against it: no free quantity on one side, no minimum on the other.
bool dearer(const PriceRow& sale, const PriceRow& settlement, std::int32_t tax_bps) {
  if (sale.free.ticks > 0 || !settlement.minimum.is_zero()) return false;
  const auto fine = [&](const Decimal& sold, const Decimal& settled) {
    return at_least({sold, sale.per, kAll - sale.off.bps}, {settled, settlement.per, kAll + tax_bps}).value_or(false);
  };
  const auto above_all = [&](const Decimal& sold) {
    return fine(sold, settlement.price) &&
           std::ranges::all_of(settlement.tiers.steps, [&](const Tier& tier) { return fine(sold, tier.price); });
  };
  return above_all(sale.price) && std::ranges::all_of(sale.tiers.steps, above_all, &Tier::price);
}

// Of like strategies the dearer price and minimum always charge at least as much; tax has nothing to round then.
bool dearer_scow(const PriceRow& sale, const PriceRow& settlement, std::int32_t tax_bps) {
  return tax_bps == 0 && sale.strategy == settlement.strategy && sale.places == settlement.places && sale.off.bps == 0 &&
         settlement.minimum <= sale.minimum && at_least({sale.price}, {settlement.price}).value_or(false);
}

// Rows with windows have one price each. Where both sides have the same windows, each row covers its like; else each row of
// the sale must cover each of the settlement's, since they hold in any combination.
bool dearer_windowed(const Deal& deal, Meter meter) {
  std::vector<const PriceRow*> sold, settled;
  for (const PriceRow& row : deal.sale)
    if (row.meter == meter) sold.push_back(&row);
  for (const PriceRow& row : deal.settlement)
    if (row.meter == meter) settled.push_back(&row);
  const bool alike = std::ranges::equal(sold, settled, [](const PriceRow* a, const PriceRow* b) { return a->windows == b->windows && a->zone == b->zone; });
  for (std::size_t i = 0; i < sold.size(); ++i)
    for (std::size_t j = 0; j < settled.size(); ++j)
      if ((!alike || i == j) && !dearer(*sold[i], *settled[j], deal.tax_bps)) return false;
  return !sold.empty() || settled.empty();
}

Amount net_of(Amount total, std::int32_t tax_bps) { return total - split(total, {.tax_bps = tax_bps}).tax; }

// Both are non-decreasing functions of a number from 0 to `most`; nothing where they can't be told.
template <class Left, class Due>
bool stays_covered(Left left, Due due, std::int64_t most) {
  std::int64_t at = 0;
  for (int step = 0; step < kMostCoverageSteps; ++step) {
    const std::optional<Amount> have = left(at);
    if (!have) return false;
    const Amount enough = *have + kCoverageRounding;
    const auto within = [&](std::int64_t x) {
      const std::optional<Amount> wanted = due(x);
      return wanted && *wanted <= enough;
    };
    if (!within(at)) return false;
    // The farthest point that what is left here covers: doubling, then halving.
    std::int64_t reach = 1;
    while (reach <= most - at && within(at + reach)) reach = reach > (most - at) / 2 ? most - at + 1 : reach * 2;
    if (reach > most - at && within(most)) return true;
    std::int64_t covered = at, beyond = std::min(most, at + reach);
    while (beyond - covered > 1) {
      const std::int64_t middle = covered + (beyond - covered) / 2;
      (within(middle) ? covered : beyond) = middle;
    }
    at = beyond;
  }
  return false;
}

std::optional<Amount> amount_at(const PriceRow& row, std::int64_t quantity) {
  const auto line = rate_line(row, quantity);
  return line ? std::optional(line->amount) : std::nullopt;
}

}  // namespace

bool covers_always(const Deal& deal) {
  if (has_scow(deal.sale) && has_scow(deal.settlement)) return dearer_scow(deal.sale.front(), deal.settlement.front(), deal.tax_bps);
  if (has_scow(deal.sale) || has_scow(deal.settlement)) return false;
  if (by_windows(deal.sale) || by_windows(deal.settlement))
    return std::ranges::all_of(kHeldMeters, [&](Meter meter) { return dearer_windowed(deal, meter); });
  return std::ranges::all_of(deal.settlement, [&](const PriceRow& row) {
    const PriceRow* sold = of_meter(deal.sale, row.meter);
    return sold != nullptr && dearer(*sold, row, deal.tax_bps);
  });
}

bool covers(const Deal& deal, const Allocation& held, Duration longest) {
  if (covers_always(deal)) return true;
  if (by_windows(deal.sale) || by_windows(deal.settlement)) return false;
  if (has_scow(deal.sale) || has_scow(deal.settlement)) {
    const auto total_at = [&](std::span<const PriceRow> rows, std::int64_t ms) -> std::optional<Amount> {
      const auto rating = rate_held(readings_of(held, Duration{ms}), held, deal.pool, rows);
      return rating ? std::optional(rating->total) : std::nullopt;
    };
    const auto left = [&](std::int64_t ms) -> std::optional<Amount> {
      const auto total = total_at(deal.sale, ms);
      return total ? std::optional(net_of(*total, deal.tax_bps)) : std::nullopt;
    };
    return stays_covered(left, [&](std::int64_t ms) { return total_at(deal.settlement, ms); }, longest.ms);
  }
  const Readings most = readings_of(held, longest);
  return std::ranges::all_of(deal.settlement, [&](const PriceRow& row) {
    const PriceRow* sold = of_meter(deal.sale, row.meter);
    if (sold != nullptr && dearer(*sold, row, deal.tax_bps)) return true;
    const auto left = [&](std::int64_t quantity) -> std::optional<Amount> {
      if (sold == nullptr) return Amount{};
      const auto amount = amount_at(*sold, quantity);
      return amount ? std::optional(net_of(*amount, deal.tax_bps)) : std::nullopt;
    };
    return stays_covered(left, [&](std::int64_t quantity) { return amount_at(row, quantity); }, most[row.meter]);
  });
}

}  // namespace bourse::pricing
