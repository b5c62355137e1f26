// Usage over time: which row of a tariff prices which part of it. For rows with windows and rows by the month; `rate` does
// for all others.
//
// Readings are cumulative and must be taken at the tariff's edges; each difference belongs to the row that held between two of
// them. A line is a row's whole quantity (in one calendar month, if the row counts months), rounded once: reading more often
// changes nothing, and the quantities of all lines add up to the last reading.
#pragma once

#include <span>
#include <unordered_map>
#include <vector>

#include "pricing/rating.h"

namespace bourse::pricing {

// The instants inside (from, until), rising, at which meters must be read: where a window of one of the rows begins or ends by
// the wall clock of its zone, and where a calendar month begins for a row that counts months. Validity is no edge: the rows
// that were locked hold to the end. Errors: invalid_argument (until before from, longer than kLongestSplit, no such zone).
Result<std::vector<Instant>> tariff_edges(std::span<const PriceRow> rows, Instant from, Instant until);

struct ReadingAt {
  Instant at;
  Readings cumulative;
  bool operator==(const ReadingAt&) const = default;
};

// What of a meter falls to a row.
struct Share {
  std::uint32_t row = 0;       // index into the rows
  Meter meter = Meter::core_ms;  // another than the row's: included in it
  std::int32_t month = 0;      // 0 for rows that don't count months
  std::int64_t quantity = 0;
  bool operator==(const Share&) const = default;
};

// Divides readings among `rows` (as PriceBook::lock orders them: of a meter's rows the first that holds counts). `taken` rises
// in time, begins at the usage's start and has an entry at every edge between its ends. One share a row, meter and month;
// rows that always hold have one even if it is zero. By row and month; those of included meters last.
// Errors: no_price (none of a meter's rows held while it moved), failed_precondition (no reading at an edge),
// invalid_argument (readings or instants that fall, a reading above kMaxReading; as tariff_edges).
Result<std::vector<Share>> shares(std::span<const ReadingAt> taken, std::span<const PriceRow> rows);

// Held meters of a constant allocation from `start` to `end`, read at the edges. Where less ran than from start to end (suspension), it is
// taken to have been spread evenly. start <= end, usage.running <= end − start.
std::vector<ReadingAt> readings_between(const Usage& usage, Instant start, Instant end, std::span<const Instant> edges);

// What tenants had of rows in calendar months, for rating record after record. Not thread-safe.
class Months {
 public:
  MonthToDate before(TenantId tenant, PriceRowId row, std::int32_t month) const;
  // Adds what was rated; lines without a month are passed over.
  void add(TenantId tenant, const Rating& rating);

 private:
  struct Key {
    TenantId tenant;
    PriceRowId row;
    std::int32_t month = 0;
    bool operator==(const Key&) const = default;
    struct Hash {
      std::size_t operator()(const Key& key) const noexcept;
    };
  };
  std::unordered_map<Key, MonthToDate, Key::Hash> used_;
};

// Errors: those of rate_line; amount_overflow.
Result<Rating> rate_shares(std::span<const Share> shares, std::span<const PriceRow> rows, const Months& months, TenantId tenant);

// `shares` and `rate_shares` in one, for rows of every kind but scow's that don't count months (those are invalid_argument).
// A pure function of readings and rows, and one that never falls while readings are added (grows_with_use).
Result<Rating> rate_readings(std::span<const ReadingAt> taken, std::span<const PriceRow> rows);

// A finished usage at rows of any kind; `months` is read, not changed. Errors: as above and those of rate_usage.
Result<Rating> rate_interval(const Usage& usage, Instant start, Instant end, std::span<const PriceRow> rows, const Months& months,
                             TenantId tenant);

}  // namespace bourse::pricing
