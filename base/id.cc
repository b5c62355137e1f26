#include "base/id.h"

#include <array>

#include "base/assert.h"
#include "base/hex.h"

namespace bourse {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kCrockfordLength = 26;
constexpr std::uint8_t kNotInAlphabet = 0xff;

constexpr std::array<std::uint8_t, 256> kValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNotInAlphabet);
  for (std::uint8_t i = 0; i < kAlphabet.size(); ++i) {
    const char c = kAlphabet[i];
    values[static_cast<std::uint8_t>(c)] = i;
    if (c >= 'A') values[static_cast<std::uint8_t>(c - 'A' + 'a')] = i;
  }
  return values;
}();

}  // namespace

Uuid make_uuid_v7(Instant now, Rng& rng) {
  BOURSE_ASSERT(now.unix_ms >= 0 && now.unix_ms < (std::int64_t{1} << 48));
  std::uint64_t random[2];
  rng.fill(std::as_writable_bytes(std::span(random)));
  return Uuid{.high = static_cast<std::uint64_t>(now.unix_ms) << 16 | 0x7000 | (random[0] & 0x0fff),
              .low = std::uint64_t{0b10} << 62 | random[1] >> 2};
}

std::string to_crockford(Uuid uuid) {
  std::string text(kCrockfordLength, '0');
  unsigned __int128 bits = static_cast<unsigned __int128>(uuid.high) << 64 | uuid.low;
  for (std::size_t i = kCrockfordLength; i-- > 0; bits >>= 5) text[i] = kAlphabet[static_cast<std::size_t>(bits & 31)];
  return text;
}

Result<Uuid> parse_crockford(std::string_view text) {
  if (text.size() != kCrockfordLength)
    return fail(ErrorCode::invalid_argument, "an id has 26 characters after its prefix");
  if (text[0] > '7') return fail(ErrorCode::invalid_argument, "an id's first character is 0 to 7");  // 130 bits for 128
  unsigned __int128 bits = 0;
  for (const char c : text) {
    const std::uint8_t value = kValues[static_cast<std::uint8_t>(c)];
    if (value == kNotInAlphabet)
      return fail(ErrorCode::invalid_argument,
                  "an id is written with digits and the letters A to Z without I, L, O and U");
    bits = bits << 5 | value;
  }
  return Uuid{.high = static_cast<std::uint64_t>(bits >> 64), .low = static_cast<std::uint64_t>(bits)};
}

std::string to_hyphenated(Uuid uuid) {
  std::array<std::uint8_t, 16> bytes;
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<std::uint8_t>(uuid.high >> (56 - 8 * i));
    bytes[8 + i] = static_cast<std::uint8_t>(uuid.low >> (56 - 8 * i));
  }
  std::string text = to_hex(std::span<const std::uint8_t>(bytes));
  for (const std::size_t at : {20, 16, 12, 8}) text.insert(at, 1, '-');
  return text;
}

Result<Uuid> parse_hyphenated(std::string_view text) {
  const auto wrong = [] { return fail(ErrorCode::invalid_argument, "a UUID is 8-4-4-4-12 hexadecimal digits"); };
  if (text.size() != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-') return wrong();
  std::string digits(text);
  for (const std::size_t at : {23, 18, 13, 8}) digits.erase(at, 1);
  std::array<std::uint8_t, 16> bytes;
  if (!from_hex(digits, bytes)) return wrong();
  Uuid uuid;
  for (std::size_t i = 0; i < 8; ++i) {
    uuid.high = uuid.high << 8 | bytes[i];
    uuid.low = uuid.low << 8 | bytes[8 + i];
  }
  return uuid;
}

}  // namespace bourse
