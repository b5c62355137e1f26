// CSV (RFC 4180): UTF-8 without a byte order mark, CRLF, a header, quotes where they are needed.
//
// Text that a spreadsheet would run as a formula (= + - @, their full-width forms, tab or CR at its start) gets a leading
// apostrophe (OWASP, "CSV Injection"); numbers are numbers, negative ones too.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "documents/document.h"

namespace bourse::documents {

// One record, with its line end. `raw` fields are numbers and other texts of ours that no name can reach.
struct CsvField {
  std::string text;
  bool raw = false;
};
CsvField csv_field(const Cell& cell);
std::string csv_record(const std::vector<CsvField>& fields);

// One table of the document, the main one (its first) when `key` is empty: the identity facts as columns in front, then every column by its key. The columns are the
// same for every document of one kind, in any language, whatever it holds. No line of sums: a program adds up itself.
// Errors: invalid_argument (no table with this key).
Result<std::string> write_csv(const Document& document, std::string_view key = {});

}  // namespace bourse::documents
