#include "cli/rate/rate_files.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "broker/adapters/factors/fields.h"
#include "cli/rate/row_fields.h"

namespace bourse::cli {
namespace {

using nlohmann::json;
using factors::Fields;
using factors::parsed_json;
using factors::scope_of;

// The book says "price row prc_…: what"; people know the row by its own name.
std::unexpected<Error> named(const Error& error, const std::string& where, const std::string& name) {
  const std::size_t colon = error.detail.find(": ");
  return fail(error.code, where + " (" + name + ")" + (colon == std::string::npos ? "" : error.detail.substr(colon)));
}

Status keep(BookFile& file, auto entry, const json& object, const std::string& where, const std::string& name) {
  if (!file.row_names.emplace(entry.id, name).second) return fail(ErrorCode::conflict, where + ": another row has the id " + name);
  if (auto fine = file.book.check(entry); !fine) return named(fine.error(), where, name);
  file.entries.emplace(name, object.dump());
  if (!entry.scope.center.is_nil()) file.centers.insert(entry.scope.center);
  file.book.add(std::move(entry));
  return {};
}

Result<DuPrice> read_du_price(Fields& fields, Unit currency) {
  Fields part = fields.object("du_price");
  DuPrice price{.currency = part.parsed<Unit>("currency", parse_unit, std::nullopt),
                .price = part.parsed<Decimal>("price", [](const std::string& t) { return parse_decimal(t); }, std::nullopt)};
  part.no_others();
  CHECK_OK(part.verdict());
  if (currency != kDu) return fail(ErrorCode::invalid_argument, "du_price: the book is not in DU");
  if (price.currency == kDu) return fail(ErrorCode::invalid_argument, "du_price.currency: expected money");
  if (price.price.coefficient < 0) return fail(ErrorCode::invalid_argument, "du_price.price: it is negative");
  return price;
}

}  // namespace

Result<BookFile> read_book(std::string_view text, const FactorTables& tables) {
  TRY(const json document, parsed_json(text, "the book"));
  Fields fields(document, "");
  BookFile file;
  file.currency = fields.parsed<Unit>("currency", parse_unit, std::nullopt);
  CHECK_OK(fields.verdict());
  const auto rows = fields.list("rows", true);
  const auto discounts = fields.list("discounts");
  if (fields.has("du_price")) {
    TRY(file.du_price, read_du_price(fields, file.currency));
  }
  fields.no_others();
  CHECK_OK(fields.verdict());
  std::string name;
  for (const auto& [object, where] : rows) {
    TRY(pricing::PriceRow row, read_row(*object, where, file.currency, tables, name));
    CHECK_OK(keep(file, std::move(row), *object, where, name));
  }
  for (const auto& [object, where] : discounts) {
    TRY(pricing::Discount discount, read_discount(*object, where, name));
    CHECK_OK(keep(file, std::move(discount), *object, where, name));
  }
  return file;
}

Result<UsageLine> read_usage(std::string_view text, std::string& id) {
  if (text.size() > kMaxUsageLine) return fail(ErrorCode::too_large, "the line is longer than 64 KiB");
  TRY(const json object, parsed_json(text, "the line"));
  Fields fields(object, "");
  UsageLine line;
  line.id = fields.text("id", true);
  id = line.id;
  line.center = fields.text("center");
  line.center_name = fields.text("center_name");
  if (fields.has("charged")) {
    line.charged = fields.parsed<Amount>("charged", [](const std::string& t) { return parse_amount(t); }, std::nullopt);
    line.charged_in = fields.text("currency", true);
  }
  if (fields.has("charged_by_meter")) {
    Fields by_meter = fields.object("charged_by_meter");
    for (const pricing::Meter meter : pricing::kMeters) {
      const std::string name(pricing::name(meter));
      if (by_meter.has(name.c_str())) line.charged_by_meter[name] = by_meter.parsed<Amount>(name.c_str(), [](const std::string& t) { return parse_amount(t); }, std::nullopt);
    }
    fields.absorb(by_meter);
  }
  line.where = scope_of(fields);
  const auto instant = [](const std::string& t) { return parse_instant(t); };
  line.start = fields.parsed<Instant>("start", instant, std::nullopt);
  line.end = fields.parsed<Instant>("end", instant, std::nullopt);
  const Duration span = line.end - line.start;
  line.usage.running = span;
  if (fields.has("running_ms")) line.usage.running = milliseconds(fields.count("running_ms"));
  if (span.ms < 0) fields.wrong("end", "it is before the start");
  if (line.usage.running > span) fields.wrong("running_ms", "it is longer than from start to end");
  Fields alloc = fields.object("alloc", true);
  line.usage.allocation = {.cores = alloc.count("cores"), .gpus = alloc.count("gpus"), .nodes = alloc.count("nodes"), .mem_mib = alloc.count("mem_mib")};
  alloc.no_others();
  Fields counted = fields.object("meters");
  for (const pricing::Meter meter : pricing::kMeters)
    if (!pricing::is_held(meter)) line.usage.counted[meter] = counted.count(std::string(pricing::name(meter)).c_str());
  counted.no_others();  // what is held follows from alloc
  fields.absorb(counted);
  Fields totals = fields.object("pool_totals");
  line.usage.pool = {.cores = totals.count("cores"), .gpus = totals.count("gpus"), .mem_mib = totals.count("mem_mib")};
  CHECK_OK(fields.verdict());
  CHECK_OK(alloc.verdict());
  CHECK_OK(totals.verdict());
  return line;
}

Result<pricing::Rating> rate(const BookFile& book, const UsageLine& line, pricing::Months& months, std::optional<Instant> as_of) {
  pricing::Scope where = line.where;
  // A book may know centers by the names that the market shows beside their ids.
  if (!line.center_name.empty() && !book.centers.contains(where.center))
    if (const auto named = factors::id_named<CenterId>(line.center_name); book.centers.contains(named)) where.center = named;
  TRY(const auto rows, book.book.lock(where, line.usage, as_of.value_or(line.start)));
  TRY(pricing::Rating rating, pricing::rate_interval(line.usage, line.start, line.end, rows, months, line.where.tenant));
  months.add(line.where.tenant, rating);
  return rating;
}

Result<Amount> in_money(Amount du, const DuPrice& price) {
  std::int64_t scale = 1;
  for (int places = 0; places < price.price.scale; ++places) scale *= 10;
  const __int128 micros = divide_half_away(static_cast<__int128>(du.micros) * price.price.coefficient, scale);
  if (micros > std::numeric_limits<std::int64_t>::max() || micros < std::numeric_limits<std::int64_t>::min())
    return fail(ErrorCode::amount_overflow, "the money for the 度");
  return Amount{static_cast<std::int64_t>(micros)};
}

}  // namespace bourse::cli
