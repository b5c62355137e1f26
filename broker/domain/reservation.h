// Reserved capacity: nodes or cards of a pool, sold to an account by the month or year and paid beforehand. What was paid is
// earned day by day in a straight line, on the days of the account's calendar (docs/adr/0013).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "base/unit.h"
#include "base/zone.h"
#include "pricing/rating.h"

namespace bourse::broker {

enum class Reserved : std::uint8_t { node = 1, card = 2 };
enum class Term : std::uint8_t { month = 1, year = 2 };
std::string_view name(Reserved what);  // "node"
std::string_view name(Term term);      // "month"

// Of a contract: what of a pool its center lets be reserved, and what it gets for it.
struct Reservable {
  std::string pool;
  Reserved what{};
  std::int64_t quantity = 0;  // the most that may be reserved at any instant
  // What the center gets for one of them; both 0 = its share by the contract's terms.
  Amount month, year;
  bool operator==(const Reservable&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.pool, self.what, self.quantity, self.month, self.year); }
};

// What one node or card of a pool costs for a term, tax included. Immutable and dated; the newest valid one wins, a tenant's
// before one for all.
struct ReservedPrice {
  PriceRowId id;
  TenantId tenant;  // nil = all
  CenterId center;
  std::string pool;
  Reserved what{};
  Term term{};
  Amount price;
  Unit unit = kCny;
  std::int32_t early_end_bps = 0;  // of what is left when it is ended early: kept as a fee
  Instant valid_from;
  Instant valid_until;  // exclusive; 0 = open
  bool operator==(const ReservedPrice&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.tenant, self.center, self.pool, self.what, self.term, self.price, self.unit, self.early_end_bps,
          self.valid_from, self.valid_until);
  }
};

// Parts of earned money: gross = center_share + margin + tax. Cumulative in a reservation, sums in a period.
struct Earned {
  Amount gross, center_share, margin, tax;
  bool operator==(const Earned&) const = default;
  Earned& operator+=(const Earned& more);
  Earned& operator-=(const Earned& less);
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.gross, self.center_share, self.margin, self.tax); }
};

enum class ReservationState : std::uint8_t { active = 1, expired = 2, ended_early = 3 };
std::string_view name(ReservationState state);  // "ended_early"

// All that its money follows from is locked when it is bought.
struct Reservation {
  ReservationId id;
  BillingAccountId account;
  UserId by;
  CenterId center;
  std::string pool;
  Reserved what{};
  std::int64_t quantity = 0;
  Term term{};
  std::int32_t terms = 0;      // how many months or years
  Unit unit = kCny;
  PriceRowId price_row;
  Amount price;                // of all of it
  ContractId contract;
  pricing::Terms split;
  bool by_settlement = false;  // the center gets `settlement` of it in all; else its share by `split`
  Amount settlement;
  bool may_subsidise = false;
  std::int32_t early_end_bps = 0;
  std::string zone;            // of its days; empty = UTC
  std::int64_t first_day = 0;  // days since 1970 on that calendar
  std::int32_t days = 0;
  Instant from, until;         // where the first day begins, and where the last one ends
  Instant bought_at;
  ReservationId renews;        // the one that it goes on from; nil = none
  // What became of it.
  ReservationState state = ReservationState::active;
  bool renew = false;          // at its end it is bought again, at the price of that time
  std::int32_t days_earned = 0;
  Earned earned;
  Amount returned;             // when it was ended early
  Amount fee;                  // of what was earned, the early end's
  Instant ended_at;
  std::string reason;          // why it wasn't renewed
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.account, self.by, self.center, self.pool, self.what, self.quantity, self.term, self.terms, self.unit,
          self.price_row, self.price, self.contract, self.split, self.by_settlement, self.settlement, self.may_subsidise,
          self.early_end_bps, self.zone, self.first_day, self.days, self.from, self.until, self.bought_at, self.renews, self.state,
          self.renew, self.days_earned, self.earned, self.returned, self.fee, self.ended_at, self.reason);
  }
};

inline constexpr std::int32_t kMaxMonths = 120;               // of one reservation
inline constexpr std::int64_t kMaxReserved = 1'000'000;       // of one pool
inline constexpr std::size_t kMaxReservable = 1'000;          // of one contract
inline constexpr std::size_t kMaxReservedPrices = 1'000;      // of one act
inline constexpr std::size_t kMaxReservations = 100'000;      // active at once
inline constexpr Duration kLongestAhead = hours(24 * 366);    // how long before its first day one may be bought

// The same day of the month `months` later, or that month's last.
std::int64_t months_after(std::int64_t day, std::int32_t months);
// Where a day of that calendar begins: the first instant at which the clock shows it.
Instant day_begins(const Zone& zone, std::int64_t day);
// Sets first_day's span: days, from, until. Errors: invalid_argument (zone, too long).
Status set_span(Reservation& reservation);

// What was earned after `days` of it: round(price × days / all days), halves away from zero.
Amount gross_after(const Reservation& reservation, std::int32_t days);
// Whose the first `gross` of it is: with settlement the center gets round(settlement × gross / price), within the net price unless
// the contract subsidises; else its share by the terms. Monotone in gross, exact at the price. 0 <= gross <= price.
Earned parts_of(const Reservation& reservation, Amount gross);

// How many of its nodes or cards a job with that allocation takes; 0: it is no job for it.
std::int64_t taken_of(const Reservation& reservation, const pricing::Allocation& allocation);
// What a job that it carries is priced by: nothing, a row a meter. The rows are in no book; their ids follow from its own.
std::vector<pricing::PriceRow> free_rows(const Reservation& reservation);

// How many days are over at that time: every day counts once, however long it is.
std::int32_t days_over(const Reservation& reservation, Instant now);
// When its next day is over.
Instant next_day_over(const Reservation& reservation);

}  // namespace bourse::broker
