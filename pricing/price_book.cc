#include "pricing/price_book.h"

#include <algorithm>
#include <array>
#include <functional>
#include <span>
#include <tuple>

#include "base/assert.h"

namespace bourse::pricing {
namespace {

constexpr unsigned kTenant = 8, kCenter = 4, kPool = 2, kQos = 1;
constexpr unsigned kMostSpecific = kTenant | kCenter | kPool | kQos;
constexpr std::size_t kMaxName = 255;
constexpr std::int64_t kTicksPerHour = 3'600'000;  // of core_ms and gpu_ms

unsigned specificity(const Scope& scope) {
  return (scope.tenant.is_nil() ? 0 : kTenant) | (scope.center.is_nil() ? 0 : kCenter) |
         (scope.pool.empty() ? 0 : kPool) | (scope.qos.empty() ? 0 : kQos);
}

bool valid_at(const auto& entry, Instant at) {
  return entry.valid_from <= at && (entry.valid_until == Instant{} || at < entry.valid_until);
}

Status invalid(PriceRowId id, std::string_view what) {
  return fail(ErrorCode::invalid_argument, "price row " + to_text(id) + ": " + std::string(what));
}
Status invalid(const PriceRow& row, std::string_view what) { return invalid(row.id, what); }

// What rows and discounts have in common.
Status check_entry(const auto& entry) {
  if (entry.id.is_nil()) return invalid(entry.id, "it has no id");
  if (entry.valid_from.unix_ms <= 0) return invalid(entry.id, "valid_from is missing");
  if (entry.valid_until != Instant{} && entry.valid_until <= entry.valid_from)
    return invalid(entry.id, "valid_until is not after valid_from");
  if (entry.scope.pool.size() > kMaxName || entry.scope.qos.size() > kMaxName)
    return invalid(entry.id, "the pool's or QoS's name is longer than 255 bytes");
  return {};
}

// Prices times factor must stay decimals of 12 places.
bool too_fine(const PriceRow& row) {
  const auto beyond = [&row](const Decimal& price) { return price.scale + row.factor.value.scale > Decimal::kMaxScale; };
  return beyond(row.price) || std::ranges::any_of(row.tiers.steps, beyond, &Tier::price);
}

Status check_tariff(const PriceRow& row) {
  for (const Status& fine : {check_tiers(row.tiers), check_windows(row.windows), check_factor(row.factor)})
    if (!fine) return invalid(row, fine.error().detail);
  if (row.free.ticks < 0 || row.free.ticks > kMaxReading || row.free.over > Over::month) return invalid(row, "there is no such allowance");
  if (!row.windows.empty() && row.zone.empty()) return invalid(row, "windows need a zone");
  if (!row.zone.empty())
    if (const auto zone = Zone::named(row.zone); !zone) return invalid(row, zone.error().detail);
  if (row.off != Off{}) return invalid(row, "discounts are entries of their own");
  if (!row.factor.table.empty() && row.unit != kDu) return invalid(row, "only a price in DU has a factor");
  if (includes(row.factor, row.meter)) return invalid(row, "the factor includes the meter that it is for");
  if (too_fine(row)) return invalid(row, "price and factor have more than 12 places together");
  if (row.tiers.mode == TierMode::volume && by_month(row) && !row.minimum.is_zero())
    return invalid(row, "a minimum can't be kept with volume tiers by the month");
  return {};
}

Status check_scow(const PriceRow& row) {
  if (row.strategy > Strategy::scow_max_gpu_cpus) return invalid(row, "there is no such strategy");
  if (row.per != kTicksPerHour) return invalid(row, "a scow strategy is priced by the hour");
  if (row.places > kMaxScowPlaces) return invalid(row, "a scow strategy has at most 4 places");
  if (!row.tiers.steps.empty() || row.free != Allowance{} || !row.windows.empty() || !row.factor.table.empty())
    return invalid(row, "a scow strategy has no tiers, allowance, windows or factor");
  return {};
}

bool below(const Decimal& a, const Decimal& b) {
  __int128 left = a.coefficient, right = b.coefficient;  // < 2^63 × 10^12 < 2^127
  for (int places = a.scale; places < Decimal::kMaxScale; ++places) left *= 10;
  for (int places = b.scale; places < Decimal::kMaxScale; ++places) right *= 10;
  return left < right;
}

// The book has checked that the zone exists.
bool holds_at(const PriceRow& row, Instant at) {
  return row.windows.empty() || in_windows(row.windows, Zone::named(row.zone)->local(at));
}

}  // namespace

bool grows_with_use(const PriceRow& row) {
  if (row.strategy != Strategy::per_meter) {
    std::int64_t step = 1;
    for (int places = row.places; places < Amount::kPlaces; ++places) step *= 10;
    return row.minimum.micros % step == 0;
  }
  if (row.tiers.mode == TierMode::graduated || row.tiers.steps.empty()) return true;
  const Decimal* before = &row.price;
  for (const Tier& tier : row.tiers.steps) {
    if (below(tier.price, *before)) return false;
    before = &tier.price;
  }
  return true;
}

namespace {

struct Quantity {
  std::string_view name;
  std::int64_t ticks;
};
// The first is what people mostly mean.
constexpr Quantity kOfCores[] = {{"core-hour", 3'600'000}, {"core-second", 1000}, {"core-day", 86'400'000}};
constexpr Quantity kOfCards[] = {{"gpu-hour", 3'600'000}, {"gpu-second", 1000}, {"gpu-day", 86'400'000}};
constexpr Quantity kOfNodes[] = {{"node-hour", 3'600'000}, {"node-second", 1000}, {"node-day", 86'400'000}};
constexpr Quantity kOfSpace[] = {{"gib-hour", 3'686'400}, {"gib-second", 1024}, {"gib-day", 88'473'600}};
constexpr Quantity kOfEgress[] = {{"gib", 1 << 30}, {"gb", 1'000'000'000}, {"tb", 1'000'000'000'000}};
constexpr Quantity kOfTokens[] = {{"1m-tokens", 1'000'000}, {"1k-tokens", 1000}, {"token", 1}};
constexpr Quantity kOfSessions[] = {{"session-hour", 3'600'000}, {"session-second", 1000}, {"session-day", 86'400'000}};

std::span<const Quantity> quantities_of(Meter meter) {
  switch (meter) {
    case Meter::core_ms: return kOfCores;
    case Meter::gpu_ms: return kOfCards;
    case Meter::node_ms: return kOfNodes;
    case Meter::mem_mib_s:
    case Meter::storage_mib_s: return kOfSpace;
    case Meter::egress_bytes: return kOfEgress;
    case Meter::tokens_in:
    case Meter::tokens_out:
    case Meter::tokens_cached: return kOfTokens;
    case Meter::session_ms: return kOfSessions;
  }
  return {};
}

}  // namespace

Result<std::int64_t> ticks_per(Meter meter, std::string_view quantity) {
  const auto known = quantities_of(meter);
  if (const auto found = std::ranges::find(known, quantity, &Quantity::name); found != known.end()) return found->ticks;
  std::string names;
  for (std::size_t i = 0; i < known.size(); ++i) names.append(i == 0 ? "" : i + 1 < known.size() ? ", " : " or ").append(known[i].name);
  return fail(ErrorCode::invalid_argument, "the meter " + std::string(name(meter)) + " is priced per " + names);
}

std::string quantity_of(Meter meter, std::int64_t ticks) {
  const auto known = quantities_of(meter);
  const auto found = std::ranges::find(known, ticks, &Quantity::ticks);
  return found == known.end() ? std::string() : std::string(found->name);
}

std::size_t PriceBook::Key::Hash::operator()(const Key& key) const noexcept {
  std::size_t hash = std::hash<Uuid>{}(key.tenant.uuid);
  hash = hash * 31 + std::hash<Uuid>{}(key.center.uuid);
  hash = hash * 31 + std::hash<std::string_view>{}(key.pool);
  return hash * 31 + std::hash<std::string_view>{}(key.qos);
}

PriceBook::Key PriceBook::key_of(const Scope& scope, unsigned fields) {
  return {.tenant = fields & kTenant ? scope.tenant : TenantId{},
          .center = fields & kCenter ? scope.center : CenterId{},
          .pool = fields & kPool ? std::string_view(scope.pool) : std::string_view(),
          .qos = fields & kQos ? std::string_view(scope.qos) : std::string_view()};
}

template <class T>
void PriceBook::Shelf<T>::add(const T& entry) {
  const unsigned fields = specificity(entry.scope);
  specificities |= static_cast<std::uint16_t>(1U << fields);
  std::vector<const T*>& entries = rows[key_of(entry.scope, fields)];
  const auto newer = [](const T* a, const T* b) { return std::tie(a->valid_from, a->id) > std::tie(b->valid_from, b->id); };
  entries.insert(std::ranges::lower_bound(entries, &entry, newer), &entry);
}

template <class T>
void PriceBook::Shelf<T>::each(const Scope& what, Instant at, auto&& visit) const {
  if (specificities == 0) return;
  const unsigned known = specificity(what);
  for (unsigned fields = kMostSpecific + 1; fields-- > 0;) {
    if ((fields & ~known) != 0 || (specificities >> fields & 1) == 0) continue;
    const auto entries = rows.find(key_of(what, fields));
    if (entries == rows.end()) continue;
    for (const T* entry : entries->second)
      if (valid_at(*entry, at) && visit(*entry, fields)) return;
  }
}

Status PriceBook::check(const PriceRow& row) const {
  CHECK_OK(check_entry(row));
  if (static_cast<std::size_t>(row.meter) >= kMeterCount) return invalid(row, "there is no such meter");
  if (row.price.coefficient < 0) return invalid(row, "the price is negative");
  if (row.price.scale > Decimal::kMaxScale) return invalid(row, "the price has more than 12 places");
  if (row.per < 1) return invalid(row, "`per` is below 1");
  if (!parse_unit(row.unit.text())) return invalid(row, "the unit is not two to four letters A to Z");
  if (row.minimum.is_negative()) return invalid(row, "the minimum is negative");
  if (row.places > Amount::kPlaces) return invalid(row, "more than 6 places");
  CHECK_OK(check_tariff(row));
  if (row.strategy != Strategy::per_meter) CHECK_OK(check_scow(row));
  const auto known = rows_.find(row.id);
  if (discounts_.contains(row.id) || (known != rows_.end() && known->second != row))
    return fail(ErrorCode::conflict, "price row " + to_text(row.id) + " exists with other content; rows never change");
  return {};
}

Status PriceBook::check(const Discount& discount) const {
  CHECK_OK(check_entry(discount));
  if (discount.name.empty() || discount.name.size() > kMaxTariffName) return invalid(discount.id, "the name is empty or longer than 255 bytes");
  if (discount.meter && static_cast<std::size_t>(*discount.meter) >= kMeterCount) return invalid(discount.id, "there is no such meter");
  if (discount.bps < 1 || discount.bps > 10'000) return invalid(discount.id, "a discount is 1 to 10000 basis points");
  const auto known = discounts_.find(discount.id);
  if (rows_.contains(discount.id) || (known != discounts_.end() && known->second != discount))
    return fail(ErrorCode::conflict, "discount " + to_text(discount.id) + " exists with other content; discounts never change");
  return {};
}

void PriceBook::add(PriceRow row) {
  BOURSE_ASSERT(check(row).has_value());
  const PriceRowId id = row.id;
  const auto [at, added] = rows_.try_emplace(id, std::move(row));
  if (!added) return;
  const PriceRow& kept = at->second;
  (kept.strategy == Strategy::per_meter ? shelves_[static_cast<std::size_t>(kept.meter)] : whole_jobs_).add(kept);
}

void PriceBook::add(Discount discount) {
  BOURSE_ASSERT(check(discount).has_value());
  const PriceRowId id = discount.id;
  const auto [at, added] = discounts_.try_emplace(id, std::move(discount));
  if (!added) return;
  const Discount& kept = at->second;
  off_[kept.meter ? static_cast<std::size_t>(*kept.meter) : kMeterCount].add(kept);
}

const PriceRow* PriceBook::find(const Scope& what, Meter meter, Instant at) const {
  const PriceRow* found = nullptr;
  shelves_[static_cast<std::size_t>(meter)].each(what, at, [&](const PriceRow& row, unsigned) {
    if (!holds_at(row, at)) return false;
    found = &row;
    return true;
  });
  return found;
}

const Discount* PriceBook::discount(const Scope& what, Meter meter, Instant at) const {
  const Discount* found = nullptr;
  unsigned best = 0;
  for (const std::size_t shelf : {static_cast<std::size_t>(meter), kMeterCount}) {  // of equals the meter's own counts
    off_[shelf].each(what, at, [&](const Discount& one, unsigned specificity) {
      if (found == nullptr || specificity > best) found = &one, best = specificity;
      return true;
    });
  }
  return found;
}

PriceRow PriceBook::locked(const PriceRow& row, const Scope& what, Instant at) const {
  PriceRow copy = row;
  if (discounts_.empty()) return copy;
  if (const Discount* one = discount(what, row.meter, at)) copy.off = {one->id, one->name, one->bps};
  return copy;
}

Result<std::vector<PriceRow>> PriceBook::lock(const Scope& what, const Allocation& allocation, Instant at, std::optional<Unit> unit) const {
  return lock_moved(what, AllReadings{{allocation.cores, allocation.gpus, allocation.nodes, allocation.mem_mib}}, at, unit);
}

Result<std::vector<PriceRow>> PriceBook::lock(const Scope& what, const Usage& usage, Instant at) const {
  AllReadings moved = usage.counted;
  const Allocation& held = usage.allocation;  // has prices even if it ran for no time
  std::ranges::copy(std::array{held.cores, held.gpus, held.nodes, held.mem_mib}, moved.values.begin());
  return lock_moved(what, moved, at, std::nullopt);
}

Result<std::vector<PriceRow>> PriceBook::lock_moved(const Scope& what, const AllReadings& moved, Instant at, std::optional<Unit> unit) const {
  const auto other = [&](const PriceRow& row) { return unit && row.unit != *unit; };
  std::vector<PriceRow> rows;
  whole_jobs_.each(what, at, [&](const PriceRow& row, unsigned) { return !other(row) && (rows.push_back(locked(row, what, at)), true); });
  if (!rows.empty()) {
    for (const Meter meter : kMeters)
      if (!is_held(meter) && moved[meter] > 0)
        return fail(ErrorCode::no_price, std::string(name(meter)) + " is not in what " + std::string(name(rows.front().strategy)) + " prices");
    return rows;
  }
  std::array<std::vector<const PriceRow*>, kMeterCount> of;
  std::uint32_t included = 0;
  for (const Meter meter : kMeters) {
    const auto m = static_cast<std::size_t>(meter);
    if (moved[meter] <= 0) continue;
    shelves_[m].each(what, at, [&](const PriceRow& row, unsigned) {
      if (other(row)) return false;
      of[m].push_back(&row);
      included |= row.factor.includes;
      return row.windows.empty();
    });
  }
  for (const Meter meter : kMeters) {
    const auto m = static_cast<std::size_t>(meter);
    if (moved[meter] <= 0 || (included >> m & 1) != 0) continue;
    if (of[m].empty())
      return fail(ErrorCode::no_price,
                  std::string(name(meter)) + " has no price in pool '" + what.pool + "' at " + to_text(at));
    for (const PriceRow* row : of[m]) {
      if (!rows.empty() && rows.front().unit != row->unit)
        return fail(ErrorCode::no_price, std::string(name(meter)) + " is priced in " + std::string(row->unit.text()) +
                                             ", other meters in " + std::string(rows.front().unit.text()));
      rows.push_back(locked(*row, what, at));
    }
  }
  return rows;
}

}  // namespace bourse::pricing
