#include "documents/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/assert.h"

namespace bourse::documents {
namespace {

bool fits(const Cell& cell, Kind kind) {
  switch (kind) {
    case Kind::text: return std::holds_alternative<std::monostate>(cell) || std::holds_alternative<std::string>(cell);
    case Kind::money: return std::holds_alternative<std::monostate>(cell) || std::holds_alternative<Money>(cell);
    case Kind::integer: return std::holds_alternative<std::monostate>(cell) || std::holds_alternative<std::int64_t>(cell);
    case Kind::instant: return std::holds_alternative<std::monostate>(cell) || std::holds_alternative<Instant>(cell);
  }
  return false;
}

Status check_rows(const Table& table) {
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    if (table.rows[r].size() != table.columns.size())
      return fail(ErrorCode::integrity, fmt::format("{}[{}] has {} cells for {} columns", table.key, r, table.rows[r].size(), table.columns.size()));
    for (std::size_t c = 0; c < table.columns.size(); ++c)
      if (!fits(table.rows[r][c], table.columns[c].kind))
        return fail(ErrorCode::integrity, fmt::format("{}[{}].{} is of another kind than its column", table.key, r, table.columns[c].key));
  }
  return {};
}

// Sums are computed anew, whoever said them.
Status check_money(const Table& table, std::size_t column) {
  const std::string place = table.key + "." + table.columns[column].key;
  std::optional<Unit> unit;
  Amount sum;
  const auto same_unit = [&](const Money& money) { return unit.value_or(money.unit) == money.unit; };
  for (const std::vector<Cell>& row : table.rows) {
    const Money* money = std::get_if<Money>(&row[column]);
    if (money == nullptr) continue;
    if (!same_unit(*money)) return fail(ErrorCode::integrity, place + " has amounts of two units");
    unit = money->unit;
    const auto more = checked_add(sum, money->amount);
    if (!more) return fail(ErrorCode::integrity, place + " has a sum that is too large");
    sum = *more;
  }
  if (table.totals.empty()) return {};
  const Money* total = std::get_if<Money>(&table.totals[column]);
  if (total != nullptr && (!same_unit(*total) || total->amount != sum))
    return fail(ErrorCode::integrity, fmt::format("the total of {} says {}, computes to {}", place, to_text(total->amount), to_text(sum)));
  return {};
}

}  // namespace

Table paper_view(const Table& table, std::string title, const std::vector<std::string_view>& keys, bool totals) {
  Table out{.key = table.key, .title = std::move(title), .printed = !table.rows.empty(), .filed = false};
  std::vector<std::size_t> chosen;
  for (const std::string_view key : keys) {
    const auto found = std::ranges::find(table.columns, key, &Column::key);
    BOURSE_ASSERT(found != table.columns.end());
    chosen.push_back(static_cast<std::size_t>(found - table.columns.begin()));
    out.columns.push_back(*found);
    out.columns.back().printed = true;
  }
  const auto pick = [&](const std::vector<Cell>& row) {
    std::vector<Cell> cells;
    for (const std::size_t c : chosen) cells.push_back(row[c]);
    return cells;
  };
  for (const std::vector<Cell>& row : table.rows) out.rows.push_back(pick(row));
  if (totals && !table.totals.empty()) out.totals = pick(table.totals);
  return out;
}

Status check(const Document& document) {
  if (document.tables.empty()) return fail(ErrorCode::integrity, "a document has a table at least");
  for (const Table& table : document.tables) {
    if (!table.totals.empty() && table.totals.size() != table.columns.size())
      return fail(ErrorCode::integrity, table.key + " has totals for other columns than it has");
    CHECK_OK(check_rows(table));
    for (std::size_t c = 0; c < table.columns.size(); ++c)
      if (table.columns[c].kind == Kind::money) CHECK_OK(check_money(table, c));
  }
  return {};
}

}  // namespace bourse::documents
