#include "documents/pdf_canvas.h"

#include <cairo-pdf.h>
#include <pango/pangocairo.h>

#include <vector>

#include "documents/pdf.h"
#include "documents/text.h"

namespace bourse::documents {
namespace {

struct Unref {
  void operator()(cairo_surface_t* p) const { cairo_surface_destroy(p); }
  void operator()(cairo_t* p) const { cairo_destroy(p); }
  void operator()(PangoFontMap* p) const { g_object_unref(p); }
  void operator()(PangoContext* p) const { g_object_unref(p); }
  void operator()(PangoLayout* p) const { g_object_unref(p); }
  void operator()(PangoFontDescription* p) const { pango_font_description_free(p); }
  void operator()(cairo_font_options_t* p) const { cairo_font_options_destroy(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Unref>;

cairo_status_t append(void* to, const unsigned char* data, unsigned int size) {
  static_cast<std::string*>(to)->append(reinterpret_cast<const char*>(data), size);
  return CAIRO_STATUS_SUCCESS;
}

class CairoCanvas final : public Canvas {
 public:
  explicit CairoCanvas(bool ink) : ink_(ink) {}
  Status start(const Document& document);

  double text(double x, double y, double width, const Style& style, std::string_view text) override {
    const double height = lay_out(width, style, text);
    if (!ink_) return height;
    colour(style.colour);
    cairo_move_to(cairo_.get(), x, y);
    pango_cairo_show_layout(cairo_.get(), layout_.get());
    return height;
  }
  double height(double width, const Style& style, std::string_view text) override { return lay_out(width, style, text); }
  double natural_width(const Style& style, std::string_view text) override {
    lay_out(-1, style, text);
    int width = 0;
    pango_layout_get_size(layout_.get(), &width, nullptr);
    return static_cast<double>(width) / PANGO_SCALE;
  }
  void rule(double x, double y, double width, double thickness, const Colour& colour) override { box(x, y, width, thickness, colour); }
  void box(double x, double y, double width, double height, const Colour& fill) override {
    if (!ink_) return;
    colour(fill);
    cairo_rectangle(cairo_.get(), x, y, width, height);
    cairo_fill(cairo_.get());
  }
  void end_page() override {
    if (ink_) cairo_show_page(cairo_.get());
  }
  Result<std::string> finish() override {
    layout_.reset();
    cairo_.reset();
    cairo_surface_finish(surface_.get());
    if (const cairo_status_t status = cairo_surface_status(surface_.get()); status != CAIRO_STATUS_SUCCESS)
      return fail(ErrorCode::internal, std::string("cairo: ") + cairo_status_to_string(status));
    return std::move(file_);
  }

 private:
  double lay_out(double width, const Style& style, std::string_view text);
  void colour(const Colour& c) { cairo_set_source_rgb(cairo_.get(), c.red, c.green, c.blue); }

  bool ink_;
  std::string file_;
  Owned<cairo_surface_t> surface_;
  Owned<cairo_t> cairo_;
  Owned<PangoFontMap> fonts_;
  Owned<PangoContext> context_;
  Owned<PangoLayout> layout_;
  Owned<PangoFontDescription> font_;
};

// At most kLongest characters: a name as long as a book must not push a row beyond its page.
std::string shortened(std::string text) {
  constexpr std::size_t kLongest = 600;
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80 && ++characters > kLongest) return text.substr(0, i) + "…";
  return text;
}

bool has_family(PangoFontMap* fonts) {
  PangoFontFamily** families = nullptr;
  int count = 0;
  pango_font_map_list_families(fonts, &families, &count);
  bool found = false;
  for (int i = 0; i < count && !found; ++i) found = std::string_view(pango_font_family_get_name(families[i])) == kFontFamily;
  g_free(families);
  return found;
}

Status CairoCanvas::start(const Document& document) {
  surface_.reset(cairo_pdf_surface_create_for_stream(append, &file_, kPageWidth, kPageHeight));
  const auto say_of = [&](cairo_pdf_metadata_t field, const std::string& value) {
    cairo_pdf_surface_set_metadata(surface_.get(), field, value.c_str());
  };
  say_of(CAIRO_PDF_METADATA_TITLE, clean(document.title + " " + document.number));
  say_of(CAIRO_PDF_METADATA_AUTHOR, clean(document.issuer));
  say_of(CAIRO_PDF_METADATA_CREATOR, "Bourse");
  // cairo would read the clock.
  const std::string created = to_text(Instant{document.issued.unix_ms - document.issued.unix_ms % 1000});
  say_of(CAIRO_PDF_METADATA_CREATE_DATE, created);
  say_of(CAIRO_PDF_METADATA_MOD_DATE, created);
  cairo_.reset(cairo_create(surface_.get()));
  fonts_.reset(pango_cairo_font_map_new());
  if (!has_family(fonts_.get()))
    return fail(ErrorCode::failed_precondition, std::string("the font \"") + kFontFamily + "\" is not installed (Debian: fonts-wqy-microhei)");
  pango_cairo_font_map_set_resolution(PANGO_CAIRO_FONT_MAP(fonts_.get()), 72);  // so that sizes are points
  context_.reset(pango_font_map_create_context(fonts_.get()));
  // No hinting: paper has no pixels, and widths must not depend on a screen.
  const Owned<cairo_font_options_t> options(cairo_font_options_create());
  cairo_font_options_set_hint_style(options.get(), CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options.get(), CAIRO_HINT_METRICS_OFF);
  pango_cairo_context_set_font_options(context_.get(), options.get());
  pango_context_set_language(context_.get(), pango_language_from_string(std::string(say(document.language, "en", "zh-cn")).c_str()));
  pango_context_set_base_dir(context_.get(), PANGO_DIRECTION_LTR);
  pango_context_set_round_glyph_positions(context_.get(), FALSE);
  font_.reset(pango_font_description_from_string(kFontFamily));
  layout_.reset(pango_layout_new(context_.get()));
  pango_layout_set_wrap(layout_.get(), PANGO_WRAP_WORD_CHAR);
  pango_layout_set_auto_dir(layout_.get(), FALSE);
  // An id or a hash that goes on in the next line must not gain a hyphen.
  PangoAttrList* attributes = pango_attr_list_new();
  pango_attr_list_insert(attributes, pango_attr_insert_hyphens_new(FALSE));
  pango_layout_set_attributes(layout_.get(), attributes);
  pango_attr_list_unref(attributes);
  return {};
}

double CairoCanvas::lay_out(double width, const Style& style, std::string_view text) {
  pango_font_description_set_size(font_.get(), static_cast<int>(style.size * PANGO_SCALE));
  pango_layout_set_font_description(layout_.get(), font_.get());
  pango_layout_set_width(layout_.get(), width < 0 ? -1 : static_cast<int>(width * PANGO_SCALE));
  pango_layout_set_alignment(layout_.get(), style.align == Align::right    ? PANGO_ALIGN_RIGHT
                                            : style.align == Align::center ? PANGO_ALIGN_CENTER
                                                                           : PANGO_ALIGN_LEFT);
  const std::string safe = shortened(clean(text));
  pango_layout_set_text(layout_.get(), safe.data(), static_cast<int>(safe.size()));
  int height = 0;
  pango_layout_get_size(layout_.get(), nullptr, &height);
  return static_cast<double>(height) / PANGO_SCALE;
}

}  // namespace

Result<std::unique_ptr<Canvas>> Canvas::open(const Document& document, bool ink) {
  auto canvas = std::make_unique<CairoCanvas>(ink);
  CHECK_OK(canvas->start(document));
  return canvas;
}

}  // namespace bourse::documents
