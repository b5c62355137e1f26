#include "bank/payment_rules.h"

#include <algorithm>
#include <map>

#include "bank/iban.h"
#include "bank/text.h"

namespace bourse::bank {
namespace {

constexpr std::string_view kSwiftSigns = "/-?:().,'+ ";
constexpr std::size_t kMaxId = 35, kMaxRemittance = 140, kMaxName = 140;

bool is_letter_or_figure(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_swift(char32_t c) { return c < 0x80 && (is_letter_or_figure(static_cast<char>(c)) || kSwiftSigns.contains(static_cast<char>(c))); }
// Controls of both kinds, what turns a line round, and what XML 1.0 has no place for.
bool is_odd(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x200E || c == 0x200F || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF || c == 0xFFFE || c == 0xFFFF;
}

// Currencies with another number of places than two, and those with two that a market is likely to pay in. A currency that
// isn't here is refused: a wrong number of places pays a hundred times too much.
const std::map<std::string_view, std::uint8_t>& places() {
  static const std::map<std::string_view, std::uint8_t> table{
      {"AED", 2}, {"AUD", 2}, {"BHD", 3}, {"BRL", 2}, {"CAD", 2}, {"CHF", 2}, {"CLP", 0}, {"CNY", 2}, {"CZK", 2}, {"DKK", 2}, {"EUR", 2},
      {"GBP", 2}, {"HKD", 2}, {"HUF", 2}, {"IDR", 2}, {"ILS", 2}, {"INR", 2}, {"ISK", 0}, {"JOD", 3}, {"JPY", 0}, {"KRW", 0}, {"KWD", 3},
      {"KZT", 2}, {"MOP", 2}, {"MXN", 2}, {"MYR", 2}, {"NOK", 2}, {"NZD", 2}, {"OMR", 3}, {"PHP", 2}, {"PLN", 2}, {"RON", 2}, {"SAR", 2},
      {"SEK", 2}, {"SGD", 2}, {"THB", 2}, {"TND", 3}, {"TRY", 2}, {"TWD", 2}, {"UAH", 2}, {"USD", 2}, {"VND", 0}, {"ZAR", 2}};
  return table;
}

}  // namespace

std::optional<std::uint8_t> minor_units(Unit currency) {
  const auto found = places().find(currency.text());
  return found == places().end() ? std::nullopt : std::optional(found->second);
}

void PaymentRules::wrong(std::string_view field, std::string_view what, ErrorCode code) {
  if (!error_) error_ = Error{code, std::string(field) + ": " + std::string(what)};
}

void PaymentRules::id(std::string_view field, std::string_view value) {
  if (value.empty()) return wrong(field, "it is missing");
  if (value.size() > kMaxId) return wrong(field, "at most 35 characters");
  if (!std::ranges::all_of(value, [](char c) { return is_swift(static_cast<unsigned char>(c)); }))
    return wrong(field, "an id has letters, digits, spaces and / - ? : ( ) . , ' + only");
  if (value.starts_with('/') || value.ends_with('/') || value.contains("//")) return wrong(field, "an id neither begins nor ends with '/', nor has '//'");
  if (value.starts_with(' ') || value.ends_with(' ')) wrong(field, "a space at an end");
}

void PaymentRules::text(std::string_view field, std::string_view value, std::size_t longest, bool needed) {
  if (value.empty()) {
    if (needed) wrong(field, "it is missing");
    return;
  }
  std::size_t characters = 0;
  for (std::string_view rest = value; !rest.empty(); ++characters) {
    const auto c = take_character(rest);
    if (!c) return wrong(field, "it is not UTF-8");
    if (is_odd(*c)) return wrong(field, "it has a control character");
    if (file_.latin_only && !is_swift(*c)) return wrong(field, "this bank takes letters A to Z, digits and / - ? : ( ) . , ' + only");
  }
  if (characters > longest) return wrong(field, "at most " + std::to_string(longest) + " characters, it has " + std::to_string(characters));
  if (value.starts_with(' ') || value.ends_with(' ')) wrong(field, "a space at an end");
}

void PaymentRules::account(const std::string& field, const PaymentAccount& account) {
  if (account.iban.empty() == account.other.empty()) return wrong(field, "give either an IBAN or another number");
  if (!account.iban.empty()) {
    if (!is_iban(account.iban)) wrong(field + ".iban", "it is no IBAN: wrong form or check sum");
    return;
  }
  const auto allowed = [](char c) { return is_letter_or_figure(c) || c == '-' || c == '.' || c == '/'; };
  if (account.other.size() > 34 || !std::ranges::all_of(account.other, allowed)) wrong(field + ".other", "up to 34 letters, digits and - . /");
}

void PaymentRules::agent(const std::string& field, const Agent& agent, bool needed) {
  const auto is_figure = [](char c) { return c >= '0' && c <= '9'; };
  if (agent.bic.empty() && agent.clearing_member.empty() && (needed || !agent.name.empty() || !agent.clearing_system.empty()))
    return wrong(field, "give the bank's BIC or its number in a clearing system");
  if (!agent.bic.empty() && !is_bic(agent.bic)) wrong(field + ".bic", "a BIC is 8 or 11 capital letters and digits, like ICBKCNBJ");
  if (!agent.clearing_member.empty()) id(field + ".clearing_member", agent.clearing_member);
  if (!agent.clearing_system.empty()) {
    const auto allowed = [](char c) { return c >= 'A' && c <= 'Z'; };
    if (agent.clearing_system.size() != 5 || !std::ranges::all_of(agent.clearing_system, allowed)) wrong(field + ".clearing_system", "a code of five capital letters, like CNAPS");
    if (agent.clearing_member.empty()) wrong(field + ".clearing_member", "it is missing");
    if (agent.clearing_system == "CNAPS" && (agent.clearing_member.size() != 12 || !std::ranges::all_of(agent.clearing_member, is_figure)))
      wrong(field + ".clearing_member", "a bank's number in CNAPS has 12 digits");
  }
  text(field + ".name", agent.name, kMaxName, false);
}

void PaymentRules::currency(std::string_view field, Unit currency) {
  if (currency.text().size() != 3 || !parse_unit(currency.text())) return wrong(field, "a currency is three capital letters");
  if (!minor_units(currency)) wrong(field, "how many places " + std::string(currency.text()) + " has isn't known here");
}

void PaymentRules::transfer(const std::string& field, const CreditTransfer& transfer) {
  id(field + ".end_to_end_id", transfer.end_to_end_id);
  currency(field + ".currency", transfer.currency);
  if (!transfer.amount.is_positive()) wrong(field + ".amount", to_text(transfer.amount), ErrorCode::amount_not_positive);
  if (const auto allowed = minor_units(transfer.currency)) {
    std::int64_t least = Amount::kMicrosPerUnit;
    for (std::uint8_t place = 0; place < *allowed; ++place) least /= 10;
    if (transfer.amount.micros % least != 0)
      wrong(field + ".amount", to_text(transfer.amount) + " has more than the " + std::to_string(*allowed) + " places of " + std::string(transfer.currency.text()));
  }
  text(field + ".creditor", transfer.creditor, file_.longest_name, true);
  account(field + ".account", transfer.account);
  agent(field + ".agent", transfer.agent, transfer.account.iban.empty());
  text(field + ".remittance", transfer.remittance, kMaxRemittance, false);
}

Status PaymentRules::verdict() && {
  if (file_.transfers.empty()) wrong("transfers", "at least one");
  if (file_.transfers.size() > kMaxTransfers) return fail(ErrorCode::too_large, "transfers: at most " + std::to_string(kMaxTransfers));
  if (file_.longest_name < 1 || file_.longest_name > kMaxName) wrong("longest_name", "1 to 140");
  id("message_id", file_.message_id);
  if (!file_.payment_information_id.empty()) id("payment_information_id", file_.payment_information_id);
  if (!parse_instant(to_text(file_.created))) wrong("created", "a time of the years 0001 to 9999");
  text("initiating_party", file_.initiating_party, file_.longest_name, true);
  if (file_.execution_date.size() != 10 || !parse_instant(file_.execution_date + "T00:00:00Z")) wrong("execution_date", "expected a day like 2026-11-30");
  text("debtor", file_.debtor, file_.longest_name, true);
  account("debtor_account", file_.debtor_account);
  if (file_.debtor_currency != Unit{}) currency("debtor_currency", file_.debtor_currency);
  agent("debtor_agent", file_.debtor_agent, true);
  std::map<std::string_view, std::size_t> ids;
  Amount sum;
  for (std::size_t i = 0; i < file_.transfers.size() && !error_; ++i) {
    const std::string field = "transfers[" + std::to_string(i) + "]";
    transfer(field, file_.transfers[i]);
    const auto [before, fresh] = ids.try_emplace(file_.transfers[i].end_to_end_id, i);
    if (!fresh) wrong(field + ".end_to_end_id", "transfers[" + std::to_string(before->second) + "] has the same");
    const auto total = checked_add(sum, file_.transfers[i].amount);
    if (!total) wrong(field + ".amount", "the sum of all", ErrorCode::amount_overflow);
    sum = total.value_or(sum);
  }
  if (error_) return std::unexpected(*error_);
  return {};
}

}  // namespace bourse::bank
