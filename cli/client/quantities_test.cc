#include "cli/client/quantities.h"

#include <gtest/gtest.h>

namespace bourse::cli {
namespace {

TEST(Duration, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_duration("90s").value(), seconds(90));
  EXPECT_EQ(parse_duration("10m").value(), minutes(10));
  EXPECT_EQ(parse_duration("2h30m").value(), minutes(150));
  EXPECT_EQ(parse_duration("1d").value(), hours(24));
  EXPECT_EQ(parse_duration("00:10:00").value(), minutes(10));
  EXPECT_EQ(parse_duration("05:30").value(), seconds(330));
  EXPECT_EQ(parse_duration("1-12:00:00").value(), hours(36));
}

TEST(Duration, RefusesTheRest) {
  for (const char* bad : {"", "10", "0s", "-5m", "m", "5m2h", "5m5m", "1.5h", "UNLIMITED", "10x", "99999999999999999999s",
                          "367d", "1:2:3:4", "10:99", ":", "1-10:00", "5 m", "+5m", "--1m"})
    EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(Memory, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_memory_mib("512MiB").value(), 512);
  EXPECT_EQ(parse_memory_mib("4G").value(), 4096);
  EXPECT_EQ(parse_memory_mib("4GB").value(), 4096);
  EXPECT_EQ(parse_memory_mib("1T").value(), 1024 * 1024);
  EXPECT_EQ(parse_memory_mib("2048K").value(), 2);
}

TEST(Memory, RefusesTheRest) {
  for (const char* bad : {"", "512", "0M", "-1G", "1.5G", "1K", "4g", "4Gi", "4GiBs", "99999999999999999999G"})
    EXPECT_FALSE(parse_memory_mib(bad)) << bad;
}

TEST(PositiveAmount, ReadsMoneyAboveZero) {
  EXPECT_EQ(positive_amount("12.50")->micros, 12'500'000);
  EXPECT_EQ(positive_amount("0.000001")->micros, 1);
  EXPECT_EQ(positive_amount("0").error().code, ErrorCode::amount_not_positive);
  EXPECT_EQ(positive_amount("-5").error().code, ErrorCode::amount_not_positive);
  for (const char* bad : {"", "abc", "1,5", "1e3", "+1", "0.0000001", "1 CNY"})
    EXPECT_EQ(positive_amount(bad).error().code, ErrorCode::invalid_argument) << bad;
  EXPECT_EQ(positive_amount("99999999999999999999").error().code, ErrorCode::amount_overflow);
}

TEST(Show, IsReadable) {
  EXPECT_EQ(show_duration(41'000), "41 s");
  EXPECT_EQ(show_duration(125'000), "2 min 05 s");
  EXPECT_EQ(show_duration(7'500'000), "2 h 05 min");
  EXPECT_EQ(show_duration(90'000'000), "1 d 01 h");
  EXPECT_EQ(show_memory(512), "512 MiB");
  EXPECT_EQ(show_memory(4000), "3.9 GiB");
}

}  // namespace
}  // namespace bourse::cli
