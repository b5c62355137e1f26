#include "documents/pdf_flow.h"

#include <fmt/format.h>

#include "documents/text.h"

namespace bourse::documents {

bool Flow::need(double height) {
  if (y_ + height <= kBottom) return false;
  foot();
  canvas_.end_page();
  ++page_;
  y_ = kTop;
  head();
  return true;
}

int Flow::end() {
  foot();
  canvas_.end_page();
  return page_;
}

// On the pages after the first: what this is, should one get lost.
void Flow::head() {
  const Style left{.size = 7.5, .colour = kFaint}, right{.size = 7.5, .colour = kFaint, .align = Align::right};
  const double height = std::max(canvas_.text(kMargin, y_, kTextWidth * 0.5 - 6, left, document_.issuer + " · " + document_.title),
                                 canvas_.text(kMargin + kTextWidth * 0.5, y_, kTextWidth * 0.5, right, document_.number));
  canvas_.rule(kMargin, y_ + height + 3, kTextWidth, 0.6, kLine);
  y_ += height + 14;
}

void Flow::foot() {
  constexpr double kAt = kBottom + 12;
  constexpr double kPageWords = 90;
  canvas_.rule(kMargin, kAt, kTextWidth, 0.5, kLine);
  double y = kAt + 5;
  for (const Evidence& item : document_.evidence)
    if (item.footer) y += canvas_.text(kMargin, y, kTextWidth - kPageWords, {.size = 6, .colour = kFaint}, item.label + "  " + item.value) + 1;
  const std::string words = document_.language == Language::zh ? fmt::format("第 {} 页，共 {} 页", page_, pages_) : fmt::format("page {} of {}", page_, pages_);
  canvas_.text(kPageWidth - kMargin - kPageWords, kAt + 5, kPageWords, {.size = 7.5, .colour = kFaint, .align = Align::right}, words);
}

std::string printed(const Cell& cell, int places) {
  if (const auto* money = std::get_if<Money>(&cell)) return grouped(money->amount, places);
  if (const auto* number = std::get_if<std::int64_t>(&cell)) return grouped(*number);
  if (const auto* at = std::get_if<Instant>(&cell)) return readable(*at);
  return plain(cell);
}

}  // namespace bourse::documents
