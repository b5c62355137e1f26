// A published table of 度 factors (config/du_factors.v1.json; docs/adr/0005): JSON, read strictly.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "pricing/tariff.h"

namespace bourse::cli {

inline constexpr std::size_t kMaxFactorBytes = 1 << 20;

struct FactorTable {
  std::string version;
  pricing::Meter meter = pricing::Meter::gpu_ms;  // whose hours are 度
  std::map<std::pair<std::string, std::string>, pricing::DuFactor> factors;  // by chip and precision
};
using FactorTables = std::map<std::string, FactorTable>;  // by version

// Errors: invalid_argument, naming the field; conflict (chip and precision twice).
Result<FactorTable> read_factor_table(std::string_view json);

// Errors: invalid_argument, saying which tables, or which of the table's chips, there are.
Result<pricing::DuFactor> find_factor(const FactorTables& tables, const std::string& table, const std::string& chip, const std::string& precision,
                                      pricing::Meter meter);

}  // namespace bourse::cli
