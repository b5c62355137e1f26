// Reading the projections for a statement: columns, and what was booked beside captures. Internal to the sealer.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <pqxx/pqxx>
#include <span>
#include <string>

#include "base/amount.h"
#include "base/codec.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/result.h"
#include "broker/adapters/statement/statement.h"

namespace bourse::broker {

inline std::int64_t int64_of(const pqxx::field& field) { return field.as<std::int64_t>(); }
inline Amount amount_of(const pqxx::field& field) { return Amount::of_micros(int64_of(field)); }

template <class Kind>
Result<Id<Kind>> id_of(const pqxx::field& field) {
  TRY(const Uuid uuid, parse_hyphenated(field.c_str()));
  return Id<Kind>{uuid};
}

inline Result<Hash256> hash_of(const pqxx::field& field) {
  Hash256 hash;
  const std::string bytes = field.is_null() ? std::string() : pqxx::binarystring(field).str();
  if (bytes.size() != hash.bytes.size()) return fail(ErrorCode::integrity, fmt::format("The projected {} is not a hash.", field.name()));
  std::ranges::copy(bytes, hash.bytes.begin());
  return hash;
}

template <class T>
Result<T> decoded(const pqxx::field& field) {
  const std::string bytes = pqxx::binarystring(field).str();
  codec::Reader reader(std::as_bytes(std::span(bytes)));
  T value;
  reader.read(value);
  if (!reader.ok()) return fail(ErrorCode::integrity, fmt::format("The projected {} can't be read.", field.name()));
  return value;
}

// Corrections, payouts, what reservations earned, fees; after the lines, which name reservations. Errors: integrity.
Status read_booked(pqxx::transaction_base& work, PeriodId period, statement::Statement& out);

}  // namespace bourse::broker
