// Statements that are right verify; whatever is changed in one is named.
#include "broker/adapters/statement/statement_fixture.h"

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>

#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"
#include "broker/adapters/statement/encoding.h"
#include "federation-proto/fields.h"

namespace bourse::statement {
namespace {

TEST_F(StatementTest, ARightOneVerifies) {
  const std::string file = seal(sample(), ack_);
  const Verification found = verify(file, ack_.public_key);
  EXPECT_TRUE(found.ok) << joined(found);
  EXPECT_EQ(found.lines, 3u);
  EXPECT_EQ(found.reports, 2u);
  EXPECT_EQ(found.number, 3u);
  EXPECT_EQ(found.center_name, "alpha");
  EXPECT_EQ(found.ack_key, ack_.public_key);
  EXPECT_EQ(found.file_sha256, sha256(file));
  EXPECT_TRUE(verify(file).ok);
}

TEST_F(StatementTest, TheSameStatementGivesTheSameBytes) {
  const Statement statement = sample();
  EXPECT_EQ(seal(statement, ack_), seal(statement, ack_));
  const auto again = parse_body(body_json(statement));
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(body_json(*again), body_json(statement));
}

TEST_F(StatementTest, AnEmptyPeriodVerifies) {
  Statement statement = sample();
  statement.lines.clear();
  statement.reports.clear();
  statement.totals = {};
  statement.adjustments.clear();
  statement.adjusted = {};
  statement.payouts.clear();
  statement.payout = {};
  statement.closing = statement.opening;
  EXPECT_TRUE(verify(seal(statement, ack_)).ok);
}

TEST_F(StatementTest, AnotherKeyIsNamed) {
  const Verification found = verify(seal(sample(), billing_), ack_.public_key);
  EXPECT_FALSE(found.ok);
  EXPECT_NE(joined(found).find("key: not the pinned key"), std::string::npos);
}

// Every scalar of the body, changed without signing anew, is caught by hash and signature at least.
TEST_F(StatementTest, AChangeAnywhereBreaksHashAndSignature) {
  const json file = json::parse(seal(charged(), ack_));
  const json flat = json::parse(*unbase64(file["payload"].get<std::string>())).flatten();
  int changed = 0;
  for (const auto& [pointer, value] : flat.items()) {
    json other = flat;
    if (value.is_string())
      other[pointer] = value.get<std::string>() + "0";
    else if (value.is_boolean())
      other[pointer] = !value.get<bool>();
    else if (value.is_number_integer())
      other[pointer] = value.get<std::int64_t>() + 1;
    else
      continue;  // empty arrays
    json tampered = file;
    tampered["payload"] = base64(other.unflatten().dump());
    const std::string all = joined(verify(tampered.dump(), ack_.public_key));
    EXPECT_NE(all.find("sha256: "), std::string::npos) << pointer;
    EXPECT_NE(all.find("signature: "), std::string::npos) << pointer;
    ++changed;
  }
  EXPECT_GT(changed, 165);
}

TEST_F(StatementTest, EvenSignedAnewAWrongFieldIsNamed) {
  const auto more = [](const char* pointer) {
    return [pointer](json& body) {
      json& at = body[json::json_pointer(pointer)];
      if (at.is_number()) at = at.get<std::int64_t>() + 1;
      else if (at.is_boolean()) at = !at.get<bool>();
      else at = to_text(Amount::of_micros(parse_amount(at.get<std::string>())->micros + 1));
    };
  };
  const std::pair<const char*, const char*> cases[] = {
      {"/lines/0/revision", "lines[0].revision"},
      {"/lines/1/final", "lines[1].final"},
      {"/lines/0/reported/core_ms", "lines[0].reported.core_ms"},
      {"/lines/0/reported/mem_mib_s", "lines[0].reported.mem_mib_s"},
      {"/lines/0/charged/node_ms", "lines[0].charged.node_ms"},
      {"/lines/1/caps/core_ms", "lines[1].charged.core_ms"},
      {"/lines/0/rated/0/quantity", "lines[0].rated[0].quantity"},
      {"/lines/0/rated/0/amount", "lines[0].rated[0].amount"},
      {"/lines/0/cumulative/gross", "lines[0].cumulative.gross"},
      {"/lines/0/cumulative/center", "lines[0].cumulative.center"},
      {"/lines/0/cumulative/margin", "lines[0].cumulative.margin"},
      {"/lines/0/cumulative/tax", "lines[0].cumulative.tax"},
      {"/lines/0/previous/gross", "lines[0].previous"},
      {"/lines/2/previous/center", "lines[2].previous"},
      {"/lines/2/added/gross", "lines[2].added.gross"},
      {"/lines/2/added/tax", "lines[2].added.tax"},
      {"/lines/0/terms/tax_bps", "lines[0].cumulative"},
      {"/lines/0/terms/margin_bps", "lines[0].cumulative"},
      {"/totals/gross", "totals.gross"},
      {"/totals/center", "totals.center"},
      {"/totals/margin", "totals.margin"},
      {"/totals/tax", "totals.tax"},
      {"/opening", "closing"},
      {"/payout", "closing"},
      {"/payouts/0/amount", "payout"},
      {"/adjusted/user", "adjusted.user"},
      {"/adjusted/center", "adjusted.center"},
      {"/adjusted/escrow", "adjusted.escrow"},
      {"/adjustments/0/amount", "adjustments[0].parts.user"},
      {"/adjustments/0/base", "adjustments[0].amount"},
      {"/adjustments/0/charge/gross", "adjustments[0].charge"},
      {"/adjustments/0/charge/center", "adjustments[0].charge"},
      {"/adjustments/0/parts/user", "adjustments[0].parts.user"},
      {"/adjustments/0/parts/center", "adjustments[0].parts.center"},
      {"/adjustments/0/parts/margin", "adjustments[0].parts.margin"},
      {"/adjustments/0/parts/tax", "adjustments[0].parts.tax"},
      {"/adjustments/1/parts/escrow", "adjustments[1].parts.escrow"},
      {"/adjustments/2/parts/user", "adjusted.user"},
      {"/adjustments/2/parts/center", "adjustments[2].parts.center"},
      {"/adjustments/2/parts/escrow", "adjustments[2].parts.escrow"},
      {"/closing", "closing"},
  };
  for (const auto& [pointer, named] : cases)
    EXPECT_NE(resigned(more(pointer)).find(named), std::string::npos) << pointer << " gave:\n" << resigned(more(pointer));
  // One tick more in millions may round to the same amount, so this one is doubled.
  EXPECT_NE(resigned([](json& b) { json& per = b["lines"][0]["rated"][0]["per"]; per = per.get<std::int64_t>() * 2; })
                .find("lines[0].rated[0].amount"), std::string::npos);
}

// And no field but those that nothing else in the file depends on.
TEST_F(StatementTest, EvenSignedAnewOnlyWhatTheMarketAloneSaysCanDiffer) {
  const Statement right = charged();
  const json flat = json::parse(body_json(right)).flatten();
  std::set<std::string> unnoticed;
  for (const auto& [pointer, value] : flat.items()) {
    const std::string all = resigned(right, [&, where = json::json_pointer(pointer)](json& body) {
      json& at = body[where];
      if (at.is_boolean()) at = !at.get<bool>();
      else if (at.is_number_integer()) at = at.get<std::int64_t>() * 2 + 1;
      if (!at.is_string()) return;
      const std::string text = at.get<std::string>();
      const auto amount = parse_amount(text);
      at = amount ? to_text(*amount + *amount + Amount::of_micros(7)) : text + "0";
    });
    if (all.empty() && value.is_primitive() && !value.is_null()) unnoticed.insert(std::regex_replace(pointer, std::regex("/[0-9]+"), "/*"));
  }
  EXPECT_EQ(unnoticed, (std::set<std::string>{"/adjustments/*/reason", "/center/name", "/lines/*/caps/core_ms", "/lines/*/caps/gpu_ms",
                                              "/lines/*/caps/mem_mib_s", "/lines/*/caps/node_ms", "/lines/*/rated/*/per",
                                              "/lines/*/rated/*/price", "/period/number"}))
      << "caps bind only what is above them, and a price of 0 may be per anything";
}

TEST_F(StatementTest, EvenSignedAnewForeignEvidenceIsNamed) {
  const std::string job = to_text(id<JobId>()), center = to_text(id<CenterId>()), record = to_text(id<UsageRecordId>()), hash(64, 'a');
  EXPECT_NE(resigned([&](json& b) { b["lines"][0]["job"] = job; }).find("lines[0].job"), std::string::npos);
  EXPECT_NE(resigned([&](json& b) { b["lines"][0]["record"] = record; }).find("lines[0].record"), std::string::npos);
  EXPECT_NE(resigned([&](json& b) { b["lines"][2]["record"] = b["lines"][0]["record"]; }).find("charged twice"), std::string::npos);
  EXPECT_NE(resigned([&](json& b) { b["lines"][0]["order"] = hash; }).find("lines[0].order"), std::string::npos);
  EXPECT_NE(resigned([&](json& b) { b["lines"][0]["report"] = hash; }).find("lines[0].report"), std::string::npos);
  EXPECT_NE(resigned([&](json& b) { b["lines"][0]["start"] = "2026-01-01T00:00:00Z"; }).find("lines[0].start"), std::string::npos);
  EXPECT_NE(resigned([&](json& b) { b["center"]["id"] = center; }).find("another center's"), std::string::npos);
  EXPECT_NE(resigned([&](json& b) { b["market"] = "bourse.other"; }).find("another market"), std::string::npos);
  EXPECT_NE(resigned([&](json& b) { b["center"]["billing_key"] = to_hex(Hash256{ack_.public_key}); }).find("billing key"), std::string::npos);
  EXPECT_NE(resigned([&](json& b) { b["lines"].erase(2); }).find("totals.gross"), std::string::npos);
  EXPECT_NE(resigned([&](json& b) { b["lines"].push_back(b["lines"][2]); }).find("charged twice"), std::string::npos);
  EXPECT_NE(resigned([&](json& b) { b["adjustments"].erase(0); }).find("adjusted.user"), std::string::npos);
  EXPECT_NE(resigned([&](json& b) { b["adjustments"][0]["kind"] = "gift"; }).find("adjustments[0].kind"), std::string::npos);
  EXPECT_NE(resigned([&](json& b) { b["adjustments"][0]["kind"] = "dispute_opened"; }).find("adjustments[0]"), std::string::npos);
  EXPECT_NE(resigned([&](json& b) { b["adjustments"].push_back(b["adjustments"][0]); }).find("listed twice"), std::string::npos);
  EXPECT_NE(resigned([&](json& b) { b["adjustments"][1]["dispute"] = nullptr; }).find("adjustments[1].dispute"), std::string::npos);
  EXPECT_NE(resigned([&](json& b) { b["payouts"].erase(1); }).find("payout"), std::string::npos);
  EXPECT_NE(resigned([&](json& b) { b["reports"].erase(1); }).find("lines[2].report"), std::string::npos);
  EXPECT_NE(resigned([&](json& b) {
              std::string envelope = *unbase64(b["reports"][0]["envelope"].get<std::string>());
              envelope[40] = static_cast<char>(envelope[40] ^ 1);
              b["reports"][0]["envelope"] = base64(envelope);
            }).find("reports[0]"), std::string::npos);
}

TEST_F(StatementTest, WhatIsNoStatementIsRefusedWithoutHarm) {
  const std::string good = seal(sample(), ack_);
  for (const std::string& bad : {std::string(), std::string("null"), std::string("[]"), std::string("{}"), std::string(20'000, '['),
                                 std::string("{\"payload\":1e999}"), good.substr(0, good.size() / 2), good + "x", std::string(64, '\0')}) {
    const Verification found = verify(bad);
    EXPECT_FALSE(found.ok) << bad.substr(0, 40);
    EXPECT_FALSE(found.differences.empty());
  }
  json extra = json::parse(good);
  extra["note"] = "paid";
  EXPECT_NE(joined(verify(extra.dump())).find("file: "), std::string::npos);
}

TEST_F(StatementTest, FieldsThatTheFormatDoesNotHaveAreNamed) {
  json body = json::parse(body_json(sample()));
  body["note"] = "paid";
  const std::string text = body.dump();
  const auto signature = federation::sign(ack_.secret, kPayloadType, text);
  const json file = {{"format", std::string(kFileFormat)}, {"payload_type", std::string(kPayloadType)}, {"payload", base64(text)},
                     {"sha256", to_hex(sha256(text))}, {"key", to_hex(Hash256{ack_.public_key})},
                     {"signature", base64({reinterpret_cast<const char*>(signature.data()), signature.size()})}};
  EXPECT_NE(joined(verify(file.dump())).find("body: "), std::string::npos);
}

TEST_F(StatementTest, AnIndependentProgramAgrees) {
  ASSERT_TRUE(has_independent_program()) << "python3-nacl is not installed: ./dev build installs it";
  EXPECT_TRUE(accepts(seal(sample(), ack_)));
  for (const char* pointer : {"/totals/tax", "/lines/2/added/gross", "/lines/0/rated/0/amount", "/closing", "/lines/1/cumulative/center"}) {
    json body = json::parse(body_json(sample()));
    json& at = body[json::json_pointer(pointer)];
    at = to_text(Amount::of_micros(parse_amount(at.get<std::string>())->micros + 1));
    EXPECT_FALSE(accepts(seal(*parse_body(body.dump()), ack_))) << pointer;
  }
  std::string tampered = seal(sample(), ack_);
  tampered[tampered.find("\"payload\":\"") + 200] ^= 1;
  EXPECT_FALSE(accepts(tampered));
}

}  // namespace
}  // namespace bourse::statement
