#include "cli/client/quantities.h"

#include <array>
#include <charconv>
#include <fmt/format.h>
#include <optional>
#include <utility>
#include <vector>

namespace bourse::cli {
namespace {

constexpr std::int64_t kLongestS = 366LL * 24 * 3600;

std::unexpected<Error> bad_duration(std::string_view text) {
  return fail(ErrorCode::invalid_argument,
              fmt::format("'{}' is not a duration: write 90s, 10m, 2h30m, 1d or HH:MM:SS, up to 366 days", text));
}

// The number at the front of `text`, which is taken off; nothing without one.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data() || value < 0 || text.front() == '-' || value > kLongestS) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

// [D-]HH:MM:SS or MM:SS, as schedulers write it.
std::optional<std::int64_t> clock_seconds(std::string_view text) {
  std::int64_t days = 0;
  if (const std::size_t dash = text.find('-'); dash != std::string_view::npos) {
    const auto number = take_number(text);
    if (!number || !text.starts_with('-')) return std::nullopt;
    days = *number;
    text.remove_prefix(1);
  }
  std::vector<std::int64_t> parts;
  while (true) {
    const auto number = take_number(text);
    if (!number || parts.size() == 3) return std::nullopt;
    parts.push_back(*number);
    if (text.empty()) break;
    if (!text.starts_with(':')) return std::nullopt;
    text.remove_prefix(1);
  }
  if (parts.size() < 2 || (days > 0 && parts.size() != 3) || parts.back() > 59 || parts[parts.size() - 2] > 59) return std::nullopt;
  const std::int64_t h = parts.size() == 3 ? parts[0] : 0;
  return days * 86400 + h * 3600 + parts[parts.size() - 2] * 60 + parts.back();
}

std::optional<std::int64_t> unit_seconds(std::string_view text) {
  constexpr std::array<std::pair<char, std::int64_t>, 4> kUnits{{{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}}};
  std::int64_t sum = 0;
  std::size_t next = 0;
  while (!text.empty()) {
    const auto number = take_number(text);
    if (!number || text.empty()) return std::nullopt;
    while (next < kUnits.size() && kUnits[next].first != text.front()) ++next;
    if (next == kUnits.size()) return std::nullopt;
    sum += *number * kUnits[next++].second;
    text.remove_prefix(1);
  }
  return sum;
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const auto total = text.find(':') != std::string_view::npos ? clock_seconds(text) : unit_seconds(text);
  if (!total || *total <= 0 || *total > kLongestS) return bad_duration(text);
  return seconds(*total);
}

Result<std::int64_t> parse_memory_mib(std::string_view text) {
  const auto bad = [text] {
    return fail(ErrorCode::invalid_argument, fmt::format("'{}' is not an amount of memory: write 512MiB, 4GiB or 1T", text));
  };
  std::string_view rest = text;
  const auto number = take_number(rest);
  if (!number || rest.empty() || *number == 0) return bad();
  const char unit = rest.front();
  rest.remove_prefix(1);
  if (!rest.empty() && rest != "iB" && rest != "B") return bad();
  switch (unit) {
    case 'K': return *number % 1024 == 0 ? Result<std::int64_t>(*number / 1024) : bad();
    case 'M': return *number;
    case 'G': return *number * 1024;
    case 'T': return *number * 1024 * 1024;
    default: return bad();
  }
}

Result<Amount> positive_amount(std::string_view text) {
  const auto amount = parse_amount(text);
  if (!amount && amount.error().code == ErrorCode::invalid_argument)
    return fail(ErrorCode::invalid_argument, fmt::format("'{}' is not an amount: write 12 or 12.50, with at most six places", text));
  if (amount && !amount->is_positive()) return fail(ErrorCode::amount_not_positive, std::string(text));
  return amount;
}

std::string day_or_instant(std::string text) { return text.size() == std::string_view("2027-01-01").size() ? text + "T00:00:00Z" : text; }

std::string show_duration(std::int64_t ms) {
  const std::int64_t total_s = (ms + 500) / 1000;
  const std::int64_t days = total_s / 86400, hours_left = total_s / 3600 % 24, minutes_left = total_s / 60 % 60;
  if (days > 0) return fmt::format("{} d {:02} h", days, hours_left);
  if (hours_left > 0) return fmt::format("{} h {:02} min", hours_left, minutes_left);
  if (minutes_left > 0) return fmt::format("{} min {:02} s", minutes_left, total_s % 60);
  return fmt::format("{} s", total_s);
}

std::string show_memory(std::int64_t mib) {
  if (mib < 1024) return fmt::format("{} MiB", mib);
  return fmt::format("{}.{} GiB", mib / 1024, mib % 1024 * 10 / 1024);
}

}  // namespace bourse::cli
