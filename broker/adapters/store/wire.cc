#include "broker/adapters/store/wire.h"

#include <algorithm>

namespace bourse::broker::store {
namespace wire {
namespace {

// Length of the valid UTF-8 sequence at `at`; 0 if there is none (RFC 3629: no overlong forms, surrogates or planes above 16).
std::size_t sequence_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const unsigned first = byte(at);
  const auto continues = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return byte(i) >= low && byte(i) <= high;
  };
  if (first >= 0x01 && first <= 0x7F) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(at + 1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80, high = first == 0xED ? 0x9F : 0xBF;
    return continues(at + 1, low, high) && continues(at + 2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80, high = first == 0xF4 ? 0x8F : 0xBF;
    return continues(at + 1, low, high) && continues(at + 2) && continues(at + 3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string clean(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = sequence_at(text, at);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      ++at;
    } else {
      out.append(text, at, length);
      at += length;
    }
  }
  return out;
}

}  // namespace wire

void CopyRows::begin() {
  if (finished_) clear();
  if (!data_.empty()) return;
  constexpr std::string_view signature("PGCOPY\n\xFF\r\n\0", 11);
  const auto* at = reinterpret_cast<const std::byte*>(signature.data());
  data_.insert(data_.end(), at, at + signature.size());
  wire::put(data_, std::int32_t{0});  // flags
  wire::put(data_, std::int32_t{0});  // no header extension
}

std::span<const std::byte> CopyRows::finish() {
  if (finished_) return data_;
  begin();
  wire::put(data_, std::int16_t{-1});
  finished_ = true;
  return data_;
}

void CopyRows::field(std::string_view value) {
  const bool plain = std::ranges::all_of(value, [](char c) { return static_cast<signed char>(c) > 0; });  // ASCII without NUL
  if (plain) return raw(value.data(), value.size());
  const std::string cleaned = wire::clean(value);
  raw(cleaned.data(), cleaned.size());
}

}  // namespace bourse::broker::store
