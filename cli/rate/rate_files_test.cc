#include "cli/rate/rate_files.h"

#include <gtest/gtest.h>

namespace bourse::cli {
namespace {

const std::string kBook = R"({"currency":"CNY","rows":[
  {"id":"p1","scope":{"center":"c1","pool":"cpu","qos":"normal"},"meter":"core_ms","strategy":"scow:cpusAlloc","price":"0.04",
   "per":"core-hour","precision":2,"minimum":"0.01","valid_from":"2026-01-01T00:00:00Z"},
  {"id":"p2","scope":{"center":"c2"},"meter":"core_ms","price":"0.04","per":"core-hour","valid_from":"2026-01-01T00:00:00Z"},
  {"id":"p3","scope":{"center":"c2"},"meter":"mem_mib_s","price":"0","per":"gib-hour","valid_from":"2026-01-01T00:00:00Z"},
  {"id":"p4","scope":{"center":"c2"},"meter":"node_ms","price":"0","per":"node-hour","valid_from":"2026-01-01T00:00:00Z"},
  {"id":"p5","scope":{"tenant":"t2","center":"c2"},"meter":"core_ms","price":"0.02","per":"core-hour","minimum":"1","valid_from":"2026-02-01T00:00:00Z",
   "valid_until":"2026-04-01T00:00:00Z"}]})";

std::string usage(const std::string& center, const std::string& tenant = "t1", const std::string& start = "2026-03-01T00:00:00Z",
                  const std::string& end = "2026-03-01T02:21:05Z", const std::string& more = "") {
  return R"({"id":"u1","tenant":")" + tenant + R"(","center":")" + center + R"(","pool":"cpu","qos":"normal","start":")" + start + R"(","end":")" + end +
         R"(","alloc":{"cores":96,"gpus":0,"mem_mib":1024,"nodes":1},"pool_totals":{"cores":960,"gpus":0,"mem_mib":3932160})" + more + "}";
}

std::string amount(const std::string& line) {
  const auto book = read_book(kBook);
  if (!book) return book.error().message();
  std::string id;
  const auto read = read_usage(line, id);
  if (!read) return read.error().detail;
  pricing::Months months;
  const auto rated = rate(*book, *read, months);
  return rated ? to_text(rated->total) : std::string(info(rated.error().code).name);
}

TEST(RateFiles, RatesAsTheCenterDoes) { EXPECT_EQ(amount(usage("c1")), "9.03"); }

TEST(RateFiles, RatesMetersToTheMicro) { EXPECT_EQ(amount(usage("c2")), "9.029333"); }

TEST(RateFiles, TheMostSpecificRowHoldsWhileItIsValid) {
  EXPECT_EQ(amount(usage("c2", "t2")), "4.514667");
  EXPECT_EQ(amount(usage("c2", "t2", "2026-01-31T23:59:59Z")), "2589.5104") << "begun before: the default's price to its end";
  EXPECT_EQ(amount(usage("c2", "t2", "2026-04-01T00:00:00Z", "2026-04-01T02:21:05Z")), "9.029333");
  EXPECT_EQ(amount(usage("c2", "t2", "2026-03-01T00:00:00Z", "2026-03-01T00:00:01Z")), "1.00") << "its minimum";
}

TEST(RateFiles, SuspendedTimeDoesNotCount) {
  EXPECT_EQ(amount(usage("c2", "t1", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", R"(,"running_ms":3600000)")), "3.84");
  EXPECT_EQ(amount(usage("c2", "t1", "2026-03-01T00:00:00Z", "2026-03-01T00:00:01Z", R"(,"running_ms":3600000)")),
            "running_ms: it is longer than from start to end");
}

TEST(RateFiles, CountsWhatIsNotHeld) {
  const auto book = read_book(R"({"currency":"CNY","rows":[
    {"id":"in","meter":"tokens_in","price":"8","per":"1m-tokens","valid_from":"2026-01-01T00:00:00Z"},
    {"id":"out","meter":"tokens_out","price":"24","per":"1m-tokens","tiers":[{"above":"1","price":"20"}],"tier_mode":"graduated","valid_from":"2026-01-01T00:00:00Z"},
    {"id":"egress","meter":"egress_bytes","price":"0.5","per":"gb","free":"1","valid_from":"2026-01-01T00:00:00Z"},
    {"id":"disk","meter":"storage_mib_s","price":"0.01","per":"gib-day","valid_from":"2026-01-01T00:00:00Z"},
    {"id":"session","meter":"session_ms","price":"1.2","per":"session-hour","valid_from":"2026-01-01T00:00:00Z"}]})");
  ASSERT_TRUE(book) << book.error().message();
  const auto charge = [&](const std::string& meters) -> std::string {
    std::string id;
    const auto read = read_usage(R"({"id":"u1","start":"2026-03-01T00:00:00Z","end":"2026-03-01T01:00:00Z","alloc":{},"meters":)" + meters + "}", id);
    if (!read) return read.error().detail;
    pricing::Months months;
    const auto rated = rate(*book, *read, months);
    return rated ? to_text(rated->total) : rated.error().detail;
  };
  EXPECT_EQ(charge(R"({"tokens_in":250000,"tokens_out":1500000})"), "36.00");  // 2 + 24 + 10
  EXPECT_EQ(charge(R"({"egress_bytes":3000000000,"storage_mib_s":88473600,"session_ms":5400000})"), "2.81");  // 1 + 0.01 + 1.8
  EXPECT_EQ(charge("{}"), "0.00");
  EXPECT_NE(charge(R"({"tokens_cached":1})").find("tokens_cached has no price"), std::string::npos);
  EXPECT_NE(charge(R"({"core_ms":1})").find("core_ms"), std::string::npos) << "what is held follows from alloc";
  EXPECT_NE(charge(R"({"tokens_in":-1})").find("meters.tokens_in"), std::string::npos);
}

TEST(RateFiles, WithoutAPriceNothingIsFree) { EXPECT_EQ(amount(usage("c3")), "no_price"); }

TEST(RateFiles, NonsenseIsNamed) {
  EXPECT_EQ(amount("{"), "the line is not JSON");
  EXPECT_EQ(amount("[]"), "expected an object");
  EXPECT_EQ(amount(usage("c1", "t1", "2026-03-02T00:00:00Z")), "end: it is before the start");
  EXPECT_EQ(amount(R"({"id":"u","start":"2026-03-01T00:00:00Z","end":"2026-03-01T00:00:00Z","alloc":{"cores":-1}})"),
            "alloc.cores: expected a whole number from 0");
  EXPECT_EQ(amount(R"({"id":"u","start":"2026-03-01T00:00:00Z","end":"2026-03-01T00:00:00Z","alloc":{"cores":1e30}})"),
            "alloc.cores: expected a whole number from 0");
  EXPECT_EQ(amount(std::string(kMaxUsageLine + 1, ' ')), "the line is longer than 64 KiB");
}

std::string refusal(const std::string& row) {
  const auto book = read_book(R"({"currency":"CNY","rows":[)" + row + "]}");
  return book ? "" : book.error().detail;
}

TEST(RateFiles, ABookIsReadStrictly) {
  const std::string fine = R"("id":"p","meter":"core_ms","price":"1","per":"core-hour","valid_from":"2026-01-01T00:00:00Z")";
  EXPECT_EQ(refusal("{" + fine + "}"), "");
  EXPECT_EQ(refusal("{" + fine + R"(,"valid_til":"2027-01-01T00:00:00Z"})"), "rows[0].valid_til: there is no such field");
  EXPECT_EQ(refusal("{" + fine + R"(,"scope":{"centre":"c"}})"), "rows[0].scope.centre: there is no such field");
  EXPECT_EQ(refusal("{" + fine + "},{" + fine + "}"), "rows[1]: another row has the id p");
  EXPECT_EQ(refusal("{" + fine + R"(,"strategy":"scow:all"})").substr(0, 17), "rows[0].strategy:");
  EXPECT_EQ(refusal("{" + fine + R"(,"strategy":"scow:gpu","precision":5})"), "rows[0] (p): a scow strategy has at most 4 places");
  EXPECT_EQ(refusal(R"({"id":"p","meter":"core_ms","price":0.04,"per":"core-hour","valid_from":"2026-01-01T00:00:00Z"})"),
            "rows[0].price: write it in quotes: a JSON number is not exact");
  EXPECT_EQ(refusal(R"({"id":"p","meter":"core_ms","price":"-1","per":"core-hour","valid_from":"2026-01-01T00:00:00Z"})"),
            "rows[0] (p): the price is negative");
  EXPECT_EQ(refusal(R"({"id":"p","meter":"core_ms","price":"1","per":"gpu-hour","valid_from":"2026-01-01T00:00:00Z"})").substr(0, 12), "rows[0].per:");
  EXPECT_EQ(refusal("7"), "rows[0]: expected an object");
  EXPECT_EQ(read_book("[]").error().detail, "expected an object");
}

}  // namespace
}  // namespace bourse::cli
