// Statements that are right verify; whatever is changed in one is named.
#include "broker/adapters/statement/statement.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"
#include "broker/adapters/statement/encoding.h"
#include "federation-proto/fields.h"

namespace bourse::statement {
namespace {

using nlohmann::json;
namespace wire = federation::v1;

constexpr std::int64_t kStart = 1'795'000'000'000;

class StatementTest : public testing::Test {
 protected:
  StatementTest() : ack_(federation::make_key_pair(rng_)), billing_(federation::make_key_pair(rng_)) {}

  template <class IdType>
  IdType id() { return IdType::make(Instant{kStart}, rng_); }

  static Parts parts(Amount gross, const pricing::Terms& terms) {
    const pricing::Split split = pricing::split(gross, terms);
    return {gross, split.center, split.margin, split.tax};
  }

  // One reading of an attempt with two price rows, rated as the engine does it.
  Line line(JobId job, AttemptId attempt, std::uint32_t revision, std::int64_t ran_ms, bool final, const Line* before) {
    Line out{.job = job, .attempt = attempt, .record = id<UsageRecordId>(), .revision = revision, .final = final,
             .start = {kStart}, .end = {kStart + ran_ms}, .booked_at = {kStart + ran_ms + 50}};
    const pricing::Allocation allocation{.cores = 4, .gpus = 0, .nodes = 1, .mem_mib = 2048};
    out.reported = pricing::readings_of(allocation, milliseconds(ran_ms));
    out.caps = pricing::readings_of(allocation, seconds(60));
    for (const pricing::Meter meter : pricing::kMeters) out.charged[meter] = std::min(out.reported[meter], out.caps[meter]);
    const std::vector<pricing::PriceRow> rows = {
        {.id = row_core_, .meter = pricing::Meter::core_ms, .price = {123457, 4}, .per = 3'600'000},
        {.id = row_mem_, .meter = pricing::Meter::mem_mib_s, .price = {1, 2}, .per = 3'686'400},
        {.id = row_node_, .meter = pricing::Meter::node_ms, .price = {0, 0}, .per = 3'600'000}};
    const auto rating = pricing::rate(out.charged, rows);
    EXPECT_TRUE(rating) << rating.error().message();
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (const pricing::RatedLine& rated : rating->lines)
        if (rated.row == rows[i].id)
          out.rated.push_back({rows[i].id, rows[i].meter, rows[i].price, rows[i].per, rated.quantity, rated.amount});
    out.terms = {.tax_bps = 600, .margin_bps = 1'000};
    out.cumulative = parts(rating->total, out.terms);
    if (before != nullptr) out.previous = before->cumulative;
    out.added = {out.cumulative.gross - out.previous.gross, out.cumulative.center - out.previous.center,
                 out.cumulative.margin - out.previous.margin, out.cumulative.tax - out.previous.tax};
    out.order = sha256(std::string_view("order of " + to_text(attempt)));
    return out;
  }

  wire::UsageRecord record_of(const Line& line) const {
    wire::UsageRecord record;
    record.set_record_id(federation::to_bytes(line.record));
    record.set_job(federation::to_bytes(line.job));
    record.set_attempt(federation::to_bytes(line.attempt));
    record.set_fence(1);
    record.set_order_hash(federation::to_bytes(line.order));
    record.set_scheduler_job("4711");
    record.set_start_ms(line.start.unix_ms);
    record.set_end_ms(line.end.unix_ms);
    record.set_final(line.final);
    record.set_revision(line.revision);
    record.set_core_ms(line.reported[pricing::Meter::core_ms]);
    record.set_gpu_ms(line.reported[pricing::Meter::gpu_ms]);
    record.set_node_ms(line.reported[pricing::Meter::node_ms]);
    record.set_mem_mib_s(line.reported[pricing::Meter::mem_mib_s]);
    return record;
  }

  // Signs a report over lines [first, last) and names it in them.
  void report(Statement& statement, std::size_t first, std::size_t last, std::uint64_t seq) {
    wire::Report report;
    report.set_version(1);
    report.set_audience(statement.market);
    report.set_center(federation::to_bytes(statement.center));
    report.set_seq(seq);
    report.add_records()->mutable_event()->set_kind(wire::JobEvent::STARTED);
    for (std::size_t i = first; i < last; ++i) *report.add_records()->mutable_usage() = record_of(statement.lines[i]);
    const std::string payload = report.SerializeAsString();
    const Hash256 hash = sha256(payload);
    for (std::size_t i = first; i < last; ++i) statement.lines[i].report = hash;
    statement.reports.push_back({hash, federation::seal(billing_, federation::kReportType, payload).SerializeAsString()});
  }

  Statement sample() {
    Statement out{.market = "bourse.test", .center = id<CenterId>(), .center_name = "alpha", .period = id<PeriodId>(),
                  .number = 3, .opened_at = {kStart - 1000}, .cut_off = {kStart + 3'600'000}, .billing_key = billing_.public_key};
    const JobId first = id<JobId>(), second = id<JobId>();
    const AttemptId a = id<AttemptId>(), b = id<AttemptId>();
    out.lines.push_back(line(first, a, 1, 10'000, false, nullptr));
    out.lines.push_back(line(second, b, 1, 61'500, true, nullptr));  // beyond its walltime: recorded, not charged
    const Line& before = out.lines[0];
    out.lines.push_back(line(first, a, 2, 33'333, true, &before));
    report(out, 0, 2, 1);
    report(out, 2, 3, 2);
    for (const Line& each : out.lines) {
      out.totals.gross += each.added.gross;
      out.totals.center += each.added.center;
      out.totals.margin += each.added.margin;
      out.totals.tax += each.added.tax;
    }
    add_movements(out, first, a);
    out.opening = Amount::of_micros(5);
    out.closing = out.opening + out.totals.center + out.adjusted.center_share - out.payout;
    return out;
  }

  // A refund, a dispute that is split, a payout, and one that came back.
  void add_movements(Statement& out, JobId job, AttemptId attempt) {
    const Parts charge = parts(Amount::of_micros(1'000'003), {.tax_bps = 600, .margin_bps = 1'000});
    const DisputeId dispute = id<DisputeId>();
    const auto add = [&](broker::AdjustmentKind kind, DisputeId of, Amount base, Amount amount, broker::AdjustmentParts moved) {
      out.adjustments.push_back({id<AdjustmentId>(), kind, of, job, attempt, id<PeriodId>(), charge, base, amount, moved,
                                 "节点故障, half of it", {kStart + 7}});
      out.adjusted += moved;
    };
    const broker::Charge of{.gross = charge.gross, .center_share = charge.center, .margin = charge.margin, .tax = charge.tax};
    const auto slice = [&](Amount from, Amount to) {
      const broker::ChargeParts a = parts_of(of, from), b = parts_of(of, to);
      return broker::ChargeParts{a.center_share - b.center_share, a.margin - b.margin, a.tax - b.tax};
    };
    const Amount none, part = Amount::of_micros(100'001), disputed = Amount::of_micros(500'000), half = Amount::of_micros(250'001);
    const Amount rest = charge.gross - part;
    const auto back = slice(charge.gross, rest), frozen = slice(rest, rest - disputed), given = slice(rest, rest - half);
    using enum broker::AdjustmentKind;
    add(refund, {}, charge.gross, part,
        {part, none - back.center_share, none - back.margin, none - back.tax, none});
    add(dispute_opened, dispute, rest, disputed, {none, none - frozen.center_share, none, none, frozen.center_share});
    add(dispute_resolved, dispute, rest, disputed,
        {half, frozen.center_share - given.center_share, none - given.margin, none - given.tax, none - frozen.center_share});
    out.payouts = {{id<PayoutId>(), Amount::whole(3), {kStart + 8}}, {id<PayoutId>(), Amount::of_micros(-1), {kStart + 9}}};
    out.payout = Amount::of_micros(2'999'999);
  }

  // The differences after `change` was made to the body and the whole signed anew: what a dishonest broker could send.
  template <class Change>
  std::string resigned(Change change) {
    json body = json::parse(body_json(sample()));
    change(body);
    const auto changed = parse_body(body.dump());
    if (!changed) return changed.error().detail;
    const Verification found = verify(seal(*changed, ack_));
    std::string all;
    for (const std::string& difference : found.differences) all += difference + "\n";
    return all;
  }

  SeededRng rng_{20261121};
  federation::KeyPair ack_, billing_;
  PriceRowId row_core_ = id<PriceRowId>(), row_mem_ = id<PriceRowId>(), row_node_ = id<PriceRowId>();
};

std::string joined(const Verification& found) {
  std::string all;
  for (const std::string& difference : found.differences) all += difference + "\n";
  return all;
}

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
  const json file = json::parse(seal(sample(), ack_));
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
  EXPECT_GT(changed, 150);
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

// An independent program (tests/independent/verify_statement.py) must come to the same verdicts. Skipped without Python's nacl.
TEST_F(StatementTest, AnIndependentProgramAgrees) {
  if (std::system("/usr/bin/python3 -c 'import nacl.signing' 2>/dev/null") != 0) GTEST_SKIP() << "python3-nacl is not installed";
  const std::string program = std::string(BOURSE_SOURCE_DIR) + "/tests/independent/verify_statement.py";
  const auto accepts = [&](const std::string& file) {
    const std::string path = testing::TempDir() + "statement_test.json";
    std::ofstream(path, std::ios::binary) << file;
    const std::string command = "/usr/bin/python3 '" + program + "' '" + path + "' >/dev/null 2>&1";
    const bool ok = std::system(command.c_str()) == 0;
    std::remove(path.c_str());
    return ok;
  };
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
