#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

using enum QuarantineCode;

class Reports : public MarketFixture {
 protected:
  void SetUp() override { open_market(); }
};

TEST_F(Reports, AJobRunsIsChargedAndCloses) {
  const JobId job = submit();
  EXPECT_EQ(market.job(job)->state, JobState::routed);
  EXPECT_EQ(market.job(job)->plan().center, north);
  EXPECT_EQ(market.outbox(north).orders, std::vector{job});
  report(north, {happens(job, Happening::accepted)});
  EXPECT_EQ(market.job(job)->state, JobState::ordered);
  EXPECT_TRUE(market.outbox(north).orders.empty());
  report(north, {happens(job, Happening::queued)});
  EXPECT_EQ(market.job(job)->state, JobState::queued);
  report(north, {happens(job, Happening::started)});
  EXPECT_EQ(market.job(job)->state, JobState::running);
  EXPECT_EQ(market.job(job)->attempt().scheduler_job, "4711");
  advance(minutes(30));
  report(north, {happens(job, Happening::ended)});
  EXPECT_EQ(market.job(job)->state, JobState::ending);
  EXPECT_EQ(market.live_jobs(), 1U);
  report(north, {used(job, minutes(30))});

  EXPECT_EQ(market.job(job)->state, JobState::ended);
  EXPECT_EQ(market.live_jobs(), 0U);
  EXPECT_EQ(market.job(job)->attempt().charged, *parse_amount("0.72"));  // 4 cores × 0.5 h × 0.36
  EXPECT_EQ(wallet().balance(), *parse_amount("999.28"));
  EXPECT_EQ(wallet().available(), *parse_amount("999.28"));
  // Tax 6/106 of 0.72, then a tenth of what is left, rounded down to micro-units; the rest is the center's.
  EXPECT_EQ(balance(ledger::AccountCode::tax_payable), Amount::of_micros(40'754));
  EXPECT_EQ(balance(ledger::AccountCode::platform_revenue), Amount::of_micros(67'924));
  EXPECT_EQ(balance(ledger::AccountCode::center_payable, north.uuid), Amount::of_micros(611'322));
  const Period& period = *market.period(market.center(north)->open_period);
  EXPECT_EQ(period.gross, *parse_amount("0.72"));
  EXPECT_EQ(period.captures, 1U);
  EXPECT_EQ(period.center_share + period.margin + period.tax, period.gross);
  EXPECT_TRUE(market.ledger().hold(market.job(job)->hold)->ended);
}

TEST_F(Reports, FinalUsageBeforeTheEndWaitsForIt) {
  const JobId job = submit();
  start(job);
  advance(minutes(1));
  report(north, {used(job, minutes(1))});
  EXPECT_EQ(market.job(job)->state, JobState::running);
  report(north, {happens(job, Happening::ended, 3)});
  EXPECT_EQ(market.job(job)->state, JobState::failed);
  EXPECT_EQ(market.job(job)->exit_code, 3);
}

TEST_F(Reports, ManyReadingsChargeWhatOneWould) {
  const JobId once = submit();
  run(once, minutes(50));
  const Period after_one = *market.period(market.center(north)->open_period);
  const JobId often = submit();
  start(often);
  for (int i = 1; i <= 50; ++i) {
    advance(minutes(1));
    EXPECT_EQ(aside(north, used(often, minutes(i), i == 50)), std::nullopt);
  }
  report(north, {happens(often, Happening::ended)});
  EXPECT_EQ(market.job(often)->attempt().charged, market.job(once)->attempt().charged);
  const Period& after_both = *market.period(market.center(north)->open_period);
  EXPECT_EQ(after_both.center_share, after_one.center_share + after_one.center_share);
  EXPECT_EQ(after_both.margin, after_one.margin + after_one.margin);
  EXPECT_EQ(after_both.tax, after_one.tax + after_one.tax);
}

TEST_F(Reports, WhatIsBeyondWalltimeIsRecordedAndNotCharged) {
  const JobId job = submit();
  start(job);
  advance(minutes(62));
  EXPECT_EQ(aside(north, used(job, minutes(61))), std::nullopt);
  EXPECT_EQ(market.job(job)->attempt().charged, *parse_amount("1.44"));
  EXPECT_EQ(market.job(job)->attempt().usage[pricing::Meter::core_ms], 4 * minutes(61).ms);
}

TEST_F(Reports, TheChainTakesEachReportOnce) {
  const JobId job = submit();
  const ApplyReport first = next_report(north, {happens(job, Happening::accepted)});
  EXPECT_EQ(ok(first).seq, 1U);
  const auto digest = market.digest();
  const auto again = ok(first);
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.seq, 1U);
  EXPECT_EQ(again.hash, first.hash);
  EXPECT_TRUE(emitted.empty());
  EXPECT_EQ(market.digest(), digest);

  ApplyReport gap = next_report(north, {});
  gap.seq = 3;
  EXPECT_EQ(error(gap), ErrorCode::sequence_gap);
  ApplyReport zero = next_report(north, {});
  zero.seq = 0;
  EXPECT_EQ(error(zero), ErrorCode::invalid_argument);
  ApplyReport last = next_report(north, {});
  last.seq = ~0ULL;
  EXPECT_EQ(error(last), ErrorCode::sequence_gap);
  for (const std::uint64_t epoch : {kFirstEpoch - 1, kFirstEpoch + 1}) {
    ApplyReport other = next_report(north, {});
    other.epoch = epoch;
    EXPECT_EQ(error(other), ErrorCode::failed_precondition);
  }
  ApplyReport unknown = next_report(north, {});
  unknown.center = id_of<CenterId>(9);
  EXPECT_EQ(error(unknown), ErrorCode::not_found);
}

TEST_F(Reports, TwoReportsWithOneNumberQuarantineTheCenter) {
  const JobId job = submit();
  report(north, {happens(job, Happening::accepted)});
  ApplyReport forged = next_report(north, {happens(job, Happening::rejected)});
  forged.seq = 1;
  forged.previous = {};
  EXPECT_EQ(error(forged), ErrorCode::equivocation);
  EXPECT_EQ(market.center(north)->state, CenterState::quarantined);
  EXPECT_EQ(market.job(job)->state, JobState::ordered);
  EXPECT_EQ(error(next_report(north, {})), ErrorCode::failed_precondition);
  // Its pools take no work any more.
  EXPECT_EQ(market.job(submit())->plan().center, south);
}

TEST_F(Reports, AWrongPreviousHashIsEquivocation) {
  report(north, {});
  ApplyReport other = next_report(north, {});
  other.previous = hash_of("another first report");
  EXPECT_EQ(error(other), ErrorCode::equivocation);
}

TEST_F(Reports, OldRepeatsAreAcknowledgedLongAfter) {
  const ApplyReport first = next_report(north, {});
  ok(first);
  for (std::size_t i = 0; i < ReportChain::kRecentReports + 5; ++i) report(north, {});
  EXPECT_TRUE(ok(first).repeated);
  EXPECT_EQ(market.center(north)->chain.recent.size(), ReportChain::kRecentReports);
}

TEST_F(Reports, RecordsOfOthersAreSetAside) {
  const JobId job = submit();
  start(job);
  advance(minutes(1));
  UsageRecord record = used(job, minutes(1));
  record.job = id_of<JobId>(99);
  EXPECT_EQ(aside(north, record), unknown_job);
  EXPECT_EQ(aside(south, used(job, minutes(1))), other_center);
  EXPECT_EQ(aside(south, happens(job, Happening::ended)), other_center);
  record = used(job, minutes(1));
  record.attempt = id_of<AttemptId>(99);
  EXPECT_EQ(aside(north, record), unknown_job);
  record = used(job, minutes(1));
  record.order_hash = hash_of("another order");
  EXPECT_EQ(aside(north, record), bad_order_hash);
  record.order_hash = {};
  EXPECT_EQ(aside(north, record), bad_order_hash);
  EXPECT_EQ(market.job(job)->attempt().charged, Amount{});
  const auto& event = first<RecordQuarantined>();
  EXPECT_EQ(event.center, north);
  EXPECT_EQ(event.job, job);
  EXPECT_EQ(event.seq, market.center(north)->chain.seq);
}

TEST_F(Reports, UsageThatCantBeIsSetAside) {
  const JobId job = submit();
  report(north, {happens(job, Happening::accepted)});
  advance(minutes(10));
  EXPECT_EQ(aside(north, used(job, minutes(5))), before_start);
  report(north, {happens(job, Happening::started)});
  advance(minutes(10));
  EXPECT_EQ(aside(north, used(job, minutes(5), false)), std::nullopt);

  using enum pricing::Meter;
  const auto changed = [&](auto&& change) {
    UsageRecord record = used(job, minutes(10));
    change(record);
    return aside(north, record);
  };
  EXPECT_EQ(changed([](auto& r) { r.meters[core_ms] = -1; }), decreasing);
  EXPECT_EQ(changed([](auto& r) { r.meters[core_ms] = INT64_MIN; }), decreasing);
  EXPECT_EQ(changed([](auto& r) { r.meters[core_ms] = minutes(4).ms * 4; }), decreasing);
  EXPECT_EQ(changed([](auto& r) { r.meters[core_ms] = INT64_MAX; }), above_caps);
  EXPECT_EQ(changed([](auto& r) { r.meters[gpu_ms] = 1; }), above_caps);
  EXPECT_EQ(changed([](auto& r) { r.meters[core_ms] = 5 * minutes(10).ms; }), above_caps);
  EXPECT_EQ(changed([](auto& r) { r.revision = 3; }), revision_skip);
  EXPECT_EQ(changed([](auto& r) { r.revision = 1; }), revision_skip);
  EXPECT_EQ(changed([](auto& r) { std::swap(r.start, r.end); }), bad_interval);
  EXPECT_EQ(changed([](auto& r) { r.start = r.end; }), bad_interval);
  EXPECT_EQ(changed([](auto& r) { r.start = r.start - hours(1); }), bad_interval);
  EXPECT_EQ(changed([](auto& r) { r.end = r.end + minutes(6); }), in_future);
  EXPECT_EQ(changed([](auto& r) { r.start = r.start - hours(24 * 40), r.end = r.end - hours(24 * 40); }), too_old);
  EXPECT_EQ(market.job(job)->attempt().usage_revision, 1U);
  EXPECT_EQ(aside(north, used(job, minutes(10))), std::nullopt);
  EXPECT_EQ(aside(north, used(job, minutes(10))), after_final);
  EXPECT_EQ(market.job(job)->attempt().charged, *parse_amount("0.24"));
}

TEST_F(Reports, UsageOfAnotherFenceIsSetAside) {
  const JobId job = submit();
  UsageRecord lost = used(job, minutes(1));
  report(north, {happens(job, Happening::rejected)});  // the job goes on in the south
  EXPECT_EQ(aside(north, lost), old_fence);
  lost.fence = 2;
  EXPECT_EQ(aside(north, lost), unknown_job) << "the new fence under the old attempt";
  start(job);
  advance(minutes(1));
  for (const std::uint32_t fence : {0U, 1U, 3U, ~0U}) {
    UsageRecord record = used(job, minutes(1));
    record.fence = fence;
    EXPECT_EQ(aside(south, record), unknown_job) << fence;
  }
  EXPECT_EQ(market.job(job)->attempt().charged, Amount{});
}

TEST_F(Reports, RecordsAtTheEndsOfTimeAreSetAside) {
  const JobId job = submit();
  start(job);
  advance(minutes(1));
  const auto ending = [&](std::int64_t ms) {
    UsageRecord record = used(job, minutes(1));
    record.end = {ms};
    return aside(north, record);
  };
  EXPECT_EQ(ending(INT64_MAX), in_future);
  EXPECT_EQ(ending(INT64_MIN), too_old);
  EventRecord event = happens(job, Happening::ended);
  event.at = {INT64_MIN};
  EXPECT_EQ(aside(north, event), too_old);
  event.at = {INT64_MAX};
  EXPECT_EQ(aside(north, event), in_future);
  ApplyReport odd = next_report(north, {happens(job, Happening::ended)});
  odd.created = {INT64_MIN};
  EXPECT_EQ(ok(odd).quarantined.front().second, too_old);
  EXPECT_EQ(market.job(job)->state, JobState::running);
}

TEST_F(Reports, BeyondWalltimeAndGraceIsAboveTheCaps) {
  const JobId job = submit();
  start(job);
  advance(minutes(63));
  EXPECT_EQ(aside(north, used(job, minutes(63))), above_caps);
  advance(hours(24 * 36));
  ApplyReport stale = next_report(north, {used(job, minutes(1))});
  stale.created = now - hours(24 * 36);
  EXPECT_EQ(ok(stale).quarantined.front().second, too_old);
  stale = next_report(north, {used(job, minutes(1))});
  stale.created = now + minutes(6);
  EXPECT_EQ(ok(stale).quarantined.front().second, in_future);
}

TEST_F(Reports, NothingIsTakenAboveTheHold) {
  const JobId job = submit();
  start(job);
  // The hold runs out, so its money is the user's again.
  advance(hours(24 * 41));
  ok(Tick{});
  EXPECT_EQ(count<ledger::HoldEnded>(), 1U);
  EXPECT_TRUE(market.job(job)->cancel_requested);
  EXPECT_EQ(market.outbox(north).cancels, std::vector{job});
  UsageRecord record = used(job, minutes(10));
  EXPECT_EQ(aside(north, record), above_hold);
  EXPECT_EQ(wallet().available(), Amount::whole(1000));
  // A record that takes nothing closes the job all the same.
  record.meters = {};
  EXPECT_EQ(aside(north, record), std::nullopt);
  report(north, {happens(job, Happening::cancelled)});
  EXPECT_EQ(market.job(job)->state, JobState::cancelled);
}

TEST_F(Reports, EventsThatContradictAreSetAside) {
  const JobId job = submit();
  start(job);
  EXPECT_EQ(aside(north, happens(job, Happening::rejected)), bad_state);
  EXPECT_EQ(aside(north, happens(job, Happening::never_submitted)), bad_state);
  EXPECT_EQ(aside(north, happens(job, static_cast<Happening>(77))), bad_state);
  EventRecord odd = happens(job, Happening::queued);
  odd.scheduler_job = "1;rm -rf /";
  EXPECT_EQ(aside(north, odd), bad_state);
  EXPECT_EQ(aside(north, happens(job, Happening::queued)), std::nullopt);  // late, harmless
  EXPECT_EQ(market.job(job)->state, JobState::running);
  EXPECT_EQ(aside(north, happens(job, Happening::unknown)), std::nullopt);
  EXPECT_EQ(market.job(job)->state, JobState::running);
  EventRecord future = happens(job, Happening::ended);
  future.at = now + minutes(6);
  EXPECT_EQ(aside(north, future), in_future);
  EXPECT_EQ(aside(north, happens(job, Happening::ended)), std::nullopt);
  EXPECT_EQ(aside(north, happens(job, Happening::cancelled)), bad_state);
  EXPECT_EQ(aside(north, happens(job, Happening::started)), bad_state);
}

TEST_F(Reports, ARejectedAttemptGoesToTheNextPlanUnderANewFence) {
  const JobId job = submit();
  const AttemptId first_attempt = market.job(job)->attempt().id;
  const EventRecord old = happens(job, Happening::ended);
  report(north, {happens(job, Happening::rejected)});
  ASSERT_EQ(market.job(job)->attempts.size(), 2U);
  EXPECT_EQ(market.job(job)->attempt().fence, 2U);
  EXPECT_EQ(market.job(job)->attempt().center, south);
  EXPECT_NE(market.job(job)->attempt().id, first_attempt);
  EXPECT_EQ(market.outbox(south).orders, std::vector{job});
  EXPECT_TRUE(market.outbox(north).orders.empty());
  EXPECT_EQ(aside(north, old), old_fence);
  EXPECT_EQ(market.verdict(north, job, 1), Verdict::cancel);
  EXPECT_EQ(market.verdict(south, job, 2), Verdict::keep);
  run(job, minutes(10));
  EXPECT_EQ(market.job(job)->state, JobState::ended);
  EXPECT_EQ(wallet().balance(), *parse_amount("999.52"));  // 4 cores × 10 min × 0.72
}

TEST_F(Reports, WithoutAnotherPlanTheJobFailsAndTheHoldGoesBack) {
  const JobId job = submit();
  report(north, {happens(job, Happening::never_submitted)});
  report(south, {happens(job, Happening::rejected)});
  EXPECT_EQ(market.job(job)->state, JobState::failed);
  EXPECT_EQ(wallet().available(), Amount::whole(1000));
  EXPECT_EQ(market.live_jobs(), 0U);
}

TEST_F(Reports, ACenterThatNeverHadTheOrderMaySaySoWithoutItsHash) {
  const JobId job = submit();
  EventRecord record = happens(job, Happening::never_submitted);
  record.order_hash = {};
  EXPECT_EQ(aside(north, record), std::nullopt);
  EXPECT_EQ(market.job(job)->attempt().center, south);
}

TEST_F(Reports, SilenceRequeuesNothing) {
  const JobId job = submit();
  advance(hours(24 * 30));
  ok(Tick{});
  EXPECT_EQ(market.job(job)->attempts.size(), 1U);
  EXPECT_EQ(market.outbox(north).orders, std::vector{job});
}

TEST_F(Reports, AReportIsBounded) {
  EXPECT_EQ(error(next_report(north, std::vector<ReportRecord>(kMaxRecords + 1))), ErrorCode::too_large);
  EXPECT_EQ(report(north, std::vector<ReportRecord>(kMaxRecords)).quarantined.size(), kMaxRecords);
}

// A plan that lacks the price of what was used, as no rule here makes one: the record is parked, with its reason, and nothing is charged.
TEST_F(Reports, UsageWithoutAPriceIsParkedAndCostsNothing) {
  ok(IssueQuote{id_of<QuoteId>(1), account, user, spec(), minutes(10)});
  QuoteIssued lacking = first<QuoteIssued>();
  lacking.quote = id_of<QuoteId>(2);
  for (Plan& plan : lacking.decision.plans) std::erase_if(plan.rows, [](const pricing::PriceRow& row) { return row.meter == pricing::Meter::mem_mib_s; });
  const Event event = lacking;
  encode(event, journal);
  market.apply(event);
  const JobId job = submit(spec(), id_of<QuoteId>(2));
  start(job);
  advance(minutes(10));
  const Amount before = wallet().balance(), available = wallet().available();
  const UsageRecord record = used(job, minutes(10), false);
  EXPECT_EQ(aside(north, record), missing_price);
  EXPECT_NE(first<RecordQuarantined>().detail.find("mem_mib_s"), std::string::npos) << first<RecordQuarantined>().detail;
  EXPECT_EQ(first<RecordQuarantined>().job, job);
  EXPECT_EQ(market.job(job)->attempt().usage_revision, 0U);
  EXPECT_EQ(market.job(job)->attempt().charged, Amount{});
  EXPECT_EQ(wallet().balance(), before);
  EXPECT_EQ(wallet().available(), available) << "its hold stays";
  EXPECT_EQ(market.period(market.center(north)->open_period)->captures, 0U);
  // Meters that have prices are charged by the next reading that has nothing of the other.
  UsageRecord priced = used(job, minutes(10), false);
  priced.meters[pricing::Meter::mem_mib_s] = 0;
  EXPECT_EQ(aside(north, priced), std::nullopt);
  EXPECT_TRUE(market.job(job)->attempt().charged.is_positive());
}

}  // namespace
}  // namespace bourse::broker
