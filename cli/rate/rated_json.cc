#include "cli/rate/rated_json.h"

#include <fmt/format.h>

namespace bourse::cli {
namespace {

using nlohmann::json;
using pricing::Over;

json slices_json(const pricing::PriceRow& row, std::int64_t billed) {
  json list = json::array();
  for (const pricing::Slice& part : pricing::slices(row, billed)) list.push_back({{"quantity", part.ticks}, {"price", to_text(part.price)}});
  return list;
}

// What tariffs add to a line; nothing for a row without any.
void add_tariff(json& entry, const BookFile& book, const pricing::PriceRow& row, const pricing::RatedLine& rated) {
  if (rated.free > 0) entry["free"] = rated.free;
  if (!row.tiers.steps.empty()) {
    entry["tiers"] = row.tiers.mode == pricing::TierMode::graduated ? "graduated" : "volume";
    if (row.tiers.over == Over::usage) entry["slices"] = slices_json(row, rated.quantity - rated.free);
  }
  if (rated.month != 0)
    entry["month"] = {{"month", fmt::format("{:04}-{:02}", rated.month / 12, rated.month % 12 + 1)}, {"used", rated.before.used}, {"billed", rated.before.billed}};
  if (!row.factor.table.empty())
    entry["factor"] = {{"table", row.factor.table}, {"chip", row.factor.chip}, {"precision", row.factor.precision}, {"factor", to_text(row.factor.value)}};
  if (!rated.discount_id.is_nil()) {
    const pricing::Discount& off = book.book.discounts().at(rated.discount_id);
    entry["list"] = to_text(rated.amount + rated.discount);
    entry["discount"] = {{"id", book.row_names.at(off.id)}, {"name", off.name}, {"off_bps", off.bps}, {"amount", to_text(rated.discount)}};
  }
}

json line_json(const BookFile& book, const pricing::RatedLine& rated) {
  const pricing::PriceRow& row = book.book.rows().at(rated.row);
  json entry{{"row", book.row_names.at(rated.row)}, {"amount", to_text(rated.amount)}};
  if (rated.meter != row.meter) {
    entry.update({{"meter", pricing::name(rated.meter)}, {"quantity", rated.quantity}, {"price", "0"}, {"included", true}});
    return entry;
  }
  entry["price"] = to_text(row.price);
  if (row.strategy == pricing::Strategy::per_meter) {
    entry.update({{"meter", pricing::name(rated.meter)}, {"quantity", rated.quantity}, {"per", row.per}});
  } else {
    entry.update({{"strategy", pricing::name(row.strategy)}, {"hours", to_text(Decimal{rated.quantity, row.places})}});
  }
  add_tariff(entry, book, row, rated);
  return entry;
}

}  // namespace

Result<json> rated_json(const BookFile& book, const UsageLine& line, const pricing::Rating& rating) {
  json lines = json::array();
  for (const pricing::RatedLine& rated : rating.lines) lines.push_back(line_json(book, rated));
  json record{{"id", line.id}, {"amount", to_text(rating.total)}, {"currency", book.currency.text()}, {"lines", std::move(lines)}};
  if (book.du_price) {
    TRY(const Amount money, in_money(rating.total, *book.du_price));
    record["money"] = {{"amount", to_text(money)}, {"currency", book.du_price->currency.text()}, {"price", to_text(book.du_price->price)}};
  }
  return record;
}

}  // namespace bourse::cli
