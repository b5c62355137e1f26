#include "bank/iban.h"

#include <algorithm>

namespace bourse::bank {
namespace {

bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }
bool is_figure(char c) { return c >= '0' && c <= '9'; }
bool is_capital_or_figure(char c) { return is_capital(c) || is_figure(c); }

}  // namespace

std::string normalized_iban(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (c != ' ') out.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
  return out;
}

bool is_iban(std::string_view text) {
  if (text.size() < 15 || text.size() > 34 || !std::ranges::all_of(text, is_capital_or_figure)) return false;
  if (!is_capital(text[0]) || !is_capital(text[1]) || !is_figure(text[2]) || !is_figure(text[3])) return false;
  unsigned remainder = 0;
  for (const std::string_view part : {text.substr(4), text.substr(0, 4)})
    for (const char c : part) remainder = is_figure(c) ? (remainder * 10 + static_cast<unsigned>(c - '0')) % 97 : (remainder * 100 + static_cast<unsigned>(c - 'A') + 10) % 97;
  return remainder == 1;
}

// pain.001.001.03 allows letters only in the first four places and neither 0, 1 nor O in the town's; later versions have
// loosened that, and a file of the newer one may name a bank that the older one can't.
bool is_bic(std::string_view text) {
  if (text.size() != 8 && text.size() != 11) return false;
  return std::ranges::all_of(text.substr(0, 6), is_capital) && std::ranges::all_of(text.substr(6), is_capital_or_figure) &&
         text[6] != '0' && text[6] != '1' && text[7] != 'O';
}

}  // namespace bourse::bank
