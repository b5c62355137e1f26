// The journal's codec: little-endian records whose fields are only ever appended.
//
// A type takes part by naming its fields once, in order:
//
//   struct Funded { BillingAccountId account; Amount amount;
//                   static constexpr auto fields(auto& self, auto&& visit) { visit(self.account, self.amount); } };
//
// Layout: integers and enums as they are; bool one byte; strings, vectors and maps a u32 count and their elements;
// optionals a byte and the value; variants a byte, which alternative, and its value; a struct with `fields` inline, without padding or length. A *record* (what the journal
// stores) is u16 type, u32 length, body, and a struct that says `static constexpr bool kGrows = true` is u32 length, body: a
// reader skips what it doesn't know at their ends and leaves fields that an older writer did not have at their defaults. So:
// never reorder, remove or retype a field; append, and only to records and structs that grow. Golden files in tests hold one
// of each version.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace bourse::codec {

static_assert(std::endian::native == std::endian::little, "the codec copies integers as they lie in memory");

template <class T>
concept Scalar = std::is_arithmetic_v<T> || std::is_enum_v<T>;

// The type's fields, when it names them.
template <class T>
concept Struct = requires(const T& value) { T::fields(value, [](const auto&...) {}); };

template <class T>
concept Growing = Struct<T> && T::kGrows;

// Amount, Instant, Id, Uuid, Hash256, Unit: small values without padding, copied as they lie in memory.
template <class T>
concept Plain = !Scalar<T> && !Struct<T> && std::is_trivially_copyable_v<T> && std::has_unique_object_representations_v<T>;

// Elements that lie in a vector as they lie in a record.
template <class T>
concept Bulk = (Scalar<T> && !std::is_same_v<T, bool>) || Plain<T>;

// A sink that only counts.
struct Measure {
  std::size_t size = 0;
  void append(const void*, std::size_t more) { size += more; }
};

// Walks a value and hands its bytes to `Sink::append`, piece by piece.
template <class Sink>
class Encoder {
 public:
  explicit Encoder(Sink& sink) : sink_(sink) {}

  template <class... T>
  void operator()(const T&... values) { (write(values), ...); }

  template <Scalar T>
  void write(const T& value) {
    static_assert(!std::is_floating_point_v<T>, "no floating point in the journal");
    sink_.append(&value, sizeof value);
  }
  void write(const __int128& value) { sink_.append(&value, sizeof value); }
  void write(const std::string& value) {
    write(static_cast<std::uint32_t>(value.size()));
    sink_.append(value.data(), value.size());
  }
  template <Scalar T, std::size_t N>
  void write(const std::array<T, N>& value) { sink_.append(value.data(), sizeof value); }
  template <class T>
  void write(const std::vector<T>& values) {
    write(static_cast<std::uint32_t>(values.size()));
    if constexpr (Bulk<T>)
      sink_.append(values.data(), values.size() * sizeof(T));
    else
      for (const T& value : values) write(value);
  }
  template <class K, class V>
  void write(const std::map<K, V>& values) {
    write(static_cast<std::uint32_t>(values.size()));
    for (const auto& [key, value] : values) write(key), write(value);
  }
  template <class T>
  void write(const std::optional<T>& value) {
    write(value.has_value());
    if (value) write(*value);
  }
  template <class... T>
  void write(const std::variant<T...>& value) {
    write(static_cast<std::uint8_t>(value.index()));
    std::visit([this](const auto& alternative) { this->write(alternative); }, value);
  }
  template <Struct T>
  void write(const T& value) {
    if constexpr (Growing<T>) {
      Measure body;
      Encoder<Measure> measuring(body);
      if constexpr (!std::is_same_v<Sink, Measure>) T::fields(value, measuring);  // else the length itself doesn't matter
      write(static_cast<std::uint32_t>(body.size));
    }
    T::fields(value, *this);
  }
  template <Plain T>
  void write(const T& value) { sink_.append(&value, sizeof value); }

 private:
  Sink& sink_;
};

// Appends values to a vector. Each is measured first (for a struct of fixed size that is a constant), so that the vector
// grows once and the bytes are copied without further checks.
class Writer {
 public:
  explicit Writer(std::vector<std::byte>& out) : out_(out) {}

  template <class... T>
  void operator()(const T&... values) { write_all([&](auto& encoder) { encoder(values...); }); }
  template <class T>
  void write(const T& value) { write_all([&](auto& encoder) { encoder.write(value); }); }
  // The fields of `value` as the body of a record.
  template <class T>
  void write_fields(const T& value) { write_all([&](auto& encoder) { T::fields(value, encoder); }); }

  void append(const void* data, std::size_t size) { Cursor{grow(size)}.append(data, size); }
  std::vector<std::byte>& out() { return out_; }

 private:
  struct Cursor {
    std::byte* at;
    void append(const void* data, std::size_t size) {
      if (size != 0) std::memcpy(at, data, size);  // an empty vector's data may be null, which memcpy may not see
      at += size;
    }
  };

  template <class Write>
  void write_all(Write write) {
    Measure measure;
    Encoder<Measure> measuring(measure);
    write(measuring);
    Cursor cursor{grow(measure.size)};
    Encoder<Cursor> copying(cursor);
    write(copying);
  }
  std::byte* grow(std::size_t size) {
    const std::size_t old = out_.size();
    out_.resize(old + size);
    return out_.data() + old;
  }

  std::vector<std::byte>& out_;
};

// Reads what Writer wrote. Never reads past the end: a short input leaves `ok()` false and the values at their defaults.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> in) : in_(in) {}

  bool ok() const { return ok_; }
  bool at_end() const { return in_.empty(); }
  std::span<const std::byte> rest() const { return in_; }

  template <class... T>
  void operator()(T&... values) { (read_if_any(values), ...); }

  template <Scalar T>
  void read(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      std::uint8_t byte = 0;
      take(&byte, 1);
      if (byte > 1) ok_ = false;
      value = byte == 1;
    } else {
      take(&value, sizeof value);
    }
  }
  void read(__int128& value) { take(&value, sizeof value); }
  void read(std::string& value) {
    value.resize(count(1));
    take(value.data(), value.size());
  }
  template <Scalar T, std::size_t N>
  void read(std::array<T, N>& value) { take(value.data(), sizeof value); }
  template <class T>
  void read(std::vector<T>& values) {
    values.clear();
    if constexpr (Bulk<T>) {
      values.resize(count(sizeof(T)));
      take(values.data(), values.size() * sizeof(T));
    } else {
      const std::uint32_t size = count(1);
      for (std::uint32_t i = 0; i < size && ok_; ++i) read(values.emplace_back());
    }
  }
  template <class K, class V>
  void read(std::map<K, V>& values) {
    const std::uint32_t size = count(1);
    values.clear();
    for (std::uint32_t i = 0; i < size && ok_; ++i) {
      K key{};
      read(key);
      read(values[key]);
    }
  }
  template <class T>
  void read(std::optional<T>& value) {
    bool present = false;
    read(present);
    value.reset();
    if (present) read(value.emplace());
  }
  template <class... T>
  void read(std::variant<T...>& value) {
    std::uint8_t index = 0;
    read(index);
    if (index >= sizeof...(T)) return fail();
    std::size_t at = 0;
    ((at++ == index ? read(value.template emplace<T>()) : void()), ...);
  }
  template <Struct T>
  void read(T& value) {
    if constexpr (Growing<T>) return read_growing(value);
    const bool outer = std::exchange(in_record_, false);  // only a record's own fields may be missing at its end
    T::fields(value, *this);
    in_record_ = outer;
  }
  template <Plain T>
  void read(T& value) { take(&value, sizeof value); }

  // The fields of a record's body; those that an older writer did not know keep their defaults.
  template <class T>
  void read_record(T& value) {
    in_record_ = true;
    T::fields(value, *this);
    in_record_ = false;
  }

 private:
  template <class T>
  void read_growing(T& value) {
    const std::uint32_t size = count(1);
    const auto after = in_.subspan(size);
    in_ = in_.first(size);
    const bool outer = std::exchange(in_record_, true);
    T::fields(value, *this);
    in_record_ = outer;
    in_ = after;
  }
  template <class T>
  void read_if_any(T& value) {
    if (in_record_ && in_.empty()) return;
    read(value);
  }
  void fail() {
    ok_ = false;
    in_ = {};
  }
  void take(void* out, std::size_t size) {
    if (in_.size() < size) return fail();
    if (size != 0) std::memcpy(out, in_.data(), size);
    in_ = in_.subspan(size);
  }
  // A count of elements of at least `least` bytes each, which can't exceed what is left: so no input can make us reserve
  // more than it brought.
  std::uint32_t count(std::size_t least) {
    std::uint32_t n = 0;
    take(&n, sizeof n);
    if (in_.size() / least < n) {
      fail();
      return 0;
    }
    return n;
  }

  std::span<const std::byte> in_;
  bool ok_ = true;
  bool in_record_ = false;
};

template <class T>
std::vector<std::byte> encoded(const T& value) {
  std::vector<std::byte> out;
  Writer(out).write(value);
  return out;
}

// Appends one record: type, length, fields.
template <class T>
void write_record(std::vector<std::byte>& out, std::uint16_t type, const T& value) {
  Writer writer(out);
  writer(type, std::uint32_t{0});
  const std::size_t body_at = out.size();
  writer.write_fields(value);
  const auto length = static_cast<std::uint32_t>(out.size() - body_at);
  std::memcpy(out.data() + body_at - sizeof length, &length, sizeof length);
}

struct RecordView {
  std::uint16_t type = 0;
  std::span<const std::byte> body;
};

// Takes the next record off the front of `in`; nothing at the end or when the input is cut short (then `in` is not empty).
inline std::optional<RecordView> next_record(std::span<const std::byte>& in) {
  constexpr std::size_t kHeader = sizeof(std::uint16_t) + sizeof(std::uint32_t);
  if (in.size() < kHeader) return std::nullopt;
  RecordView view;
  std::uint32_t length = 0;
  std::memcpy(&view.type, in.data(), sizeof view.type);
  std::memcpy(&length, in.data() + sizeof view.type, sizeof length);
  if (in.size() - kHeader < length) return std::nullopt;
  view.body = in.subspan(kHeader, length);
  in = in.subspan(kHeader + length);
  return view;
}

}  // namespace bourse::codec
