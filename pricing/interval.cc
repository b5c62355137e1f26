#include "pricing/interval.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "base/assert.h"

namespace bourse::pricing {
namespace {

// The rows with the clocks that they go by. Rows of one tariff mostly share their windows, so each clock is asked once.
class Tariff {
 public:
  static Result<Tariff> of(std::span<const PriceRow> rows) {
    Tariff tariff;
    tariff.rows_ = rows;
    for (const PriceRow& row : rows) {
      tariff.clock_of_.push_back(kNoClock);
      if (row.windows.empty() && !by_month(row)) continue;
      const auto same = std::ranges::find_if(tariff.clocks_, [&row](const Clock& c) { return c.row->zone == row.zone && c.row->windows == row.windows; });
      tariff.clock_of_.back() = static_cast<std::size_t>(same - tariff.clocks_.begin());
      if (same == tariff.clocks_.end()) {
        TRY(Zone zone, Zone::named(row.zone.empty() ? "UTC" : row.zone));
        tariff.clocks_.push_back({.row = &row, .zone = std::move(zone)});
      }
      tariff.clocks_[tariff.clock_of_.back()].months |= by_month(row);
    }
    return tariff;
  }

  Result<std::vector<Instant>> edges(Instant from, Instant until) const {
    if (until < from) return fail(ErrorCode::invalid_argument, "the usage ends before it starts");
    std::vector<Instant> all;
    if (clocks_.empty()) return all;
    if (until - from > kLongestSplit) return fail(ErrorCode::invalid_argument, "the usage is longer than ten years and its tariff has windows or months");
    for (const Clock& clock : clocks_) {
      const auto add = [&all](const std::vector<Instant>& more) { all.insert(all.end(), more.begin(), more.end()); };
      add(window_edges(clock.row->windows, clock.zone, from, until));
      if (clock.months) add(month_edges(clock.zone, from, until));
    }
    std::ranges::sort(all);
    const auto again = std::ranges::unique(all);
    all.erase(again.begin(), again.end());
    return all;
  }

  // What all rows are in the part that begins at `at`.
  void look(Instant at) {
    for (Clock& clock : clocks_) {
      const LocalTime shown = clock.zone.local(at);
      clock.holds = in_windows(clock.row->windows, shown);
      if (clock.months) clock.month = month_of(shown.day);
    }
  }
  // Then: the row of `meter`, its own or one that includes it.
  std::optional<std::size_t> row_of(Meter meter) const {
    std::optional<std::size_t> including;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const bool own = rows_[i].meter == meter;
      if (!own && (including || !includes(rows_[i].factor, meter))) continue;
      if (clock_of_[i] != kNoClock && !clocks_[clock_of_[i]].holds) continue;
      if (own) return i;
      including = i;
    }
    return including;
  }
  std::int32_t month(std::size_t row) const { return by_month(rows_[row]) ? clocks_[clock_of_[row]].month : 0; }

 private:
  static constexpr std::size_t kNoClock = std::numeric_limits<std::size_t>::max();
  struct Clock {
    const PriceRow* row;  // one that goes by it
    Zone zone;
    bool months = false;  // whether a row counts them
    bool holds = false;
    std::int32_t month = 0;
  };

  std::span<const PriceRow> rows_;
  std::vector<Clock> clocks_;
  std::vector<std::size_t> clock_of_;  // a row
};

// Readings of some or all meters at an instant.
template <class R>
struct Taken {
  Instant at;
  R cumulative;
};
template <std::size_t N>
std::span<const Meter> meters_of(const ReadingsOf<N>&) { return std::span(kMeters).first(N); }

template <class T>
Status check_readings(std::span<const T> taken) {
  for (std::size_t i = 0; i < taken.size(); ++i) {
    if (i > 0 && taken[i].at < taken[i - 1].at) return fail(ErrorCode::invalid_argument, "the readings are not in the order of time");
    for (const Meter meter : meters_of(taken[i].cumulative)) {
      const std::int64_t value = taken[i].cumulative[meter];
      if (value < (i > 0 ? taken[i - 1].cumulative[meter] : 0) || value > kMaxReading)
        return fail(ErrorCode::invalid_argument, "the reading " + std::to_string(value) + " of " + std::string(name(meter)) + " falls, or is not from 0 to 10^18");
    }
  }
  return {};
}

template <class T>
Status check_edges(std::span<const T> taken, const std::vector<Instant>& edges) {
  auto reading = taken.begin();
  for (const Instant edge : edges) {
    while (reading->at < edge) ++reading;  // the last one is after every edge
    if (reading->at != edge) return fail(ErrorCode::failed_precondition, "the meters were not read at " + to_text(edge) + ", where the tariff changes");
  }
  return {};
}

// Own meters by row and month first, then those that are included.
using ShareKey = std::tuple<bool, std::size_t, std::int32_t, Meter>;

// What was read before the first reading belongs to nobody here.
template <class T>
Status divide(Tariff& tariff, std::span<const PriceRow> rows, std::span<const T> taken, std::map<ShareKey, std::int64_t>& into) {
  for (std::size_t i = 1; i < taken.size(); ++i) {
    tariff.look(taken[i - 1].at);
    for (const Meter meter : meters_of(taken[i].cumulative)) {
      const std::int64_t more = taken[i].cumulative[meter] - taken[i - 1].cumulative[meter];
      if (more == 0) continue;
      const auto row = tariff.row_of(meter);
      if (!row) return fail(ErrorCode::no_price, std::string(name(meter)) + " was used and none of its rows holds at " + to_text(taken[i - 1].at));
      into[{rows[*row].meter != meter, *row, tariff.month(*row), meter}] += more;
    }
  }
  return {};
}

template <class T>
Result<std::vector<Share>> shares_of(std::span<const T> taken, std::span<const PriceRow> rows) {
  CHECK_OK(check_readings(taken));
  TRY(Tariff tariff, Tariff::of(rows));
  std::map<ShareKey, std::int64_t> quantities;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (by_readings(rows[i])) quantities[{false, i, 0, rows[i].meter}] = 0;
  if (!taken.empty()) {
    TRY(const auto edges, tariff.edges(taken.front().at, taken.back().at));
    CHECK_OK(check_edges(taken, edges));
    CHECK_OK(divide(tariff, rows, taken, quantities));
  }
  std::vector<Share> all;
  for (const auto& [key, quantity] : quantities) {
    const auto& [included, row, month, meter] = key;
    all.push_back({static_cast<std::uint32_t>(row), meter, month, quantity});
  }
  return all;
}

// What was had at every edge and at the end.
std::vector<Taken<AllReadings>> taken_between(const Usage& usage, Instant start, Instant end, std::span<const Instant> edges) {
  const Duration span = end - start;
  BOURSE_ASSERT(span.ms >= 0 && usage.running <= span);
  std::vector<Taken<AllReadings>> taken{{start, {}}};
  const auto read = [&](Instant at) {
    // Rounded down from the beginning each time, so the last one is the whole reading whatever was read between.
    const auto by_then = [&](std::int64_t whole) {
      return span.ms == 0 ? whole : static_cast<std::int64_t>(static_cast<__int128>(whole) * (at - start).ms / span.ms);
    };
    Usage had{.allocation = usage.allocation, .running = Duration{by_then(usage.running.ms)}, .pool = {}};
    std::ranges::transform(usage.counted.values, had.counted.values.begin(), by_then);
    taken.push_back({at, readings_of(had)});
  };
  for (const Instant edge : edges) read(edge);
  read(end);
  return taken;
}

}  // namespace

Result<std::vector<Instant>> tariff_edges(std::span<const PriceRow> rows, Instant from, Instant until) {
  TRY(const Tariff tariff, Tariff::of(rows));
  return tariff.edges(from, until);
}

Result<std::vector<Share>> shares(std::span<const ReadingAt> taken, std::span<const PriceRow> rows) { return shares_of(taken, rows); }

std::vector<ReadingAt> readings_between(const Usage& usage, Instant start, Instant end, std::span<const Instant> edges) {
  std::vector<ReadingAt> held;
  for (const auto& [at, all] : taken_between(usage, start, end, edges)) {
    ReadingAt& to = held.emplace_back(ReadingAt{at, {}});
    std::ranges::copy_n(all.values.begin(), kHeldMeterCount, to.cumulative.values.begin());
  }
  return held;
}

std::size_t Months::Key::Hash::operator()(const Key& key) const noexcept {
  return (std::hash<Uuid>{}(key.tenant.uuid) * 31 + std::hash<Uuid>{}(key.row.uuid)) * 31 + static_cast<std::size_t>(key.month);
}

MonthToDate Months::before(TenantId tenant, PriceRowId row, std::int32_t month) const {
  const auto found = used_.find({tenant, row, month});
  return found == used_.end() ? MonthToDate{} : found->second;
}

void Months::add(TenantId tenant, const Rating& rating) {
  for (const RatedLine& line : rating.lines) {
    if (line.month == 0) continue;
    MonthToDate& had = used_[{tenant, line.row, line.month}];
    had.used += line.quantity;
    had.billed += line.quantity - line.free;
  }
}

Result<Rating> rate_shares(std::span<const Share> shares, std::span<const PriceRow> rows, const Months& months, TenantId tenant) {
  Rating rating;
  rating.lines.reserve(shares.size());
  for (const Share& share : shares) {
    const PriceRow& row = rows[share.row];
    if (share.meter != row.meter) {
      // Included: shown, and free.
      rating.lines.push_back({.row = row.id, .meter = share.meter, .quantity = share.quantity});
      continue;
    }
    TRY(RatedLine line, rate_line(row, share.quantity, share.month == 0 ? MonthToDate{} : months.before(tenant, row.id, share.month)));
    line.month = share.month;
    const auto total = checked_add(rating.total, line.amount);
    if (!total) return fail(ErrorCode::amount_overflow, "the total of the rated lines");
    rating.total = *total;
    rating.lines.push_back(line);
  }
  return rating;
}

Result<Rating> rate_readings(std::span<const ReadingAt> taken, std::span<const PriceRow> rows) {
  if (std::ranges::any_of(rows, [](const PriceRow& row) { return row.strategy != Strategy::per_meter || by_month(row); }))
    return fail(ErrorCode::invalid_argument, "readings alone don't price a row with a scow strategy or one that counts months");
  TRY(const auto parts, shares(taken, rows));
  return rate_shares(parts, rows, {}, {});
}

Result<Rating> rate_interval(const Usage& usage, Instant start, Instant end, std::span<const PriceRow> rows, const Months& months,
                             TenantId tenant) {
  if (std::ranges::all_of(rows, by_readings) || rows.front().strategy != Strategy::per_meter) return rate_usage(usage, rows);
  TRY(const auto edges, tariff_edges(rows, start, end));
  const auto taken = taken_between(usage, start, end, edges);
  TRY(const auto parts, shares_of(std::span(taken), rows));
  return rate_shares(parts, rows, months, tenant);
}

}  // namespace bourse::pricing
