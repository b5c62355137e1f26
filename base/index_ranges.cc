#include "base/index_ranges.h"

#include <algorithm>
#include <charconv>

#include "base/assert.h"

namespace bourse {
namespace {

std::unexpected<Error> bad(std::string_view what, std::string_view why) {
  std::string shown;
  for (const char c : what.substr(0, 40)) shown += c >= ' ' && c < 127 ? c : '?';
  return fail(ErrorCode::invalid_argument, "'" + shown + "' " + std::string(why));
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// "7", "0-9", "0-9:2".
Result<IndexRange> parse_one(std::string_view text) {
  constexpr std::string_view kForm = "is not an index, first-last or first-last:step.";
  const std::size_t colon = text.find(':');
  const std::string_view span = text.substr(0, colon);
  const std::size_t dash = span.find('-');
  const auto first = number(span.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : number(span.substr(dash + 1));
  const auto step = colon == std::string_view::npos ? std::optional<std::uint32_t>(1) : number(text.substr(colon + 1));
  if (!first || !last || !step || (colon != std::string_view::npos && dash == std::string_view::npos)) return bad(text, kForm);
  if (*step == 0) return bad(text, "has a step of zero.");
  if (*first > *last) return bad(text, "ends before it begins.");
  if (*last > kMaxIndex) return bad(text, "goes beyond the index 4,000,000.");
  return IndexRange{*first, *last, *step};
}

}  // namespace

Status check_index_ranges(const std::vector<IndexRange>& ranges) {
  if (ranges.empty()) return fail(ErrorCode::invalid_argument, "There is no index.");
  if (ranges.size() > kMaxIndexRanges) return fail(ErrorCode::invalid_argument, "At most 100 ranges of indices.");
  std::vector<std::uint32_t> all;
  for (const IndexRange& range : ranges) {
    if (range.step == 0 || range.first > range.last || range.last > kMaxIndex) return fail(ErrorCode::invalid_argument, "A range of indices is malformed.");
    if (all.size() + range.count() > kMaxIndices) return fail(ErrorCode::invalid_argument, "At most 10,000 indices.");
    for (std::uint32_t n = 0; n < range.count(); ++n) all.push_back(range.first + n * range.step);
  }
  std::ranges::sort(all);
  const auto twice = std::ranges::adjacent_find(all);
  if (twice != all.end()) return fail(ErrorCode::invalid_argument, "The index " + std::to_string(*twice) + " is there twice.");
  return {};
}

Result<std::vector<IndexRange>> parse_index_ranges(std::string_view text) {
  std::vector<IndexRange> ranges;
  while (ranges.size() <= kMaxIndexRanges) {
    const std::size_t comma = text.find(',');
    TRY(const IndexRange range, parse_one(text.substr(0, comma)));
    ranges.push_back(range);
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  CHECK_OK(check_index_ranges(ranges));
  return ranges;
}

std::string to_text(const std::vector<IndexRange>& ranges) {
  std::string out;
  for (const IndexRange& range : ranges) {
    if (!out.empty()) out += ',';
    out += std::to_string(range.first);
    if (range.last > range.first) out += "-" + std::to_string(range.last);
    if (range.last > range.first && range.step > 1) out += ":" + std::to_string(range.step);
  }
  return out;
}

std::size_t count_of(const std::vector<IndexRange>& ranges) {
  std::size_t count = 0;
  for (const IndexRange& range : ranges) count += range.count();
  return count;
}

bool has_index(const std::vector<IndexRange>& ranges, std::uint32_t index) {
  return std::ranges::any_of(ranges, [index](const IndexRange& range) { return range.contains(index); });
}

std::uint32_t nth_index(const std::vector<IndexRange>& ranges, std::size_t n) {
  for (const IndexRange& range : ranges) {
    if (n < range.count()) return range.first + static_cast<std::uint32_t>(n) * range.step;
    n -= range.count();
  }
  BOURSE_ASSERT(false && "there are fewer indices");
}

Result<ArrayText> parse_array(std::string_view text) {
  ArrayText array;
  const std::size_t percent = text.find('%');
  if (percent != std::string_view::npos) {
    const auto at_once = number(text.substr(percent + 1));
    if (!at_once || *at_once == 0) return bad(text, "does not end in a number from 1 of elements to run at once.");
    array.at_once = *at_once;
  }
  TRY(array.ranges, parse_index_ranges(text.substr(0, percent)));
  return array;
}

}  // namespace bourse
