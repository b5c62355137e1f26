#include "cli/client/table.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

namespace bourse::cli {
namespace {

// Terminal columns: CJK and full-width characters take two.
std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t bytes = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    width += bytes == 3 && lead >= 0xE3 ? 2 : bytes == 4 ? 2 : 1;
    i += bytes;
  }
  return width;
}

bool looks_like_number(const std::string& cell) {
  return cell.empty() || cell.find_first_not_of("0123456789.-% ") == std::string::npos ||
         (cell.find_first_of("0123456789") == 0 && cell.find_first_not_of("0123456789.-% CNYDUSEURMiGBhmsd") == std::string::npos);
}

// Whether the character at the front moves the cursor or turns the text round: C0, DEL, C1 (U+0080 to U+009F, written
// C2 80 to C2 9F), the bidirectional overrides and isolates (E2 80 8E, 8F, AA to AE; E2 81 A6 to A9). How many bytes it takes.
std::size_t harmful(std::string_view text) {
  const auto byte = [text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  if (byte(0) < 0x20 || byte(0) == 0x7F) return 1;
  if (byte(0) == 0xC2 && byte(1) >= 0x80 && byte(1) <= 0x9F) return 2;
  if (byte(0) != 0xE2) return 0;
  const bool marks = byte(1) == 0x80 && (byte(2) == 0x8E || byte(2) == 0x8F || (byte(2) >= 0xAA && byte(2) <= 0xAE));
  const bool isolates = byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9;
  return marks || isolates ? 3 : 0;
}

}  // namespace

std::string harmless(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t bytes = harmful(text);
    out += bytes > 0 ? '?' : text.front();
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  return out;
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  std::vector<bool> right;
  for (std::size_t c = 0; c < head_.size(); ++c) {
    std::size_t width = width_of(head_[c]);
    bool numbers = !rows_.empty();
    for (const auto& row : rows_) {
      width = std::max(width, width_of(harmless(row[c])));
      numbers = numbers && looks_like_number(row[c]);
    }
    widths.push_back(width);
    right.push_back(numbers);
  }
  std::string out;
  const auto line = [&](const std::vector<std::string>& row) {
    std::string text;
    for (std::size_t c = 0; c < head_.size(); ++c) {
      const std::string cell = harmless(row[c]);
      const std::string padding(widths[c] - width_of(cell), ' ');
      text += (c == 0 ? "" : "  ") + (right[c] ? padding + cell : cell + padding);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  line(head_);
  for (const auto& row : rows_) line(row);
  return out;
}

std::string list_of(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::size_t width = 0;
  for (const auto& [name, value] : fields)
    if (!value.empty()) width = std::max(width, width_of(name));
  std::string out;
  for (const auto& [name, value] : fields)
    if (!value.empty()) out += name + std::string(width - width_of(name) + 2, ' ') + harmless(value) + "\n";
  return out;
}

std::string field(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string money(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_object()) return {};
  return field(*found, "amount") + " " + field(*found, "currency");
}

std::string instant(const nlohmann::json& object, const char* name) {
  std::string text = field(object, name);
  if (text.size() >= 19) text = text.substr(0, 10) + " " + text.substr(11, 8);
  return text;
}

std::int64_t number(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

}  // namespace bourse::cli
