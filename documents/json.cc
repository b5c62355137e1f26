#include "documents/json.h"

#include <nlohmann/json.hpp>

#include "documents/text.h"

namespace bourse::documents {

using nlohmann::json;

namespace {

json value_of(const Cell& cell) {
  if (const auto* money = std::get_if<Money>(&cell)) return {{"amount", to_text(money->amount)}, {"unit", money->unit.text()}};
  if (const auto* number = std::get_if<std::int64_t>(&cell)) return *number;
  if (std::holds_alternative<std::monostate>(cell)) return nullptr;
  return plain(cell);
}

std::string_view name(Kind kind) {
  switch (kind) {
    case Kind::text: return "text";
    case Kind::money: return "money";
    case Kind::integer: return "integer";
    case Kind::instant: return "instant";
  }
  return "text";
}

json facts_of(const std::vector<Fact>& facts) {
  json out = json::array();
  for (const Fact& fact : facts) out.push_back({{"key", fact.key}, {"label", clean(fact.label)}, {"value", value_of(fact.value)}});
  return out;
}

json row_of(const Table& table, const std::vector<Cell>& cells) {
  json out = json::object();
  for (std::size_t c = 0; c < cells.size(); ++c) out[table.columns[c].key] = value_of(cells[c]);
  return out;
}

json table_of(const Table& table) {
  json columns = json::array(), rows = json::array();
  for (const Column& column : table.columns)
    columns.push_back({{"key", column.key}, {"label", clean(column.label)}, {"kind", name(column.kind)}});
  for (const std::vector<Cell>& row : table.rows) rows.push_back(row_of(table, row));
  json out = {{"key", table.key}, {"title", clean(table.title)}, {"columns", columns}, {"rows", rows}};
  if (!table.totals.empty()) out["totals"] = row_of(table, table.totals);
  return out;
}

}  // namespace

std::string write_json(const Document& document) {
  json parties = json::array(), tables = json::array(), notes = json::array(), evidence = json::array();
  for (const Party& party : document.parties)
    parties.push_back({{"role", party.role}, {"label", clean(party.label)}, {"name", clean(party.name)}, {"details", facts_of(party.details)}});
  for (const Table& table : document.tables)
    if (table.filed) tables.push_back(table_of(table));
  for (const std::string& note : document.notes) notes.push_back(clean(note));
  for (const Evidence& item : document.evidence)
    evidence.push_back({{"key", item.key}, {"label", clean(item.label)}, {"value", clean(item.value)}});
  const json out = {{"format", "bourse.document.v1"}, {"kind", document.kind}, {"language", say(document.language, "en", "zh")},
                    {"title", clean(document.title)}, {"number", clean(document.number)}, {"issuer", clean(document.issuer)},
                    {"from", to_text(document.from)}, {"to", to_text(document.to)}, {"issued", to_text(document.issued)},
                    {"parties", parties}, {"facts", facts_of(document.facts)}, {"summary", facts_of(document.summary)},
                    {"tables", tables}, {"notes", notes}, {"evidence", evidence}};
  return out.dump(2) + "\n";
}

}  // namespace bourse::documents
