#include "jobscript/quantities.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "jobscript/directives.h"

namespace bourse::jobscript {
namespace {

constexpr std::int64_t kMibKib = 1024;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<std::int64_t> digits(std::string_view text) {
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || !is_digit(text.front()) || read.ec != std::errc{} || read.ptr != text.data() + text.size() || number > kMaxFigure)
    return std::nullopt;
  return number;
}

std::optional<std::int64_t> node_count(std::string_view text) {
  std::int64_t scale = 1;
  if (!text.empty() && (lower(text.back()) == 'k' || lower(text.back()) == 'm')) {
    scale = lower(text.back()) == 'k' ? 1024 : 1024 * 1024;
    text.remove_suffix(1);
  }
  const auto number = digits(text);
  return number ? product(*number, scale) : std::nullopt;
}

// The numbers between colons, at most three.
struct Parts {
  std::array<std::int64_t, 3> values{};
  std::size_t count = 0;
};
std::optional<Parts> between_colons(std::string_view text) {
  Parts parts;
  while (true) {
    const std::size_t colon = text.find(':');
    const auto number = digits(text.substr(0, colon));
    if (!number || parts.count == parts.values.size()) return std::nullopt;
    parts.values[parts.count++] = *number;
    if (colon == std::string_view::npos) return parts;
    text.remove_prefix(colon + 1);
  }
}

std::optional<Duration> whole_minutes(std::int64_t days, std::int64_t hours, std::int64_t minutes, std::int64_t seconds) {
  const __int128 all = static_cast<__int128>(days) * 86'400 + static_cast<__int128>(hours) * 3'600 + static_cast<__int128>(minutes) * 60 + seconds;
  if (all > kMaxFigure) return std::nullopt;
  return bourse::minutes(divided_up(static_cast<std::int64_t>(all), 60));
}

}  // namespace

std::optional<std::int64_t> parse_count(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  return digits(text);
}

std::optional<NodeRange> parse_nodes(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto least = node_count(text.substr(0, dash));
  if (!least) return std::nullopt;
  if (dash == std::string_view::npos) return NodeRange{*least, *least};
  const auto most = node_count(text.substr(dash + 1));
  if (!most || *most < *least) return std::nullopt;
  return NodeRange{*least, *most};
}

std::optional<Duration> parse_slurm_time(std::string_view text) {
  if (text == "-1" || same_word(text, "infinite") || same_word(text, "unlimited")) return Duration{};
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) {
    const auto parts = between_colons(text);
    if (!parts) return std::nullopt;
    const auto& v = parts->values;
    return parts->count == 1 ? whole_minutes(0, 0, v[0], 0) : parts->count == 2 ? whole_minutes(0, 0, v[0], v[1]) : whole_minutes(0, v[0], v[1], v[2]);
  }
  const auto days = digits(text.substr(0, dash));
  const std::string_view rest = text.substr(dash + 1);
  if (!days) return std::nullopt;
  if (rest.empty()) return whole_minutes(*days, 0, 0, 0);
  const auto parts = between_colons(rest);
  if (!parts) return std::nullopt;
  return whole_minutes(*days, parts->values[0], parts->values[1], parts->values[2]);
}

std::optional<Duration> parse_lsf_time(std::string_view text) {
  const auto parts = between_colons(text);
  if (!parts || parts->count > 2) return std::nullopt;
  return parts->count == 1 ? whole_minutes(0, 0, parts->values[0], 0) : whole_minutes(0, parts->values[0], parts->values[1], 0);
}

std::optional<std::int64_t> parse_memory_mib(std::string_view text, std::int64_t bare_kib) {
  const std::size_t end = static_cast<std::size_t>(std::ranges::find_if_not(text, is_digit) - text.begin());
  const auto number = digits(text.substr(0, end));
  std::string_view unit = text.substr(end);
  if (!number) return std::nullopt;
  std::int64_t kib = bare_kib;
  if (!unit.empty()) {
    const std::size_t power = std::string_view("kmgt").find(lower(unit.front()));
    unit.remove_prefix(1);
    if (power == std::string_view::npos || (!unit.empty() && !same_word(unit, "b"))) return std::nullopt;
    kib = std::int64_t{1} << (10 * power);
  }
  const __int128 mib = (static_cast<__int128>(*number) * kib + kMibKib - 1) / kMibKib;
  if (mib > kMaxFigure) return std::nullopt;
  return static_cast<std::int64_t>(mib);
}

std::optional<std::int64_t> product(std::int64_t a, std::int64_t b) {
  const __int128 all = static_cast<__int128>(a) * b;
  if (all > kMaxFigure || all < 0) return std::nullopt;
  return static_cast<std::int64_t>(all);
}

std::string shown(std::string_view text) {
  constexpr std::size_t kMost = 64;
  std::string out(text.substr(0, text.size() > kMost ? kMost - 3 : kMost));
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return text.size() > kMost ? out + "..." : out;
}

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace bourse::jobscript
