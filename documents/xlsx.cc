#include "documents/xlsx.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xlsxwriter.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "documents/text.h"

namespace bourse::documents {
namespace {

constexpr int kExactDigits = 15;
constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kExcelEpochDays = 25'569;  // of 1970-01-01, counted from 1899-12-30
constexpr double kMinWidth = 8, kMaxWidth = 44;   // characters

// The double nearest to the decimal `text`, if Excel gets just that one back from what libxlsxwriter prints (16 digits: it may
// say 9.456913999999999) and shows the decimal of it (15 digits: 9.456914).
std::optional<double> exact_number(const std::string& text) {
  std::string digits;
  for (const char c : text)
    if (c >= '0' && c <= '9' && !(digits.empty() && c == '0')) digits += c;
  if (text.find('.') != std::string::npos)
    while (digits.ends_with('0')) digits.pop_back();
  if (digits.size() > kExactDigits) return std::nullopt;
  const double value = std::strtod(text.c_str(), nullptr);
  if (std::strtod(fmt::format("{:.16G}", value).c_str(), nullptr) != value) return std::nullopt;
  return value;
}

// As wide as it looks: CJK characters take two.
double width_of(std::string_view text) {
  double width = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) width += 1;
    else if (byte >= 0xE0) width += 2;
    else if (byte >= 0xC0) width += 1;
  }
  return width;
}

class Workbook {
 public:
  explicit Workbook(const Document& document) : document_(document) {}
  Result<std::string> write();

 private:
  void facts_sheet();
  void table_sheet(const Table& table);
  void evidence_sheet();
  lxw_worksheet* sheet(const std::string& name, const std::string& otherwise);
  void fact(lxw_worksheet* to, lxw_row_t row, const Fact& fact);
  void cell(lxw_worksheet* to, lxw_row_t row, std::size_t column, const Cell& cell, bool strong);
  void text(lxw_worksheet* to, lxw_row_t row, std::size_t column, std::string_view value, lxw_format* format);
  void number(lxw_worksheet* to, lxw_row_t row, std::size_t column, const std::string& value, lxw_format* format, lxw_format* as_text);
  void keep(lxw_error error) {
    if (first_ == LXW_NO_ERROR) first_ = error;
  }
  lxw_format* format(bool strong, const char* numbers, bool right);

  const Document& document_;
  lxw_workbook* book_ = nullptr;
  lxw_error first_ = LXW_NO_ERROR;
  lxw_format *title_ = nullptr, *head_ = nullptr, *label_ = nullptr, *wrapped_ = nullptr;
  struct Formats {
    lxw_format *text, *money, *integer, *instant, *right;
  } plain_{}, strong_{};
};

lxw_format* Workbook::format(bool strong, const char* numbers, bool right) {
  lxw_format* out = workbook_add_format(book_);
  if (numbers != nullptr) format_set_num_format(out, numbers);
  if (right) format_set_align(out, LXW_ALIGN_RIGHT);
  if (strong) {
    format_set_bold(out);
    format_set_top(out, LXW_BORDER_THIN);
  }
  return out;
}

lxw_worksheet* Workbook::sheet(const std::string& name, const std::string& otherwise) {
  // Names have rules of their own (31 characters, some not allowed, no two alike); a key keeps them.
  const bool fine = workbook_validate_sheet_name(book_, name.c_str()) == LXW_NO_ERROR;
  lxw_worksheet* out = workbook_add_worksheet(book_, (fine ? name : otherwise).c_str());
  worksheet_set_paper(out, 9);  // A4
  worksheet_set_landscape(out);
  worksheet_fit_to_pages(out, 1, 0);
  return out;
}

void Workbook::text(lxw_worksheet* to, lxw_row_t row, std::size_t column, std::string_view value, lxw_format* format) {
  keep(worksheet_write_string(to, row, static_cast<lxw_col_t>(column), clean(value).c_str(), format));
}

void Workbook::number(lxw_worksheet* to, lxw_row_t row, std::size_t column, const std::string& value, lxw_format* format, lxw_format* as_text) {
  if (const auto exact = exact_number(value)) keep(worksheet_write_number(to, row, static_cast<lxw_col_t>(column), *exact, format));
  else text(to, row, column, value, as_text);
}

void Workbook::cell(lxw_worksheet* to, lxw_row_t row, std::size_t column, const Cell& cell, bool strong) {
  const Formats& formats = strong ? strong_ : plain_;
  if (std::holds_alternative<Money>(cell)) return number(to, row, column, plain(cell), formats.money, formats.right);
  if (std::holds_alternative<std::int64_t>(cell)) return number(to, row, column, plain(cell), formats.integer, formats.right);
  const auto* at = std::get_if<Instant>(&cell);
  // Excel knows the years 1900 to 9999.
  if (at != nullptr && at->unix_ms >= -2'203'891'200'000 && at->unix_ms < 253'402'300'800'000) {
    const double days = static_cast<double>(at->unix_ms) / static_cast<double>(kDayMs) + static_cast<double>(kExcelEpochDays);
    return keep(worksheet_write_number(to, row, static_cast<lxw_col_t>(column), days, formats.instant));
  }
  const std::string value = plain(cell);
  if (!value.empty() || strong) text(to, row, column, value, formats.text);
}

void Workbook::fact(lxw_worksheet* to, lxw_row_t row, const Fact& fact) {
  text(to, row, 0, fact.label, label_);
  cell(to, row, 1, fact.value, false);
  if (const auto* money = std::get_if<Money>(&fact.value)) text(to, row, 2, money->unit.text(), nullptr);
}

void Workbook::facts_sheet() {
  lxw_worksheet* to = sheet(std::string(say(document_.language, "Summary", "汇总")), "summary");
  worksheet_set_column(to, 0, 0, 42, nullptr);
  worksheet_set_column(to, 1, 1, 36, nullptr);
  lxw_row_t row = 0;
  text(to, row++, 0, document_.title, title_);
  text(to, row++, 0, document_.number, label_);
  for (const Party& party : document_.parties) {
    ++row;
    fact(to, row++, {party.role, party.label, party.name});
    for (const Fact& detail : party.details) fact(to, row++, detail);
  }
  ++row;
  for (const Fact& each : document_.facts) fact(to, row++, each);
  ++row;
  for (const Fact& each : document_.summary) fact(to, row++, each);
  ++row;
  for (const std::string& note : document_.notes) {
    keep(worksheet_merge_range(to, row, 0, row, 2, clean(note).c_str(), wrapped_));
    worksheet_set_row(to, row++, 32, nullptr);
  }
}

void Workbook::table_sheet(const Table& table) {
  lxw_worksheet* to = sheet(clean(table.title), table.key);
  if (table.rows.size() + 2 > LXW_ROW_MAX) return keep(LXW_ERROR_WORKSHEET_INDEX_OUT_OF_RANGE);
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    const Column& column = table.columns[c];
    // The unit stands in the head: amounts of a column are of one.
    std::string label = column.label;
    double width = column.kind == Kind::instant ? 22 : kMinWidth;
    for (const auto& row : table.rows) {
      width = std::max(width, column.kind == Kind::instant ? width : width_of(plain(row[c])) + 3);
      if (const auto* money = std::get_if<Money>(&row[c]); money != nullptr && label == column.label)
        label += " " + std::string(money->unit.text());
    }
    worksheet_set_column(to, static_cast<lxw_col_t>(c), static_cast<lxw_col_t>(c), std::min(kMaxWidth, std::max(width, width_of(label) + 2)), nullptr);
    text(to, 0, c, label, head_);
  }
  worksheet_freeze_panes(to, 1, 0);
  worksheet_repeat_rows(to, 0, 0);
  lxw_row_t r = 1;
  for (const auto& row : table.rows) {
    for (std::size_t c = 0; c < row.size(); ++c) cell(to, r, c, row[c], false);
    ++r;
  }
  for (std::size_t c = 0; c < table.totals.size(); ++c) cell(to, r, c, table.totals[c], true);
}

void Workbook::evidence_sheet() {
  lxw_worksheet* to = sheet(std::string(say(document_.language, "Evidence", "证据")), "evidence");
  worksheet_set_column(to, 0, 0, 40, nullptr);
  worksheet_set_column(to, 1, 1, 70, nullptr);
  text(to, 0, 0, say(document_.language, "What", "项目"), head_);
  text(to, 0, 1, say(document_.language, "Value", "内容"), head_);
  worksheet_freeze_panes(to, 1, 0);
  lxw_row_t row = 1;
  for (const Evidence& item : document_.evidence) {
    text(to, row, 0, item.label, label_);
    text(to, row++, 1, item.value, nullptr);
  }
}

Result<std::string> Workbook::write() {
  // libxlsxwriter writes to a path; a file in memory has one too, and leaves nothing behind.
  const int file = memfd_create("document.xlsx", MFD_CLOEXEC);
  if (file < 0) return fail(ErrorCode::internal, "no memory file");
  book_ = workbook_new(fmt::format("/proc/self/fd/{}", file).c_str());
  title_ = workbook_add_format(book_);
  format_set_bold(title_);
  format_set_font_size(title_, 16);
  head_ = workbook_add_format(book_);
  format_set_bold(head_);
  format_set_bg_color(head_, 0xE3EAF2);
  format_set_bottom(head_, LXW_BORDER_THIN);
  format_set_text_wrap(head_);
  label_ = workbook_add_format(book_);
  format_set_font_color(label_, 0x505A64);
  wrapped_ = workbook_add_format(book_);
  format_set_text_wrap(wrapped_);
  format_set_align(wrapped_, LXW_ALIGN_VERTICAL_TOP);
  for (const bool strong : {false, true})
    (strong ? strong_ : plain_) = {format(strong, nullptr, false), format(strong, "#,##0.00####", true), format(strong, "#,##0", true),
                                   format(strong, "yyyy-mm-dd hh:mm:ss", false), format(strong, nullptr, true)};
  std::string title = clean(document_.title + " " + document_.number), author = clean(document_.issuer);
  lxw_doc_properties properties{};
  properties.title = title.data();
  properties.author = author.data();
  properties.created = static_cast<time_t>(document_.issued.unix_ms / 1000);
  workbook_set_properties(book_, &properties);
  facts_sheet();
  for (const Table& table : document_.tables)
    if (table.filed) table_sheet(table);
  evidence_sheet();
  keep(workbook_close(book_));
  std::string out;
  const off_t size = lseek(file, 0, SEEK_END);
  if (size > 0) out.resize(static_cast<std::size_t>(size));
  std::size_t got = 0;
  while (got < out.size()) {
    const ssize_t n = pread(file, out.data() + got, out.size() - got, static_cast<off_t>(got));
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
  }
  close(file);
  if (first_ == LXW_ERROR_WORKSHEET_INDEX_OUT_OF_RANGE || first_ == LXW_ERROR_MAX_STRING_LENGTH_EXCEEDED)
    return fail(ErrorCode::too_large, std::string("for a workbook: ") + lxw_strerror(first_));
  if (first_ != LXW_NO_ERROR || out.empty() || got < out.size()) return fail(ErrorCode::internal, lxw_strerror(first_));
  return out;
}

}  // namespace

Result<std::string> write_xlsx(const Document& document) { return Workbook(document).write(); }

}  // namespace bourse::documents
