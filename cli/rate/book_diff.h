// What changed between two price books: rows and discounts, found by their ids.
#pragma once

#include <string>
#include <vector>

#include "cli/rate/rate_files.h"

namespace bourse::cli {

struct FieldChange {
  std::string field;  // "price", "tiers"; of the book itself, "currency"
  std::string before;  // JSON as written; empty = it was not there
  std::string after;
};
struct BookChange {
  enum class Kind { added, removed, changed } kind = Kind::changed;
  std::string id;                   // of a row or discount; empty = the book itself
  std::vector<FieldChange> fields;  // of an added or removed one, all that it has
};

// By id. A row that says the same in other words (a default written out) has not changed; one whose price is written with other
// places has, as statements show prices as they were written.
std::vector<BookChange> book_diff(const BookFile& before, const BookFile& after);

}  // namespace bourse::cli
