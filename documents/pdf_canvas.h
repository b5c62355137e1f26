// Pages to write and draw on: a thin layer over cairo and pango. Lengths are points (1/72 inch) from the top left corner.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "documents/document.h"

namespace bourse::documents {

inline constexpr double kPageWidth = 595.276, kPageHeight = 841.89;  // A4

struct Colour {
  double red = 0, green = 0, blue = 0;
};
inline constexpr Colour kInk{0.11, 0.13, 0.16}, kFaint{0.40, 0.44, 0.49}, kLine{0.80, 0.83, 0.87}, kAccent{0.10, 0.27, 0.45},
    kShade{0.945, 0.957, 0.972}, kHead{0.88, 0.915, 0.95};

enum class Align : std::uint8_t { left, right, center };
struct Style {
  double size = 9;
  Colour colour = kInk;
  Align align = Align::left;
};

class Canvas {
 public:
  // Without ink nothing is drawn, only measured: to count pages. Errors: failed_precondition (no font), internal.
  static Result<std::unique_ptr<Canvas>> open(const Document& document, bool ink);
  virtual ~Canvas() = default;

  // Writes `text` into a column of that width, wrapping, and returns its height.
  virtual double text(double x, double y, double width, const Style& style, std::string_view text) = 0;
  virtual double height(double width, const Style& style, std::string_view text) = 0;
  virtual double natural_width(const Style& style, std::string_view text) = 0;
  virtual void rule(double x, double y, double width, double thickness, const Colour& colour) = 0;
  virtual void box(double x, double y, double width, double height, const Colour& colour) = 0;
  virtual void end_page() = 0;
  // The file. Nothing may be drawn after it. Errors: internal.
  virtual Result<std::string> finish() = 0;
};

}  // namespace bourse::documents
