#include "broker/domain/routing/price_table.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <tuple>

#include "base/codec.h"
#include "pricing/coverage.h"
#include "pricing/spread.h"

namespace bourse::broker::routing {
namespace {

using pricing::kHeldMeterCount;
using pricing::Meter;
using pricing::PriceRow;
using Wide = unsigned __int128;

constexpr int kFraction = 40;  // bits after the point of a wide rate
constexpr Wide kWideLimit = Wide{1} << 120;

constexpr std::size_t index(Meter meter) { return static_cast<std::size_t>(meter); }

// Micro-units per resource and millisecond, rounded down, with kFraction bits after the point.
Wide wide_rate(const PriceRow& row) {
  Wide denominator = static_cast<Wide>(row.per);
  for (int i = 0; i < row.price.scale; ++i) denominator *= 10;
  if (row.meter == Meter::mem_mib_s) denominator *= 1000;
  return ((static_cast<Wide>(row.price.coefficient) * 1'000'000) << kFraction) / denominator;
}

Wide saturated(Wide rate, std::int64_t count) {
  Wide product = 0;
  return __builtin_mul_overflow(rate, static_cast<Wide>(count), &product) ? kWideLimit : std::min(product, kWideLimit);
}

int bits(Wide value) {
  const auto high = static_cast<std::uint64_t>(value >> 64);
  return high != 0 ? 64 + std::bit_width(high) : std::bit_width(static_cast<std::uint64_t>(value));
}

pricing::Allocation one_of(std::uint32_t meters) {
  const auto has = [meters](Meter m) { return static_cast<std::int64_t>(meters >> index(m) & 1); };
  return {.cores = has(Meter::core_ms), .gpus = has(Meter::gpu_ms), .nodes = has(Meter::node_ms), .mem_mib = has(Meter::mem_mib_s)};
}

pricing::Allocation node_of(const Pool& pool) { return granted(pool, {.nodes = 1}); }

// Rates at full width, before they are brought to 32 bits.
struct WideRates {
  std::vector<Wide> of[kHeldMeterCount];
  std::uint64_t slack[kHeldMeterCount] = {1, 1, 1, 1};
};

void narrow(const WideRates& wide, PriceTable& table) {
  for (std::size_t m = 0; m < kHeldMeterCount; ++m) {
    Wide highest = 0;
    for (const Wide rate : wide.of[m]) highest = std::max(highest, rate);
    const int dropped = std::max(0, bits(highest) - 32);
    table.exponent[m] = kFraction - dropped;
    table.highest[m] = static_cast<std::uint32_t>(highest >> dropped);
    table.slack[m] = (wide.slack[m] >> std::min(dropped, 63)) + 2;
    std::vector<std::uint32_t>& rates = table.rate[m];
    rates.resize(wide.of[m].size());
    for (std::size_t i = 0; i < rates.size(); ++i) rates[i] = static_cast<std::uint32_t>(wide.of[m][i] >> dropped);
  }
}

// The widest window around `now` in which no row starts or ends.
void narrow_window(PriceTable& table, const pricing::PriceBook& prices, Instant now) {
  const auto edge = [&](Instant t) {
    if (t <= now) table.from = std::max(table.from, t); else table.until = std::min(table.until, t);
  };
  const auto edges = [&](const auto& entry) {
    edge(entry.valid_from);
    if (entry.valid_until != Instant{}) edge(entry.valid_until);
  };
  for (const auto& [id, row] : prices.rows()) edges(row);
  for (const auto& [id, discount] : prices.discounts()) edges(discount);
}

// What decides the price: fraction per meter, speed, and the node where it is sold whole; of rows that aren't plain, all of them.
using ClassKey = std::tuple<std::vector<std::tuple<Meter, std::int64_t, std::uint8_t, std::int64_t>>, std::uint32_t, bool,
                            std::int64_t, std::int64_t, std::int64_t, std::string>;

bool all_plain(const std::vector<PriceRow>& rows) { return std::ranges::all_of(rows, pricing::is_plain); }

ClassKey key_of(const std::vector<PriceRow>& rows, const pricing::PoolTotals& totals, std::uint32_t speed, const Pool& pool) {
  ClassKey key;
  if (!all_plain(rows))
    std::get<6>(key) = priced_as(rows, totals);
  else
    for (const PriceRow& row : rows) std::get<0>(key).emplace_back(row.meter, row.price.coefficient, row.price.scale, row.per);
  std::get<1>(key) = speed;
  std::get<2>(key) = pool.whole_nodes;
  if (pool.whole_nodes) {
    std::get<3>(key) = pool.cores_per_node;
    std::get<4>(key) = pool.gpus_per_node;
    std::get<5>(key) = pool.mem_mib_per_node;
  }
  return key;
}

PriceTable::Class class_of(const std::vector<PriceRow>& rows, const pricing::PoolTotals& totals, std::uint32_t speed, const Pool& pool) {
  PriceTable::Class made{.speed = speed, .whole = pool.whole_nodes, .node = node_of(pool), .rows = {}, .totals = totals};
  if (!all_plain(rows)) {
    made.rows = rows;
    made.windowed = pricing::by_windows(rows);
    return made;
  }
  for (const PriceRow& row : rows) {
    PriceTable::Class::Fraction& fraction = made.price[index(row.meter)];
    fraction = {.multiplier = row.price.coefficient, .divisor = row.per};
    for (int places = row.price.scale; places < 6; ++places) fraction.multiplier *= 10;
    for (int places = 6; places < row.price.scale; ++places) fraction.divisor *= 10;
  }
  return made;
}

pricing::PoolTotals totals_for(const std::vector<PriceRow>& rows, const Pool& pool) {
  const bool used = std::ranges::any_of(rows, [](const PriceRow& row) { return pricing::uses_totals(row.strategy); });
  return used ? totals_of(pool) : pricing::PoolTotals{};
}

// Whether the pool can be sold by what a book locked: rows of this unit that a job prices, and pool totals where they need them.
bool sells_by(const std::vector<PriceRow>& rows, Unit unit, const Pool& pool) {
  if (rows.empty() || rows.front().unit != unit || !pricing::can_sell(rows)) return false;
  const PriceRow& first = rows.front();
  return !pricing::uses_totals(first.strategy) || pricing::scow_amount(first.strategy, {}, totals_of(pool)).has_value();
}

void add_tick(const std::vector<PriceRow>& rows, PriceTable& table) {
  for (const PriceRow& row : rows) {
    if (row.meter != Meter::mem_mib_s) continue;
    const Wide tick = (std::min(wide_rate(row), kWideLimit >> 10) * 1000) >> kFraction;
    table.tick_micros = std::max(table.tick_micros, static_cast<std::uint64_t>(std::min<Wide>(tick, 1ULL << 62)) + 1);
  }
}

void add_rates(const std::vector<PriceRow>& rows, const Pool& pool, std::size_t i, WideRates& wide) {
  const pricing::Allocation node = pool.whole_nodes ? node_of(pool) : pricing::Allocation{};
  const std::int64_t counts[kHeldMeterCount] = {node.cores, node.gpus, node.nodes, node.mem_mib};
  std::uint64_t slack = 0;
  for (const PriceRow& row : rows) {
    const std::size_t m = index(row.meter);
    if (!pool.whole_nodes) {
      wide.of[m][i] = std::min(wide_rate(row), kWideLimit);
      continue;
    }
    Wide& whole = wide.of[index(Meter::node_ms)][i];
    whole = std::min(whole + saturated(wide_rate(row), counts[m]), kWideLimit);
    slack += static_cast<std::uint64_t>(counts[m]);
  }
  std::uint64_t& most = wide.slack[index(Meter::node_ms)];
  most = std::max(most, slack);
}

}  // namespace

std::uint32_t meters_of(const pricing::Allocation& a) {
  return (a.cores > 0 ? 1U << index(Meter::core_ms) : 0) | (a.gpus > 0 ? 1U << index(Meter::gpu_ms) : 0) |
         (a.nodes > 0 ? 1U << index(Meter::node_ms) : 0) | (a.mem_mib > 0 ? 1U << index(Meter::mem_mib_s) : 0);
}

PriceTable make_price_table(const Buyer& buyer, const PoolTable& pools, const pricing::PriceBook& prices, Instant now) {
  const std::size_t n = pools.size();
  PriceTable table;
  table.buyer = buyer;
  table.shape = pools.shape();
  table.unpriced.assign(n, static_cast<std::int32_t>(Refusal::none));
  table.cls.assign(n, 0);
  table.rows.resize(n);
  table.totals.resize(n);
  table.from = Instant{std::numeric_limits<std::int64_t>::min()};
  table.until = Instant{std::numeric_limits<std::int64_t>::max()};
  narrow_window(table, prices, now);

  WideRates wide;
  for (auto& rates : wide.of) rates.assign(n, 0);
  std::map<ClassKey, std::uint32_t> classes;
  pricing::Scope scope{.tenant = buyer.tenant, .qos = buyer.qos};
  for (std::size_t i = 0; i < n; ++i) {
    const Pool& pool = pools.pools()[i];
    scope.center = pool.center;
    scope.pool = pool.name;
    const std::uint32_t meters = buyer.meters | (pool.whole_nodes ? meters_of(node_of(pool)) : 0);
    auto locked = prices.lock(scope, one_of(meters), now, buyer.unit);
    if (!locked || !sells_by(*locked, buyer.unit, pool)) {
      table.unpriced[i] = static_cast<std::int32_t>(Refusal::no_price);
      continue;
    }
    if (all_plain(*locked)) {
      add_tick(*locked, table);
      add_rates(*locked, pool, i, wide);
    } else {
      table.not_plain.push_back(static_cast<std::uint32_t>(i));
    }
    for (const PriceRow& row : *locked)
      table.rows[i].push_back(row.off.bps == 0 ? &prices.rows().at(row.id) : &table.discounted.emplace_back(row));
    table.totals[i] = totals_for(*locked, pool);
    const std::uint32_t speed = pools.columns().speed[i];
    const auto [at, added] =
        classes.try_emplace(key_of(*locked, table.totals[i], speed, pool), static_cast<std::uint32_t>(table.classes.size()));
    if (added) table.classes.push_back(class_of(*locked, table.totals[i], speed, pool));
    table.cls[i] = at->second;
  }
  narrow(wide, table);
  table.unsellable = table.unpriced;
  return table;
}

void PriceTable::apply_terms(PoolTable& pools, const TermsNow& terms, const std::vector<SaleRules::Ruled>& ruled, Instant now) {
  terms_version = terms.version;
  settling.clear(), settled_as.clear(), settled.clear(), books.clear();
  settlement.assign(std::ranges::any_of(terms.of, [](const auto& one) { return one && one->settles_by_rows(); }) ? rows.size() : 0, {});
  for (std::size_t c = 0; c < terms.of.size(); ++c) {
    const CenterSpan& span = pools.centers()[c];
    const bool sells = terms.of[c] && terms.of[c]->unit == buyer.settled_in;
    for (std::uint32_t i = span.begin; i < span.end; ++i)
      unsellable[i] = sells ? unpriced[i] : static_cast<std::int32_t>(Refusal::no_contract);
    if (sells && terms.of[c]->settles_by_rows()) settle(pools, span, *terms.of[c], now);
  }
  for (const SaleRules::Ruled& one : ruled) {
    const Pool& pool = pools.pools()[one.pool];
    const std::uint32_t meters = buyer.meters | (pool.whole_nodes ? meters_of(node_of(pool)) : 0);
    for (const SaleRules::Ruled::Rule& entry : one.rules)
      if (unsellable[one.pool] == 0 && !entry.rule->floor.empty() && entry.rule->floor.front().unit == buyer.unit)
        hold_to_floor(one.pool, meters, entry.rule->floor, terms.of[pools.center_of(one.pool)]->terms.tax_bps);
  }
}

// Of the floor's prices those for what the job moves count, meter by meter.
void PriceTable::hold_to_floor(std::uint32_t pool, std::uint32_t meters, std::span<const PriceRow> floor, std::int32_t tax_bps) {
  Settled entry{.cls = cls[pool], .sale = {}, .rows = {}, .tax_bps = tax_bps, .totals = totals[pool], .refusal = Refusal::below_floor};
  for (const PriceRow* row : rows[pool]) entry.sale.push_back(*row);
  for (const PriceRow& row : floor)
    if ((meters >> index(row.meter) & 1) != 0) entry.rows.push_back(row);
  if (entry.rows.empty() || pricing::covers_always({entry.sale, entry.rows, entry.tax_bps, entry.totals})) return;
  settling.push_back(pool);
  settled_as.push_back(static_cast<std::uint32_t>(settled.size()));
  settled.push_back(std::move(entry));
}

// Locks settlement rows for the pools of one center. A pool without one for a meter can't be sold.
void PriceTable::settle(const PoolTable& pools, const CenterSpan& span, const TermsAt& terms, Instant now) {
  pricing::PriceBook& book = *books.emplace_back(std::make_unique<pricing::PriceBook>());
  for (const PriceRow& row : *terms.settlement) book.add(row);
  narrow_window(*this, book, now);
  std::map<std::string, std::uint32_t> known;
  for (std::uint32_t i = span.begin; i < span.end; ++i) {
    if (unsellable[i] != 0) continue;
    const Pool& pool = pools.pools()[i];
    const std::uint32_t meters = buyer.meters | (pool.whole_nodes ? meters_of(node_of(pool)) : 0);
    const pricing::Scope scope{.tenant = buyer.tenant, .center = pool.center, .pool = pool.name, .qos = buyer.qos};
    const auto locked = book.lock(scope, one_of(meters), now);
    if (!locked || !sells_by(*locked, terms.unit, pool)) {
      unsellable[i] = static_cast<std::int32_t>(Refusal::no_price);
      continue;
    }
    for (const PriceRow& row : *locked) settlement[i].push_back(&book.rows().at(row.id));
    if (const pricing::PoolTotals used = totals_for(*locked, pool); used != pricing::PoolTotals{}) totals[i] = used;
    if (terms.may_subsidise) continue;
    if (buyer.unit != terms.unit) {  // what 度 are worth follows from the package that pays: nothing covers a fixed price
      unsellable[i] = static_cast<std::int32_t>(Refusal::below_settlement);
      continue;
    }
    const std::string key = std::to_string(cls[i]) + priced_as(*locked, totals[i]);
    const auto [at, added] = known.try_emplace(key, static_cast<std::uint32_t>(settled.size()));
    if (added) {
      Settled& entry = settled.emplace_back(
          Settled{.cls = cls[i], .sale = {}, .rows = *locked, .tax_bps = terms.terms.tax_bps, .totals = totals[i]});
      for (const PriceRow* row : rows[i]) entry.sale.push_back(*row);
      entry.always = pricing::covers_always({entry.sale, entry.rows, entry.tax_bps, entry.totals});
    }
    if (settled[at->second].always) continue;
    settling.push_back(i);
    settled_as.push_back(at->second);
  }
}

pricing::PoolTotals totals_of(const Pool& pool) {
  return {.cores = saturated_multiply(pool.nodes, pool.cores_per_node),
          .gpus = saturated_multiply(pool.nodes, pool.gpus_per_node),
          .mem_mib = saturated_multiply(pool.nodes, pool.mem_mib_per_node)};
}

std::string priced_as(std::span<const PriceRow> rows, const pricing::PoolTotals& totals) {
  std::vector<std::byte> bytes;
  codec::Writer out(bytes);
  out.write(totals);
  for (const PriceRow& row : rows) {
    PriceRow bare = row;
    bare.id = {};
    bare.scope = {};
    bare.valid_from = bare.valid_until = {};
    bare.off.id = {};
    bare.off.name.clear();
    out.write(bare);
  }
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

pricing::Allocation held_in(const PriceTable::Class& cls, const pricing::Allocation& need) {
  if (!cls.whole) return need;
  return {.cores = saturated_multiply(need.nodes, cls.node.cores),
          .gpus = saturated_multiply(need.nodes, cls.node.gpus),
          .nodes = need.nodes,
          .mem_mib = saturated_multiply(need.nodes, cls.node.mem_mib)};
}

std::optional<Amount> dearest_price(const PriceTable::Class& cls, const pricing::Allocation& need, Duration running) {
  if (!cls.windowed) return exact_price(cls, need, running, {});
  const auto most = pricing::dearest(held_in(cls, need), cls.totals, running, cls.rows);
  return most ? std::optional(*most) : std::nullopt;
}

std::optional<Amount> exact_price(const PriceTable::Class& cls, const pricing::Allocation& need, Duration running, Instant start) {
  const pricing::Allocation held = held_in(cls, need);
  if (!cls.rows.empty()) {
    const auto rating = pricing::rate_from(start, held, cls.totals, running, cls.rows);
    return rating ? std::optional(rating->total) : std::nullopt;
  }
  // What pricing::rate gives for the same rows, without its lines; the property test holds the two together.
  const pricing::Readings readings = pricing::readings_of(held, running);
  std::int64_t total = 0;
  for (const Meter meter : pricing::kHeldMeters) {
    const std::int64_t reading = readings[meter];
    const auto& [multiplier, divisor] = cls.price[index(meter)];
    if (reading > pricing::kMaxReading) return std::nullopt;
    __int128 product = 0;
    if (__builtin_mul_overflow(multiplier, static_cast<__int128>(reading), &product)) return std::nullopt;
    if (product == 0) continue;
    const __int128 micros = divide_half_away(product, divisor);
    if (micros > std::numeric_limits<std::int64_t>::max() ||
        __builtin_add_overflow(total, static_cast<std::int64_t>(micros), &total))
      return std::nullopt;
  }
  return Amount{total};
}

}  // namespace bourse::broker::routing
