#include "connectors/host/key_values.h"

#include <gtest/gtest.h>

namespace bourse::host {
namespace {

using namespace std::literals;

TEST(KeyValues, RoundTripsAnyBytes) {
  KeyValues values;
  values.set("name", "two\nlines\\n and a \0 byte\r=end"sv);
  values.set("count", std::int64_t{-7});
  const KeyValues back = KeyValues::parse(values.to_text()).value();
  EXPECT_EQ(back.text("name").value(), "two\nlines\\n and a \0 byte\r=end"sv);
  EXPECT_EQ(back.integer("count", -10, 10).value(), -7);
  EXPECT_EQ(back.integer("count", 0, 10).error().code, ErrorCode::integrity);
  EXPECT_EQ(back.text("absent").error().code, ErrorCode::integrity);
}

TEST(KeyValues, RefusesWhatItDidNotWrite) {
  for (const std::string_view bad : {""sv, "a=1\n"sv, "a=1\nen"sv, "a=1\nend"sv, "a=1\na=2\nend\n"sv, "a\nend\n"sv, "=1\nend\n"sv,
                                     "a=1\nend\nb=2\n"sv, "a=\\x\nend\n"sv, "a=\\\nend\n"sv})
    EXPECT_FALSE(KeyValues::parse(bad)) << bad;
}

TEST(ParseInteger, IsStrict) {
  EXPECT_EQ(parse_integer("42", 0, 100).value(), 42);
  for (const std::string_view bad : {"", " 1", "1 ", "+1", "0x1", "1e3", "99999999999999999999", "1.0", "-1", "101"})
    EXPECT_FALSE(parse_integer(bad, 0, 100)) << bad;
}

}  // namespace
}  // namespace bourse::host
