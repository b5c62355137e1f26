#include "broker/adapters/factors/fields.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/sha256.h"

namespace bourse::factors {

using nlohmann::json;

Uuid uuid_named(const std::string& name) {
  if (name.empty()) return {};
  const Hash256 hash = sha256(name);
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), hash.bytes.data(), sizeof words);
  return Uuid{words[0], words[1]};
}

std::string Fields::text(const char* name, bool needed) {
  const json* value = get(name, needed);
  if (value == nullptr) return "";
  if (!value->is_string()) return wrong(name, value->is_number() ? "write it in quotes: a JSON number is not exact" : "expected a text"), "";
  return value->get<std::string>();
}

std::int64_t Fields::count(const char* name, bool needed) {
  const json* value = get(name, needed);
  if (value == nullptr) return 0;
  if (!value->is_number_integer() || (value->is_number_unsigned() && value->get<std::uint64_t>() > INT64_MAX) || value->get<std::int64_t>() < 0)
    return wrong(name, "expected a whole number from 0"), 0;
  return value->get<std::int64_t>();
}

Fields Fields::object(const char* name, bool needed) {
  static const json kNone = json::object();
  const json* value = get(name, needed);
  return Fields(value == nullptr ? kNone : *value, at(name));
}

std::vector<std::pair<const json*, std::string>> Fields::list(const char* name, bool needed) {
  std::vector<std::pair<const json*, std::string>> elements;
  const json* value = get(name, false);
  if (value == nullptr ? needed : !value->is_array()) wrong(name, "expected a list");
  if (value == nullptr || !value->is_array()) return elements;
  for (const json& element : *value) elements.emplace_back(&element, at(name) + "[" + std::to_string(elements.size()) + "]");
  return elements;
}

void Fields::no_others() {
  if (!object_.is_object()) return;
  for (const auto& [key, value] : object_.items())
    if (std::ranges::find(asked_, key) == asked_.end()) wrong(key.c_str(), "there is no such field");
}

void Fields::wrong(const char* name, std::string_view what) {
  const std::string where = at(name);
  if (!error_) error_ = Error{ErrorCode::invalid_argument, (where.empty() ? "" : where + ": ") + std::string(what)};
}

const json* Fields::get(const char* name, bool needed) {
  asked_.emplace_back(name);
  const auto found = object_.is_object() ? object_.find(name) : object_.end();
  if (object_.is_object() && found != object_.end()) return &*found;
  if (needed) wrong(name, "it is missing");
  return nullptr;
}

Result<json> parsed_json(std::string_view text, std::string_view what) {
  json value = json::parse(text, nullptr, false);
  if (value.is_discarded()) return fail(ErrorCode::invalid_argument, std::string(what) + " is not JSON");
  return value;
}

Result<pricing::Meter> parse_meter(const std::string& text) {
  const auto meter = pricing::meter_named(text);
  if (!meter) return fail(ErrorCode::invalid_argument, "the meters are core_ms, gpu_ms, node_ms and mem_mib_s");
  return *meter;
}

pricing::Scope scope_of(Fields& fields) {
  return {.tenant = id_named<TenantId>(fields.text("tenant")),
          .center = id_named<CenterId>(fields.text("center")),
          .pool = fields.text("pool"),
          .qos = fields.text("qos")};
}

}  // namespace bourse::factors
