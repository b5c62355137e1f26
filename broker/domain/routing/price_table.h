// What every pool costs, for one kind of buyer: computed once, kept until prices, contracts, pools or a validity edge change.
// Internal to routing.
//
// Two forms. Exact: the rows, rated by pricing. Quick: a lower bound of each meter's price as a 32-bit integer, so that one
// pass over all pools finds the few that are worth rating.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/domain/routing/pool_table.h"
#include "broker/domain/routing/router.h"
#include "broker/domain/routing/sale_rules.h"
#include "pricing/price_book.h"

namespace bourse::broker::routing {

// Who buys what, as far as it decides which rows are found. Tenants and QoS that no row names are all alike, so they share.
struct Buyer {
  TenantId tenant;
  std::string qos;
  Unit unit = kCny;
  Unit settled_in = kCny;
  std::uint32_t meters = 0;  // bit m: the job's own need moves meter m (whole-node pools may add others)
  bool operator==(const Buyer&) const = default;
};

// The bits of the meters that `a` moves, as in Buyer::meters.
std::uint32_t meters_of(const pricing::Allocation& a);

// The settlement terms of every center of a PoolTable at one instant.
struct TermsNow {
  std::vector<std::optional<TermsAt>> of;  // by index in PoolTable::centers
  std::uint64_t version = 0;               // bumps when a center gains, loses or changes the unit of its contract
};

struct PriceTable {
  // Pools that cost and run alike: same prices, speed and (if sold whole) node. Rated once a decision.
  struct Class {
    // amount = reading × multiplier / divisor in micro-units, rounded half away from zero; multiplier 0 = not priced.
    struct Fraction {
      __int128 multiplier = 0, divisor = 1;
    };
    Fraction price[pricing::kHeldMeterCount];
    std::uint32_t speed = 0;
    bool whole = false;
    pricing::Allocation node;  // of a pool sold whole
    // Of rows that aren't plain: what pricing rates by, instead of the fractions.
    std::vector<pricing::PriceRow> rows;
    pricing::PoolTotals totals;
    bool windowed = false;  // the price depends on when it runs
  };
  // Pools of one class whose price must cover the same rows: what their centers get by contract, or a floor of their selling rules.
  struct Settled {
    std::uint32_t cls = 0;
    std::vector<pricing::PriceRow> sale, rows;
    std::int32_t tax_bps = 0;
    pricing::PoolTotals totals;
    bool always = false;  // covered whatever the job: nothing to compute a decision
    Refusal refusal = Refusal::below_settlement;  // where it isn't
  };

  Buyer buyer;
  std::uint64_t shape = 0;          // of the pool table it was made from
  std::uint64_t terms_version = 0;
  Instant from, until;              // no row begins or ends inside [from, until)

  std::vector<std::int32_t> unpriced;   // a Refusal: none, no_price
  std::vector<std::int32_t> unsellable; // a Refusal: the above or no_contract
  std::vector<std::uint32_t> cls;       // index into `classes`
  std::vector<Class> classes;
  std::vector<std::vector<const pricing::PriceRow*>> rows;  // into the book, or into `discounted`
  std::deque<pricing::PriceRow> discounted;
  std::vector<pricing::PoolTotals> totals;    // what a plan locks
  std::vector<std::uint32_t> not_plain;       // pools that the quick form says nothing of: its bound there is 0, and no more

  // Of contracts with settlement rows and of rules with floors; else empty.
  std::vector<std::uint32_t> settling;        // pools of such; a pool may be here twice
  std::vector<std::uint32_t> settled_as;      // of them, index into `settled`
  std::vector<Settled> settled;
  std::vector<std::vector<const pricing::PriceRow*>> settlement;  // by pool, into `books`
  std::vector<std::unique_ptr<pricing::PriceBook>> books;

  // floor(micros per resource and millisecond × 2^exponent[m]); of a pool sold whole only nodes count, at the whole node's
  // price. `slack[m]` is by how many units the true value may be higher.
  std::vector<std::uint32_t> rate[pricing::kHeldMeterCount];
  int exponent[pricing::kHeldMeterCount] = {};
  std::uint32_t highest[pricing::kHeldMeterCount] = {};
  std::uint64_t slack[pricing::kHeldMeterCount] = {};

  // The price of the dearest MiB-second: what a reading that is rounded down may lose.
  std::uint64_t tick_micros = 0;

  bool good_at(Instant now) const { return from <= now && now < until; }
  void apply_terms(PoolTable& pools, const TermsNow& terms, const std::vector<SaleRules::Ruled>& ruled, Instant now);

 private:
  void settle(const PoolTable& pools, const CenterSpan& span, const TermsAt& terms, Instant now);
  void hold_to_floor(std::uint32_t pool, std::uint32_t meters, std::span<const pricing::PriceRow> floor, std::int32_t tax_bps);
};

// All that a pool has.
pricing::PoolTotals totals_of(const Pool& pool);
// What of `rows` decides a price, as bytes: ids, scopes and names don't.
std::string priced_as(std::span<const pricing::PriceRow> rows, const pricing::PoolTotals& totals);

PriceTable make_price_table(const Buyer& buyer, const PoolTable& pools, const pricing::PriceBook& prices, Instant now);

// What a job with `need` holds in a pool of the class.
pricing::Allocation held_in(const PriceTable::Class& cls, const pricing::Allocation& need);
// Exact price of holding it for `running` from `start` on, which only prices with windows look at; nullopt when it leaves the
// range of an amount.
std::optional<Amount> exact_price(const PriceTable::Class& cls, const pricing::Allocation& need, Duration running, Instant start);
// The most that can cost, whenever it starts: the same where the class isn't windowed.
std::optional<Amount> dearest_price(const PriceTable::Class& cls, const pricing::Allocation& need, Duration running);

}  // namespace bourse::broker::routing
