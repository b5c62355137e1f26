#include "bank/camt_fields.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/time.h"

namespace bourse::bank {
namespace {

// Values are quoted in errors, but never a whole 64 MiB of them.
std::string quoted(std::string_view value) {
  constexpr std::size_t kMostQuoted = 40;
  if (value.size() <= kMostQuoted) return "'" + std::string(value) + "'";
  std::size_t end = kMostQuoted;
  while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xC0U) == 0x80) --end;  // not inside a character
  return "'" + std::string(value.substr(0, end)) + "…'";
}

// xs:date: a day and perhaps a zone, which is dropped: the bank's day is the bank's day.
bool is_day(std::string_view text) {
  if (text.size() < 10) return false;
  const std::string_view zone = text.substr(10);
  return parse_instant(std::string(text.substr(0, 10)) + "T00:00:00" + (zone.empty() ? "Z" : std::string(zone))).has_value();
}

// xs:dateTime: the zone may be left out.
bool is_time(std::string_view text) { return parse_instant(text) || parse_instant(std::string(text) + "Z"); }

}  // namespace

void CamtFields::wrong(XmlElement where, std::string_view what, ErrorCode code) {
  if (!error_) error_ = Error{code, where.place() + ": " + std::string(what)};
}

XmlElement CamtFields::one(XmlElement parent, std::string_view name) {
  XmlElement found;
  for (XmlElement child = parent.first_child(); child; child = child.next()) {
    if (child.name() != name) continue;
    if (found) {
      wrong(child, "it is there twice");
      break;
    }
    found = child;
  }
  return found;
}

XmlElement CamtFields::at(XmlElement parent, std::string_view path, bool needed) {
  XmlElement element = parent;
  for (std::string_view rest = path; element && !rest.empty();) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    element = one(element, rest.substr(0, slash));
    rest.remove_prefix(std::min(slash + 1, rest.size()));
  }
  if (needed && !element) wrong(parent, std::string(path) + " is missing");
  return element;
}

std::string CamtFields::text(XmlElement parent, std::string_view path, bool needed) {
  const XmlElement found = at(parent, path, needed);
  if (found.first_child()) wrong(found, "expected a text, not elements");
  if (needed && found && found.text().empty()) wrong(found, "it is empty");
  return std::string(found.text());
}

std::string CamtFields::reference(XmlElement parent, std::string_view path) {
  std::string written = text(parent, path);
  constexpr std::array<std::string_view, 4> kNone{"NOTPROVIDED", "NOT PROVIDED", "NONREF", "NOREF"};
  if (std::ranges::find(kNone, written) != kNone.end()) return {};
  return written;
}

std::optional<std::uint64_t> CamtFields::count(XmlElement parent, std::string_view path) {
  const XmlElement found = at(parent, path);
  if (!found) return std::nullopt;
  const std::string_view digits = found.text();
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || digits.size() > 15 || error != std::errc() || end != digits.data() + digits.size())
    wrong(found, "expected a number of at most 15 digits, not " + quoted(digits));
  return value;
}

std::optional<Amount> CamtFields::amount(XmlElement parent, std::string_view path, Unit* currency, bool needed) {
  const XmlElement found = at(parent, path, needed);
  if (!found) return std::nullopt;
  const auto parsed = parse_amount(found.text());
  if (!parsed) return wrong(found, quoted(found.text()) + ": " + parsed.error().detail, parsed.error().code), std::nullopt;
  if (parsed->is_negative()) return wrong(found, "an amount has no sign; CdtDbtInd says its direction"), std::nullopt;
  if (currency == nullptr) return *parsed;
  const auto unit = parse_unit(found.currency());
  if (!unit || unit->text().size() != 3) return wrong(found, "Ccy must be three capital letters, not " + quoted(found.currency())), std::nullopt;
  *currency = *unit;
  return *parsed;
}

bool CamtFields::is_debit(XmlElement parent, std::optional<bool> otherwise) {
  const XmlElement found = at(parent, "CdtDbtInd", !otherwise);
  if (!found) return otherwise.value_or(false);
  if (found.text() != "CRDT" && found.text() != "DBIT") wrong(found, "expected CRDT or DBIT, not " + quoted(found.text()));
  return found.text() == "DBIT";
}

bool CamtFields::flag(XmlElement parent, std::string_view path) {
  const XmlElement found = at(parent, path);
  if (!found) return false;
  const std::string_view value = found.text();
  const bool yes = value == "true" || value == "1";
  if (!yes && value != "false" && value != "0") wrong(found, "expected true or false, not " + quoted(value));
  return yes;
}

std::string CamtFields::day(XmlElement parent, std::string_view path) {
  const XmlElement found = at(parent, path);
  if (!found) return {};
  const XmlElement inner = found.first_child();
  const XmlElement date = inner ? at(found, inner.name() == "DtTm" ? "DtTm" : "Dt", true) : found;
  if (!date) return {};
  const bool fine = date.name() == "DtTm" ? is_time(date.text()) : is_day(date.text());
  if (!fine) return wrong(date, "expected a day like 2026-11-21, not " + quoted(date.text())), "";
  return std::string(date.text().substr(0, 10));
}

std::string CamtFields::time(XmlElement parent, std::string_view path) {
  const XmlElement found = at(parent, path);
  if (found && !is_time(found.text())) wrong(found, "expected a time like 2026-11-21T08:30:00+08:00, not " + quoted(found.text()));
  return std::string(found.text());
}

std::string CamtFields::code(XmlElement parent, std::string_view path) {
  const XmlElement choice = at(parent, path);
  if (!choice.first_child()) return std::string(choice.text());
  if (const XmlElement official = at(choice, "Cd")) return std::string(official.text());
  const XmlElement own = at(choice, "Prtry");
  return own.first_child() ? text(own, "Id") : std::string(own.text());
}

void CamtFields::each(XmlElement parent, std::string_view name, const std::function<void(XmlElement)>& visit) {
  for (XmlElement child = parent.first_child(); child; child = child.next())
    if (child.name() == name) visit(child);
}

}  // namespace bourse::bank
