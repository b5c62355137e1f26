// Reading columns of the projections: instants, amounts, hashes, enumerations, and values in the journal's encoding.
#pragma once

#include <pqxx/pqxx>

#include "base/amount.h"
#include "base/codec.h"
#include "base/hash.h"
#include "base/unit.h"
#include "broker/adapters/api/database.h"

// An instant as Unix milliseconds; NULL stays NULL.
#define BOURSE_MS(column) "(extract(epoch FROM " column ") * 1000)::bigint"

namespace bourse::broker::api {

inline std::int64_t int64_column(const pqxx::field& field) { return field.is_null() ? 0 : field.as<std::int64_t>(); }
inline Amount amount_column(const pqxx::field& field) { return Amount::of_micros(int64_column(field)); }
inline Instant instant_column(const pqxx::field& field) { return Instant{int64_column(field)}; }
inline std::optional<Instant> optional_instant_column(const pqxx::field& field) {
  return field.is_null() ? std::nullopt : std::optional(Instant{field.as<std::int64_t>()});
}
template <class Enum>
Enum enum_column(const pqxx::field& field) {
  return static_cast<Enum>(field.as<int>());
}
inline std::string bytes_column(const pqxx::field& field) {
  return field.is_null() ? std::string() : pqxx::binarystring(field).str();
}
inline Hash256 hash_column(const pqxx::field& field) {
  Hash256 hash;
  const std::string bytes = bytes_column(field);
  if (bytes.size() == hash.bytes.size()) std::copy(bytes.begin(), bytes.end(), hash.bytes.begin());
  return hash;
}
inline Unit unit_column(const pqxx::field& field) { return parse_unit(field.c_str()).value_or(kCny); }
inline Uuid uuid_column(const pqxx::field& field) {
  return field.is_null() ? Uuid{} : parse_hyphenated(field.c_str()).value_or(Uuid{});
}

// A spec or decision, as the journal writes it. Errors: integrity.
template <class T>
Result<T> decoded_column(const pqxx::field& field) {
  const std::string bytes = bytes_column(field);
  codec::Reader reader(std::as_bytes(std::span(bytes)));
  T value;
  reader.read(value);
  if (!reader.ok()) return fail(ErrorCode::integrity, "A projected record can't be read.");
  return value;
}

}  // namespace bourse::broker::api
