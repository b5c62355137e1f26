#include "connectors/kubernetes/names.h"

#include <gtest/gtest.h>

#include "connectors/kubernetes/quantity.h"

namespace bourse::kubernetes {
namespace {

TEST(Names, FollowTheApisRules) {
  EXPECT_TRUE(is_dns_label("a-1"));
  for (const char* bad : {"", "-a", "a-", "A", "a.b", "a_b", "a\n"}) EXPECT_FALSE(is_dns_label(bad)) << bad;
  EXPECT_TRUE(is_dns_label(std::string(63, 'a')));
  EXPECT_FALSE(is_dns_label(std::string(64, 'a')));
  EXPECT_TRUE(is_dns_subdomain("a.b-c"));
  for (const char* bad : {"a..b", ".a", "a."}) EXPECT_FALSE(is_dns_subdomain(bad)) << bad;
  EXPECT_TRUE(is_label_value(""));
  EXPECT_TRUE(is_label_value("Tesla-V100_x.1"));
  for (const char* bad : {"-a", "a b", "a/b", "ä"}) EXPECT_FALSE(is_label_value(bad)) << bad;
  EXPECT_TRUE(is_qualified_name("huawei.com/Ascend910"));
  for (const char* bad : {"", "/a", "a/", "A.com/b", "a/b/c"}) EXPECT_FALSE(is_qualified_name(bad)) << bad;
  EXPECT_TRUE(is_image("registry.example:5000/a/b:1@sha256:00"));
  for (const char* bad : {"", "-a", "a b", "a;b"}) EXPECT_FALSE(is_image(bad)) << bad;
}

TEST(Names, AMarkerAlwaysHasTheSameJob) {
  const std::string name = job_name("bourse-att_06A-1");
  EXPECT_EQ(name, job_name("bourse-att_06A-1"));
  EXPECT_NE(name, job_name("bourse-att_06A-2"));
  EXPECT_NE(name, job_name("bourse-att_06a-1")) << "names have lower case only, markers both";
  EXPECT_TRUE(is_dns_label(name));
  EXPECT_TRUE(is_job_name(name));
  EXPECT_LE(name.size() + 6, 63U) << "pods append to it";
  for (const char* bad : {"bourse-", "999999", "bourse-0123456789012345678901234567890G"}) EXPECT_FALSE(is_job_name(bad)) << bad;
}

TEST(Names, QueriesAreEncoded) { EXPECT_EQ(percent_encoded("a=b/c,d e"), "a%3Db%2Fc%2Cd%20e"); }

TEST(Quantity, ReadsWhatTheApiWrites) {
  EXPECT_EQ(parse_milli("500m"), 500);
  EXPECT_EQ(parse_milli("2"), 2000);
  EXPECT_EQ(parse_milli("0.5"), 500);
  EXPECT_EQ(parse_milli("1.5Gi"), 1536LL * 1024 * 1024 * 1000);
  EXPECT_EQ(parse_milli("128Mi"), 128LL * 1024 * 1024 * 1000);
  EXPECT_EQ(parse_milli("1e3"), 1'000'000);
  EXPECT_EQ(parse_milli("12E2"), 1'200'000);
  EXPECT_EQ(parse_milli("100n"), 0);
  EXPECT_EQ(parse_milli("3920m"), 3920);
  EXPECT_EQ(parse_milli("16393820Ki"), 16393820LL * 1024 * 1000);
}

TEST(Quantity, RefusesTheRest) {
  for (const char* bad : {"", "-1", "m", "1.2.3", "1 Gi", "0x10", "1e999", "99999999999999999999999", "9Ei", "3E", "1ki", "NaN"}) EXPECT_EQ(parse_milli(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace bourse::kubernetes
