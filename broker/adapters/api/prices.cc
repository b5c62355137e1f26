// Prices: published, shown as they were published, and the factor tables of 度.
#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "broker/adapters/api/api.h"
#include "broker/adapters/factors/factor_table.h"
#include "broker/domain/text.h"

namespace bourse::broker::api {
namespace {

constexpr int kMaxPublished = 1'000;
constexpr int kPricePage = 500;
constexpr int kMostPrices = 1'000;  // of a page

// Whether it is for the center (nil: any), for the caller's tenant, and holds at `at` (nothing: ever).
template <class Entry>
bool wanted(const Entry& entry, const Caller& caller, bool staff, CenterId center, std::optional<Instant> at) {
  if (!staff && !entry.scope.tenant.is_nil() && entry.scope.tenant != caller.tenant) return false;
  if (!center.is_nil() && !entry.scope.center.is_nil() && entry.scope.center != center) return false;
  if (!at) return true;
  return entry.valid_from <= *at && (entry.valid_until.unix_ms == 0 || *at < entry.valid_until);
}

}  // namespace

Result<v1::PublishPricesReply> Api::publish_prices(const v1::PublishPricesRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const CenterId by, price_setter(caller, request.for_center()));
  TRY(const std::string key, scoped_key(caller, request.key()));
  if (request.rows().empty() && request.discounts().empty()) return fail(ErrorCode::invalid_argument, "rows and discounts are empty.");
  if (request.rows_size() + request.discounts_size() > kMaxPublished)
    return fail(ErrorCode::too_large, fmt::format("At most {} rows and discounts at once.", kMaxPublished));
  const Instant now = parts_.clock.now();
  PublishPrices command{.rows = {}, .discounts = {}, .by = by};
  v1::PublishPricesReply reply;
  const auto read_all = [&](const char* list, const auto& from, auto read, auto take) -> Status {
    for (int i = 0; i < from.size(); ++i) {
      CenterId center = by;
      if (!from[i].center().empty()) {
        TRY(center, center_of(from[i].center()));
      }
      auto entry = read(from[i], center);
      if (!entry) return fail(entry.error().code, fmt::format("{}[{}]: {}", list, i, entry.error().detail));
      // Ids follow from the key, so that a repeat names the same rows.
      entry->id = PriceRowId{derived_uuid(list == std::string_view("rows") ? "price" : "discount", fmt::format("{}#{}", key, i))};
      if (entry->valid_from.unix_ms == 0) entry->valid_from = now;
      take(std::move(*entry));
    }
    return {};
  };
  const auto read_row = [this](const v1::PriceRow& in, CenterId center) -> Result<pricing::PriceRow> {
    TRY(pricing::PriceRow row, read_price(in, center));
    if (in.has_factor() && in.factor().value().empty() && in.factor().includes().empty()) {
      TRY(row.factor, factors::find_factor(*options_.factor_tables, row.factor.table, row.factor.chip, row.factor.precision, row.meter));
    }
    CHECK_OK(factors::check_published(*options_.factor_tables, row));
    return row;
  };
  CHECK_OK(read_all("rows", request.rows(), read_row, [&](pricing::PriceRow row) {
    reply.add_ids(to_text(row.id));
    command.rows.push_back(std::move(row));
  }));
  CHECK_OK(read_all("discounts", request.discounts(), read_discount, [&](pricing::Discount discount) {
    reply.add_discount_ids(to_text(discount.id));
    command.discounts.push_back(std::move(discount));
  }));
  CHECK_OK(check_text("note", request.note(), kMaxReason, true));
  TRY(const Acted acted, act(caller, request.key(), fingerprint("PublishPrices", request), std::move(command), request.note()));
  if (acted.proposal) *reply.mutable_proposal() = *acted.proposal;
  return reply;
}

Result<v1::ListPricesReply> Api::list_prices(const v1::ListPricesRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CenterId center;
  if (!request.center().empty()) {
    TRY(center, center_of(request.center()));
  }
  std::optional<Instant> at;
  if (!request.at().empty()) {
    const auto parsed = parse_instant(request.at());
    if (!parsed) return fail(ErrorCode::invalid_argument, "at: expected a time like 2026-11-21T08:30:00Z.");
    at = *parsed;
  }
  if (request.limit() < 0 || request.limit() > kMostPrices) return fail(ErrorCode::invalid_argument, fmt::format("limit must be from 1 to {}.", kMostPrices));
  const auto limit = static_cast<std::size_t>(request.limit() == 0 ? kPricePage : request.limit());
  PriceRowId after;
  if (!request.cursor().empty()) {
    const auto parsed = parse_id<PriceRowIdKind>(request.cursor());
    if (!parsed) return fail(ErrorCode::invalid_argument, "cursor: not one of this list's.");
    after = *parsed;
  }
  const bool staff = caller.has_any({Role::operator_, Role::finance});
  return look([=](const Market& market) {
    std::vector<std::variant<const pricing::PriceRow*, const pricing::Discount*>> found;
    for (const auto& [id, row] : market.prices().rows())
      if (id > after && wanted(row, caller, staff, center, at)) found.emplace_back(&row);
    for (const auto& [id, discount] : market.prices().discounts())
      if (id > after && wanted(discount, caller, staff, center, at)) found.emplace_back(&discount);
    const auto id_of = [](const auto& entry) { return std::visit([](const auto* one) { return one->id; }, entry); };
    const std::size_t shown = std::min(found.size(), limit);
    std::ranges::partial_sort(found, found.begin() + static_cast<std::ptrdiff_t>(shown), {}, id_of);
    v1::ListPricesReply reply;
    if (found.size() > shown) {
      found.resize(shown);
      reply.set_next_cursor(to_text(id_of(found.back())));
    }
    for (const auto& entry : found) {
      if (const auto* row = std::get_if<const pricing::PriceRow*>(&entry)) fill(*reply.add_rows(), **row);
      else fill(*reply.add_discounts(), *std::get<const pricing::Discount*>(entry));
    }
    return reply;
  });
}

Result<v1::FactorTableList> Api::list_factor_tables(const v1::ListFactorTablesRequest& request) {
  CHECK_OK(caller_of(request.principal()));
  v1::FactorTableList reply;
  for (const auto& [version, table] : *options_.factor_tables) {
    v1::FactorTable& to = *reply.add_tables();
    to.set_version(version);
    to.set_published(table.published);
    to.set_norm(table.norm);
    to.set_meter(std::string(pricing::name(table.meter)));
    for (const pricing::Meter meter : pricing::kMeters)
      if ((table.includes >> static_cast<unsigned>(meter) & 1) != 0) to.add_includes(std::string(pricing::name(meter)));
    for (const std::string& name : table.includes_unmetered) to.add_includes_unmetered(name);
    to.set_starts(table.starts);
    to.set_stops(table.stops);
    for (const auto& [key, factor] : table.factors) {
      const factors::FactorSource& source = table.sources.at(key);
      v1::FactorEntry& entry = *to.add_factors();
      entry.set_chip(factor.chip);
      entry.set_precision(factor.precision);
      entry.set_tflops(source.tflops);
      entry.set_sparsity(source.sparsity);
      entry.set_factor(to_text(factor.value));
      entry.set_source(source.source);
      entry.set_date(source.date);
    }
  }
  return reply;
}

}  // namespace bourse::broker::api
