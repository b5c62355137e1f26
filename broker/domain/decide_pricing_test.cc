// What the market sells by beyond one price a meter, and what centers get by prices of their own.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

using ledger::AccountCode;
using pricing::Meter;
using pricing::PriceRow;
using pricing::Strategy;

class Pricing : public MarketFixture {
 protected:
  void SetUp() override { open_market(); }
  void TestBody() override {}

  PriceRow row(std::string_view price = "1", Meter meter = Meter::core_ms) {
    return {.id = id_of<PriceRowId>(++serial_),
            .scope = {.center = north},
            .meter = meter,
            .price = *parse_decimal(price),
            .per = 3'600'000,
            .valid_from = now};
  }
  PriceRow scow(Strategy strategy, std::string_view price, std::int64_t minimum_micros = 10'000) {
    PriceRow made = row(price);
    made.strategy = strategy;
    made.minimum = Amount{minimum_micros};
    return made;
  }
  // Settlement rows for every meter that costs nothing, but for cores.
  std::vector<PriceRow> settling(PriceRow cores) {
    std::vector<PriceRow> rows = {std::move(cores)};
    for (const Meter meter : {Meter::mem_mib_s, Meter::node_ms, Meter::gpu_ms}) {
      rows.push_back(row("0", meter));
      rows.back().scope.center = {};
    }
    rows.front().scope.center = {};
    return rows;
  }
  SetContract contract(std::vector<PriceRow> settlement, bool may_subsidise = false, std::int32_t tax_bps = 600) {
    return {{.id = id_of<ContractId>(++serial_),
             .center = north,
             .terms = {.tax_bps = tax_bps},
             .valid_from = now,
             .settlement = std::move(settlement),
             .may_subsidise = may_subsidise}};
  }
  static JobSpec in_north(Duration walltime = hours(1)) {
    JobSpec what = spec();
    what.center = id_of<CenterId>(1);
    what.walltime = walltime;
    return what;
  }
  const Period& period() const { return *market.period(market.center(north)->open_period); }
  Amount owed() const { return balance(AccountCode::center_payable, north.uuid); }

  // Runs for `times`' sum and reports after each of them. Every capture's parts add up.
  void run_in_steps(JobId job, const std::vector<Duration>& times) {
    start(job);
    const Instant began = now;
    for (std::size_t i = 0; i < times.size(); ++i) {
      advance(times[i]);
      const bool last = i + 1 == times.size();
      std::vector<ReportRecord> records;
      if (last) records.emplace_back(happens(job, Happening::ended));
      records.emplace_back(used(job, now - began, last));
      report(north, std::move(records));
      for (const Event& event : emitted)
        if (const auto* captured = std::get_if<UsageCaptured>(&event))
          EXPECT_EQ(captured->gross, captured->center_share + captured->margin + captured->tax);
    }
  }
  Amount charged(JobId job) const { return market.job(job)->attempt().charged; }
};

TEST_F(Pricing, RefusesWhatTheMarketCannotSellBy) {
  const auto refused = [&](PriceRow bad) {
    const auto result = decide(PublishPrices{{bad}});
    return result ? std::string() : result.error().detail;
  };
  auto windows = row();
  windows.windows = {{.from = 60, .until = 120}};
  windows.zone = "UTC";
  windows.minimum = Amount{1};
  EXPECT_NE(refused(windows).find("weekly windows"), std::string::npos);
  auto tiers = row();
  tiers.tiers = {.over = pricing::Over::month, .steps = {{.above = 100, .price = *parse_decimal("2")}}};
  EXPECT_NE(refused(tiers).find("by the month"), std::string::npos);
  auto free = row();
  free.free = {.ticks = 1, .over = pricing::Over::month};
  EXPECT_NE(refused(free).find("by the month"), std::string::npos);
  auto falling = row();
  falling.tiers = {.mode = pricing::TierMode::volume, .steps = {{.above = 100, .price = *parse_decimal("0.5")}}};
  EXPECT_NE(refused(falling).find("would cost less"), std::string::npos);
  EXPECT_NE(refused(scow(Strategy::scow_cpus, "1", 12'345)).find("more places"), std::string::npos);
  auto factor = row("1", Meter::gpu_ms);
  factor.factor = {.table = "v1", .chip = "a100", .precision = "fp16", .value = {1, 0}};
  EXPECT_NE(refused(factor).find("only a price in DU has a factor"), std::string::npos);
  factor.unit = kDu;
  EXPECT_EQ(refused(factor), "");
}

TEST_F(Pricing, SellsByMinimumTiersAndFreeQuantity) {
  auto cores = row("0.10");
  cores.minimum = Amount{50'000};
  cores.free.ticks = 3'600'000;  // a core-hour
  cores.tiers.steps = {{.above = 2 * 3'600'000, .price = *parse_decimal("0.20")}};
  ok(PublishPrices{{cores}});
  const JobId job = submit(in_north());
  const Plan& plan = market.job(job)->plan();
  EXPECT_EQ(plan.cap, Amount{400'000});  // of four core-hours one is free, two at 0.10, one at 0.20
  run_in_steps(job, {minutes(15), minutes(1), minutes(44)});
  EXPECT_EQ(charged(job), plan.cap);
  const JobId brief = submit(in_north());
  run_in_steps(brief, {minutes(15), seconds(1)});
  EXPECT_EQ(charged(brief), Amount{50'000});
}

TEST_F(Pricing, ADiscountIsLockedWithThePlanAndShowsOnTheLine) {
  const auto off = [&](std::int32_t bps, std::string name) {
    return pricing::Discount{.id = id_of<PriceRowId>(++serial_), .name = std::move(name), .scope = {.center = north}, .meter = {}, .bps = bps, .valid_from = now, .valid_until = now + hours(2)};
  };
  const auto summer = off(2'500, "summer");
  ok(PublishPrices{{}, {summer}});
  ok(PublishPrices{{}, {summer}});  // again: nothing new
  const JobId job = submit(in_north());
  EXPECT_EQ(market.job(job)->plan().cap, Amount{1'080'000});
  EXPECT_EQ(market.job(job)->plan().rows.front().off, (pricing::Off{summer.id, "summer", 2'500}));
  advance(hours(3));  // over by now, and locked
  start(job);
  advance(minutes(60));
  report(north, {happens(job, Happening::ended), used(job, minutes(60))});
  const auto& line = first<UsageCaptured>().lines.front();
  EXPECT_EQ(line.amount, Amount{1'080'000});
  EXPECT_EQ(line.discount, Amount{360'000});
  EXPECT_EQ(line.discount_id, summer.id);
  EXPECT_EQ(market.job(submit(in_north()))->plan().cap, Amount{1'440'000});

  auto other = summer;
  other.bps = 1;
  EXPECT_EQ(error(PublishPrices{{}, {other}}), ErrorCode::conflict);
  EXPECT_EQ(error(PublishPrices{{}, {off(1, "a"), off(0, "b")}}), ErrorCode::invalid_argument);
  EXPECT_EQ(error(PublishPrices{{}, {off(1, "a\nb")}}), ErrorCode::invalid_argument);
  auto nowhere = off(1, "nowhere");
  nowhere.scope.center = id_of<CenterId>(77);
  EXPECT_EQ(error(PublishPrices{{}, {nowhere}}), ErrorCode::not_found);
  auto shared = row();
  auto twin = off(1, "twin");
  twin.id = shared.id;
  EXPECT_EQ(error(PublishPrices{{shared}, {twin}}), ErrorCode::invalid_argument);
  EXPECT_EQ(error(PublishPrices{}), ErrorCode::invalid_argument);
}

TEST_F(Pricing, ScowStrategiesChargeTheWholeJobAsScowDoes) {
  ok(PublishPrices{{scow(Strategy::scow_max_cpus_mem, "0.04")}});
  JobSpec wide = in_north(seconds(8465));
  wide.need = {.cores = 48, .nodes = 3, .mem_mib = 98'304};  // 1024 MiB a core: 96 cores' worth
  const JobId job = submit(wide);
  const Plan& plan = market.job(job)->plan();
  EXPECT_EQ(plan.totals, (pricing::PoolTotals{.cores = 64, .mem_mib = 262'144}));
  EXPECT_EQ(plan.rows.size(), 1U);
  EXPECT_EQ(plan.cap, Amount{4'510'000});  // 48 × 8465 s / 3600 = 112.86, at 0.04
  run_in_steps(job, {seconds(1), milliseconds(1'234), seconds(3000), milliseconds(5'462'766)});
  EXPECT_EQ(charged(job), plan.cap);
}

TEST_F(Pricing, APoolThatGrowsChangesNoLockedPrice) {
  ok(PublishPrices{{scow(Strategy::scow_max_cpus_mem, "1")}});
  JobSpec hungry = in_north();
  hungry.need.mem_mib = 32'768;  // eight cores' worth, as long as a core has 4096 MiB
  const JobId job = submit(hungry);
  EXPECT_EQ(market.job(job)->plan().cap, Amount::whole(8));
  ok(ObservePools{north, true, {{.center = north, .name = "batch", .arch = "x86_64", .nodes = 4, .cores_per_node = 16, .mem_mib_per_node = 16'384,
                                 .free_cores = 64, .observed_at = now, .online = true}}});
  run_in_steps(job, {minutes(10), minutes(50)});
  EXPECT_EQ(charged(job), Amount::whole(8));
  hungry.need.mem_mib = 16'384;  // now 1024 MiB a core
  EXPECT_EQ(market.job(submit(hungry))->plan().cap, Amount::whole(16));
}

TEST_F(Pricing, SettlementPricesAreCheckedLikePublishedOnes) {
  ok(contract(settling(row("0.1"))));
  EXPECT_EQ(error(contract({}, true)), ErrorCode::invalid_argument);
  auto twice = settling(row("0.1"));
  twice.push_back(twice.front());
  EXPECT_EQ(error(contract(twice)), ErrorCode::invalid_argument);
  auto windows = settling(row("0.1"));
  windows[0].windows = {{.from = 60, .until = 120}};
  windows[0].zone = "UTC";
  windows[0].minimum = Amount{1};
  EXPECT_EQ(error(contract(windows)), ErrorCode::invalid_argument);
  auto elsewhere = settling(row("0.1"));
  elsewhere[0].scope.center = south;
  EXPECT_EQ(error(contract(elsewhere)), ErrorCode::invalid_argument);
  auto dollars = settling(row("0.1"));
  dollars[0].unit = *parse_unit("USD");
  EXPECT_EQ(error(contract(dollars)), ErrorCode::unit_mismatch);
}

TEST_F(Pricing, TheCenterGetsItsOwnPriceAndTheMarginTheRest) {
  ok(contract(settling(row("0.30"))));
  const JobId job = submit(in_north());
  EXPECT_EQ(market.job(job)->plan().settlement.size(), 3U);  // no cards were asked for
  run_in_steps(job, {minutes(7), minutes(53)});
  EXPECT_EQ(charged(job), Amount{1'440'000});
  EXPECT_EQ(period().center_share, Amount{1'200'000});
  EXPECT_EQ(period().tax, Amount{81'509});
  EXPECT_EQ(period().margin, Amount{158'491});
  EXPECT_EQ(owed(), period().center_share);
  EXPECT_EQ(balance(AccountCode::platform_revenue), period().margin);
}

TEST_F(Pricing, APoolThatDoesNotCoverItsSettlementIsNotSold) {
  ok(contract(settling(row("0.34"))));  // 0.36 less 6 % tax is 0.3396
  const auto result = decide(SubmitJob{id_of<JobId>(1), id_of<AttemptId>(1), id_of<HoldId>(1), account, user, {}, in_north()});
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().detail.find("would not cover what its center gets"), std::string::npos);
  EXPECT_EQ(market.job(submit())->plan().center, south);
  auto missing = settling(row("0.1"));
  missing.pop_back(), missing.pop_back();
  advance(seconds(1));
  ok(contract(missing));
  EXPECT_EQ(error(SubmitJob{id_of<JobId>(2), id_of<AttemptId>(2), id_of<HoldId>(2), account, user, {}, in_north()}), ErrorCode::no_price);
}

TEST_F(Pricing, WithPermissionThePlatformPaysTheDifference) {
  ok(contract(settling(row("0.50")), true));
  const JobId job = submit(in_north());
  const Amount before = wallet().balance();
  run_in_steps(job, {minutes(30), minutes(30)});
  EXPECT_EQ(count<ledger::Posted>(), 1U);
  EXPECT_EQ(first<ledger::Posted>().code, ledger::TransferCode::subsidy);
  EXPECT_EQ(wallet().balance(), before - Amount{1'440'000});
  EXPECT_EQ(owed(), Amount{2'000'000});
  EXPECT_EQ(period().margin, Amount{1'440'000 - 81'509 - 2'000'000});
  EXPECT_EQ(balance(AccountCode::platform_revenue), period().margin);

  // What is given back takes every part to zero, the platform's loss too.
  const Period& p = period();
  const Charge charge{job, market.job(job)->attempt().id, account, north, p.id, p.gross, p.center_share, p.margin, p.tax};
  for (const std::int64_t micros : {1L, 700'000L, 739'999L})
    ok(Refund{id_of<AdjustmentId>(++serial_), charge, Amount{micros}, "a node failed"});
  EXPECT_EQ(wallet().balance(), before);
  EXPECT_EQ(owed(), Amount{});
  EXPECT_EQ(balance(AccountCode::platform_revenue), Amount{});
  EXPECT_EQ(balance(AccountCode::tax_payable), Amount{});
  EXPECT_EQ(period().closing(), Amount{});
}

TEST_F(Pricing, AFreeSaleIsSettledToo) {
  ok(PublishPrices{{row("0")}});
  ok(contract(settling(row("0.50")), true));
  run_in_steps(submit(in_north()), {minutes(30), minutes(30)});
  EXPECT_EQ(period().gross, Amount{});
  EXPECT_EQ(owed(), Amount{2'000'000});
  EXPECT_EQ(balance(AccountCode::platform_revenue), Amount{-2'000'000});
}

// Whatever sells and settles: parts add up, many readings are one, and without permission the platform never loses.
RC_GTEST_FIXTURE_PROP(Pricing, ManyReadingsAreOne, ()) {
  if (market.centers().empty()) open_market();
  const auto any_row = [&](int most) {
    const auto price = std::to_string(*rc::gen::inRange(1, most));
    if (*rc::gen::inRange(0, 3) == 0)
      return scow(*rc::gen::element(Strategy::scow_cpus, Strategy::scow_max_cpus_mem), "0." + price, 10'000 * *rc::gen::inRange(0, 3));
    PriceRow made = row("0." + price);
    if (*rc::gen::inRange(0, 2) == 0) made.minimum = Amount{*rc::gen::inRange<std::int64_t>(0, 900'000)};
    if (*rc::gen::inRange(0, 2) == 0) made.free.ticks = *rc::gen::inRange<std::int64_t>(0, 4'000'000);
    if (*rc::gen::inRange(0, 2) == 0)
      made.tiers.steps = {{*rc::gen::inRange<std::int64_t>(1, 9'000'000), {*rc::gen::inRange<std::int64_t>(0, 900), 3}}};
    return made;
  };
  ok(PublishPrices{{any_row(900)}});
  const bool may_subsidise = *rc::gen::inRange(0, 2) == 0;
  ok(contract(settling(any_row(may_subsidise ? 900 : 200)), may_subsidise, *rc::gen::element(0, 600, 1'300)));
  const auto submits = [&] {
    const JobId job = id_of<JobId>(++serial_);
    const bool taken =
        decide(SubmitJob{job, id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), account, user, {}, in_north()}).has_value();
    return taken ? job : JobId{};
  };
  const JobId one = submits();
  if (one.is_nil()) return;
  const JobId many = submits();
  const std::vector<std::int64_t> parts = *rc::gen::container<std::vector<std::int64_t>>(5, rc::gen::inRange<std::int64_t>(0, 720'000));
  std::vector<Duration> steps;
  Duration whole{0};
  for (const std::int64_t ms : parts) steps.push_back(milliseconds(ms + 1)), whole = whole + steps.back();
  run_in_steps(one, {whole});
  const Period first_job = period();
  run_in_steps(many, steps);
  const Period both = period();
  RC_ASSERT(charged(one) == charged(many));
  RC_ASSERT(both.gross == first_job.gross + first_job.gross);
  RC_ASSERT(both.center_share == first_job.center_share + first_job.center_share);
  RC_ASSERT(both.margin == first_job.margin + first_job.margin);
  RC_ASSERT(both.tax == first_job.tax + first_job.tax);
  RC_ASSERT(may_subsidise || !both.margin.is_negative());
  RC_ASSERT(owed() == both.center_share && balance(AccountCode::platform_revenue) == both.margin);
  RC_ASSERT(charged(one) <= market.job(one)->plan().cap);
}

}  // namespace
}  // namespace bourse::broker
