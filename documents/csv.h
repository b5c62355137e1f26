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
std::string csv_record(const std::vector<CsvField>& fields);

// The document's main table: the identity facts as columns in front, then every column by its key. The columns are the
// same for every document of one kind, in any language, whatever it holds. No line of sums: a program adds up itself.
std::string write_csv(const Document& document);

}  // namespace bourse::documents
