#include "broker/domain/invoice.h"

#include <algorithm>

#include "broker/domain/text.h"

namespace bourse::broker {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// GB 32100-2015: 31 characters (no I, O, S, V, Z), weights 3^i mod 31, and the last makes the sum divisible by 31.
bool is_social_credit_code(std::string_view text) {
  constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
  int sum = 0, weight = 1;
  for (std::size_t i = 0; i < 17; ++i) {
    const auto value = kAlphabet.find(text[i]);
    if (value == std::string_view::npos) return false;
    sum += static_cast<int>(value) * weight;
    weight = weight * 3 % 31;
  }
  return text[17] == kAlphabet[static_cast<std::size_t>((31 - sum % 31) % 31)];
}

// One line of print: what `shown` would leave as it is.
bool is_line(std::string_view text) { return text.size() <= kMaxInvoiceText && shown(text) == text; }

bool is_mail_address(std::string_view text) {
  const auto at = text.find('@');
  return at != std::string_view::npos && at > 0 && at + 1 < text.size() && text.find('@', at + 1) == std::string_view::npos &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; }) && text[0] != '-' && text.size() <= 254;
}

Status wrong(std::string_view field, std::string_view what) {
  return fail(ErrorCode::invalid_argument, std::string(field) + ": " + std::string(what));
}

}  // namespace

bool is_tax_number(std::string_view text) {
  const auto capital = [](char c) { return is_digit(c) || (c >= 'A' && c <= 'Z'); };
  switch (text.size()) {
    case 15: return std::ranges::all_of(text, capital);
    case 18: return is_social_credit_code(text);
    case 20:
      return std::ranges::all_of(text.substr(0, 17), is_digit) && (is_digit(text[17]) || text[17] == 'X') &&
             std::ranges::all_of(text.substr(18), is_digit);
    default: return false;
  }
}

Status validate(const InvoiceBuyer& buyer) {
  if (buyer.kind != InvoiceKind::ordinary && buyer.kind != InvoiceKind::special) return wrong("kind", "is unknown");
  if (!is_label(buyer.title)) return wrong("title", "must be 1 to 128 printable bytes");
  if (buyer.tax_number.empty() && buyer.kind == InvoiceKind::special) return wrong("tax_number", "a special invoice needs one");
  if (!buyer.tax_number.empty() && !is_tax_number(buyer.tax_number))
    return wrong("tax_number", "is no taxpayer's number: 18 characters with a right check character, or 15 or 20 of the older forms");
  for (const auto& [field, text] : {std::pair("address", &buyer.address), std::pair("phone", &buyer.phone),
                                    std::pair("bank", &buyer.bank), std::pair("bank_account", &buyer.bank_account)})
    if (!is_line(*text)) return wrong(field, "must be at most 256 printable bytes");
  if (!is_mail_address(buyer.email)) return wrong("email", "is no mail address");
  return {};
}

}  // namespace bourse::broker
