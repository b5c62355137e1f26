// Sets of indices as schedulers write them: "0-9", "1,3,7-20:2". Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bourse {

inline constexpr std::uint32_t kMaxIndex = 4'000'000;
inline constexpr std::size_t kMaxIndices = 10'000;  // of one set
inline constexpr std::size_t kMaxIndexRanges = 100;

struct IndexRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;  // may be beyond the last index that a step reaches
  std::uint32_t step = 1;  // at least 1

  std::uint32_t count() const { return (last - first) / step + 1; }
  bool contains(std::uint32_t index) const { return index >= first && index <= last && (index - first) % step == 0; }
  bool operator==(const IndexRange&) const = default;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.first, self.last, self.step); }
};

// Errors: invalid_argument (not of that form, an index twice or above kMaxIndex, more than kMaxIndices or kMaxIndexRanges).
Result<std::vector<IndexRange>> parse_index_ranges(std::string_view text);
std::string to_text(const std::vector<IndexRange>& ranges);  // "0-9,20-30:5"
// What parse_index_ranges would not have made is an error as there.
Status check_index_ranges(const std::vector<IndexRange>& ranges);

std::size_t count_of(const std::vector<IndexRange>& ranges);
bool has_index(const std::vector<IndexRange>& ranges, std::uint32_t index);
// The n-th index, from 0, in the order in which the ranges are written. `n` < count_of.
std::uint32_t nth_index(const std::vector<IndexRange>& ranges, std::size_t n);

// An array as sbatch's --array has it: "0-99:2%10" is its indices and how many may run at once.
struct ArrayText {
  std::vector<IndexRange> ranges;
  std::uint32_t at_once = 0;  // 0 = all
};
Result<ArrayText> parse_array(std::string_view text);

}  // namespace bourse
