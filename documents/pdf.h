// The document on paper: PDF, A4 upright, with cairo and pango.
//
// Letterhead and parties, facts, a box with the summary, the printed tables with repeated heads, notes, evidence, lines to
// sign on, and on every page "page x of y" with the hashes that name the source. Money is grouped, exact and aligned at the
// point. What is too long wraps; only a text above 600 characters ends in "…" (the other formats have it whole). The same document gives the same bytes with the same fonts and libraries.
#pragma once

#include <string>

#include "base/result.h"
#include "documents/document.h"

namespace bourse::documents {

// Debian's fonts-wqy-microhei: Chinese and Latin in one design, 5 MB.
inline constexpr const char* kFontFamily = "WenQuanYi Micro Hei";

// Errors: failed_precondition (the font isn't installed: another would be taken in silence), internal.
Result<std::string> write_pdf(const Document& document);

}  // namespace bourse::documents
