// PostgreSQL's binary format: values in network byte order, and the rows of a binary COPY.
#pragma once

#include <endian.h>

#include <array>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/time.h"

namespace bourse::broker::store {

namespace wire {

// Type numbers (pg_type.oid).
inline constexpr unsigned kBytea = 17, kInt8 = 20, kInt2 = 21, kInt4 = 23, kText = 25, kUuid = 2950;
inline constexpr unsigned kByteaArray = 1001, kInt8Array = 1016, kUuidArray = 2951;

// timestamptz counts microseconds from 2000-01-01T00:00:00Z.
inline constexpr std::int64_t kEpochMs = 946'684'800'000;
constexpr std::int64_t to_timestamp(Instant t) { return (t.unix_ms - kEpochMs) * 1000; }
constexpr Instant from_timestamp(std::int64_t us) { return {us / 1000 + kEpochMs}; }

template <class Out, std::integral T>
void put(Out& out, T value) {
  char bytes[sizeof(T)];
  for (std::size_t i = 0; i < sizeof(T); ++i)
    bytes[i] = static_cast<char>(static_cast<std::make_unsigned_t<T>>(value) >> (8 * (sizeof(T) - 1 - i)));
  const auto* at = reinterpret_cast<const typename Out::value_type*>(bytes);
  out.insert(out.end(), at, at + sizeof bytes);
}
template <class Out>
void put(Out& out, Uuid value) {
  put(out, value.high);
  put(out, value.low);
}

// `text` as PostgreSQL takes it: valid UTF-8 without NUL; what isn't becomes U+FFFD. What centers and users send must not
// be able to stop the projector.
std::string clean(std::string_view text);

}  // namespace wire

// The nil id, the instant 0, the zero hash: written as NULL.
template <class T>
struct OrNull {
  const T& value;
};
template <class T>
OrNull<T> or_null(const T& value) {
  return {value};
}

// The data of one COPY … FROM STDIN (FORMAT binary), built row by row.
class CopyRows {
 public:
  std::size_t rows() const { return rows_; }
  bool empty() const { return rows_ == 0; }
  // Header, rows and trailer; the next `add` starts anew.
  std::span<const std::byte> finish();
  void clear() {
    data_.clear();
    rows_ = 0;
    finished_ = false;
  }

  // One row, its fields in order. Integers keep their width; enums and Amount are integers of theirs.
  template <class... T>
  void add(const T&... fields) {
    begin();
    wire::put(data_, static_cast<std::int16_t>(sizeof...(T)));
    (field(fields), ...);
    ++rows_;
  }

 private:
  void begin();
  template <std::integral T>
  void field(const T& value) {
    if constexpr (std::same_as<T, bool>) {
      wire::put(data_, std::int32_t{1});
      wire::put(data_, static_cast<std::int8_t>(value));
    } else {
      static_assert(sizeof(T) >= 2, "PostgreSQL has no one-byte integer");
      wire::put(data_, static_cast<std::int32_t>(sizeof(T)));
      wire::put(data_, value);
    }
  }
  template <class T>
    requires std::is_enum_v<T>
  void field(const T& value) {
    field(static_cast<std::int16_t>(value));
  }
  void field(const Amount& value) { field(value.micros); }
  void field(const Instant& value) { field(wire::to_timestamp(value)); }
  void field(const Uuid& value) {
    wire::put(data_, std::int32_t{16});
    wire::put(data_, value);
  }
  template <class Kind>
  void field(const Id<Kind>& value) {
    field(value.uuid);
  }
  void field(const std::string& value) { field(std::string_view(value)); }
  void field(std::string_view value);
  void field(const Hash256& value) { raw(value.bytes.data(), value.bytes.size()); }
  void field(const std::span<const std::byte>& value) { raw(value.data(), value.size()); }
  void field(const std::vector<std::byte>& value) { raw(value.data(), value.size()); }
  // An array of one dimension, its elements numbered from 1.
  template <std::integral T>
  void field(const std::vector<T>& values) {
    static_assert(sizeof(T) == 8 || sizeof(T) == 4);
    constexpr std::size_t kHeader = 5 * sizeof(std::int32_t);
    wire::put(data_, static_cast<std::int32_t>(values.empty() ? 3 * sizeof(std::int32_t) : kHeader + values.size() * (4 + sizeof(T))));
    wire::put(data_, std::int32_t{values.empty() ? 0 : 1});
    wire::put(data_, std::int32_t{0});  // no NULL in it
    wire::put(data_, static_cast<std::int32_t>(sizeof(T) == 8 ? wire::kInt8 : wire::kInt4));
    if (values.empty()) return;
    wire::put(data_, static_cast<std::int32_t>(values.size()));
    wire::put(data_, std::int32_t{1});
    for (const T value : values) field(value);
  }
  template <std::size_t N>
  void field(const std::array<std::uint8_t, N>& value) {
    raw(value.data(), N);
  }
  template <class T>
  void field(const std::optional<T>& value) {
    if (value)
      field(*value);
    else
      wire::put(data_, std::int32_t{-1});
  }
  template <class T>
  void field(const OrNull<T>& value) {
    if (value.value == T{})
      wire::put(data_, std::int32_t{-1});
    else
      field(value.value);
  }
  void raw(const void* bytes, std::size_t size) {
    wire::put(data_, static_cast<std::int32_t>(size));
    const auto* at = static_cast<const std::byte*>(bytes);
    data_.insert(data_.end(), at, at + size);
  }

  std::vector<std::byte> data_;
  std::size_t rows_ = 0;
  bool finished_ = false;
};

}  // namespace bourse::broker::store
