// Days over the link: the running day is said at intervals here, since no test waits for midnight.
#include "tests/federation/link_world.h"

namespace bourse::testing {
namespace {

using broker::JobState;

class LinkDaysTest : public LinkedWorld {
 protected:
  JobId started() {
    const JobId id = submit();
    EXPECT_TRUE(reaches(id, JobState::queued));
    driver_.start(driver_.ids().back(), clock_.now() - seconds(60));
    EXPECT_TRUE(reaches(id, JobState::running));
    return id;
  }
  void finish(JobId id) {
    driver_.end(driver_.ids().back(), clock_.now(), seconds(60));
    EXPECT_TRUE(reaches(id, JobState::ended));
  }
  // The newest day that the center said.
  broker::DayState newest() {
    broker::DayState out;
    EXPECT_TRUE(engine_->read_wait([&](const broker::Market& market) {
      const broker::CenterDays* days = market.days(member_.center);
      if (days != nullptr && !days->days.empty()) out = days->days.rbegin()->second;
    }));
    return out;
  }
  bool agreed_on(std::int64_t attempts) {
    return eventually([&] {
      const broker::DayState day = newest();
      return day.agreed && day.said.attempts == attempts && day.said.finals == attempts;
    });
  }
};

TEST_F(LinkDaysTest, BothCountTheSameAndSayItSigned) {
  finish(started());
  ASSERT_TRUE(agreed_on(1));
  const broker::DayState day = newest();
  EXPECT_EQ(day.said, day.booked);
  EXPECT_EQ(day.said.core_ms, 2 * 60'000);
  // The report that says it is kept, as the center signed it.
  const auto bytes = blobs_.get(broker::BlobKind::report, day.report);
  ASSERT_TRUE(bytes);
  wire::Envelope envelope;
  wire::Report report;
  ASSERT_TRUE(envelope.ParseFromArray(bytes->data(), static_cast<int>(bytes->size())));
  ASSERT_TRUE(report.ParseFromString(envelope.payload()));
  ASSERT_TRUE(report.records(0).has_day());
  EXPECT_EQ(report.records(0).day().sum().core_ms(), 2 * 60'000);
}

TEST_F(LinkDaysTest, ARestartOfTheConnectorInTheMiddleLosesNothing) {
  finish(started());
  const JobId second = started();
  connector_.reset();
  driver_.end(driver_.ids().back(), clock_.now(), seconds(60));
  connect();
  ASSERT_TRUE(reaches(second, JobState::ended));
  ASSERT_TRUE(agreed_on(2));
  stop_server();
  ASSERT_TRUE(eventually([&] { return !online(); }));
  start_server();
  ASSERT_TRUE(eventually([&] { return online(); }));
  finish(started());
  EXPECT_TRUE(agreed_on(3));
}

}  // namespace
}  // namespace bourse::testing
