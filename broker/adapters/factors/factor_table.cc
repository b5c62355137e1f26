#include "broker/adapters/factors/factor_table.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/assert.h"
#include "broker/adapters/factors/fields.h"

namespace bourse::factors {
namespace {

using nlohmann::json;

Result<pricing::DuFactor> read_entry(const json& object, std::string where, const std::string& version, std::uint32_t included, FactorSource& source) {
  Fields fields(object, std::move(where));
  pricing::DuFactor factor{.table = version, .chip = fields.text("chip", true), .precision = fields.text("precision", true), .value = {}, .includes = included};
  factor.value = fields.parsed<Decimal>("factor", [](const std::string& t) { return parse_decimal(t); }, std::nullopt);
  // What a factor comes from is part of it: a figure without a source or a direction is not published.
  source = {fields.text("tflops", true), fields.text("sparsity", true), fields.text("source", true), fields.text("date", true)};
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
  table.published = fields.text("published", true);
  table.norm = fields.text("norm", true);
  table.starts = fields.text("starts", true);
  table.stops = fields.text("stops", true);
  for (const auto& [element, where] : fields.list("includes_unmetered")) {
    if (!element->is_string()) return fail(ErrorCode::invalid_argument, where + ": expected a text");
    table.includes_unmetered.push_back(element->get<std::string>());
  }
  for (const auto& [element, where] : fields.list("includes", true)) {
    const auto meter = element->is_string() ? parse_meter(element->get<std::string>()) : fail(ErrorCode::invalid_argument, "expected a meter");
    if (!meter) return fail(ErrorCode::invalid_argument, where + ": " + meter.error().detail);
    table.includes |= 1U << static_cast<unsigned>(*meter);
  }
  const auto entries = fields.list("factors", true);
  fields.no_others();
  CHECK_OK(fields.verdict());
  for (const auto& [element, where] : entries) {
    FactorSource source;
    TRY(pricing::DuFactor factor, read_entry(*element, where, table.version, table.includes, source));
    const auto key = std::pair(factor.chip, factor.precision);
    table.sources.emplace(key, std::move(source));
    if (!table.factors.emplace(key, std::move(factor)).second) return fail(ErrorCode::conflict, where + ": " + key.first + " in " + key.second + " is there twice");
  }
  return table;
}

Result<pricing::DuFactor> find_factor(const FactorTables& tables, const std::string& table, const std::string& chip, const std::string& precision,
                                      pricing::Meter meter) {
  const auto found = tables.find(table);
  if (found == tables.end()) {
    const std::string known = listed(tables, [](const auto& entry) { return entry.first; });
    return fail(ErrorCode::invalid_argument, "the factor table " + table + " is not there" + (known.empty() ? "" : "; there is " + known));
  }
  if (found->second.meter != meter)
    return fail(ErrorCode::invalid_argument, "the table's factors are for " + std::string(pricing::name(found->second.meter)));
  const auto factor = found->second.factors.find({chip, precision});
  if (factor == found->second.factors.end())
    return fail(ErrorCode::invalid_argument, "the table " + table + " has no " + chip + " in " + precision + "; it has " +
                                                 listed(found->second.factors, [](const auto& entry) { return entry.first.first + " in " + entry.first.second; }));
  return factor->second;
}

Result<FactorTables> load_factor_tables(const std::string& directory) {
  FactorTables tables;
  if (directory.empty()) {
    TRY(FactorTable table, read_factor_table(published_table()));
    const std::string version = table.version;
    tables.emplace(version, std::move(table));
    return tables;
  }
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
    if (at->path().extension() == ".json") files.push_back(at->path());
  if (error) return fail(ErrorCode::not_found, directory + " can't be read: " + error.message());
  std::ranges::sort(files);
  for (const std::filesystem::path& path : files) {
    std::ifstream file(path, std::ios::binary);
    std::string text(kMaxFactorBytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (file.bad() || text.size() > kMaxFactorBytes) return fail(ErrorCode::invalid_argument, path.string() + ": it can't be read, or is larger than 1 MiB");
    auto table = read_factor_table(text);
    if (!table) return fail(table.error().code, path.string() + ": " + table.error().detail);
    const std::string version = table->version;
    if (!tables.emplace(version, *std::move(table)).second) return fail(ErrorCode::conflict, path.string() + ": another file has the version " + version);
  }
  return tables;
}

std::shared_ptr<const FactorTables> published_tables() {
  auto tables = load_factor_tables({});
  BOURSE_ASSERT(tables.has_value());  // a test reads it
  return std::make_shared<const FactorTables>(*std::move(tables));
}

Status check_published(const FactorTables& tables, const pricing::PriceRow& row) {
  if (row.factor.table.empty()) return {};
  TRY(const pricing::DuFactor published, find_factor(tables, row.factor.table, row.factor.chip, row.factor.precision, row.meter));
  if (published == row.factor) return {};
  return fail(ErrorCode::invalid_argument, "factor: the table " + published.table + " says " + to_text(published.value) + " for " + published.chip + " in " + published.precision +
                                               ", and what it includes; leave `value` and `includes` out to take these");
}

}  // namespace bourse::factors
