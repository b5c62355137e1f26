// For tests: a right statement of every kind of line, and what verification says of a changed one.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"
#include "broker/adapters/statement/encoding.h"
#include "broker/adapters/statement/statement.h"
#include "broker/domain/center.h"
#include "broker/domain/fee.h"
#include "federation-proto/fields.h"

namespace bourse::statement {

using nlohmann::json;
namespace wire = federation::v1;

inline constexpr std::int64_t kStart = 1'795'000'000'000;

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
    for (const pricing::Meter meter : pricing::kHeldMeters) out.charged[meter] = std::min(out.reported[meter], out.caps[meter]);
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
    if (!line.windowed) return record;
    for (const pricing::ReadingAt& reading : line.windowed->readings) {
      wire::ReadingAt& to = *record.add_readings();
      to.set_at_ms(reading.at.unix_ms);
      to.set_core_ms(reading.cumulative[pricing::Meter::core_ms]);
      to.set_gpu_ms(reading.cumulative[pricing::Meter::gpu_ms]);
      to.set_node_ms(reading.cumulative[pricing::Meter::node_ms]);
      to.set_mem_mib_s(reading.cumulative[pricing::Meter::mem_mib_s]);
    }
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
    add_movements(out, first, a);
    out.opening = Amount::of_micros(5);
    add_up(out);
    return out;
  }

  // Totals and closing from lines, corrections and payouts.
  static void add_up(Statement& out) {
    out.totals = {};
    for (const Line& each : out.lines) {
      out.totals.gross += each.added.gross;
      out.totals.center += each.added.center;
      out.totals.margin += each.added.margin;
      out.totals.tax += each.added.tax;
    }
    out.closing = out.opening + out.totals.center + out.adjusted.center_share - out.payout;
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

  // The same, with the fees of two contracts, of which the second has another calendar.
  Statement charged() {
    Statement out = sample();
    out.opened_at = {kStart - 40 * 86'400'000LL};
    const std::vector<broker::Contract> contracts = {
        {.id = id<ContractId>(), .center = out.center, .valid_from = {1}, .monthly_fee = Amount::of_micros(1'000'000'003), .fee_tax_bps = 600},
        {.id = id<ContractId>(), .center = out.center, .valid_from = {kStart - 9 * 86'400'000LL}, .zone = "Asia/Shanghai",
         .monthly_fee = Amount::of_micros(77'777'777), .fee_tax_bps = 1'300}};
    out.fees = fees_of(contracts, out.opened_at, out.cut_off, 0);
    for (const broker::ChargedFee& one : out.fees) out.fee += one.amount;
    out.closing -= out.fee;
    return out;
  }

  // The differences after `change` was made to the body and the whole signed anew: what a dishonest broker could send.
  template <class Change>
  std::string resigned(Change change) {
    return resigned(sample(), change);
  }
  template <class Change>
  std::string resigned(const Statement& original, Change change) {
    json body = json::parse(body_json(original));
    change(body);
    const auto changed = parse_body(body.dump());
    if (!changed) return changed.error().detail;
    const Verification found = verify(seal(*changed, ack_));
    std::string all;
    for (const std::string& difference : found.differences) all += difference + "\n";
    return all;
  }

  // An independent program (tests/independent/verify_statement.py) must come to the same verdicts. It needs Python's nacl.
  static bool has_independent_program() { return std::system("/usr/bin/python3 -c 'import nacl.signing' 2>/dev/null") == 0; }
  static bool accepts(const std::string& file) {
    const std::string program = std::string(BOURSE_SOURCE_DIR) + "/tests/independent/verify_statement.py";
    const std::string path = testing::TempDir() + "statement_test.json";
    std::ofstream(path, std::ios::binary) << file;
    const std::string command = "/usr/bin/python3 '" + program + "' '" + path + "' >/dev/null 2>&1";
    const bool ok = std::system(command.c_str()) == 0;
    std::remove(path.c_str());
    return ok;
  }

  // A changed statement, signed again, is refused by both programs, and ours names `named`.
  template <class Change>
  void expect_refused(const Statement& right, Change change, const std::string& named, const std::string& what) {
    static const bool independent = has_independent_program();
    const std::string all = resigned(right, change);
    EXPECT_NE(all.find(named), std::string::npos) << what << " gave:\n" << all;
    if (!independent) return;
    json body = json::parse(body_json(right));
    change(body);
    const auto changed = parse_body(body.dump());
    if (changed) EXPECT_FALSE(accepts(seal(*changed, ack_))) << what;
  }

  SeededRng rng_{20261121};
  federation::KeyPair ack_, billing_;
  PriceRowId row_core_ = id<PriceRowId>(), row_mem_ = id<PriceRowId>(), row_node_ = id<PriceRowId>();
};

inline std::string joined(const Verification& found) {
  std::string all;
  for (const std::string& difference : found.differences) all += difference + "\n";
  return all;
}

}  // namespace bourse::statement
