#include "bank/lines.h"

#include <set>
#include <utility>

#include "bank/text.h"

namespace bourse::bank {

std::vector<PaymentLine> booked_lines(std::span<const Entry> entries) {
  std::vector<PaymentLine> lines;
  std::set<Hash256> seen;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    if (entry.status != EntryStatus::booked) continue;
    if (!entry.identity.is_zero() && !seen.insert(entry.identity).second) continue;
    if (entry.details.empty())
      lines.push_back({.place = {.entry = i}, .entry = &entry, .amount = entry.amount, .returned = entry.reversal});
    for (std::size_t k = 0; k < entry.details.size(); ++k) {
      const TransactionDetail& detail = entry.details[k];
      lines.push_back({.place = {.entry = i, .detail = k}, .entry = &entry, .detail = &detail, .amount = detail.amount,
                       .end_to_end_id = detail.end_to_end_id, .returned = detail.returned || entry.reversal});
    }
  }
  return lines;
}

std::string remittance_text(const PaymentLine& line) {
  std::string text;
  const auto add = [&text](std::string_view piece) {
    if (piece.empty()) return;
    if (!text.empty()) text += '\n';
    text += piece;
  };
  if (line.detail != nullptr)
    for (const auto* pieces : {&line.detail->remittance, &line.detail->references})
      for (const std::string& piece : *pieces) add(piece);
  if (line.entry->details.size() <= 1) add(line.entry->text);
  return text;
}

Squeezed squeezed(std::string_view text) {
  Squeezed out;
  bool left_out = false;
  for (std::string_view rest = text; !rest.empty();) {
    auto c = take_character(rest);
    if (!c) {
      rest.remove_prefix(1);
      left_out = true;
      continue;
    }
    constexpr char32_t kFullWidthOffset = 0xFEE0;  // U+FF01 to U+FF5E are '!' to '~' as input methods for Chinese type them
    if (*c >= 0xFF01 && *c <= 0xFF5E) *c -= kFullWidthOffset;
    if (*c >= 'a' && *c <= 'z') *c -= 'a' - 'A';
    if ((*c < 'A' || *c > 'Z') && (*c < '0' || *c > '9')) {
      left_out = true;
      continue;
    }
    out.text.push_back(static_cast<char>(*c));
    out.apart.push_back(std::exchange(left_out, false));
  }
  return out;
}

bool stands_alone(const Squeezed& text, std::size_t begin, std::size_t size) {
  const std::size_t end = begin + size;
  return (begin == 0 || text.apart[begin]) && (end == text.text.size() || text.apart[end]);
}

}  // namespace bourse::bank
