#include <algorithm>
#include <numeric>
#include <optional>

#include "documents/pdf_flow.h"
#include "documents/text.h"

namespace bourse::documents {
namespace {

constexpr double kPad = 4, kLeading = 2.2, kLargest = 8, kSmallest = 5;

// The printed columns of a table: how wide, how large the letters.
struct Measures {
  double size = kLargest;
  struct One {
    std::size_t index = 0;
    Kind kind = Kind::text;
    std::string label;
    int places = 2;
    double wish = 0, least = 0;  // at the largest letters, see measure
    double width = 0;            // on the page, with its padding
    static double padded(double content, double letters) { return content * letters / kLargest + 2 * kPad + 0.5; }
  };
  std::vector<One> columns;
};

Align align_of(Kind kind) { return kind == Kind::money || kind == Kind::integer ? Align::right : Align::left; }

// The longest run of letters in which no line should break, as ids are. (Between Chinese characters it may.)
std::string_view longest_run(std::string_view text) {
  std::string_view best;
  for (std::size_t from = 0, at = 0; at <= text.size(); ++at) {
    const bool inside = at < text.size() && text[at] > ' ' && static_cast<unsigned char>(text[at]) < 0x80;
    if (inside) continue;
    if (at - from > best.size()) best = text.substr(from, at - from);
    from = at + 1;
  }
  return best;
}

// What a column needs at the largest letters not to wrap, and not to tear words: of its label and of its widest cell. Digits
// are equally wide, so of numbers the longest is the widest; texts are measured one by one. Widths go with the size of the
// letters (no hinting).
void measure(Canvas& canvas, const Table& table, Measures::One& column) {
  const Style style{.size = kLargest};
  std::string longest;
  const auto consider = [&](const Cell& cell) {
    std::string text = printed(cell, column.places);
    if (column.kind != Kind::text) {
      if (text.size() > longest.size()) longest = std::move(text);
      return;
    }
    const double width = canvas.natural_width(style, text);
    const std::string_view run = longest_run(text);
    column.wish = std::max(column.wish, width);
    column.least = std::max(column.least, run.size() == text.size() ? width : canvas.natural_width(style, run));
  };
  for (const auto& row : table.rows) consider(row[column.index]);
  if (!table.totals.empty()) consider(table.totals[column.index]);
  column.wish = std::max(column.wish, canvas.natural_width(style, longest));
  column.wish = std::max(column.wish, std::min(canvas.natural_width(style, column.label), std::max(column.wish, 60.0)));
  constexpr double kLongestWord = 150;  // above it a word may be torn
  column.least = column.kind == Kind::text ? std::min({column.wish, std::max(column.least, 30.0), kLongestWord}) : column.wish;
}

// Each column has its least; what is left goes to those that wish for more, evenly until they have it, and the rest to texts.
void set_widths(Measures& measures) {
  double left = kTextWidth, texts = 0;
  for (Measures::One& column : measures.columns) {
    column.width = column.padded(column.least, measures.size);
    left -= column.width;
    if (column.kind == Kind::text) texts += 1;
  }
  for (std::size_t round = 0; round < measures.columns.size() && left > 0; ++round) {
    const auto lacks = [&](const Measures::One& c) { return std::max(0.0, c.padded(c.wish, measures.size) - c.width); };
    const auto hungry = static_cast<double>(std::ranges::count_if(measures.columns, [&](const auto& c) { return lacks(c) > 0; }));
    if (hungry == 0) break;
    const double share = left / hungry;
    for (Measures::One& column : measures.columns) {
      const double more = std::min(share, lacks(column));
      column.width += more;
      left -= more;
    }
  }
  for (Measures::One& column : measures.columns)
    if (left > 0 && column.kind == Kind::text) column.width += left / texts;
  // Nothing may stand outside of the page, and the page is filled: without texts to give way, all columns share alike.
  const double all = std::accumulate(measures.columns.begin(), measures.columns.end(), 0.0, [](double sum, const auto& c) { return sum + c.width; });
  for (Measures::One& column : measures.columns) column.width *= kTextWidth / all;
}

Measures measures_of(Canvas& canvas, const Table& table) {
  Measures out;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    const Column& column = table.columns[c];
    if (!column.printed) continue;
    Measures::One one{c, column.kind, column.label};
    for (const auto& row : table.rows)
      if (const auto* money = std::get_if<Money>(&row[c])) {
        if (one.label == column.label) one.label += " " + std::string(money->unit.text());
        one.places = std::max(one.places, places_of(money->amount));
      }
    if (!table.totals.empty())
      if (const auto* money = std::get_if<Money>(&table.totals[c])) one.places = std::max(one.places, places_of(money->amount));
    measure(canvas, table, one);
    out.columns.push_back(std::move(one));
  }
  // Smaller letters until no word is torn.
  for (out.size = kLargest; out.size > kSmallest; out.size -= 0.5) {
    double needed = 0;
    for (const Measures::One& column : out.columns) needed += column.padded(column.least, out.size);
    if (needed <= kTextWidth) break;
  }
  set_widths(out);
  return out;
}

class TablePrinter {
 public:
  TablePrinter(Flow& flow, const Table& table) : flow_(flow), canvas_(flow.canvas()), table_(table), measures_(measures_of(canvas_, table)),
                                           line_(canvas_.height(kTextWidth, style(Kind::text), "0")) {}

  void print() {
    const double first = table_.rows.empty() ? 0 : height_of(table_.rows.front());
    flow_.need(24 + head_height() + first);
    flow_.down(canvas_.text(kMargin, flow_.y(), kTextWidth, {.size = 11, .colour = kAccent}, table_.title) + 5);
    head();
    bool odd = false;
    for (const auto& row : table_.rows) {
      odd = !odd;
      // The sums never stand on a page alone.
      if (&row == &table_.rows.back() && !table_.totals.empty()) turn(height_of(row) + height_of(table_.totals) + 1);
      line(row, height_of(row), odd ? std::nullopt : std::optional(kShade));
    }
    if (!table_.totals.empty()) {
      const double height = height_of(table_.totals);
      turn(height + 1);
      canvas_.rule(kMargin, flow_.y(), kTextWidth, 0.9, kAccent);
      flow_.down(1);
      line(table_.totals, height, kHead);
    }
    flow_.down(12);
  }

 private:
  Style style(Kind kind) const { return {.size = measures_.size, .align = align_of(kind)}; }

  double head_height() {
    double height = 0;
    for (const auto& column : measures_.columns) height = std::max(height, canvas_.height(column.width - 2 * kPad, style(column.kind), column.label));
    return height + 2 * kLeading;
  }
  void head() {
    const double height = head_height();
    canvas_.box(kMargin, flow_.y(), kTextWidth, height, kHead);
    double x = kMargin;
    for (const auto& column : measures_.columns) {
      Style bold = style(column.kind);
      bold.colour = kAccent;
      canvas_.text(x + kPad, flow_.y() + kLeading, column.width - 2 * kPad, bold, column.label);
      x += column.width;
    }
    flow_.down(height);
  }

  double height_of(const std::vector<Cell>& row) {
    double height = line_;
    // Only what may wrap is measured: texts (which may come in a taller font, too), and all where the page was too narrow.
    for (const auto& column : measures_.columns) {
      const bool fits = column.width + 0.01 >= column.padded(column.wish, measures_.size);
      if (column.kind == Kind::text ? is_ascii(row[column.index]) && fits : fits) continue;
      height = std::max(height, canvas_.height(column.width - 2 * kPad, style(column.kind), printed(row[column.index], column.places)));
    }
    return height + 2 * kLeading;
  }
  static bool is_ascii(const Cell& cell) {
    const auto* text = std::get_if<std::string>(&cell);
    return text == nullptr || std::ranges::all_of(*text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  }
  void turn(double height) {
    if (flow_.need(height)) head();
  }
  void line(const std::vector<Cell>& row, double height, const std::optional<Colour>& shade) {
    turn(height);
    if (shade) canvas_.box(kMargin, flow_.y(), kTextWidth, height, *shade);
    double x = kMargin;
    for (const auto& column : measures_.columns) {
      canvas_.text(x + kPad, flow_.y() + kLeading, column.width - 2 * kPad, style(column.kind), printed(row[column.index], column.places));
      x += column.width;
    }
    flow_.down(height);
    canvas_.rule(kMargin, flow_.y(), kTextWidth, 0.3, kLine);
  }

  Flow& flow_;
  Canvas& canvas_;
  const Table& table_;
  Measures measures_;
  double line_;  // the height of one
};

}  // namespace

void print_table(Flow& flow, const Table& table) { TablePrinter(flow, table).print(); }

}  // namespace bourse::documents
