// The document as JSON, format "bourse.document.v1": all that the model holds, keys sorted, two blanks of indentation.
//
// Money is {"amount": decimal text, "unit"}, instants RFC 3339 in UTC, integers numbers, an empty cell null. Tables are
// arrays of objects by column key; `columns` keeps their order, labels and kinds.
#pragma once

#include <string>

#include "documents/document.h"

namespace bourse::documents {

std::string write_json(const Document& document);

}  // namespace bourse::documents
