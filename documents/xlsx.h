// The document as an Excel workbook (libxlsxwriter): a sheet with parties, facts and the summary, a sheet a table, a sheet of
// evidence. Heads are frozen, columns wide enough, texts never formulas.
//
// Excel's numbers are doubles and show 15 digits. An amount that such a number holds exactly is a number; any other is its
// exact text, aligned right, so no micro-unit is ever lost in silence. The same for integers. Sums are written, not formulas.
// Dates of creation are the document's `issued`, so the same document gives the same bytes.
#pragma once

#include <string>

#include "base/result.h"
#include "documents/document.h"

namespace bourse::documents {

// Errors: too_large (more rows than a sheet holds: 1,048,576; a text above 32,767 characters), internal.
Result<std::string> write_xlsx(const Document& document);

}  // namespace bourse::documents
