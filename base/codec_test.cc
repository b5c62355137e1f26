#include "base/codec.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/amount.h"
#include "base/decimal.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/id.h"
#include "base/unit.h"

namespace bourse::codec {
namespace {

enum class Colour : std::uint16_t { red = 1, blue = 0x0203 };

struct Inner {
  std::string name;
  Decimal price;
  bool operator==(const Inner&) const = default;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.name, self.price); }
};

struct Everything {
  bool yes = false;
  std::int32_t number = 0;
  Colour colour{};
  __int128 wide = 0;
  Amount amount;
  Unit unit;
  JobId job;
  Hash256 hash;
  std::array<std::uint8_t, 3> bytes{};
  std::string text;
  std::vector<std::byte> script;
  std::vector<Inner> inners;
  std::vector<JobId> jobs;
  std::map<std::string, std::int64_t> map;
  std::optional<Amount> budget;
  std::optional<Inner> nothing;
  bool operator==(const Everything&) const = default;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.yes, self.number, self.colour, self.wide, self.amount, self.unit, self.job, self.hash, self.bytes,
          self.text, self.script, self.inners, self.jobs, self.map, self.budget, self.nothing);
  }
};

Everything everything() {
  return {.yes = true,
          .number = -2,
          .colour = Colour::blue,
          .wide = static_cast<__int128>(-1) << 100,
          .amount = Amount{-5},
          .unit = kDu,
          .job = JobId{{1, 2}},
          .hash = {},
          .bytes = {7, 8, 9},
          .text = std::string("a\0b", 3),
          .script = {std::byte{1}, std::byte{2}},
          .inners = {{"x", {125, 2}}, {"", {0, 0}}},
          .jobs = {JobId{{3, 4}}, JobId{}},
          .map = {{"one", 1}, {"two", 2}},
          .budget = Amount{9},
          .nothing = std::nullopt};
}

std::vector<std::byte> record_of(const auto& value) {
  std::vector<std::byte> out;
  write_record(out, 7, value);
  return out;
}

std::span<const std::byte> body_of(std::span<const std::byte> record) {
  const auto view = next_record(record);
  EXPECT_TRUE(view);
  EXPECT_TRUE(record.empty());
  return view->body;
}

std::string hex_of(std::span<const std::byte> bytes) {
  return to_hex(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

template <class T>
struct Decoded {
  T value;
  bool ok;
};
template <class T>
Decoded<T> decode(std::span<const std::byte> body) {
  Reader reader(body);
  Decoded<T> decoded{};
  reader.read_record(decoded.value);
  decoded.ok = reader.ok();
  return decoded;
}

TEST(Codec, RoundTripsEveryKindOfField) {
  const Everything value = everything();
  const auto record = record_of(value);
  const auto decoded = decode<Everything>(body_of(record));
  EXPECT_TRUE(decoded.ok);
  EXPECT_EQ(decoded.value, value);
}

struct Small {
  std::uint8_t a = 1;
  std::uint32_t b = 0x01020304;
  Colour c = Colour::blue;
  std::string d = "hi";
  std::optional<std::uint16_t> e = 5;
  std::vector<std::uint16_t> f = {1, 2};
  std::map<std::uint8_t, bool> g = {{9, true}};
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.a, self.b, self.c, self.d, self.e, self.f, self.g);
  }
};

// The layout is what journals hold: it may never change.
TEST(Codec, LayoutIsLittleEndianWithoutPadding) {
  EXPECT_EQ(hex_of(record_of(Small{})),
            "0700"      // type
            "1e000000"  // length
            "01"
            "04030201"
            "0302"
            "02000000"
            "6869"
            "01"
            "0500"
            "02000000"
            "0100"
            "0200"
            "01000000"
            "09"
            "01");
}

TEST(Codec, WriterAppendsToWhatIsThere) {
  std::vector<std::byte> out = {std::byte{0xee}};
  Writer writer(out);
  writer.write(std::uint8_t{1});
  writer(std::uint8_t{2}, std::string("x"));
  writer.append("yz", 2);
  writer.append(nullptr, 0);
  EXPECT_EQ(hex_of(out),
            "ee010201000000"
            "78797a");
}

TEST(Codec, TruncatedInputIsNeverOkAndNeverReadBeyond) {
  const auto record = record_of(everything());
  const auto body = body_of(record);
  // Inside a field a cut is an error. Between two fields the record reads as an older writer's: the rest at its
  // defaults.
  std::size_t whole = 0;
  for (std::size_t size = 0; size < body.size(); ++size) {
    const std::vector<std::byte> cut(
        body.begin(),
        body.begin() + static_cast<std::ptrdiff_t>(size));  // its own allocation, so ASan sees a read past it
    if (decode<Everything>(cut).ok) ++whole;
  }
  EXPECT_EQ(whole, 16U);
}

TEST(Codec, TruncatedInlineStructIsNotAnOlderOne) {
  std::vector<std::byte> out;
  Writer(out).write(Inner{"name", {1, 2}});
  out.pop_back();
  Reader reader(out);
  Inner value;
  reader.read(value);
  EXPECT_FALSE(reader.ok());
}

TEST(Codec, ACountBeyondTheInputAllocatesNothing) {
  const auto refused = [](auto value) {
    std::vector<std::byte> out;
    Writer writer(out);
    writer(std::uint32_t{0xffff'ffff}, std::uint64_t{0});
    Reader reader(out);
    reader.read(value);
    EXPECT_FALSE(reader.ok());
    EXPECT_TRUE(reader.at_end());
    EXPECT_TRUE(value.empty());
  };
  refused(std::string());
  refused(std::vector<std::byte>());
  refused(std::vector<JobId>());
  refused(std::vector<Inner>());
  refused(std::map<std::string, std::string>());
}

TEST(Codec, ABoolIsZeroOrOne) {
  const std::vector<std::byte> out = {std::byte{2}};
  Reader reader(out);
  bool value = true;
  reader.read(value);
  EXPECT_FALSE(reader.ok());
  EXPECT_FALSE(value);
}

struct Old {
  std::uint32_t a = 0;
  Inner inner;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.a, self.inner); }
};
struct New {
  std::uint32_t a = 0;
  Inner inner;
  Amount added{42};
  std::vector<std::string> also_added = {"default"};
  static constexpr void fields(auto& self, auto&& visit) { visit(self.a, self.inner, self.added, self.also_added); }
};

TEST(CodecEvolution, ANewReaderGivesMissingFieldsTheirDefaults) {
  const auto decoded = decode<New>(body_of(record_of(Old{5, {"n", {1, 0}}})));
  EXPECT_TRUE(decoded.ok);
  EXPECT_EQ(decoded.value.a, 5U);
  EXPECT_EQ(decoded.value.inner.name, "n");
  EXPECT_EQ(decoded.value.added, Amount{42});
  EXPECT_EQ(decoded.value.also_added, std::vector<std::string>{"default"});
}

struct OldInner {
  std::uint8_t a = 0;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.a); }
};
struct NewInner {
  std::uint8_t a = 0;
  std::string added = "default";
  std::vector<OldInner> more;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.a, self.added, self.more); }
};
template <class Inside>
struct Around {
  std::vector<Inside> inner;
  std::uint32_t after = 0;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.inner, self.after); }
};

TEST(CodecEvolution, AStructThatGrowsMayGrowInTheMiddleOfOthers) {
  const auto newer = decode<Around<NewInner>>(body_of(record_of(Around<OldInner>{{{1}, {2}}, 7})));
  ASSERT_TRUE(newer.ok);
  ASSERT_EQ(newer.value.inner.size(), 2U);
  EXPECT_EQ(newer.value.inner[1].a, 2);
  EXPECT_EQ(newer.value.inner[1].added, "default");
  EXPECT_EQ(newer.value.after, 7U);
  const auto older = decode<Around<OldInner>>(body_of(record_of(Around<NewInner>{{{1, "x", {{8}, {9}}}, {2, "yz", {}}}, 7})));
  ASSERT_TRUE(older.ok);
  ASSERT_EQ(older.value.inner.size(), 2U);
  EXPECT_EQ(older.value.inner[1].a, 2);
  EXPECT_EQ(older.value.after, 7U);
}

TEST(CodecEvolution, AStructThatGrowsCantClaimMoreThanThereIs) {
  auto record = record_of(Around<OldInner>{{{1}}, 7});
  std::memset(record.data() + 6 + 4, 0xFF, 4);  // the length of the one inner struct
  EXPECT_FALSE(decode<Around<OldInner>>(body_of(record)).ok);
}

TEST(CodecEvolution, AnOldReaderSkipsWhatItDoesNotKnow) {
  const auto decoded = decode<Old>(body_of(record_of(New{6, {"m", {2, 0}}, Amount{1}, {}})));
  EXPECT_TRUE(decoded.ok);
  EXPECT_EQ(decoded.value.a, 6U);
  EXPECT_EQ(decoded.value.inner.name, "m");
}

TEST(CodecRecords, AreTakenOffTheFrontInOrder) {
  std::vector<std::byte> out;
  write_record(out, 1, Inner{"first", {}});
  write_record(out, 2, Inner{"second", {}});
  std::span<const std::byte> in(out);
  EXPECT_EQ(next_record(in)->type, 1);
  EXPECT_EQ(next_record(in)->type, 2);
  EXPECT_TRUE(in.empty());
  EXPECT_FALSE(next_record(in));
}

TEST(CodecRecords, CutShortLeavesTheRest) {
  const auto record = record_of(everything());
  for (std::size_t size = 1; size < record.size(); ++size) {
    std::span<const std::byte> in = std::span(record).first(size);
    EXPECT_FALSE(next_record(in));
    EXPECT_EQ(in.size(), size);
  }
}

RC_GTEST_PROP(CodecProperty, GarbageNeverReadsBeyondItsEnd, (const std::vector<std::uint8_t>& garbage)) {
  decode<Everything>(std::as_bytes(std::span(garbage)));
}

RC_GTEST_PROP(CodecProperty, DamagedRecordsNeverReadBeyondTheirEnd, (std::uint8_t damage)) {
  auto record = record_of(everything());
  const std::size_t at = *rc::gen::inRange<std::size_t>(6, record.size());
  record[at] ^= std::byte{damage};
  decode<Everything>(std::span(record).subspan(6));
}

RC_GTEST_PROP(CodecProperty, StringsAndMapsRoundTrip, (const std::map<std::string, std::vector<std::string>>& map)) {
  std::vector<std::byte> out;
  Writer(out).write(map);
  Reader reader(out);
  std::map<std::string, std::vector<std::string>> read;
  reader.read(read);
  RC_ASSERT(reader.ok() && reader.at_end());
  RC_ASSERT(read == map);
}

}  // namespace
}  // namespace bourse::codec
