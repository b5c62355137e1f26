// Fixed fees: each field of one decides something that is recomputed, or bounds what may be said.
#include "broker/adapters/statement/statement_fixture.h"

namespace bourse::statement {
namespace {

class StatementFees : public StatementTest {};

TEST_F(StatementFees, ARightOneVerifiesHereAndIndependently) {
  const Statement right = charged();
  ASSERT_EQ(right.fees.size(), 2u);
  const std::string file = seal(right, ack_);
  const Verification found = verify(file, ack_.public_key);
  EXPECT_TRUE(found.ok) << joined(found);
  EXPECT_EQ(found.fee, to_text(right.fee));
  const auto again = parse_body(body_json(right));
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(body_json(*again), body_json(right));
  ASSERT_TRUE(has_independent_program()) << "python3-nacl is not installed: ./dev build installs it";
  EXPECT_TRUE(accepts(file));
}

TEST_F(StatementFees, OlderVersionsAreReadAndHaveNone) {
  const bool independent = has_independent_program();
  for (const std::string_view format : {kBodyFormat, kBodyFormat4}) {
    Statement older = sample();
    older.format = format;
    EXPECT_TRUE(verify(seal(older, ack_), ack_.public_key).ok) << format;
    if (independent) EXPECT_TRUE(accepts(seal(older, ack_))) << format;
  }
  for (const std::string_view format : {kBodyFormat4, kBodyFormat3, kBodyFormat2})
    expect_refused(charged(), [&](json& b) { b["format"] = std::string(format); }, "format", std::string(format));
}

TEST_F(StatementFees, EveryFieldCounts) {
  const Statement right = charged();
  const auto refused = [&](auto change, const std::string& named, const std::string& what) { expect_refused(right, change, named, what); };
  const auto set = [&](const char* pointer, json value, const char* named) {
    refused([&](json& b) { b[json::json_pointer(pointer)] = value; }, named, pointer);
  };
  const auto day = [](Instant at, int days) { return to_text(at + hours(24 * days)); };
  set("/fees/0/monthly_fee", "1000.000004", "fees[0].amount");
  set("/fees/0/monthly_fee", "-1", "fees[0].monthly_fee");
  set("/fees/0/monthly_fee", "1000000000.000001", "fees[0].monthly_fee");
  set("/fees/0/tax_bps", 601, "fees[0].tax");
  set("/fees/0/tax_bps", 10'001, "fees[0].tax_bps");
  set("/fees/0/zone", "Nowhere/Else", "fees[0].zone");
  set("/fees/0/zone", "../etc/passwd", "fees[0].zone");
  set("/fees/0/from", day(right.fees[0].from, 1), "fees[0].amount");
  set("/fees/0/from", day(right.fees[0].from, -1), "fees[0].from");
  set("/fees/0/until", day(right.fees[0].until, 1), "fees[1].from");
  set("/fees/0/until", day(right.fees[0].from, 0), "fees[0].until");
  set("/fees/1/until", day(right.cut_off, 1), "fees[1].until");
  set("/fees/1/contract", to_text(right.fees[0].contract), "fees[1].contract");
  set("/fees/1/contract", "ctc_", "fees[1].contract");
  set("/fees/1/amount", "0.01", "fees[1].amount");
  set("/fees/1/tax", "0.01", "fees[1].tax");
  set("/fee", "0.01", "fee");
  refused([](json& b) { b["fees"].erase(1); }, "fee: ", "one is missing");
  refused([](json& b) { b.erase("fees"), b.erase("fee"); }, "closing", "all are missing");
  refused([](json& b) { std::swap(b["fees"][0], b["fees"][1]); }, "fees[1].from", "out of order");
}

// East of the first contract's zone a day is over earlier: the second may not charge it again.
TEST_F(StatementFees, ADayIsChargedOnce) {
  Statement twice = charged();
  twice.fees[0].zone = "Asia/Shanghai", twice.fees[1].zone = "";
  twice.fee = {};
  for (broker::ChargedFee& one : twice.fees) {
    one.until = &one == &twice.fees[0] ? Instant{kStart - kStart % 86'400'000 - hours(6).ms} : one.until;
    one.from = &one == &twice.fees[0] ? one.from : twice.fees[0].until;
    one.amount = Amount{static_cast<std::int64_t>(*broker::fee_between(one.monthly_fee, one.zone, one.from, one.until))};
    one.tax = pricing::split(one.amount, {.tax_bps = one.tax_bps, .margin_bps = 0}).tax;
    twice.fee += one.amount;
  }
  twice.closing = twice.opening + twice.totals.center + twice.adjusted.center_share - twice.fee - twice.payout;
  expect_refused(twice, [](json&) {}, "fees[1].from: on a day that is charged already", "a day twice");
}

}  // namespace
}  // namespace bourse::statement
