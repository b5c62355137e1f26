// A sealed statement of any length for tests: captures of attempts with two readings each, rated and split as the engine does,
// with the center's signed reports; refunds, disputes and payouts. The same options give the same bytes.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "base/assert.h"
#include "base/rng.h"
#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"
#include "broker/adapters/statement/statement.h"
#include "federation-proto/fields.h"

namespace bourse::documents {

struct SampleOptions {
  std::size_t lines = 5;
  std::string center_name = "alpha", market = "bourse.test";
  std::uint64_t seed = 20261122;
  Amount opening = Amount::of_micros(1'234'567);
  std::size_t late = 0;         // of the lines: usage of an earlier period, the second reading of an attempt
  std::size_t adjustments = 0;  // a refund, a dispute, its resolution, and so on; by turns of an earlier period and of this one
  std::size_t payouts = 0;      // every third came back
  std::string reason = "节点故障, half of it";
  bool charged = false;         // fixed fees of two contracts, the second one in another zone
  bool reserved = false;        // a reservation that earned a week and then its early end's fee, and that carried the last job with one reading
};

class SampleStatement {
 public:
  explicit SampleStatement(SampleOptions options)
      : options_(std::move(options)), rng_(options_.seed), ack_(federation::make_key_pair(rng_)), billing_(federation::make_key_pair(rng_)) {}

  const federation::KeyPair& ack() const { return ack_; }
  std::string file() { return statement::seal(make(), ack_); }

  statement::Statement make() {
    statement::Statement out{.market = options_.market, .center = id<CenterId>(), .center_name = options_.center_name, .period = id<PeriodId>(),
                             .number = 3, .opened_at = {kStart - 1000}, .cut_off = {kStart + 30 * kDay}, .billing_key = billing_.public_key};
    earlier_ = id<PeriodId>();
    while (out.lines.size() < options_.late) late_line(out);
    while (out.lines.size() < options_.lines) attempt(out);
    for (std::size_t first = 0; first < out.lines.size(); first += kRecordsPerReport)
      report(out, first, std::min(first + kRecordsPerReport, out.lines.size()));
    if (options_.reserved) reserve(out);
    for (const statement::Line& line : out.lines) {
      out.totals.gross += line.added.gross;
      out.totals.center += line.added.center;
      out.totals.margin += line.added.margin;
      out.totals.tax += line.added.tax;
    }
    for (std::size_t i = 0; i < options_.adjustments; i += 3) adjust(out, i);
    for (std::size_t i = 0; i < options_.payouts; ++i) {
      const auto size = static_cast<std::int64_t>(3'000'001 + i);
      out.payouts.push_back({id<PayoutId>(), Amount::of_micros(i % 3 == 2 ? -size : size), {kStart + kDay + static_cast<std::int64_t>(i) * 997}});
      out.payout += out.payouts.back().amount;
    }
    if (options_.charged) charge(out);
    out.opening = options_.opening;
    out.closing = out.opening + out.totals.center + out.accrued.center + out.adjusted.center_share - out.fee - out.payout;
    return out;
  }

 private:
  static constexpr std::int64_t kStart = 1'795'000'000'000, kDay = 86'400'000;
  static constexpr std::size_t kRecordsPerReport = 500;

  template <class IdType>
  IdType id() { return IdType::make(Instant{kStart}, rng_); }

  // One line, or two: a first reading and the final one.
  void attempt(statement::Statement& out) {
    const JobId job = id<JobId>();
    const AttemptId attempt = id<AttemptId>();
    const std::size_t n = out.lines.size();
    const auto ran = static_cast<std::int64_t>(600'000 + (n * 7'919'123) % 30'000'000);
    const pricing::Allocation allocation{.cores = static_cast<std::int64_t>(4 << (n % 6)), .gpus = n % 4 == 0 ? 8 : 0, .nodes = 1, .mem_mib = 65'536};
    statement::Line first = line(job, attempt, allocation, 1, ran / 2, n % 3 != 0 || n + 1 == options_.lines, nullptr);
    const bool more = !first.final;
    out.lines.push_back(first);
    if (more) out.lines.push_back(line(job, attempt, allocation, 2, ran, true, &first));
  }

  void charge(statement::Statement& out) {
    const Instant middle{kStart + 13 * kDay};
    const std::vector<broker::Contract> contracts = {
        {.id = id<ContractId>(), .center = out.center, .valid_from = {1}, .monthly_fee = Amount::of_micros(1'000'000'001), .fee_tax_bps = 600},
        {.id = id<ContractId>(), .center = out.center, .valid_from = middle, .zone = "Asia/Shanghai", .monthly_fee = Amount::of_micros(2'000'000'003)}};
    out.fees = fees_of(contracts, out.opened_at, out.cut_off, 0);
    for (const broker::ChargedFee& one : out.fees) out.fee += one.amount;
  }

  void reserve(statement::Statement& out) {
    const broker::Reservation of{.price = Amount::of_micros(930'000'007), .split = {.tax_bps = 600, .margin_bps = 1'000}, .days = 31};
    statement::Accrual one{.reservation = id<ReservationId>(), .account = id<BillingAccountId>(), .pool = "gpu", .what = broker::Reserved::card,
                           .quantity = 4, .price = of.price, .days = of.days, .days_over = 7, .terms = of.split, .price_row = id<PriceRowId>(),
                           .at = {kStart + kDay / 3}};
    const auto add = [&](Amount gross) {
      const broker::Earned to = parts_of(of, gross);
      one.cumulative = {to.gross, to.center_share, to.margin, to.tax};
      one.added = {to.gross - one.previous.gross, to.center_share - one.previous.center, to.margin - one.previous.margin, to.tax - one.previous.tax};
      out.accrued = {out.accrued.gross + one.added.gross, out.accrued.center + one.added.center, out.accrued.margin + one.added.margin,
                     out.accrued.tax + one.added.tax};
      out.accruals.push_back(one);
      one.previous = one.cumulative;
    };
    add(gross_after(of, 7));
    one.fee = true, one.days_over = 0, one.fee_bps = 10'000;
    add(of.price);
    const auto alone = std::find_if(out.lines.rbegin(), out.lines.rend(), [](const statement::Line& l) { return l.revision == 1 && l.final; });
    if (alone == out.lines.rend()) return;
    statement::Line& free = *alone;
    for (statement::Rated& rated : free.rated) rated.price = {}, rated.amount = {};
    free.cumulative = free.added = {};
    free.reservation = one.reservation, free.account = one.account;
    out.reservations = {{one.reservation, out.center, one.account, one.pool, one.what, one.quantity, {kStart - kDay}, {kStart + 30 * kDay}}};
  }

  // The attempt's first reading was in time, and is in the statement of the earlier period.
  void late_line(statement::Statement& out) {
    const JobId job = id<JobId>();
    const AttemptId attempt = id<AttemptId>();
    const pricing::Allocation allocation{.cores = 64, .gpus = 4, .nodes = 1, .mem_mib = 65'536};
    const auto ran = static_cast<std::int64_t>(7'200'000 + out.lines.size() * 13);
    const statement::Line first = line(job, attempt, allocation, 1, ran / 3, false, nullptr);
    out.lines.push_back(line(job, attempt, allocation, 2, ran, true, &first));
    out.lines.back().adjusts = earlier_;
  }

  // A refund of a tenth; a dispute about half of the rest; its resolution, half for the user. As many of them as are wanted.
  void adjust(statement::Statement& out, std::size_t first) {
    const Amount gross = Amount::of_micros(static_cast<std::int64_t>(1'000'003 + first * 7'919)), none;
    const pricing::Split split = pricing::split(gross, {.tax_bps = 600, .margin_bps = 1'000});
    const statement::Parts charge{gross, split.center, split.margin, split.tax};
    const broker::Charge of{.gross = gross, .center_share = split.center, .margin = split.margin, .tax = split.tax};
    const JobId job = id<JobId>();
    const AttemptId attempt = id<AttemptId>();
    const DisputeId dispute = id<DisputeId>();
    const PeriodId adjusts = first / 3 % 2 == 0 ? earlier_ : out.period;
    const auto add = [&](broker::AdjustmentKind kind, DisputeId about, Amount base, Amount amount, broker::AdjustmentParts moved) {
      if (out.adjustments.size() == options_.adjustments) return;
      const auto n = static_cast<std::int64_t>(out.adjustments.size());
      out.adjustments.push_back({id<AdjustmentId>(), kind, about, job, attempt, adjusts, charge, base, amount, moved, options_.reason,
                                 {kStart + kDay / 2 + n * 61'000}});
      out.adjusted += moved;
    };
    const auto slice = [&](Amount from, Amount to) {
      const broker::ChargeParts a = parts_of(of, from), b = parts_of(of, to);
      return broker::ChargeParts{a.center_share - b.center_share, a.margin - b.margin, a.tax - b.tax};
    };
    const Amount part = Amount::of_micros(gross.micros / 10), rest = gross - part, disputed = Amount::of_micros(rest.micros / 2);
    const Amount half = Amount::of_micros(disputed.micros / 2);
    const auto back = slice(gross, rest), frozen = slice(rest, rest - disputed), given = slice(rest, rest - half);
    using enum broker::AdjustmentKind;
    add(refund, {}, gross, part, {part, none - back.center_share, none - back.margin, none - back.tax, none});
    add(dispute_opened, dispute, rest, disputed, {none, none - frozen.center_share, none, none, frozen.center_share});
    add(dispute_resolved, dispute, rest, disputed,
        {half, frozen.center_share - given.center_share, none - given.margin, none - given.tax, none - frozen.center_share});
  }

  statement::Line line(JobId job, AttemptId attempt, const pricing::Allocation& allocation, std::uint32_t revision, std::int64_t ran_ms,
                       bool final, const statement::Line* before) {
    statement::Line out{.job = job, .attempt = attempt, .record = id<UsageRecordId>(), .revision = revision, .final = final,
                        .start = {kStart}, .end = {kStart + ran_ms}, .booked_at = {kStart + ran_ms + 1'234}};
    out.reported = pricing::readings_of(allocation, milliseconds(ran_ms));
    out.caps = pricing::readings_of(allocation, hours(48));
    out.charged = out.reported;
    const auto rate = [&](PriceRowId row, pricing::Meter meter, Decimal price, std::int64_t per) {
      const auto amount = divide_half_away(static_cast<__int128>(out.charged[meter]) * price.coefficient * Amount::kMicrosPerUnit,
                                           static_cast<__int128>(per) * 10'000);
      out.rated.push_back({row, meter, price, per, out.charged[meter], Amount::of_micros(static_cast<std::int64_t>(amount))});
      out.cumulative.gross += out.rated.back().amount;
    };
    rate(core_, pricing::Meter::core_ms, {613, 4}, 3'600'000);
    rate(gpu_, pricing::Meter::gpu_ms, {127'391, 4}, 3'600'000);
    rate(node_, pricing::Meter::node_ms, {0, 4}, 3'600'000);
    rate(memory_, pricing::Meter::mem_mib_s, {3, 4}, 3'686'400);
    out.terms = {.tax_bps = 600, .margin_bps = 1'000};
    const pricing::Split split = pricing::split(out.cumulative.gross, out.terms);
    out.cumulative = {out.cumulative.gross, split.center, split.margin, split.tax};
    if (before != nullptr) out.previous = before->cumulative;
    out.added = {out.cumulative.gross - out.previous.gross, out.cumulative.center - out.previous.center,
                 out.cumulative.margin - out.previous.margin, out.cumulative.tax - out.previous.tax};
    out.order = sha256(std::string_view("order of " + to_text(attempt)));
    return out;
  }

  void report(statement::Statement& statement, std::size_t first, std::size_t last) {
    federation::v1::Report report;
    report.set_version(1);
    report.set_audience(statement.market);
    report.set_center(federation::to_bytes(statement.center));
    report.set_seq(statement.reports.size() + 1);
    for (std::size_t i = first; i < last; ++i) fill(*report.add_records()->mutable_usage(), statement.lines[i]);
    const std::string payload = report.SerializeAsString();
    const Hash256 hash = sha256(payload);
    for (std::size_t i = first; i < last; ++i) statement.lines[i].report = hash;
    statement.reports.push_back({hash, federation::seal(billing_, federation::kReportType, payload).SerializeAsString()});
  }

  static void fill(federation::v1::UsageRecord& record, const statement::Line& line) {
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
  }

  SampleOptions options_;
  SeededRng rng_;
  federation::KeyPair ack_, billing_;
  PriceRowId core_ = id<PriceRowId>(), gpu_ = id<PriceRowId>(), node_ = id<PriceRowId>(), memory_ = id<PriceRowId>();
  PeriodId earlier_;
};

}  // namespace bourse::documents
