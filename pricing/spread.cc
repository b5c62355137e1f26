#include "pricing/spread.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

namespace bourse::pricing {
namespace {

constexpr std::int32_t kWholePrice = 10'000;  // basis points

// A 256-bit product, so that prices of any size compare exactly.
using Wide = unsigned __int128;
std::pair<Wide, Wide> product(Wide a, Wide b) {
  constexpr Wide kLow = ~std::uint64_t{0};
  const Wide low = (a & kLow) * (b & kLow), cross = (a >> 64) * (b & kLow), other = (a & kLow) * (b >> 64);
  const Wide middle = (low >> 64) + (cross & kLow) + (other & kLow);
  return {(a >> 64) * (b >> 64) + (cross >> 64) + (other >> 64) + (middle >> 64), middle << 64 | (low & kLow)};
}

Wide ten_to(int places) {
  Wide power = 1;
  for (; places > 0; --places) power *= 10;
  return power;
}

bool has_windows(const PriceRow& row) { return !row.windows.empty(); }

bool one_price(const PriceRow& row) {
  return row.strategy == Strategy::per_meter && row.tiers.steps.empty() && row.free.ticks == 0 && row.minimum.is_zero() &&
         row.factor.table.empty();
}

// The rows that hold at one instant, meter by meter: the first of its rows whose windows do.
class Holding {
 public:
  static Result<Holding> of(std::span<const PriceRow> rows) {
    Holding holding;
    holding.rows_ = rows;
    for (const PriceRow& row : rows) {
      if (!has_windows(row)) {
        holding.zones_.emplace_back();
        continue;
      }
      TRY(Zone zone, Zone::named(row.zone));
      holding.zones_.emplace_back(std::move(zone));
    }
    return holding;
  }
  std::optional<std::size_t> at(Meter meter, Instant when) const {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (rows_[i].meter != meter) continue;
      if (!zones_[i] || in_windows(rows_[i].windows, zones_[i]->local(when))) return i;
    }
    return std::nullopt;
  }

 private:
  std::span<const PriceRow> rows_;
  std::vector<std::optional<Zone>> zones_;  // of rows with windows
};

Status check_order(const Spread& before, std::span<const ReadingAt> taken) {
  Instant at = before.at;
  const Readings* last = &before.cumulative;
  for (const ReadingAt& reading : taken) {
    if (reading.at < at) return fail(ErrorCode::invalid_argument, "the readings are not in the order of time");
    for (const Meter meter : kHeldMeters)
      if (reading.cumulative[meter] < (*last)[meter] || reading.cumulative[meter] > kMaxReading)
        return fail(ErrorCode::invalid_argument, "the reading " + std::to_string(reading.cumulative[meter]) + " of " + std::string(name(meter)) + " at " +
                                                     to_text(reading.at) + " falls, or is not from 0 to 10^18");
    at = reading.at;
    last = &reading.cumulative;
  }
  return {};
}

// The cheapest row of a meter that held at one of `instants`; of equals the one that held first.
std::optional<std::size_t> cheapest(const Holding& holding, std::span<const PriceRow> rows, Meter meter, std::span<const Instant> instants) {
  std::optional<std::size_t> best;
  for (const Instant at : instants) {
    const auto row = holding.at(meter, at);
    if (!row) return std::nullopt;
    if (!best || cheaper(rows[*row], rows[*best])) best = row;
  }
  return best;
}

}  // namespace

bool by_windows(std::span<const PriceRow> rows) { return std::ranges::any_of(rows, has_windows); }

bool can_sell(std::span<const PriceRow> rows) {
  if (!by_windows(rows)) return std::ranges::all_of(rows, by_job);
  for (const Meter meter : kHeldMeters) {
    const PriceRow* last = nullptr;
    bool windows = false, flat = true;
    for (const PriceRow& row : rows) {
      if (row.strategy != Strategy::per_meter || by_month(row) || !row.factor.table.empty()) return false;
      if (row.meter != meter) continue;
      windows = windows || has_windows(row);
      flat = flat && one_price(row);
      last = &row;
    }
    if (windows && (!flat || has_windows(*last))) return false;
  }
  return true;
}

bool cheaper(const PriceRow& a, const PriceRow& b) {
  // price × (1 − discount) / per, each side times the other's denominators.
  const auto side = [](const PriceRow& x, const PriceRow& y) {
    const Wide price = static_cast<Wide>(x.price.coefficient) * static_cast<Wide>(kWholePrice - x.off.bps);
    return product(price, static_cast<Wide>(y.per) * ten_to(std::max(0, y.price.scale - x.price.scale)));
  };
  return side(a, b) < side(b, a);
}

Result<Spread> spread_on(Spread before, std::span<const ReadingAt> taken, std::span<const PriceRow> rows) {
  if (before.quantities.empty()) {
    before.quantities.assign(rows.size(), 0);
    before.at = taken.front().at;
  }
  if (before.quantities.size() != rows.size()) return fail(ErrorCode::invalid_argument, "the quantities are of other rows");
  CHECK_OK(check_order(before, taken));
  TRY(const Holding holding, Holding::of(rows));
  std::vector<Instant> instants;
  for (const ReadingAt& reading : taken) {
    if (reading.cumulative != before.cumulative) {
      instants = {before.at};
      TRY(const auto edges, tariff_edges(rows, before.at, reading.at));
      instants.insert(instants.end(), edges.begin(), edges.end());
      for (const Meter meter : kHeldMeters) {
        const std::int64_t more = reading.cumulative[meter] - before.cumulative[meter];
        if (more == 0) continue;
        const auto row = cheapest(holding, rows, meter, instants);
        if (!row) return fail(ErrorCode::no_price, std::string(name(meter)) + " was used and has no row at " + to_text(before.at));
        before.quantities[*row] += more;
      }
    }
    before.at = reading.at;
    before.cumulative = reading.cumulative;
  }
  return before;
}

Result<Rating> rate_quantities(std::span<const std::int64_t> quantities, std::span<const PriceRow> rows) {
  if (quantities.size() != rows.size()) return fail(ErrorCode::invalid_argument, "the quantities are of other rows");
  Rating rating;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    TRY(const RatedLine line, rate_line(rows[i], quantities[i]));
    const auto total = checked_add(rating.total, line.amount);
    if (!total) return fail(ErrorCode::amount_overflow, "the total of the rated lines");
    rating.total = *total;
    rating.lines.push_back(line);
  }
  return rating;
}

Result<Amount> dearest(const Allocation& held, const PoolTotals& pool, Duration running, std::span<const PriceRow> rows) {
  const Readings readings = readings_of(held, running);
  if (!by_windows(rows)) {
    TRY(const Rating rating, rate_held(readings, held, pool, rows));
    return rating.total;
  }
  std::array<Amount, kHeldMeterCount> most{};
  std::array<std::int64_t, kHeldMeterCount> count{};
  for (const PriceRow& row : rows) {
    const auto m = static_cast<std::size_t>(row.meter);
    TRY(const RatedLine line, rate_line(row, readings[row.meter]));
    most[m] = std::max(most[m], line.amount);
    ++count[m];
  }
  Amount total;
  for (std::size_t m = 0; m < kHeldMeterCount; ++m) {
    // Each line is rounded twice, price and discount, by half a micro-unit.
    const auto sum = checked_add(total, most[m] + Amount{count[m] > 1 && most[m].is_positive() ? 2 * count[m] : 0});
    if (!sum) return fail(ErrorCode::amount_overflow, "the dearest price");
    total = *sum;
  }
  return total;
}

Result<Rating> rate_from(Instant start, const Allocation& held, const PoolTotals& pool, Duration running, std::span<const PriceRow> rows) {
  const Readings whole = readings_of(held, running);
  if (!by_windows(rows)) return rate_held(whole, held, pool, rows);
  std::vector<ReadingAt> taken{{start, {}}};
  TRY(const auto edges, tariff_edges(rows, start, start + running));
  for (const Instant edge : edges) taken.push_back({edge, readings_of(held, edge - start)});
  taken.push_back({start + running, whole});
  TRY(const Spread spread, spread_on({}, taken, rows));
  return rate_quantities(spread.quantities, rows);
}

}  // namespace bourse::pricing
