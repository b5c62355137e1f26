#include "connectors/kubernetes/quantity.h"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace bourse::kubernetes {
namespace {

// Wide enough for twenty digits times 2^60 times 1000 not to be reached: every step is checked against it.
using Wide = unsigned __int128;
constexpr Wide kWidest = static_cast<Wide>(std::numeric_limits<std::int64_t>::max()) * 1'000'000'000;

constexpr std::array<std::pair<std::string_view, std::int64_t>, 6> kBinary = {
    {{"Ki", 1LL << 10}, {"Mi", 1LL << 20}, {"Gi", 1LL << 30}, {"Ti", 1LL << 40}, {"Pi", 1LL << 50}, {"Ei", 1LL << 60}}};
constexpr std::array<std::pair<std::string_view, int>, 10> kDecimal = {
    {{"n", -9}, {"u", -6}, {"m", -3}, {"", 0}, {"k", 3}, {"M", 6}, {"G", 9}, {"T", 12}, {"P", 15}, {"E", 18}}};

bool times(Wide& value, Wide by) {
  if (value != 0 && by > kWidest / value) return false;
  value *= by;
  return true;
}

}  // namespace

std::optional<std::int64_t> parse_milli(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  Wide value = 0;
  int digits = 0, fraction = 0;
  bool point = false;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    if (++digits > 20) return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
    fraction += point;
  }
  if (digits == 0) return std::nullopt;
  const std::string_view suffix = text.substr(at);
  int exponent = 3 - fraction;
  bool known = false;
  for (const auto& [name, factor] : kBinary)
    if (suffix == name) {
      known = true;
      if (!times(value, static_cast<Wide>(factor))) return std::nullopt;
    }
  for (const auto& [name, power] : kDecimal)
    if (suffix == name) known = true, exponent += power;
  if (!known && suffix.size() > 1 && (suffix[0] == 'e' || suffix[0] == 'E')) {
    std::string_view number = suffix.substr(1);
    if (number.starts_with('+')) number.remove_prefix(1);
    int power = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), power);
    known = error == std::errc{} && end == number.data() + number.size() && power >= -30 && power <= 30;
    exponent += power;
  }
  if (!known) return std::nullopt;
  for (; exponent > 0; --exponent)
    if (!times(value, 10)) return std::nullopt;
  for (; exponent < 0; ++exponent) value /= 10;
  if (value > static_cast<Wide>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

}  // namespace bourse::kubernetes
