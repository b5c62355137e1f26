// Fields of a camt.053 by path, with the first thing that is wrong kept.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/amount.h"
#include "base/unit.h"
#include "bank/xml_document.h"

namespace bourse::bank {

// A path is names with '/' between: "Refs/EndToEndId". Each of its elements may be there once at most; twice is an error,
// since of two amounts nobody could say which is meant. What is absent reads as empty, unless it is `needed`.
class CamtFields {
 public:
  XmlElement at(XmlElement parent, std::string_view path, bool needed = false);
  std::string text(XmlElement parent, std::string_view path, bool needed = false);
  // The same, empty for what banks write when they have none: NOTPROVIDED, NONREF.
  std::string reference(XmlElement parent, std::string_view path);
  // A whole number of at most 15 digits.
  std::optional<std::uint64_t> count(XmlElement parent, std::string_view path);
  // The amount without a sign. Its currency goes to `currency` if that is given.
  std::optional<Amount> amount(XmlElement parent, std::string_view path, Unit* currency = nullptr, bool needed = false);
  // CRDT = false, DBIT = true; absent = `otherwise`, nothing = an error when absent.
  bool is_debit(XmlElement parent, std::optional<bool> otherwise = std::nullopt);
  bool flag(XmlElement parent, std::string_view path);  // absent = false
  // Of a choice of Dt and DtTm, or of the day itself.
  std::string day(XmlElement parent, std::string_view path);
  std::string time(XmlElement parent, std::string_view path);  // checked, as written
  // Of a choice of Cd and Prtry (with or without Id below it).
  std::string code(XmlElement parent, std::string_view path);
  void each(XmlElement parent, std::string_view name, const std::function<void(XmlElement)>& visit);

  void wrong(XmlElement where, std::string_view what, ErrorCode code = ErrorCode::invalid_argument);
  const std::optional<Error>& error() const { return error_; }

 private:
  XmlElement one(XmlElement parent, std::string_view name);

  std::optional<Error> error_;
};

}  // namespace bourse::bank
