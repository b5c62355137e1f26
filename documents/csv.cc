#include "documents/csv.h"

#include <algorithm>
#include <array>

#include "documents/text.h"

namespace bourse::documents {
namespace {

bool starts_formula(std::string_view text) {
  constexpr std::array<std::string_view, 10> kStarts = {"=", "+", "-", "@", "\t", "\r", "\xEF\xBC\x9D", "\xEF\xBC\x8B", "\xEF\xBC\x8D", "\xEF\xBC\xA0"};
  // Spreadsheets cut blanks before they look.
  const std::size_t at = text.find_first_not_of(' ');
  if (at == std::string_view::npos) return false;
  for (const std::string_view start : kStarts)
    if (text.substr(at).starts_with(start)) return true;
  return false;
}

}  // namespace

CsvField csv_field(const Cell& cell) { return {plain(cell), !std::holds_alternative<std::string>(cell)}; }

std::string csv_record(const std::vector<CsvField>& fields) {
  std::string out;
  for (const CsvField& field : fields) {
    if (&field != &fields.front()) out += ',';
    const std::string text = (!field.raw && starts_formula(field.text) ? "'" : "") + field.text;
    if (text.find_first_of(",\"\r\n") == std::string::npos && !text.starts_with(' ') && !text.ends_with(' ')) {
      out += text;
      continue;
    }
    out += '"';
    for (const char c : text) out.append(c == '"' ? 2 : 1, c);
    out += '"';
  }
  return out + "\r\n";
}

Result<std::string> write_csv(const Document& document, std::string_view key) {
  const auto found = std::ranges::find_if(document.tables, [&](const Table& t) { return t.filed && (key.empty() || t.key == key); });
  if (found == document.tables.end()) return fail(ErrorCode::invalid_argument, "the document has no table \"" + std::string(key) + "\"");
  const Table& table = *found;
  std::vector<CsvField> head, front;
  for (const Fact& fact : document.facts)
    if (fact.identity) {
      head.push_back({fact.key, true});
      front.push_back(csv_field(fact.value));
    }
  for (const Column& column : table.columns) head.push_back({column.key, true});
  std::string out = csv_record(head);
  for (const std::vector<Cell>& row : table.rows) {
    std::vector<CsvField> fields = front;
    for (const Cell& cell : row) fields.push_back(csv_field(cell));
    out += csv_record(fields);
  }
  return out;
}

}  // namespace bourse::documents
