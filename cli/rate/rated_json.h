// What `bourse rate` says of a rated record, as JSON (this folder's README has the fields).
#pragma once

#include <nlohmann/json.hpp>

#include "cli/rate/rate_files.h"

namespace bourse::cli {

// Errors: amount_overflow (the money for 度).
Result<nlohmann::json> rated_json(const BookFile& book, const UsageLine& line, const pricing::Rating& rating);

}  // namespace bourse::cli
