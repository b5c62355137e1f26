#include "cli/rate/rate_files.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "base/sha256.h"

namespace bourse::cli {
namespace {

using nlohmann::json;

// The files name things as they please; the book knows ids. Equal names are equal ids.
template <class IdType>
IdType id_named(const std::string& name) {
  if (name.empty()) return {};
  const Hash256 hash = sha256(name);
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), hash.bytes.data(), sizeof words);
  return IdType{Uuid{words[0], words[1]}};
}

// One JSON object; the first thing wrong in it is kept.
class Fields {
 public:
  Fields(const json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) wrong("", "expected an object");
  }

  std::string text(const char* name, bool needed = false) {
    const json* value = get(name, needed);
    if (value == nullptr) return "";
    if (!value->is_string()) return wrong(name, value->is_number() ? "write it in quotes: a JSON number is not exact" : "expected a text"), "";
    return value->get<std::string>();
  }
  std::int64_t count(const char* name, bool needed = false) {
    const json* value = get(name, needed);
    if (value == nullptr) return 0;
    if (!value->is_number_integer() || (value->is_number_unsigned() && value->get<std::uint64_t>() > INT64_MAX) || value->get<std::int64_t>() < 0)
      return wrong(name, "expected a whole number from 0"), 0;
    return value->get<std::int64_t>();
  }
  // Reads the text with `parse`; absent = `otherwise`.
  template <class T, class Parse>
  T parsed(const char* name, Parse parse, std::optional<T> otherwise) {
    const std::string written = text(name, !otherwise);
    if (written.empty()) return otherwise.value_or(T{});
    const auto value = parse(written);
    if (!value) return wrong(name, value.error().detail.empty() ? "not understood" : value.error().detail), T{};
    return *value;
  }
  Fields object(const char* name, bool needed = false) {
    static const json kNone = json::object();
    const json* value = get(name, needed);
    return Fields(value == nullptr ? kNone : *value, at(name));
  }
  // Keys that nobody asked for are misspelt ones.
  void no_others() {
    if (!object_.is_object()) return;
    for (const auto& [key, value] : object_.items())
      if (std::ranges::find(asked_, key) == asked_.end()) wrong(key.c_str(), "there is no such field");
  }
  void wrong(const char* name, std::string_view what) {
    const std::string where = at(name);
    if (!error_) error_ = Error{ErrorCode::invalid_argument, (where.empty() ? "" : where + ": ") + std::string(what)};
  }
  Status verdict() const { return error_ ? Status(std::unexpected(*error_)) : Status(); }

 private:
  const json* get(const char* name, bool needed) {
    asked_.emplace_back(name);
    const auto found = object_.is_object() ? object_.find(name) : object_.end();
    if (object_.is_object() && found != object_.end()) return &*found;
    if (needed) wrong(name, "it is missing");
    return nullptr;
  }
  std::string at(const char* name) const { return where_.empty() ? name : *name == '\0' ? where_ : where_ + "." + name; }

  const json& object_;
  std::string where_;
  std::vector<std::string> asked_;
  std::optional<Error> error_;
};

Result<pricing::Meter> parse_meter(const std::string& text) {
  const auto meter = pricing::meter_named(text);
  if (!meter) return fail(ErrorCode::invalid_argument, "the meters are core_ms, gpu_ms, node_ms and mem_mib_s");
  return *meter;
}

Result<pricing::Strategy> parse_strategy(const std::string& text) {
  const auto strategy = pricing::strategy_named(text);
  if (!strategy || *strategy == pricing::Strategy::per_meter)
    return fail(ErrorCode::invalid_argument, "the strategies are scow:cpusAlloc, scow:gpu, scow:max-cpusAlloc-mem and scow:max-gpu-cpusAlloc");
  return *strategy;
}

pricing::Scope scope_of(Fields& fields) {
  return {.tenant = id_named<TenantId>(fields.text("tenant")),
          .center = id_named<CenterId>(fields.text("center")),
          .pool = fields.text("pool"),
          .qos = fields.text("qos")};
}

Result<pricing::PriceRow> read_row(const json& object, std::string where, Unit currency, std::string& name) {
  constexpr Amount kScowMinimum = Amount::of_micros(10'000);
  Fields fields(object, std::move(where));
  name = fields.text("id", true);
  Fields scope = fields.object("scope");
  pricing::PriceRow row{.id = id_named<PriceRowId>(name), .scope = scope_of(scope), .unit = currency, .valid_from = {}, .valid_until = {}};
  scope.no_others();
  row.meter = fields.parsed<pricing::Meter>("meter", parse_meter, std::nullopt);
  row.strategy = fields.parsed<pricing::Strategy>("strategy", parse_strategy, pricing::Strategy::per_meter);
  row.price = fields.parsed<Decimal>("price", [](const std::string& t) { return parse_decimal(t); }, std::nullopt);
  row.per = fields.parsed<std::int64_t>("per", [&](const std::string& t) { return pricing::ticks_per(row.meter, t); }, std::nullopt);
  if (object.is_object() && object.contains("precision")) {
    const std::int64_t places = fields.count("precision");
    row.places = static_cast<std::uint8_t>(std::min<std::int64_t>(places, 255));
  }
  const bool scow = row.strategy != pricing::Strategy::per_meter;
  row.minimum = fields.parsed<Amount>("minimum", parse_amount, scow ? kScowMinimum : Amount{});
  const auto instant = [](const std::string& t) { return parse_instant(t); };
  row.valid_from = fields.parsed<Instant>("valid_from", instant, std::nullopt);
  row.valid_until = fields.parsed<Instant>("valid_until", instant, Instant{});
  CHECK_OK(scope.verdict());
  fields.no_others();
  CHECK_OK(fields.verdict());
  return row;
}

Result<json> parsed_json(std::string_view text, std::string_view what) {
  json value = json::parse(text, nullptr, false);
  if (value.is_discarded()) return fail(ErrorCode::invalid_argument, std::string(what) + " is not JSON");
  return value;
}

}  // namespace

Result<BookFile> read_book(std::string_view text) {
  TRY(const json document, parsed_json(text, "the book"));
  Fields fields(document, "");
  BookFile file;
  file.currency = fields.parsed<Unit>("currency", parse_unit, std::nullopt);
  CHECK_OK(fields.verdict());
  if (!document.contains("rows") || !document["rows"].is_array()) return fail(ErrorCode::invalid_argument, "rows: expected a list");
  for (const auto& [key, value] : document.items())
    if (key != "currency" && key != "rows") return fail(ErrorCode::invalid_argument, key + ": there is no such field");
  std::size_t number = 0;
  for (const json& object : document["rows"]) {
    std::string name;
    const std::string where = "rows[" + std::to_string(number++) + "]";
    TRY(pricing::PriceRow row, read_row(object, where, file.currency, name));
    if (!file.row_names.emplace(row.id, name).second) return fail(ErrorCode::conflict, where + ": another row has the id " + name);
    if (auto fine = file.book.check(row); !fine) {
      // The book says "price row prc_…: what"; people know the row by its own name.
      const std::size_t colon = fine.error().detail.find(": ");
      return fail(fine.error().code, where + " (" + name + ")" + (colon == std::string::npos ? "" : fine.error().detail.substr(colon)));
    }
    file.book.add(std::move(row));
  }
  return file;
}

Result<UsageLine> read_usage(std::string_view text, std::string& id) {
  if (text.size() > kMaxUsageLine) return fail(ErrorCode::too_large, "the line is longer than 64 KiB");
  TRY(const json object, parsed_json(text, "the line"));
  Fields fields(object, "");
  UsageLine line{.id = fields.text("id", true), .where = {}, .start = {}, .usage = {}};
  id = line.id;
  line.where = scope_of(fields);
  const auto instant = [](const std::string& t) { return parse_instant(t); };
  line.start = fields.parsed<Instant>("start", instant, std::nullopt);
  const auto end = fields.parsed<Instant>("end", instant, std::nullopt);
  const Duration span = end - line.start;
  line.usage.running = span;
  if (object.is_object() && object.contains("running_ms")) line.usage.running = milliseconds(fields.count("running_ms"));
  if (span.ms < 0) fields.wrong("end", "it is before the start");
  if (line.usage.running > span) fields.wrong("running_ms", "it is longer than from start to end");
  Fields alloc = fields.object("alloc", true);
  line.usage.allocation = {.cores = alloc.count("cores"), .gpus = alloc.count("gpus"), .nodes = alloc.count("nodes"), .mem_mib = alloc.count("mem_mib")};
  alloc.no_others();
  Fields totals = fields.object("pool_totals");
  line.usage.pool = {.cores = totals.count("cores"), .gpus = totals.count("gpus"), .mem_mib = totals.count("mem_mib")};
  CHECK_OK(fields.verdict());
  CHECK_OK(alloc.verdict());
  CHECK_OK(totals.verdict());
  return line;
}

Result<pricing::Rating> rate(const BookFile& book, const UsageLine& line) {
  TRY(const auto rows, book.book.lock(line.where, line.usage.allocation, line.start));
  return pricing::rate_usage(line.usage, rows);
}

}  // namespace bourse::cli
