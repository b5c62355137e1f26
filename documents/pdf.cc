#include "documents/pdf.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "documents/pdf_flow.h"
#include "documents/text.h"

namespace bourse::documents {
namespace {

constexpr double kGap = 18;

std::string period_of(const Document& document) {
  const auto text = [&](std::string_view english, std::string_view chinese) { return say(document.language, english, chinese); };
  return fmt::format("{} {} {} {} {}", text("Period", "期间"), readable(document.from), text("to", "至"), readable(document.to),
                     text("UTC (exclusive)", "UTC（不含）"));
}

void letterhead(Flow& flow, const Document& document) {
  Canvas& canvas = flow.canvas();
  flow.down(canvas.text(kMargin, flow.y(), kTextWidth, {.size = 10, .colour = kAccent}, document.issuer) + 6);
  canvas.rule(kMargin, flow.y(), kTextWidth, 1.6, kAccent);
  flow.down(12);
  flow.down(canvas.text(kMargin, flow.y(), kTextWidth, {.size = 21}, document.title) + 3);
  flow.down(canvas.text(kMargin, flow.y(), kTextWidth, {.size = 8.5, .colour = kFaint}, document.number) + 1);
  flow.down(canvas.text(kMargin, flow.y(), kTextWidth, {.size = 8.5, .colour = kFaint}, period_of(document)) + 14);
}

// Side by side, as many as there are.
void parties(Flow& flow, const Document& document) {
  if (document.parties.empty()) return;
  Canvas& canvas = flow.canvas();
  const auto count = static_cast<double>(document.parties.size());
  const double width = (kTextWidth - kGap * (count - 1)) / count;
  double x = kMargin, deepest = flow.y();
  for (const Party& party : document.parties) {
    double y = flow.y();
    y += canvas.text(x, y, width, {.size = 7.5, .colour = kFaint}, party.label) + 1;
    y += canvas.text(x, y, width, {.size = 11}, party.name) + 1;
    for (const Fact& detail : party.details)
      y += canvas.text(x, y, width, {.size = 7.5, .colour = kFaint}, detail.label + "  " + printed(detail.value, 2));
    deepest = std::max(deepest, y);
    x += width + kGap;
  }
  flow.down(deepest - flow.y() + 14);
}

// Two columns of label and value, read down the left one first.
void facts(Flow& flow, const Document& document) {
  Canvas& canvas = flow.canvas();
  std::vector<const Fact*> shown;
  for (const Fact& fact : document.facts)
    if (fact.printed) shown.push_back(&fact);
  const std::size_t half = (shown.size() + 1) / 2;
  constexpr double kWidth = (kTextWidth - kGap) / 2, kLabel = kWidth * 0.36;
  for (std::size_t row = 0; row < half; ++row) {
    double height = 0;
    for (const bool draw : {false, true}) {
      if (draw) flow.need(height);
      for (std::size_t side = 0; side < 2; ++side) {
        const std::size_t i = row + side * half;
        if (i >= shown.size()) continue;
        const Fact& fact = *shown[i];
        const double x = kMargin + static_cast<double>(side) * (kWidth + kGap);
        const Style label{.size = 8, .colour = kFaint}, value{.size = 8};
        const std::string text = printed(fact.value, 2);
        if (draw) {
          canvas.text(x, flow.y(), kLabel - 4, label, fact.label);
          canvas.text(x + kLabel, flow.y(), kWidth - kLabel, value, text);
        } else {
          height = std::max({height, canvas.height(kLabel - 4, label, fact.label), canvas.height(kWidth - kLabel, value, text)});
        }
      }
    }
    flow.down(height + 2.5);
  }
  flow.down(12);
}

// The box with the result: labels left, money right with one number of places, the last line stands out.
void summary(Flow& flow, const Document& document) {
  if (document.summary.empty()) return;
  Canvas& canvas = flow.canvas();
  constexpr double kInside = 12, kMoney = 170;
  const double label_width = kTextWidth - 2 * kInside - kMoney;
  int places = 2;
  for (const Fact& fact : document.summary)
    if (const auto* money = std::get_if<Money>(&fact.value)) places = std::max(places, places_of(money->amount));
  const auto height_of = [&](const Fact& fact) {
    const bool last = &fact == &document.summary.back();
    return canvas.height(label_width, {.size = last ? 12.0 : 9.0}, fact.label) + (last ? 14 : 4);
  };
  double height = 2 * kInside - 6;
  for (const Fact& fact : document.summary) height += height_of(fact);
  flow.need(height);
  canvas.box(kMargin, flow.y(), kTextWidth, height, kShade);
  canvas.box(kMargin, flow.y(), 2.5, height, kAccent);
  flow.down(kInside);
  for (const Fact& fact : document.summary) {
    const bool last = &fact == &document.summary.back();
    const double line = height_of(fact);
    if (last) {
      canvas.rule(kMargin + kInside, flow.y() + 2, kTextWidth - 2 * kInside, 0.8, kAccent);
      flow.down(7);
    }
    const Style style{.size = last ? 12.0 : 9.0, .colour = last ? kAccent : kInk};
    Style right = style;
    right.align = Align::right;
    const auto* money = std::get_if<Money>(&fact.value);
    canvas.text(kMargin + kInside, flow.y(), label_width, style, fact.label);
    canvas.text(kPageWidth - kMargin - kInside - kMoney, flow.y(), kMoney, right,
                printed(fact.value, places) + (money != nullptr ? " " + std::string(money->unit.text()) : ""));
    flow.down(last ? line - 7 : line);
  }
  flow.down(kInside - 6 + 18);
}

void notes_and_evidence(Flow& flow, const Document& document) {
  Canvas& canvas = flow.canvas();
  const Style note{.size = 7.5, .colour = kFaint};
  for (const std::string& text : document.notes) {
    flow.need(canvas.height(kTextWidth, note, text));
    flow.down(canvas.text(kMargin, flow.y(), kTextWidth, note, text) + 3);
  }
  flow.down(6);
  constexpr double kLabel = 165;
  const Style label{.size = 7, .colour = kFaint}, value{.size = 7};
  for (const Evidence& item : document.evidence) {
    const double height = std::max(canvas.height(kLabel - 6, label, item.label), canvas.height(kTextWidth - kLabel, value, item.value));
    flow.need(height);
    canvas.text(kMargin, flow.y(), kLabel - 6, label, item.label);
    canvas.text(kMargin + kLabel, flow.y(), kTextWidth - kLabel, value, item.value);
    flow.down(height + 2);
  }
}

// One to each side, with room for a seal, and never torn from its label.
void signatures(Flow& flow, const Document& document) {
  constexpr double kHeight = 92, kWidth = (kTextWidth - 40) / 2;
  Canvas& canvas = flow.canvas();
  for (std::size_t i = 0; i < document.signatures.size(); i += 2) {
    flow.need(kHeight);
    for (std::size_t side = 0; side < 2 && i + side < document.signatures.size(); ++side) {
      const double x = kMargin + static_cast<double>(side) * (kWidth + 40), y = flow.y() + 58;
      canvas.rule(x, y, kWidth, 0.7, kInk);
      canvas.text(x, y + 4, kWidth * 0.6, {.size = 8}, document.signatures[i + side]);
      canvas.text(x + kWidth * 0.6, y + 4, kWidth * 0.4, {.size = 8, .colour = kFaint}, say(document.language, "Date", "日期"));
    }
    flow.down(kHeight);
  }
}

int compose(Canvas& canvas, const Document& document, int pages) {
  Flow flow(canvas, document, pages);
  letterhead(flow, document);
  parties(flow, document);
  facts(flow, document);
  summary(flow, document);
  for (const Table& table : document.tables)
    if (table.printed) print_table(flow, table);
  notes_and_evidence(flow, document);
  signatures(flow, document);
  return flow.end();
}

}  // namespace

Result<std::string> write_pdf(const Document& document) {
  TRY(const auto counting, Canvas::open(document, false));
  const int pages = compose(*counting, document, 0);
  TRY(const auto canvas, Canvas::open(document, true));
  compose(*canvas, document, pages);
  return canvas->finish();
}

}  // namespace bourse::documents
