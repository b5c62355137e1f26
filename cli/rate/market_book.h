// The market's price book as a book of `bourse rate`, and back: one form of a file for both. This folder's README has it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/rate/rate_files.h"

namespace bourse::cli {

// Rows and discounts, as the market's API gives them, in one currency: what `read_book` reads. Exact: reading it back gives the
// same rows. Errors: integrity (a row that the form can't say).
Result<nlohmann::json> book_of_market(const nlohmann::json& rows, const nlohmann::json& discounts, Unit currency);

// A book as the body of a publication. Ids are the market's to give, so the book's own are left out; factors are the published ones.
// Errors: invalid_argument (what the market doesn't sell by: a price of 度, counting by the month).
Result<nlohmann::json> publication_of(const BookFile& book);

}  // namespace bourse::cli
