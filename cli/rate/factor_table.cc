#include "cli/rate/factor_table.h"

#include <nlohmann/json.hpp>

#include "cli/rate/fields.h"

namespace bourse::cli {
namespace {

using nlohmann::json;

Result<pricing::DuFactor> read_entry(const json& object, std::string where, const std::string& version, std::uint32_t included) {
  Fields fields(object, std::move(where));
  pricing::DuFactor factor{.table = version, .chip = fields.text("chip", true), .precision = fields.text("precision", true), .value = {}, .includes = included};
  factor.value = fields.parsed<Decimal>("factor", [](const std::string& t) { return parse_decimal(t); }, std::nullopt);
  // What a factor comes from is part of it: a figure without a source or a direction is not published.
  for (const char* evidence : {"tflops", "sparsity", "source", "date"}) fields.text(evidence, true);
  fields.no_others();
  CHECK_OK(fields.verdict());
  if (auto fine = pricing::check_factor(factor); !fine) {
    fields.wrong("", fine.error().detail);
    CHECK_OK(fields.verdict());
  }
  return factor;
}

std::string listed(const auto& map, auto name) {
  std::string names;
  for (const auto& entry : map) names += (names.empty() ? "" : ", ") + name(entry);
  return names;
}

}  // namespace

Result<FactorTable> read_factor_table(std::string_view text) {
  TRY(const json document, parsed_json(text, "the table"));
  Fields fields(document, "");
  FactorTable table{.version = fields.text("version", true), .factors = {}};
  table.meter = fields.parsed<pricing::Meter>("meter", parse_meter, std::nullopt);
  for (const char* said : {"published", "norm", "starts", "stops"}) fields.text(said, true);
  fields.pass("includes_unmetered");  // for people: nothing measures them
  std::uint32_t included = 0;
  for (const auto& [element, where] : fields.list("includes", true)) {
    const auto meter = element->is_string() ? parse_meter(element->get<std::string>()) : fail(ErrorCode::invalid_argument, "expected a meter");
    if (!meter) return fail(ErrorCode::invalid_argument, where + ": " + meter.error().detail);
    included |= 1U << static_cast<unsigned>(*meter);
  }
  const auto entries = fields.list("factors", true);
  fields.no_others();
  CHECK_OK(fields.verdict());
  for (const auto& [element, where] : entries) {
    TRY(pricing::DuFactor factor, read_entry(*element, where, table.version, included));
    const auto key = std::pair(factor.chip, factor.precision);
    if (!table.factors.emplace(key, std::move(factor)).second) return fail(ErrorCode::conflict, where + ": " + key.first + " in " + key.second + " is there twice");
  }
  return table;
}

Result<pricing::DuFactor> find_factor(const FactorTables& tables, const std::string& table, const std::string& chip, const std::string& precision,
                                      pricing::Meter meter) {
  const auto found = tables.find(table);
  if (found == tables.end()) {
    const std::string known = listed(tables, [](const auto& entry) { return entry.first; });
    return fail(ErrorCode::invalid_argument, "the factor table " + table + " is not given (--factors FILE)" + (known.empty() ? "" : "; there is " + known));
  }
  if (found->second.meter != meter)
    return fail(ErrorCode::invalid_argument, "the table's factors are for " + std::string(pricing::name(found->second.meter)));
  const auto factor = found->second.factors.find({chip, precision});
  if (factor == found->second.factors.end())
    return fail(ErrorCode::invalid_argument, "the table " + table + " has no " + chip + " in " + precision + "; it has " +
                                                 listed(found->second.factors, [](const auto& entry) { return entry.first.first + " in " + entry.first.second; }));
  return factor->second;
}

}  // namespace bourse::cli
