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
  Amount minimum;             // what a line costs at least once anything is used

  bool operator==(const PriceRow&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.scope, self.meter, self.price, self.per, self.unit, self.valid_from, self.valid_until,
          self.strategy, self.places, self.minimum);
  }
};

// Ticks of `meter` in a named quantity: "core-hour", "gpu-hour", "node-hour", "gib-hour" and the same with "-second",
// "-day". Errors: invalid_argument when the quantity is unknown or not one of this meter's.
Result<std::int64_t> ticks_per(Meter meter, std::string_view quantity);

// One thread. Rows are never changed or removed, so pointers to them hold as long as the book; it can be moved, not copied.
class PriceBook {
 public:
  PriceBook() = default;
  PriceBook(PriceBook&&) = default;
  PriceBook& operator=(PriceBook&&) = default;

  // Errors: conflict (the id exists with other content), invalid_argument (negative price or minimum, per < 1, no
  // valid_from, empty window, unknown meter or unit, a scow strategy with other than hours or more than 4 places). Adding the same row again changes nothing.
  Status check(const PriceRow& row) const;
  void add(PriceRow row);  // after check

  // The row of `meter`'s readings at `at`. Specificity is a binary number
  // (tenant 8, center 4, pool 2, qos 1: a tenant's row beats a default one); among equals the newest valid_from, then the newest id.
  const PriceRow* find(const Scope& what, Meter meter, Instant at) const;

  // Rows for every meter that `allocation` moves (cores, memory, nodes and, if any, gpus): what a plan locks. Where a row
  // with a scow strategy holds, that row alone, whatever its meter.
  // Errors: no_price, naming the meter that has none, or one that is priced in another unit than the rest.
  Result<std::vector<PriceRow>> lock(const Scope& what, const Allocation& allocation, Instant at) const;

  const std::unordered_map<PriceRowId, PriceRow>& rows() const { return rows_; }

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
  struct Shelf {
    std::uint16_t specificities = 0;                                        // bit n: a row of specificity n is here
    std::unordered_map<Key, std::vector<const PriceRow*>, Key::Hash> rows;  // newest first
  };
  static const PriceRow* find_on(const Shelf& shelf, const Scope& what, Instant at);
  // Of `scope`, the fields that the specificity `fields` names.
  static Key key_of(const Scope& scope, unsigned fields);

  std::unordered_map<PriceRowId, PriceRow> rows_;
  Shelf shelves_[kMeterCount];
  Shelf whole_jobs_;  // rows with a scow strategy
};

}  // namespace bourse::pricing
