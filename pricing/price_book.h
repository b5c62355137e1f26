// Price rows: immutable, dated, exact; the newest valid row of the most specific scope wins.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/decimal.h"
#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "base/unit.h"
#include "pricing/meter.h"
#include "pricing/strategy.h"
#include "pricing/tariff.h"

namespace bourse::pricing {

// Whom and what a row is for; what is empty (nil id, empty text) matches everything.
struct Scope {
  TenantId tenant;
  CenterId center;
  std::string pool;
  std::string qos;

  bool operator==(const Scope&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.tenant, self.center, self.pool, self.qos); }
};

struct PriceRow {
  PriceRowId id;
  Scope scope;
  Meter meter = Meter::core_ms;
  Decimal price;              // units of `unit` per `per`; zero is allowed and means "included", negative is not
  std::int64_t per = 1;       // meter ticks that `price` buys: 3'600'000 for a core-hour, 3'686'400 for a GiB-hour of memory
  Unit unit = kCny;
  Instant valid_from;
  Instant valid_until;        // exclusive; unix_ms 0 = open
  // With a scow strategy the row prices the whole job: `price` is per amount-hour, and `per`, the ticks of an hour.
  Strategy strategy = Strategy::per_meter;
  std::uint8_t places = 2;    // of a scow strategy's quantity and charge; of documents otherwise
  Amount minimum;             // what a line costs at least once anything is used that is not free, discount or not
  // The rest: per_meter rows only, but for the discount.
  Tiers tiers;
  Allowance free;
  std::vector<WeeklyWindow> windows;  // the row holds in these only; empty = always
  std::string zone;                   // IANA name, of the windows and months; empty = UTC
  DuFactor factor;                    // of rows in DU
  Off off;                            // put here by PriceBook::lock; rows of a book have none

  bool operator==(const PriceRow&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.scope, self.meter, self.price, self.per, self.unit, self.valid_from, self.valid_until,
          self.strategy, self.places, self.minimum, self.tiers, self.free, self.windows, self.zone, self.factor, self.off);
  }
};

// Whether tiers or the allowance count the tenant's month.
inline bool by_month(const PriceRow& row) {
  return (!row.tiers.steps.empty() && row.tiers.over == Over::month) || (row.free.ticks > 0 && row.free.over == Over::month);
}
// Whether cumulative readings alone price it: what `rate` takes. No scow strategy, no windows, nothing by the month.
inline bool by_readings(const PriceRow& row) {
  return row.strategy == Strategy::per_meter && row.windows.empty() && !by_month(row);
}
// Whether what a job read, held and shared its pool with prices it: what `rate_held` takes. Those, and scow strategies.
inline bool by_job(const PriceRow& row) { return row.strategy != Strategy::per_meter || by_readings(row); }
// Whether its amount is its price times the reading, and nothing else.
inline bool is_plain(const PriceRow& row) {
  return by_readings(row) && row.minimum.is_zero() && row.tiers.steps.empty() && row.free.ticks == 0 && row.off.bps == 0 &&
         row.factor.table.empty();
}
// Whether its cumulative amount never falls while its quantity grows, so that captures of differences are never negative.
// Two kinds can fall: volume tiers with a tier cheaper than an earlier one, and a scow strategy whose minimum is finer than
// its charges are rounded to (0.012 for the first second, and 0.01 once the product has passed 0.012).
bool grows_with_use(const PriceRow& row);

// A dated share off the list price of the lines it is for: of all that match, the one of the most specific scope holds (then
// one for the meter before one for all, then the newest), and only that one: discounts don't add up.
struct Discount {
  PriceRowId id;
  std::string name;             // shown on the line
  Scope scope;
  std::optional<Meter> meter;   // nothing = of all meters
  std::int32_t bps = 0;         // 1 to 10'000
  Instant valid_from;
  Instant valid_until;          // exclusive; unix_ms 0 = open

  bool operator==(const Discount&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.name, self.scope, self.meter, self.bps, self.valid_from, self.valid_until);
  }
};

// Ticks of `meter` in a named quantity: "core-hour", "gpu-hour", "node-hour", "gib-hour" (of memory and storage), "session-hour"
// and the same with "-second", "-day"; "gib", "gb" or "tb" of egress; "token", "1k-tokens" or "1m-tokens".
// Errors: invalid_argument when the quantity is unknown or not one of this meter's, naming those that are.
Result<std::int64_t> ticks_per(Meter meter, std::string_view quantity);
// The name of that many ticks of the meter; empty where they have none.
std::string quantity_of(Meter meter, std::int64_t ticks);

// One thread. Rows are never changed or removed, so pointers to them hold as long as the book; it can be moved, not copied.
class PriceBook {
 public:
  PriceBook() = default;
  PriceBook(PriceBook&&) = default;
  PriceBook& operator=(PriceBook&&) = default;

  // Errors: conflict (the id exists with other content), invalid_argument (negative price or minimum, per < 1, no
  // valid_from, empty validity, unknown meter, unit or zone, tiers that don't rise, windows that are none, a factor in another unit than
  // DU, a scow strategy with tariffs, other than hours or more than 4 places). Adding the same row again changes nothing.
  Status check(const PriceRow& row) const;
  void add(PriceRow row);  // after check
  // The same for discounts. Ids are shared with the rows'.
  Status check(const Discount& discount) const;
  void add(Discount discount);

  // The row of `meter`'s readings at `at`: valid then, and in one of its windows. Specificity is a binary number
  // (tenant 8, center 4, pool 2, qos 1: a tenant's row beats a default one); among equals the newest valid_from, then the newest id.
  const PriceRow* find(const Scope& what, Meter meter, Instant at) const;
  const Discount* discount(const Scope& what, Meter meter, Instant at) const;

  // Rows for every meter that `allocation` moves (cores, memory, nodes and, if any, gpus), with their discounts: what a plan
  // locks. Validity counts at `at`. One row a meter, but for rows with windows: then all that may hold at some time of the
  // week, the first that holds being the one that counts, to the first without windows. Meters that a 度 factor among them
  // includes have no rows. Where a row with a scow strategy holds, that row alone, whatever its meter.
  // Errors: no_price, naming the meter that has none, or one that is priced in another unit than the rest.
  // With `unit`, rows of others are not seen.
  Result<std::vector<PriceRow>> lock(const Scope& what, const Allocation& allocation, Instant at,
                                     std::optional<Unit> unit = std::nullopt) const;
  // The same for all that a usage moved, its counted meters too. A scow strategy's row, which prices the whole job, doesn't cover those:
  // no_price.
  Result<std::vector<PriceRow>> lock(const Scope& what, const Usage& usage, Instant at) const;

  const std::unordered_map<PriceRowId, PriceRow>& rows() const { return rows_; }
  const std::unordered_map<PriceRowId, Discount>& discounts() const { return discounts_; }

 private:
  // Rows are shelved by meter and exact scope, so find looks once for each kind of scope that the shelf holds.
  struct Key {  // a Scope whose names lie in a row or in the question
    TenantId tenant;
    CenterId center;
    std::string_view pool;
    std::string_view qos;
    bool operator==(const Key&) const = default;
    struct Hash {
      std::size_t operator()(const Key& key) const noexcept;
    };
  };
  template <class T>
  struct Shelf {
    std::uint16_t specificities = 0;                                 // bit n: an entry of specificity n is here
    std::unordered_map<Key, std::vector<const T*>, Key::Hash> rows;  // newest first

    void add(const T& entry);
    // Calls `visit(entry, specificity)` for what is valid at `at`, in the order in which it counts, until it returns true.
    void each(const Scope& what, Instant at, auto&& visit) const;
  };
  // Of `scope`, the fields that the specificity `fields` names.
  static Key key_of(const Scope& scope, unsigned fields);
  PriceRow locked(const PriceRow& row, const Scope& what, Instant at) const;
  Result<std::vector<PriceRow>> lock_moved(const Scope& what, const AllReadings& moved, Instant at, std::optional<Unit> unit) const;

  std::unordered_map<PriceRowId, PriceRow> rows_;
  std::unordered_map<PriceRowId, Discount> discounts_;
  Shelf<PriceRow> shelves_[kMeterCount];
  Shelf<PriceRow> whole_jobs_;              // rows with a scow strategy
  Shelf<Discount> off_[kMeterCount + 1];    // the last: of all meters
};

}  // namespace bourse::pricing
