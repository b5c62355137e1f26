#include "pricing/price_book.h"

#include <algorithm>
#include <array>
#include <functional>
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

bool valid_at(const PriceRow& row, Instant at) {
  return row.valid_from <= at && (row.valid_until == Instant{} || at < row.valid_until);
}

bool newer(const PriceRow* a, const PriceRow* b) {
  return std::tie(a->valid_from, a->id) > std::tie(b->valid_from, b->id);
}

Status invalid(const PriceRow& row, std::string_view what) {
  return fail(ErrorCode::invalid_argument, "price row " + to_text(row.id) + ": " + std::string(what));
}

}  // namespace

Result<std::int64_t> ticks_per(Meter meter, std::string_view quantity) {
  struct Name {
    Meter meter;
    std::string_view noun;
    std::int64_t ticks_per_second;
  };
  static constexpr Name kNouns[] = {{Meter::core_ms, "core", 1000},
                                    {Meter::gpu_ms, "gpu", 1000},
                                    {Meter::node_ms, "node", 1000},
                                    {Meter::mem_mib_s, "gib", 1024}};
  static constexpr std::pair<std::string_view, std::int64_t> kSpans[] = {
      {"second", 1}, {"hour", 3600}, {"day", 86'400}};
  const auto& [its_meter, noun, ticks_per_second] = *std::ranges::find(kNouns, meter, &Name::meter);
  for (const auto& [span, seconds] : kSpans)
    if (quantity.size() == noun.size() + 1 + span.size() && quantity.starts_with(noun) &&
        quantity[noun.size()] == '-' && quantity.ends_with(span))
      return ticks_per_second * seconds;
  return fail(ErrorCode::invalid_argument, "the meter " + std::string(name(meter)) + " is priced per " +
                                               std::string(noun) + "-second, " + std::string(noun) + "-hour or " +
                                               std::string(noun) + "-day");
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

Status PriceBook::check(const PriceRow& row) const {
  if (row.id.is_nil()) return invalid(row, "it has no id");
  if (static_cast<std::size_t>(row.meter) >= kMeterCount) return invalid(row, "there is no such meter");
  if (row.price.coefficient < 0) return invalid(row, "the price is negative");
  if (row.price.scale > Decimal::kMaxScale) return invalid(row, "the price has more than 12 places");
  if (row.per < 1) return invalid(row, "`per` is below 1");
  if (!parse_unit(row.unit.text())) return invalid(row, "the unit is not two to four letters A to Z");
  if (row.valid_from.unix_ms <= 0) return invalid(row, "valid_from is missing");
  if (row.valid_until != Instant{} && row.valid_until <= row.valid_from)
    return invalid(row, "valid_until is not after valid_from");
  if (row.scope.pool.size() > kMaxName || row.scope.qos.size() > kMaxName)
    return invalid(row, "the pool's or QoS's name is longer than 255 bytes");
  if (row.minimum.is_negative()) return invalid(row, "the minimum is negative");
  if (row.places > Amount::kPlaces) return invalid(row, "more than 6 places");
  if (row.strategy != Strategy::per_meter) {
    if (row.strategy > Strategy::scow_max_gpu_cpus) return invalid(row, "there is no such strategy");
    if (row.per != kTicksPerHour) return invalid(row, "a scow strategy is priced by the hour");
    if (row.places > kMaxScowPlaces) return invalid(row, "a scow strategy has at most 4 places");
  }
  if (const auto known = rows_.find(row.id); known != rows_.end() && known->second != row)
    return fail(ErrorCode::conflict, "price row " + to_text(row.id) + " exists with other content; rows never change");
  return {};
}

void PriceBook::add(PriceRow row) {
  BOURSE_ASSERT(check(row).has_value());
  const auto [at, added] = rows_.try_emplace(row.id, std::move(row));
  if (!added) return;
  const PriceRow& kept = at->second;
  const unsigned fields = specificity(kept.scope);
  Shelf& shelf = kept.strategy == Strategy::per_meter ? shelves_[static_cast<std::size_t>(kept.meter)] : whole_jobs_;
  shelf.specificities |= static_cast<std::uint16_t>(1U << fields);
  std::vector<const PriceRow*>& rows = shelf.rows[key_of(kept.scope, fields)];
  rows.insert(std::ranges::lower_bound(rows, &kept, newer), &kept);
}

const PriceRow* PriceBook::find(const Scope& what, Meter meter, Instant at) const {
  return find_on(shelves_[static_cast<std::size_t>(meter)], what, at);
}

const PriceRow* PriceBook::find_on(const Shelf& shelf, const Scope& what, Instant at) {
  if (shelf.specificities == 0) return nullptr;
  const unsigned known = specificity(what);
  for (unsigned fields = kMostSpecific + 1; fields-- > 0;) {
    if ((fields & ~known) != 0 || (shelf.specificities >> fields & 1) == 0) continue;
    const auto rows = shelf.rows.find(key_of(what, fields));
    if (rows == shelf.rows.end()) continue;
    const auto row = std::ranges::find_if(rows->second, [at](const PriceRow* r) { return valid_at(*r, at); });
    if (row != rows->second.end()) return *row;
  }
  return nullptr;
}

Result<std::vector<PriceRow>> PriceBook::lock(const Scope& what, const Allocation& allocation, Instant at) const {
  const std::array<std::int64_t, kMeterCount> held = {allocation.cores, allocation.gpus, allocation.nodes,
                                                      allocation.mem_mib};
  std::vector<PriceRow> locked;
  if (const PriceRow* whole = find_on(whole_jobs_, what, at)) {
    locked.push_back(*whole);
    return locked;
  }
  for (const Meter meter : kMeters) {
    if (held[static_cast<std::size_t>(meter)] <= 0) continue;
    const PriceRow* row = find(what, meter, at);
    if (row == nullptr)
      return fail(ErrorCode::no_price,
                  std::string(name(meter)) + " has no price in pool '" + what.pool + "' at " + to_text(at));
    if (!locked.empty() && locked.front().unit != row->unit)
      return fail(ErrorCode::no_price, std::string(name(meter)) + " is priced in " + std::string(row->unit.text()) +
                                           ", other meters in " + std::string(locked.front().unit.text()));
    locked.push_back(*row);
  }
  return locked;
}

}  // namespace bourse::pricing
