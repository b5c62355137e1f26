// One JSON object of a file, read field by field and strictly; the first thing wrong in it is kept. For price books too (cli/rate).
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "pricing/price_book.h"

namespace bourse::factors {

// The files name things as they please; the book knows ids. Equal names are equal ids.
Uuid uuid_named(const std::string& name);  // nil for none
template <class IdType>
IdType id_named(const std::string& name) {
  return IdType{uuid_named(name)};
}

class Fields {
 public:
  Fields(const nlohmann::json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) wrong("", "expected an object");
  }

  bool has(const char* name) const { return object_.is_object() && object_.contains(name); }
  std::string text(const char* name, bool needed = false);
  std::int64_t count(const char* name, bool needed = false);
  // Reads the text with `parse`; absent = `otherwise`, and an error without it.
  template <class T, class Parse>
  T parsed(const char* name, Parse parse, std::optional<T> otherwise) {
    const std::string written = text(name, !otherwise);
    if (written.empty() && has(name)) return wrong(name, "it is empty"), T{};  // an empty price must not be none
    if (written.empty()) return otherwise.value_or(T{});
    const auto value = parse(written);
    if (!value) return wrong(name, value.error().detail.empty() ? "not understood" : value.error().detail), T{};
    return *value;
  }
  Fields object(const char* name, bool needed = false);
  // The elements of a list; none when it is absent. Each comes with its place, "rows[3]".
  std::vector<std::pair<const nlohmann::json*, std::string>> list(const char* name, bool needed = false);
  // Takes a key that is read elsewhere, or by nobody.
  void pass(const char* name) { asked_.emplace_back(name); }
  // Keys that nobody asked for are misspelt ones.
  void no_others();
  void wrong(const char* name, std::string_view what);
  // Takes over what was wrong inside a part of this object.
  void absorb(const Fields& part) {
    if (!error_) error_ = part.error_;
  }
  Status verdict() const { return error_ ? Status(std::unexpected(*error_)) : Status(); }

 private:
  const nlohmann::json* get(const char* name, bool needed);
  std::string at(const char* name) const { return where_.empty() ? name : *name == '\0' ? where_ : where_ + "." + name; }

  const nlohmann::json& object_;
  std::string where_;
  std::vector<std::string> asked_;
  std::optional<Error> error_;
};

// Errors: invalid_argument, "`what` is not JSON".
Result<nlohmann::json> parsed_json(std::string_view text, std::string_view what);

Result<pricing::Meter> parse_meter(const std::string& text);
pricing::Scope scope_of(Fields& fields);

}  // namespace bourse::factors
