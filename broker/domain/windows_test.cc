// Jobs sold by rows with weekly windows: what falls to which row, however the center reports.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

using pricing::Meter;
using pricing::PriceRow;

// The fixture's clock starts at 2027-01-15T08:00Z, a Friday: 16:00 in Shanghai.
class Windows : public MarketFixture {
 protected:
  void SetUp() override { open_market(); }
  void TestBody() override {}

  PriceRow row(std::string_view price, std::vector<pricing::WeeklyWindow> windows = {}, Meter meter = Meter::core_ms) {
    PriceRow made{.id = id_of<PriceRowId>(++serial_), .scope = {.center = north}, .meter = meter, .price = *parse_decimal(price), .per = 3'600'000, .valid_from = now};
    made.zone = windows.empty() ? "" : "Asia/Shanghai";
    made.windows = std::move(windows);
    return made;
  }
  // Until 18:00 the day's price, then the night's.
  void open_windows(std::string_view day = "1", std::string_view night = "0.25") {
    advance(seconds(1));
    ok(PublishPrices{{row(night), row(day, {{.from = 8 * 60, .until = 18 * 60}})}});
  }
  JobId submit_north(Duration walltime = hours(6)) {
    JobSpec what = spec();
    what.center = north;
    what.walltime = walltime;
    return submit(what);
  }
  UsageRecord reads(JobId job, Instant began, bool final, std::vector<Instant> at) {
    UsageRecord record = used(job, now - began, final);
    for (const Instant when : at) record.readings.push_back({when, pricing::readings_of(market.job(job)->plan().allocation, when - began)});
    return record;
  }
  Amount charged(JobId job) const { return market.job(job)->attempt().charged; }
};

TEST_F(Windows, TheHoldCoversTheDearestAndTheLinesSayWhatFellToWhich) {
  open_windows();
  const JobId job = submit_north();
  const Plan& plan = market.job(job)->plan();
  EXPECT_EQ(plan.rows.size(), 4U);
  EXPECT_EQ(plan.cap, Amount::whole(24) + Amount{4});
  EXPECT_EQ(plan.total, Amount::whole(4 * 2 + 4) - Amount{4 * 750'000 / 3'600});  // a second of the day's two hours is gone
  const auto edges = edges_of(plan, market.job(job)->attempt().ordered_at, hours(6));
  EXPECT_EQ(edges.size(), 81U);
  EXPECT_EQ(edges.front(), Instant{kStart} + hours(2));
  start(job);
  const Instant began = now, edge = edges.front();
  advance(hours(6));
  report(north, {happens(job, Happening::ended), reads(job, began, true, {edge})});
  const UsageCaptured& captured = first<UsageCaptured>();
  EXPECT_EQ(captured.lines.size(), 4U);
  EXPECT_EQ(captured.lines[0].quantity, 4 * (edge - began).ms);
  EXPECT_EQ(captured.lines[1].quantity, 4 * (now - edge).ms);
  EXPECT_EQ(captured.windowed.at, now);
  EXPECT_EQ(charged(job), plan.total);
}

TEST_F(Windows, SilenceAtAnEdgeIsTheCentersLoss) {
  open_windows();
  const JobId job = submit_north();
  start(job);
  const Instant began = now;
  advance(hours(1));
  report(north, {reads(job, began, false, {})});
  EXPECT_EQ(charged(job), Amount::whole(4));
  advance(hours(2));  // over 18:00, unread
  report(north, {happens(job, Happening::ended), reads(job, began, true, {})});
  EXPECT_EQ(charged(job), Amount::whole(4) + Amount::whole(2));
}

TEST_F(Windows, ReadingsThatCannotBeAreSetAside) {
  open_windows();
  const JobId job = submit_north();
  start(job);
  const Instant began = now;
  advance(hours(4));
  const auto with = [&](std::vector<pricing::ReadingAt> readings) {
    UsageRecord record = used(job, now - began, false);
    record.readings = std::move(readings);
    return aside(north, record);
  };
  const auto at = [&](Duration after, Duration ran) { return pricing::ReadingAt{began + after, pricing::readings_of(market.job(job)->plan().allocation, ran)}; };
  EXPECT_EQ(with({at(hours(2), hours(3))}), QuarantineCode::above_caps);  // more than can have run by then
  EXPECT_EQ(with({at(hours(2), hours(1))}), QuarantineCode::above_caps);  // and too much afterwards
  EXPECT_EQ(with({at(hours(2), hours(2)), at(hours(1), hours(2))}), QuarantineCode::bad_interval);
  EXPECT_EQ(with({at(hours(5), hours(4))}), QuarantineCode::bad_interval);
  EXPECT_EQ(with({at(hours(2), hours(2)), at(hours(3), hours(1))}), QuarantineCode::decreasing);
  EXPECT_EQ(with(std::vector<pricing::ReadingAt>(kMaxReadings + 1, at(hours(2), hours(2)))), QuarantineCode::bad_interval);
  EXPECT_EQ(with({at(hours(2), hours(2))}), std::nullopt);
}

TEST_F(Windows, SettlementRowsHaveWindowsToo) {
  open_windows();
  const auto settling = [&](std::string_view day, std::string_view night) {
    std::vector<PriceRow> rows = {row(night), row(day, {{.from = 8 * 60, .until = 18 * 60}})};
    for (const Meter meter : {Meter::mem_mib_s, Meter::node_ms, Meter::gpu_ms}) rows.push_back(row("0", {}, meter));
    for (PriceRow& each : rows) each.scope = {};
    return SetContract{{.id = id_of<ContractId>(++serial_), .center = north, .terms = {.tax_bps = 600}, .valid_from = now, .settlement = rows}};
  };
  ok(settling("0.5", "0.25"));
  JobSpec what = spec();
  what.center = north;
  EXPECT_TRUE(decide(SubmitJob{id_of<JobId>(1), id_of<AttemptId>(1), id_of<HoldId>(1), account, user, {}, what}).error().detail.find("would not cover") != std::string::npos);
  advance(seconds(1));
  ok(settling("0.9", "0.2"));
  const JobId job = submit_north();
  start(job);
  const Instant began = now, edge = Instant{kStart} + hours(2);
  advance(hours(4));
  report(north, {happens(job, Happening::ended), reads(job, began, true, {edge})});
  const Period& period = *market.period(market.center(north)->open_period);
  const auto micros = [&](std::int64_t day, std::int64_t night) { return Amount{(day * (edge - began).ms + night * (now - edge).ms + 900) / 3'600 * 4 / 1'000}; };
  const Amount off = period.center_share - micros(900'000, 200'000);
  EXPECT_TRUE(-8 <= off.micros && off.micros <= 8) << to_text(off);
  EXPECT_FALSE(period.margin.is_negative());
}

// Whatever is reported in between, with or without readings elsewhere: with the edges read it is the same money.
RC_GTEST_FIXTURE_PROP(Windows, ManyRecordsAreOne, ()) {
  if (market.centers().empty()) open_market();
  now = Instant{kStart} + hours(*rc::gen::inRange(0, 24 * 7));
  const auto price = [] { return "0." + std::to_string(*rc::gen::inRange(1, 900)); };
  const auto from = static_cast<std::uint16_t>(*rc::gen::inRange(0, 1440)), until = static_cast<std::uint16_t>((from + *rc::gen::inRange(1, 1440)) % 1440 + 1);
  RC_PRE(from != until);
  ok(PublishPrices{{row(price()), row(price(), {{.days = static_cast<std::uint8_t>(*rc::gen::inRange(1, 128)), .from = from, .until = until}})}});
  const auto parts = *rc::gen::container<std::vector<std::int64_t>>(6, rc::gen::inRange<std::int64_t>(1, hours(8).ms));
  const Instant before = now;
  const auto runs = [&](bool often) {
    now = before;
    const JobId job = submit_north(hours(48));
    start(job);
    const Instant began = now;
    const auto edges = edges_of(market.job(job)->plan(), began, hours(48));
    Instant reported = began;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      advance(milliseconds(parts[i]));
      const bool last = i + 1 == parts.size();
      if (!last && !often) continue;
      std::vector<Instant> passed;
      for (const Instant edge : edges)
        if (reported < edge && edge <= now) passed.push_back(edge);
      if (often && *rc::gen::arbitrary<bool>()) passed.push_back(now);
      std::vector<ReportRecord> records;
      if (last) records.emplace_back(happens(job, Happening::ended));
      records.emplace_back(reads(job, began, last, passed));
      RC_ASSERT(report(north, std::move(records)).quarantined.empty());
      reported = now;
    }
    return job;
  };
  const JobId one = runs(false);
  const JobId many = runs(true);
  RC_ASSERT(charged(one) == charged(many));
  RC_ASSERT(market.job(one)->attempt().windowed == market.job(many)->attempt().windowed);
  RC_ASSERT(charged(one) <= market.job(one)->plan().cap);
}

}  // namespace
}  // namespace bourse::broker
