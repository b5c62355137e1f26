// KeyValues: the plain text form of small state files, "key=value" lines in order, closed by the line "end".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bourse::host {

class KeyValues {
 public:
  // Values may hold any bytes: line breaks, '\\' and NUL are escaped in the text.
  void set(std::string_view key, std::string_view value) { values_.insert_or_assign(std::string(key), std::string(value)); }
  void set(std::string_view key, std::int64_t value) { set(key, std::to_string(value)); }

  bool has(std::string_view key) const { return values_.contains(std::string(key)); }
  // Errors: integrity (the key is missing, or its value is no integer in [least, most]).
  Result<std::string> text(std::string_view key) const;
  Result<std::int64_t> integer(std::string_view key, std::int64_t least, std::int64_t most) const;

  std::string to_text() const;
  // Strict: every line key=value, no key twice, "end" last. Errors: integrity.
  static Result<KeyValues> parse(std::string_view text);

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

// The whole text is one decimal integer in [least, most]: no sign but '-', no spaces. Errors: invalid_argument.
Result<std::int64_t> parse_integer(std::string_view text, std::int64_t least, std::int64_t most);

}  // namespace bourse::host
