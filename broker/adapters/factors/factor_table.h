// A published table of 度 factors (config/du_factors.v1.json; docs/adr/0005): JSON, read strictly.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "pricing/price_book.h"

namespace bourse::factors {

inline constexpr std::size_t kMaxFactorBytes = 1 << 20;

// What a factor comes from, as published.
struct FactorSource {
  std::string tflops, sparsity, source, date;
};
struct FactorTable {
  std::string version, published;  // and the day
  std::string norm, starts, stops;                // what one 度 is, and when metering starts and stops
  std::vector<std::string> includes_unmetered;    // for people: nothing measures them
  std::uint32_t includes = 0;                     // meters, as in pricing::DuFactor
  pricing::Meter meter = pricing::Meter::gpu_ms;  // whose hours are 度
  std::map<std::pair<std::string, std::string>, pricing::DuFactor> factors;  // by chip and precision
  std::map<std::pair<std::string, std::string>, FactorSource> sources;       // of each
};
using FactorTables = std::map<std::string, FactorTable>;  // by version

// Errors: invalid_argument, naming the field; conflict (chip and precision twice).
Result<FactorTable> read_factor_table(std::string_view json);

// Errors: invalid_argument, saying which tables, or which of the table's chips, there are.
Result<pricing::DuFactor> find_factor(const FactorTables& tables, const std::string& table, const std::string& chip, const std::string& precision,
                                      pricing::Meter meter);

// What this version of the market was published with: config/du_factors.v1.json.
std::string_view published_table();
std::shared_ptr<const FactorTables> published_tables();
// The tables of a folder's *.json files; of an empty name the published one alone. Errors: not_found, invalid_argument and
// conflict, naming the file.
Result<FactorTables> load_factor_tables(const std::string& directory);

// Errors: invalid_argument, where a row's factor is not what its table says. Rows without a factor pass.
Status check_published(const FactorTables& tables, const pricing::PriceRow& row);

}  // namespace bourse::factors
