// A place in a statement's body that is being read, and what of the document several files write. Internal to the statement.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "broker/adapters/statement/encoding.h"
#include "broker/adapters/statement/statement.h"

namespace bourse::statement {

// Thrown while reading a body, caught in parse_body: the path of the field that can't be read.
struct Unreadable {
  std::string path;
};

// A place in the document, which knows its name.
class Field {
 public:
  Field(const nlohmann::json& value, std::string path) : value_(value), path_(std::move(path)) {}

  Field operator[](const char* key) const {
    const std::string path = path_.empty() ? std::string(key) : path_ + "." + key;
    if (!value_.is_object() || !value_.contains(key)) throw Unreadable{path};
    return {value_.at(key), path};
  }
  bool has(const char* key) const { return value_.is_object() && value_.contains(key); }
  std::vector<Field> items() const {
    if (!value_.is_array()) throw Unreadable{path_};
    std::vector<Field> out;
    out.reserve(value_.size());
    for (std::size_t i = 0; i < value_.size(); ++i) out.emplace_back(value_[i], fmt::format("{}[{}]", path_, i));
    return out;
  }
  std::string text() const {
    if (!value_.is_string()) throw Unreadable{path_};
    return value_.get<std::string>();
  }
  bool boolean() const {
    if (!value_.is_boolean()) throw Unreadable{path_};
    return value_.get<bool>();
  }
  std::int64_t integer(std::int64_t most = INT64_MAX) const {
    if (!value_.is_number_integer()) throw Unreadable{path_};
    if (value_.is_number_unsigned() && value_.get<std::uint64_t>() > static_cast<std::uint64_t>(most)) throw Unreadable{path_};
    const auto number = value_.get<std::int64_t>();
    if (number < 0 || number > most) throw Unreadable{path_};
    return number;
  }
  template <class T>
  T parsed(Result<T> result) const {
    if (!result) throw Unreadable{path_};
    return std::move(*result);
  }
  Amount amount() const { return parsed(parse_amount(text())); }
  Instant instant() const { return parsed(parse_instant(text())); }
  Hash256 hash() const { return parsed(parse_hash(text())); }
  template <class Kind>
  Id<Kind> id() const { return parsed(parse_id<Kind>(text())); }
  template <class Kind>
  Id<Kind> id_or_nil() const { return value_.is_null() ? Id<Kind>{} : id<Kind>(); }
  std::string bytes() const {
    auto out = unbase64(text());
    if (!out) throw Unreadable{path_};
    return std::move(*out);
  }
  const std::string& path() const { return path_; }

 private:
  const nlohmann::json& value_;
  std::string path_;
};

inline nlohmann::json parts_json(const Parts& parts) {
  return {{"gross", to_text(parts.gross)}, {"center", to_text(parts.center)}, {"margin", to_text(parts.margin)}, {"tax", to_text(parts.tax)}};
}

inline Parts read_parts(const Field& in) {
  return {in["gross"].amount(), in["center"].amount(), in["margin"].amount(), in["tax"].amount()};
}

// accruals.cc; where the statement has any.
void add_accruals(const Statement& statement, nlohmann::json& body);
void read_accruals(const Field& in, Statement& out);
nlohmann::json carrier_json(const Carrier& one);
Carrier read_carrier(const Field& in);
// fees.cc; where the statement has any.
void add_fees(const Statement& statement, nlohmann::json& body);
void read_fees(const Field& in, Statement& out);

}  // namespace bourse::statement
