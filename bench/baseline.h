// What the journal is compared with: the same transfers as rows of a relational table.
#pragma once

#include <cstddef>
#include <string>

#include "bench/bench.h"

namespace bourse::bench {

// One writer; a transaction for each `batch` transfers: rows by UNNEST into a table keyed by UUIDv7, repeats skipped, and
// the two accounts' sums updated. Durable. Returns transfers a second.
Result<double> measure_baseline(const std::string& conninfo, std::size_t accounts, std::size_t batch, const BenchOptions& options);

}  // namespace bourse::bench
