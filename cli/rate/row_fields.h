// The rows and discounts of a price book, as this folder's README describes them. Internal to cli/rate.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "broker/adapters/factors/factor_table.h"
#include "pricing/price_book.h"

namespace bourse::cli {

// `name` is the row's id as written. Errors: invalid_argument, naming the field.
Result<pricing::PriceRow> read_row(const nlohmann::json& object, std::string where, Unit currency, const factors::FactorTables& tables, std::string& name);
Result<pricing::Discount> read_discount(const nlohmann::json& object, std::string where, std::string& name);

}  // namespace bourse::cli
