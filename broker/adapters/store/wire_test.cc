// The bytes that PostgreSQL is sent.
#include "broker/adapters/store/wire.h"

#include <gtest/gtest.h>

namespace bourse::broker::store {
namespace {

std::string hex(std::span<const std::byte> bytes) {
  std::string out;
  for (const std::byte b : bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    out += kDigits[static_cast<int>(b) >> 4];
    out += kDigits[static_cast<int>(b) & 15];
  }
  return out;
}

TEST(Wire, TimestampsCountMicrosecondsFrom2000) {
  EXPECT_EQ(wire::to_timestamp(*parse_instant("2000-01-01T00:00:00Z")), 0);
  EXPECT_EQ(wire::to_timestamp(*parse_instant("1999-12-31T23:59:59.999Z")), -1000);
  for (const std::int64_t ms : {-1LL, 0LL, 1'800'000'000'123LL}) EXPECT_EQ(wire::from_timestamp(wire::to_timestamp({ms})).unix_ms, ms);
}

TEST(Wire, CopyHasHeaderRowsAndTrailer) {
  CopyRows rows;
  EXPECT_TRUE(rows.empty());
  rows.add(std::int32_t{1}, true, std::string("hé"), or_null(Uuid{}), or_null(Uuid{1, 2}), Amount{-1});
  const std::string header = "5047434f50590aff0d0a00" "00000000" "00000000";
  const std::string row = "0006" "00000004" "00000001" "00000001" "01" "00000003" "68c3a9" "ffffffff"
                          "00000010" "00000000000000010000000000000002" "00000008" "ffffffffffffffff";
  EXPECT_EQ(hex(rows.finish()), header + row + "ffff");
  EXPECT_EQ(hex(rows.finish()), header + row + "ffff");  // asked again: the same
  rows.add(std::int16_t{7});
  EXPECT_EQ(rows.rows(), 1U);
  EXPECT_EQ(hex(rows.finish()), header + "0001" "00000002" "0007" "ffff");
}

TEST(Wire, TextThatPostgresWouldRefuseIsMadeHarmless) {
  EXPECT_EQ(wire::clean("plain, 汉字, 😀"), "plain, 汉字, 😀");
  const std::string replaced = "\xEF\xBF\xBD";
  EXPECT_EQ(wire::clean(std::string_view("a\0b", 3)), "a" + replaced + "b");
  EXPECT_EQ(wire::clean("\xC0\xAF"), replaced + replaced);           // overlong
  EXPECT_EQ(wire::clean("\xED\xA0\x80"), replaced + replaced + replaced);  // a surrogate
  EXPECT_EQ(wire::clean("\xF5\x80\x80\x80"), replaced + replaced + replaced + replaced);
  EXPECT_EQ(wire::clean("x\xE6\xB1"), "x" + replaced + replaced);    // cut short
  CopyRows rows;
  rows.add(std::string("a\0b", 3));
  EXPECT_NE(hex(rows.finish()).find("0000000561efbfbd62"), std::string::npos);
}

}  // namespace
}  // namespace bourse::broker::store
