// What a price row may say beyond one price per quantity: tiers, free allowance, weekly windows, a discount, a 度 factor.
//
// All of it is journaled inside locked price rows: fields are only appended, and at their defaults a row says nothing more.
// Quantities are ticks of the row's meter, as in a reading.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/decimal.h"
#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "base/zone.h"
#include "pricing/meter.h"

namespace bourse::pricing {

// What tiers and allowances count: the line's own cumulative quantity, or what the tenant used of this row in a calendar
// month of the row's zone.
enum class Over : std::uint8_t { usage = 0, month = 1 };

// graduated: each slice at its own price. volume: everything at the price of the tier that is reached.
// Amounts of graduated tiers never fall as use grows; those of volume tiers fall where a tier is cheaper (see `grows_with_use`).
enum class TierMode : std::uint8_t { graduated = 0, volume = 1 };

struct Tier {
  std::int64_t above = 0;  // holds for what is above this many ticks; the row's own price, up to the first
  Decimal price;
  bool operator==(const Tier&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.above, self.price); }
};

struct Tiers {
  TierMode mode = TierMode::graduated;
  Over over = Over::usage;
  std::vector<Tier> steps;  // rising, all above zero; empty = one price for all
  bool operator==(const Tiers&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.mode, self.over, self.steps); }
};

// Ticks that cost nothing. They come off before tiers and the minimum.
struct Allowance {
  std::int64_t ticks = 0;
  Over over = Over::usage;
  bool operator==(const Allowance&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.ticks, self.over); }
};

// Every week on `days`, from one time of the wall clock to another. An instant lies in it if the clock then shows a time in
// it: where summer time begins there is less of it, where it ends an hour may lie in it twice.
struct WeeklyWindow {
  std::uint8_t days = 0x7f;     // bit 0 Monday … bit 6 Sunday: of its beginning
  std::uint16_t from = 0;       // minute of the day, 0 to 1439
  std::uint16_t until = 1440;   // exclusive, 1 to 1440; not after `from`: of the next day
  bool operator==(const WeeklyWindow&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.days, self.from, self.until); }
};

// The discount that holds for a row: a book's Discount, as PriceBook::lock put it on the row.
struct Off {
  PriceRowId id;            // the Discount's; nil = none
  std::string name;
  std::int32_t bps = 0;     // 1'500 = 15 % off the list price
  bool operator==(const Off&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.id, self.name, self.bps); }
};

// How many 度 a card-hour (a unit of `per`) is: one entry of a published factor table (docs/adr/0005), copied so that the
// row alone prices. `price` is then per 度.
struct DuFactor {
  std::string table;           // its version, "v1"; empty = the row has no factor
  std::string chip;
  std::string precision;
  Decimal value;
  std::uint32_t includes = 0;  // bit m: meter m is part of the 度, and costs nothing beside it
  bool operator==(const DuFactor&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.table, self.chip, self.precision, self.value, self.includes);
  }
};

inline constexpr std::size_t kMaxTiers = 64;
inline constexpr std::size_t kMaxWindows = 64;
inline constexpr std::size_t kMaxTariffName = 255;      // of a discount, a table, a chip, a precision
// The longest usage that is split at windows and months: no job is longer, and each edge costs memory.
inline constexpr Duration kLongestSplit = hours(24 * 3'660);

constexpr bool includes(const DuFactor& factor, Meter meter) { return (factor.includes >> static_cast<unsigned>(meter) & 1) != 0; }

// Errors: invalid_argument, saying what is wrong.
Status check_tiers(const Tiers& tiers);
Status check_windows(const std::vector<WeeklyWindow>& windows);
Status check_factor(const DuFactor& factor);

// Whether one of `windows` holds when the wall clock shows `time`. No windows: always.
bool in_windows(const std::vector<WeeklyWindow>& windows, const LocalTime& time);

// The instants inside (from, until), rising, at which the wall clock of `zone` enters or leaves `windows`.
// from <= until <= from + kLongestSplit.
std::vector<Instant> window_edges(const std::vector<WeeklyWindow>& windows, const Zone& zone, Instant from, Instant until);
// The same for the beginnings of calendar months.
std::vector<Instant> month_edges(const Zone& zone, Instant from, Instant until);

}  // namespace bourse::pricing
