// A pen that goes down the pages: turns the page when something doesn't fit, and writes each page's head and foot.
#pragma once

#include <functional>

#include "documents/pdf_canvas.h"

namespace bourse::documents {

inline constexpr double kMargin = 45, kTextWidth = kPageWidth - 2 * kMargin, kTop = 48, kBottom = kPageHeight - 72;

class Flow {
 public:
  // `pages` = how many there are in all, as a first pass without ink counted; 0 in that pass.
  Flow(Canvas& canvas, const Document& document, int pages) : canvas_(canvas), document_(document), pages_(pages) {}

  Canvas& canvas() { return canvas_; }
  double y() const { return y_; }
  void down(double by) { y_ += by; }
  // Makes sure that `height` fits on this page, else turns it; true if it did turn.
  bool need(double height);
  // Writes the last page's foot; how many pages there are.
  int end();

 private:
  void head();
  void foot();

  Canvas& canvas_;
  const Document& document_;
  int pages_;
  int page_ = 1;
  double y_ = kTop;
};

// A printed table, from the pen's place on.
void print_table(Flow& flow, const Table& table);
// A cell as people read it; money with `places` digits after the point.
std::string printed(const Cell& cell, int places);

}  // namespace bourse::documents
