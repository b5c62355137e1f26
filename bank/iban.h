// The numbers by which banks know accounts and each other.
#pragma once

#include <string>
#include <string_view>

namespace bourse::bank {

// Without spaces, in capitals: the form in which IBANs are compared.
std::string normalized_iban(std::string_view text);
// ISO 13616: two letters, two check digits, 11 to 30 letters and digits, all capital, no spaces; the remainder by 97 is 1
// (ISO 7064). Whether its country has such a length isn't looked at: the registry of lengths changes.
bool is_iban(std::string_view text);
// ISO 9362: 8 or 11 characters, the 5th and 6th a country.
bool is_bic(std::string_view text);

}  // namespace bourse::bank
