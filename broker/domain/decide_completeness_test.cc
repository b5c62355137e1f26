// Completeness: days are compared with what was booked, and a period whose days are open doesn't close silently.
#include <gtest/gtest.h>

#include <algorithm>

#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

class CompletenessTest : public MarketFixture {
 protected:
  void SetUp() override { open_market(); }

  // The center's own count, kept beside the market.
  void count_usage(const UsageRecord& record) {
    using pricing::Meter;
    days_[evidence::day_of(record.end)][record.attempt] = {record.final, record.meters[Meter::core_ms], record.meters[Meter::gpu_ms],
                                                           record.meters[Meter::node_ms], record.meters[Meter::mem_mib_s]};
  }
  void run_counted(Duration running) {
    const JobId job = submit();
    start(job);
    advance(running);
    const UsageRecord record = used(job, running);
    count_usage(record);
    report(north, {happens(job, Happening::ended), record});
  }
  DayRecord word(evidence::Day day, bool with_entries = false) {
    DayRecord out{day, ++revisions_[day], evidence::sum_of(days_[day]), {}};
    if (with_entries) out.entries = days_[day];
    return out;
  }
  DayAnswered say(evidence::Day day, bool with_entries = false) {
    const auto result = report(north, {word(day, with_entries)});
    EXPECT_EQ(result.days.size(), 1U);
    return result.days.empty() ? DayAnswered{} : result.days.front();
  }
  evidence::Day today() const { return evidence::day_of(now); }
  void to_next_day(Duration after = minutes(1)) { now = evidence::end_of(today()) + after; }
  const Period& newest_closed() const { return *market.periods(north).at(market.periods(north).size() - 2); }

  std::map<evidence::Day, evidence::DayReadings> days_;
  std::map<evidence::Day, std::uint32_t> revisions_;
};

TEST_F(CompletenessTest, ADayThatBothCountAlikeIsAgreedOn) {
  run_counted(minutes(10));
  run_counted(minutes(3));
  const evidence::Day day = today();
  to_next_day();
  const DayAnswered answer = say(day);
  EXPECT_TRUE(answer.agreed);
  EXPECT_EQ(answer.booked.attempts, 2);
  EXPECT_EQ(answer.booked.finals, 2);
  EXPECT_EQ(answer.booked.core_ms, 4 * minutes(13).ms);
  EXPECT_EQ(answer.report, market.center(north)->chain.hash);
  ok(ClosePeriod{north, {}});
  EXPECT_EQ(newest_closed().completeness, Completeness::complete);
  ASSERT_EQ(newest_closed().days.size(), 1U);
  EXPECT_EQ(newest_closed().days[0].said, newest_closed().days[0].booked);
}

TEST_F(CompletenessTest, CentersThatSayNothingCloseAsBefore) {
  run_counted(minutes(10));
  to_next_day();
  ok(ClosePeriod{north, {}});
  EXPECT_EQ(newest_closed().completeness, Completeness::not_offered);
  EXPECT_TRUE(newest_closed().days.empty());
}

TEST_F(CompletenessTest, AGapStaysOpenAndIsNamedWithTheEntries) {
  run_counted(minutes(10));
  const evidence::Day day = today();
  const AttemptId ours = days_[day].begin()->first, theirs = id_of<AttemptId>(900), other = id_of<AttemptId>(901);
  days_[day][theirs] = {true, 5, 0, 0, 0};  // we never heard of it
  to_next_day();
  const DayAnswered first = say(day);
  EXPECT_FALSE(first.agreed);
  EXPECT_TRUE(first.differences.empty());  // a sum alone names nobody
  days_[day][ours].core_ms += 1;
  days_[day][other] = {false, 0, 0, 0, 0};
  const DayAnswered second = say(day, true);
  EXPECT_FALSE(second.agreed);
  ASSERT_EQ(second.differences.size(), 3U);
  for (const auto& one : second.differences) EXPECT_EQ(one.broker.has_value(), one.attempt == ours);

  EXPECT_EQ(error(ClosePeriod{north, {}}), ErrorCode::failed_precondition);
  ok(ClosePeriod{.center = north, .next = {}, .incomplete = "The center lost its log."});
  EXPECT_EQ(newest_closed().completeness, Completeness::incomplete);
  EXPECT_EQ(newest_closed().incomplete_reason, "The center lost its log.");
  // What is said and agreed on later doesn't change what was closed.
  days_[day].erase(theirs), days_[day].erase(other), days_[day][ours].core_ms -= 1;
  EXPECT_TRUE(say(day).agreed);
  EXPECT_EQ(newest_closed().completeness, Completeness::incomplete);
}

TEST_F(CompletenessTest, LateUsageOpensTheDayAgainUntilItIsSaidAnew) {
  const JobId job = submit();
  start(job);
  advance(minutes(10));
  const UsageRecord record = used(job, minutes(10));
  const evidence::Day day = today();
  to_next_day();
  EXPECT_TRUE(say(day).agreed);  // nothing, on both sides
  count_usage(record);
  report(north, {happens(job, Happening::ended), record});  // late: it ended yesterday
  EXPECT_FALSE(market.days(north)->days.at(day).agreed);
  EXPECT_EQ(error(ClosePeriod{north, {}}), ErrorCode::failed_precondition);
  const DayAnswered again = say(day);
  EXPECT_TRUE(again.agreed);
  EXPECT_EQ(again.revision, 2U);
  ok(ClosePeriod{north, {}});
  EXPECT_EQ(newest_closed().completeness, Completeness::complete);
}

TEST_F(CompletenessTest, TheScheduleWaitsForAWeekAndThenSaysSo) {
  ok(SetContract{{id_of<ContractId>(900), north, kCny, {}, now, hours(24)}});
  const evidence::Day day = today();
  EXPECT_TRUE(say(day).agreed);
  advance(hours(24));
  ok(Tick{});  // the day has ended, was agreed on, and nothing came since
  EXPECT_EQ(count<PeriodClosing>(), 1U);
  EXPECT_EQ(newest_closed().completeness, Completeness::complete);

  advance(hours(24));
  ok(Tick{});
  EXPECT_EQ(count<PeriodClosing>(), 0U);  // two days ago was not said
  EXPECT_TRUE(say(day + 1).agreed);
  ok(Tick{});
  EXPECT_EQ(count<PeriodClosing>(), 1U);

  advance(hours(24) + kCompletenessPatience);
  ok(Tick{});
  EXPECT_EQ(count<PeriodClosing>(), 1U);
  EXPECT_EQ(newest_closed().completeness, Completeness::incomplete);
  EXPECT_FALSE(newest_closed().incomplete_reason.empty());
  EXPECT_GE(newest_closed().days.size(), 8U);
}

TEST_F(CompletenessTest, ALiarIsSetAsideOrDisagreedWith) {
  run_counted(minutes(10));
  const evidence::Day day = today();
  const evidence::DayReadings truth = days_[day];
  DayRecord liar = word(day, true);
  liar.said.core_ms += 1;  // not what its entries come to
  EXPECT_EQ(aside(north, liar), QuarantineCode::bad_interval);
  liar = word(day);
  liar.said.digest.bytes[0] ^= 1;
  EXPECT_FALSE(report(north, {liar}).days.front().agreed);
  EXPECT_EQ(aside(north, DayRecord{day, 1, evidence::sum_of(truth), {}}), QuarantineCode::revision_skip);
  EXPECT_EQ(aside(north, word(day + 1)), QuarantineCode::in_future);
  EXPECT_EQ(aside(north, word(day - kDaysKept)), QuarantineCode::too_old);
  // Another center's word changes nothing here.
  EXPECT_FALSE(report(south, {DayRecord{day, 1, evidence::sum_of(truth), {}}}).days.front().agreed);
  EXPECT_TRUE(say(day).agreed);
}

TEST_F(CompletenessTest, ReplayAndSnapshotComeToTheSame) {
  run_counted(minutes(10));
  const evidence::Day day = today();
  to_next_day();
  say(day);
  run_counted(minutes(1));
  Market replayed;
  const auto events = decode(journal);
  ASSERT_TRUE(events);
  for (const Event& event : *events) replayed.apply(event);
  EXPECT_EQ(replayed.digest(), market.digest());
  std::vector<std::byte> bytes;
  market.save(bytes);
  Market loaded;
  ASSERT_TRUE(loaded.load(bytes));
  EXPECT_EQ(loaded.digest(), market.digest());
  EXPECT_TRUE(loaded.days(north)->days.at(day).agreed);
}

}  // namespace
}  // namespace bourse::broker
