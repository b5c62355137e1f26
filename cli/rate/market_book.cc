#include "cli/rate/market_book.h"

#include <array>
#include <cstdlib>

#include "broker/adapters/factors/fields.h"

namespace bourse::cli {
namespace {

using nlohmann::json;

std::string said(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || !found->is_string() ? std::string() : found->get<std::string>();
}
std::int64_t ticks_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || !found->is_number_integer() ? 0 : found->get<std::int64_t>();
}

// In units of `per` where six places say it exactly, else as so many ticks.
std::string quantity_text(std::int64_t ticks, std::int64_t per) {
  constexpr std::int64_t kMillion = 1'000'000;
  const __int128 scaled = static_cast<__int128>(ticks) * kMillion;
  if (per <= 0 || scaled % per != 0 || scaled / per > INT64_MAX) return std::to_string(ticks) + " ticks";
  Decimal out{static_cast<std::int64_t>(scaled / per), 6};
  for (; out.scale > 0 && out.coefficient % 10 == 0; --out.scale) out.coefficient /= 10;
  return to_text(out);
}

json scope_in(const json& from) {
  json scope = json::object();
  for (const char* name : {"tenant", "center", "pool", "qos"})
    if (const std::string text = said(from, name); !text.empty()) scope[name] = text;
  return scope;
}

json row_of(const json& in) {
  json row{{"id", said(in, "id")}, {"scope", scope_in(in)}, {"meter", said(in, "meter")}};
  const std::int64_t per = ticks_in(in, "per_ticks");
  const std::string strategy = said(in, "strategy");
  if (!strategy.empty()) {
    row["strategy"] = strategy;
    row["precision"] = std::atoi(said(in, "precision").c_str());
  }
  row["price"] = said(in, "price");
  row["per"] = said(in, "per").empty() ? std::to_string(per) + " ticks" : said(in, "per");
  if (const std::string minimum = said(in, "minimum"); !minimum.empty() || !strategy.empty()) row["minimum"] = minimum.empty() ? "0" : minimum;
  row["valid_from"] = said(in, "valid_from");
  if (const std::string until = said(in, "valid_until"); !until.empty()) row["valid_until"] = until;
  for (const json& tier : in.value("tiers", json::array()))
    row["tiers"].push_back({{"above", quantity_text(ticks_in(tier, "above_ticks"), per)}, {"price", said(tier, "price")}});
  if (row.contains("tiers")) row["tier_mode"] = said(in, "tier_mode");
  if (const std::int64_t free = ticks_in(in, "free_ticks"); free > 0) row["free"] = quantity_text(free, per);
  for (const json& window : in.value("windows", json::array())) {
    json to{{"from", said(window, "from")}, {"to", said(window, "until")}};
    if (const json days = window.value("days", json::array()); !days.empty()) to["days"] = days;
    row["windows"].push_back(std::move(to));
  }
  if (const std::string zone = said(in, "zone"); !zone.empty()) row["zone"] = zone;
  if (const json factor = in.value("factor", json::object()); !said(factor, "table").empty())
    row["factor"] = {{"table", said(factor, "table")}, {"chip", said(factor, "chip")}, {"precision", said(factor, "precision")}};
  return row;
}

json discount_of(const json& in) {
  json out{{"id", said(in, "id")}, {"name", said(in, "name")}, {"scope", scope_in(in)}, {"off_bps", ticks_in(in, "bps")}, {"valid_from", said(in, "valid_from")}};
  if (const std::string meter = said(in, "meter"); !meter.empty()) out["meter"] = meter;
  if (const std::string until = said(in, "valid_until"); !until.empty()) out["valid_until"] = until;
  return out;
}

constexpr std::array<const char*, 7> kWeekdays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

// Of a row as written and as understood: names are the writer's, quantities what was read.
Result<json> published_row(const json& written, const pricing::PriceRow& row, const std::string& name) {
  if (pricing::by_month(row)) return fail(ErrorCode::invalid_argument, name + ": the market sells nothing that counts by the month");
  json out = scope_in(written.value("scope", json::object()));
  out.update({{"meter", pricing::name(row.meter)}, {"price", to_text(row.price)}, {"per_ticks", row.per}, {"unit", row.unit.text()}, {"minimum", to_text(row.minimum)},
              {"valid_from", to_text(row.valid_from)}});
  if (row.valid_until.unix_ms != 0) out["valid_until"] = to_text(row.valid_until);
  if (row.strategy != pricing::Strategy::per_meter) {
    out["strategy"] = pricing::name(row.strategy);
    out["precision"] = std::to_string(row.places);
  }
  for (const pricing::Tier& tier : row.tiers.steps) out["tiers"].push_back({{"above_ticks", tier.above}, {"price", to_text(tier.price)}});
  if (!row.tiers.steps.empty()) out["tier_mode"] = row.tiers.mode == pricing::TierMode::volume ? "volume" : "graduated";
  if (row.free.ticks > 0) out["free_ticks"] = row.free.ticks;
  for (const pricing::WeeklyWindow& window : row.windows) {
    const auto time = [](int minute) {
      const auto two = [](int n) { return (n < 10 ? "0" : "") + std::to_string(n); };
      return two(minute / 60) + ":" + two(minute % 60);
    };
    json to{{"from", time(window.from)}, {"until", time(window.until)}};
    for (std::size_t day = 0; day < kWeekdays.size(); ++day)
      if ((window.days >> day & 1) != 0) to["days"].push_back(kWeekdays[day]);
    out["windows"].push_back(std::move(to));
  }
  if (!row.zone.empty() && !row.windows.empty()) out["zone"] = row.zone;
  if (!row.factor.table.empty()) out["factor"] = {{"table", row.factor.table}, {"chip", row.factor.chip}, {"precision", row.factor.precision}};
  return out;
}

json published_discount(const json& written, const pricing::Discount& discount) {
  json out = scope_in(written.value("scope", json::object()));
  out.update({{"name", discount.name}, {"bps", discount.bps}, {"valid_from", to_text(discount.valid_from)}});
  if (discount.meter) out["meter"] = pricing::name(*discount.meter);
  if (discount.valid_until.unix_ms != 0) out["valid_until"] = to_text(discount.valid_until);
  return out;
}

}  // namespace

Result<json> book_of_market(const json& rows, const json& discounts, Unit currency) {
  json book{{"currency", currency.text()}, {"rows", json::array()}};
  for (const json& row : rows) {
    if (said(row, "unit") != currency.text()) continue;
    if (ticks_in(row, "per_ticks") <= 0) return fail(ErrorCode::integrity, said(row, "id") + ": a price for no ticks");
    book["rows"].push_back(row_of(row));
  }
  for (const json& discount : discounts) book["discounts"].push_back(discount_of(discount));
  return book;
}

Result<json> publication_of(const BookFile& book) {
  if (book.du_price) return fail(ErrorCode::invalid_argument, "du_price: the market sells 度 in packages (bourse package publish)");
  json body = json::object();
  for (const auto& [name, text] : book.entries) {  // by name, so that a repeat is the same request
    const json written = json::parse(text);
    const auto id = factors::id_named<PriceRowId>(name);
    if (const auto row = book.book.rows().find(id); row != book.book.rows().end()) {
      TRY(json out, published_row(written, row->second, name));
      body["rows"].push_back(std::move(out));
    } else {
      body["discounts"].push_back(published_discount(written, book.book.discounts().at(id)));
    }
  }
  return body;
}

}  // namespace bourse::cli
