// Aligned columns for people.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace bourse::cli {

// Rows of cells under a head. Columns whose cells all look like numbers are aligned right; widths count characters (wide
// ones twice), and control characters are shown as '?', so that no name can move the cursor.
class Table {
 public:
  explicit Table(std::vector<std::string> head) : head_(std::move(head)) {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  std::string text() const;

 private:
  std::vector<std::string> head_;
  std::vector<std::vector<std::string>> rows_;
};

// Two columns: what it is, what it says. Empty values are left out.
std::string list_of(const std::vector<std::pair<std::string, std::string>>& fields);

// Fields of a reply, empty when absent: a string, a number as text, money as "1.25 CNY", an instant shortened to seconds.
std::string field(const nlohmann::json& object, const char* name);
std::string money(const nlohmann::json& object, const char* name);
std::string instant(const nlohmann::json& object, const char* name);
std::int64_t number(const nlohmann::json& object, const char* name);
// Without control characters.
std::string harmless(std::string_view text);

}  // namespace bourse::cli
