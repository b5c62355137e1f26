#include "connectors/core/days.h"

#include "bourse/federation/v1/federation.pb.h"
#include "connectors/core/temporary_folder.h"
#include "federation-proto/fields.h"

namespace bourse::connector {
namespace {

namespace wire = federation::v1;

const Instant kNoon = *parse_instant("2026-11-20T12:00:00Z");
const evidence::Day kDay = evidence::day_of(kNoon);

class DaysTest : public TemporaryFolder {
 protected:
  void SetUp() override {
    TemporaryFolder::SetUp();
    open(kNoon, true);
  }
  void open(Instant now, bool fresh = false) {
    days_.reset();
    auto opened = Days::open(path("days.log"), now, fresh);
    ASSERT_TRUE(opened) << opened.error().message();
    days_.emplace(std::move(*opened));
  }
  wire::Report report_of(std::uint64_t attempt, Instant end, std::int64_t core_ms, bool final = true) {
    wire::Report report;
    report.set_seq(++seq_);
    report.set_created_ms(end.unix_ms);
    wire::UsageRecord& usage = *report.add_records()->mutable_usage();
    usage.set_attempt(federation::to_bytes(AttemptId{Uuid{1, attempt}}));
    usage.set_end_ms(end.unix_ms);
    usage.set_core_ms(core_ms);
    usage.set_final(final);
    return report;
  }
  // Says what is due, as the reporter does; the digest that was said.
  std::optional<wire::DayDigest> say(Instant now, Duration interval = {}) {
    auto due = days_->due(now, interval);
    if (!due) return std::nullopt;
    wire::Report report;
    report.set_seq(++seq_);
    report.set_created_ms(now.unix_ms);
    *report.add_records()->mutable_day() = *due;
    EXPECT_TRUE(days_->note(report));
    return due;
  }
  void answer(const wire::DayDigest& digest, bool agreed) {
    wire::DayAnswer out;
    out.set_day(digest.day());
    out.set_revision(digest.revision());
    out.set_agreed(agreed);
    EXPECT_TRUE(days_->answered(out));
  }

  std::optional<Days> days_;
  std::uint64_t seq_ = 0;
};

TEST_F(DaysTest, ADayIsSaidOnceWhenItIsOver) {
  ASSERT_TRUE(days_->note(report_of(1, kNoon, 100)));
  EXPECT_FALSE(say(kNoon));
  const Instant next = evidence::end_of(kDay) + minutes(1);
  const auto said = say(next);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->day(), kDay);
  EXPECT_EQ(said->revision(), 1U);
  EXPECT_EQ(said->sum().attempts(), 1);
  EXPECT_EQ(said->sum().core_ms(), 100);
  EXPECT_EQ(said->entries_size(), 0);
  EXPECT_FALSE(say(next));  // it waits for the answer
  answer(*said, true);
  EXPECT_FALSE(say(next + hours(2)));
}

TEST_F(DaysTest, EmptyDaysAreSaidTooAndAllThatWereMissed) {
  const Instant later = kNoon + hours(72);
  for (int i = 0; i < 3; ++i) {
    const auto said = say(later);
    ASSERT_TRUE(said);
    EXPECT_EQ(said->day(), kDay + i);
    EXPECT_EQ(said->sum().attempts(), 0);
  }
  EXPECT_FALSE(say(later));
}

TEST_F(DaysTest, LateUsageIsANewRevision) {
  const Instant next = evidence::end_of(kDay) + minutes(1);
  answer(*say(next), true);
  ASSERT_TRUE(days_->note(report_of(1, kNoon, 100)));
  const auto again = say(next);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->revision(), 2U);
  EXPECT_EQ(again->sum().attempts(), 1);
}

TEST_F(DaysTest, ADisagreementIsRepeatedWithEntriesAndThenHourly) {
  ASSERT_TRUE(days_->note(report_of(2, kNoon, 100)));
  ASSERT_TRUE(days_->note(report_of(1, kNoon, 50, false)));
  const Instant next = evidence::end_of(kDay) + minutes(1);
  answer(*say(next), false);
  const auto with = say(next);
  ASSERT_TRUE(with);
  EXPECT_EQ(with->revision(), 2U);
  ASSERT_EQ(with->entries_size(), 2);
  EXPECT_LT(with->entries(0).attempt(), with->entries(1).attempt());
  EXPECT_FALSE(with->entries(0).final());
  answer(*with, false);
  EXPECT_FALSE(say(next + minutes(59)));
  const auto hourly = say(next + minutes(61));
  ASSERT_TRUE(hourly);
  EXPECT_EQ(hourly->revision(), 3U);
  answer(*hourly, true);
  EXPECT_FALSE(say(next + hours(5)));
}

TEST_F(DaysTest, ARestartForgetsNothing) {
  ASSERT_TRUE(days_->note(report_of(1, kNoon, 100)));
  const Instant next = evidence::end_of(kDay) + minutes(1);
  open(next);
  const auto said = say(next);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->sum().core_ms(), 100);
  open(next);  // before its answer: the report is in the spool and will be answered
  EXPECT_FALSE(say(next));
  answer(*said, true);
  open(next);
  EXPECT_FALSE(say(next + hours(2)));
  // A crash between the spool and this log: the newest report is noted again.
  const wire::Report late = report_of(2, kNoon, 7);
  ASSERT_TRUE(days_->note(late));
  ASSERT_TRUE(days_->note(late));
  open(next);
  const auto again = say(next);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->revision(), 2U);
  EXPECT_EQ(again->sum().core_ms(), 107);
}

TEST_F(DaysTest, AnAnswerThatGotLostIsAskedForAgain) {
  const Instant next = evidence::end_of(kDay) + minutes(1);
  ASSERT_TRUE(say(next));
  days_->acknowledged(seq_ - 1, true);
  EXPECT_FALSE(say(next));
  days_->acknowledged(seq_, true);  // at a welcome
  const auto again = say(next);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->revision(), 2U);
  days_->acknowledged(seq_, false);  // answered without a word on the day: it was set aside
  EXPECT_FALSE(say(next + minutes(59)));
  EXPECT_TRUE(say(next + minutes(61)));
}

TEST_F(DaysTest, TheRunningDayIsSaidAtIntervalsWhenItChanged) {
  EXPECT_FALSE(say(kNoon, minutes(1)));  // nothing yet
  ASSERT_TRUE(days_->note(report_of(1, kNoon, 100, false)));
  const auto said = say(kNoon, minutes(1));
  ASSERT_TRUE(said);
  answer(*said, true);
  ASSERT_TRUE(days_->note(report_of(1, kNoon + seconds(30), 200, false)));
  EXPECT_FALSE(say(kNoon + seconds(30), minutes(1)));
  const auto again = say(kNoon + seconds(61), minutes(1));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->sum().core_ms(), 200);
  EXPECT_EQ(again->sum().attempts(), 1);
}

TEST_F(DaysTest, AFolderThatReportedBeforeBeginsTomorrow) {
  ASSERT_TRUE(days_->note(report_of(1, kNoon, 1)));
  auto other = Days::open(path("other.log"), kNoon, false);
  ASSERT_TRUE(other);
  ASSERT_TRUE(other->note(report_of(1, kNoon, 100)));
  EXPECT_FALSE(other->due(evidence::end_of(kDay) + minutes(1), {}));
  EXPECT_EQ(other->due(evidence::end_of(kDay + 1) + minutes(1), {})->day(), kDay + 1);
}

}  // namespace
}  // namespace bourse::connector
