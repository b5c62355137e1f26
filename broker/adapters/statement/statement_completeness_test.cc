// The days in a statement: against the reports that say them, and what they make of the period.
#include "broker/adapters/statement/statement_fixture.h"

namespace bourse::statement {
namespace {

class StatementCompletenessTest : public StatementTest {
 protected:
  // Two days ended in it; a third report says both.
  Statement with_days(bool agreed = true) {
    Statement out = sample();
    const evidence::Day day = evidence::day_of({kStart}) - 1;
    out.opened_at = evidence::end_of(day) - hours(1);
    out.cut_off = evidence::end_of(day + 1) + minutes(5);
    const evidence::DaySum nothing = evidence::sum_of({});
    const evidence::DaySum some = evidence::sum_of({{id<AttemptId>(), {true, 40'000, 0, 10'000, 2}}, {id<AttemptId>(), {false, 7, 0, 0, 0}}});
    ClosedDays closed{.state = agreed ? broker::Completeness::complete : broker::Completeness::incomplete,
                      .reason = agreed ? "" : "节点丢失",
                      .days = {{day, 1, true, nothing, nothing, {}}, {day + 1, 3, agreed, some, agreed ? some : nothing, {}}}};
    wire::Report report;
    report.set_version(1);
    report.set_audience(out.market);
    report.set_center(federation::to_bytes(out.center));
    report.set_seq(9);
    for (const broker::ClosedDay& one : closed.days) {
      wire::DayDigest& said = *report.add_records()->mutable_day();
      said.set_day(one.day);
      said.set_revision(one.revision);
      wire::DaySum& sum = *said.mutable_sum();
      sum.set_attempts(one.said.attempts);
      sum.set_finals(one.said.finals);
      sum.set_core_ms(one.said.core_ms);
      sum.set_gpu_ms(one.said.gpu_ms);
      sum.set_node_ms(one.said.node_ms);
      sum.set_mem_mib_s(one.said.mem_mib_s);
      sum.set_digest(federation::to_bytes(one.said.digest));
    }
    const std::string payload = report.SerializeAsString();
    out.reports.push_back({sha256(payload), federation::seal(billing_, federation::kReportType, payload).SerializeAsString()});
    for (broker::ClosedDay& one : closed.days) one.report = out.reports.back().sha256;
    out.completeness = std::move(closed);
    return out;
  }
  void refused(const Statement& statement, const std::string& named) {
    const std::string found = joined(verify(seal(statement, ack_)));
    EXPECT_NE(found.find(named), std::string::npos) << "expected " << named << ", found:\n" << found;
    EXPECT_FALSE(accepts(seal(statement, ack_))) << named;
  }
};

TEST_F(StatementCompletenessTest, BothProgramsAcceptWhatIsSoAndSayIt) {
  for (const bool agreed : {true, false}) {
    const Statement statement = with_days(agreed);
    const Verification found = verify(seal(statement, ack_));
    EXPECT_TRUE(found.ok) << joined(found);
    EXPECT_EQ(found.completeness, agreed ? "complete" : "incomplete: 节点丢失");
    EXPECT_TRUE(accepts(seal(statement, ack_)));
    EXPECT_EQ(body_json(*parse_body(body_json(statement))), body_json(statement));
  }
  Statement none = sample();
  none.completeness.emplace();
  EXPECT_EQ(verify(seal(none, ack_)).completeness, "not_offered");
  EXPECT_TRUE(accepts(seal(none, ack_)));
  Statement open = with_days(false);
  open.completeness->days[1] = {.day = open.completeness->days[1].day};  // the center hasn't said it
  EXPECT_TRUE(verify(seal(open, ack_)).ok) << joined(verify(seal(open, ack_)));
  EXPECT_TRUE(accepts(seal(open, ack_)));
}

TEST_F(StatementCompletenessTest, WhatIsNotSoIsNamed) {
  const Statement good = with_days();
  Statement bad = good;
  bad.completeness->days[1].said.core_ms += 1;
  refused(bad, "completeness.days[1].said");
  bad = good;
  bad.completeness->days[1].said.digest.bytes[5] ^= 1;
  refused(bad, "completeness.days[1].said");
  bad = good;
  bad.completeness->days[1].booked.finals += 1;
  refused(bad, "completeness.days[1].booked");
  bad = good;
  bad.completeness->days[1].revision = 2;
  refused(bad, "completeness.days[1]");
  bad = good;
  bad.completeness->days[1].report = bad.reports[0].sha256;
  refused(bad, "completeness.days[1]");
  bad = good;
  bad.completeness->days[1].agreed = false;
  refused(bad, "completeness.state");
  bad = good;
  bad.completeness->state = broker::Completeness::incomplete;
  refused(bad, "completeness.state");
  bad = good;
  bad.completeness->reason = "all is well";
  refused(bad, "completeness.reason");
  bad = good;
  bad.completeness->state = broker::Completeness::not_offered;
  refused(bad, "completeness.state");
  bad = with_days(false);
  bad.completeness->reason.clear();
  refused(bad, "completeness.reason");
}

TEST_F(StatementCompletenessTest, NoDayMayBeLeftOut) {
  const Statement good = with_days();
  Statement bad = good;
  bad.completeness->days.pop_back();
  refused(bad, "completeness.days");
  bad = good;
  bad.completeness->days[0].day -= 1;
  refused(bad, "completeness.days");
  bad = good;
  bad.cut_off = evidence::end_of(bad.completeness->days[1].day) - milliseconds(1);
  refused(bad, "completeness.days[1].day");
  bad = good;
  bad.format = kBodyFormat2;
  refused(bad, "completeness");
}

}  // namespace
}  // namespace bourse::statement
