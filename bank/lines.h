// The single payments of booked entries: what matching and claims look at.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bank/matching.h"
#include "bank/statement.h"

namespace bourse::bank {

struct PaymentLine {
  EntryPlace place;
  const Entry* entry = nullptr;
  const TransactionDetail* detail = nullptr;  // none where the entry tells of none
  std::optional<Amount> amount;               // signed; nothing where the bank doesn't say it
  std::string_view end_to_end_id;
  bool returned = false;
};

// Each payment once, by identity. The entries outlive the lines.
std::vector<PaymentLine> booked_lines(std::span<const Entry> entries);
// Everything a payer could have written to us: remittance lines, structured references, the entry's text where it belongs
// to one payment only; with line breaks between.
std::string remittance_text(const PaymentLine& line);
// Letters A to Z and digits only, in capitals, full-width ones taken as ordinary ones.
struct Squeezed {
  std::string text;
  std::vector<bool> apart;  // of each character: whether something was left out before it
};
Squeezed squeezed(std::string_view text);
// Whether neither end of that part has a letter or digit directly beside it in the text it came from.
bool stands_alone(const Squeezed& text, std::size_t begin, std::size_t size);

}  // namespace bourse::bank
