#include "reconciliation/comparison.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include <algorithm>

namespace bourse::reconciliation {
namespace {

constexpr Instant kFrom{0}, kUntil{86'400'000};
constexpr Duration kTolerance = seconds(1);

AttemptId attempt(std::uint64_t n) { return AttemptId{Uuid{7, n}}; }

AccountedRun ran(std::uint64_t n, Duration elapsed, std::int64_t cores = 8) {
  return {.attempt = attempt(n), .fence = 1, .job = std::to_string(4000 + n), .start = Instant{1'000'000}, .end = Instant{1'000'000 + elapsed.ms},
          .elapsed = elapsed, .cores = cores, .gpus = 0, .nodes = 1, .mem_mib = 1024};
}
// As a connector reports it and the market charges it: a core-ms costs `price` micro-units.
BookedRun booked(std::uint64_t n, Duration elapsed, std::int64_t cores = 8, std::int64_t price = 1) {
  const std::int64_t core_ms = cores * elapsed.ms;
  return {.attempt = attempt(n), .fence = 1, .scheduler_job = std::to_string(4000 + n),
          .reported = {.core_ms = core_ms, .gpu_ms = 0, .node_ms = elapsed.ms, .mem_mib_s = 1024 * elapsed.ms / 1000},
          .final = true, .end = Instant{1'000'000 + elapsed.ms}, .charged = Amount::of_micros(core_ms * price), .unit = kCny,
          .lines = {{&Quantities::core_ms, Amount::of_micros(core_ms * price)}}};
}
Comparison compared(const std::vector<AccountedRun>& center, const std::vector<BookedRun>& broker) {
  return compare(center, broker, kFrom, kUntil, kTolerance);
}

TEST(Compare, AgreesWithinTheTolerance) {
  const auto out = compared({ran(1, seconds(3600)), ran(2, seconds(61))}, {booked(1, seconds(3600)), booked(2, seconds(60))});
  EXPECT_TRUE(out.findings.empty());
  EXPECT_EQ(out.agreed, 2);
  EXPECT_EQ(out.accounted_sum.core_ms, 8 * 3'661'000);
  EXPECT_EQ(out.booked_sum.core_ms, 8 * 3'660'000);
}

TEST(Compare, SaysWhatDiffersAndWhatIsAtStake) {
  const auto out = compared({ran(1, seconds(3600))}, {booked(1, seconds(4000))});
  ASSERT_EQ(out.findings.size(), 1U);
  const Finding& finding = out.findings[0];
  EXPECT_EQ(finding.kind, BreakKind::quantity);
  EXPECT_EQ(finding.at_stake.micros, 8 * 400'000);  // the user was charged 400 seconds above it
  EXPECT_TRUE(finding.detail.starts_with("core_ms: center 28800000, broker 32000000; node_ms: ")) << finding.detail;
  EXPECT_EQ(compared({ran(1, seconds(4000))}, {booked(1, seconds(3600))}).findings[0].at_stake.micros, -8 * 400'000);
}

TEST(Compare, CountsEveryTimeThatARequeuedRunRan) {
  AccountedRun again = ran(1, seconds(100));
  again.start = again.start + hours(1);
  again.end = again.end + hours(1);
  const auto out = compared({ran(1, seconds(200)), again}, {booked(1, seconds(300))});
  EXPECT_TRUE(out.findings.empty());
}

TEST(Compare, FindsWhatOneSideDoesNotHave) {
  const auto out = compared({ran(2, seconds(60))}, {booked(1, seconds(60))});
  ASSERT_EQ(out.findings.size(), 2U);
  EXPECT_EQ(out.findings[0].kind, BreakKind::not_accounted);
  EXPECT_EQ(out.findings[0].at_stake.micros, 8 * 60'000);
  EXPECT_EQ(out.findings[1].kind, BreakKind::not_booked);
  EXPECT_EQ(out.findings[1].scheduler_job, "4002");
  BookedRun ordered = booked(2, seconds(0));
  ordered.end = Instant{};
  EXPECT_EQ(compared({ran(2, seconds(60))}, {ordered}).findings[0].kind, BreakKind::not_booked);
}

TEST(Compare, FindsWhatIsOverAtTheCenterOnly) {
  BookedRun open = booked(1, seconds(60));
  open.final = false;
  const auto out = compared({ran(1, seconds(90))}, {open});
  ASSERT_EQ(out.findings.size(), 1U);
  EXPECT_EQ(out.findings[0].kind, BreakKind::not_final);
  EXPECT_TRUE(compared({}, {open}).findings.empty());  // it may still run
}

TEST(Compare, KeepsToItsTime) {
  AccountedRun late = ran(1, seconds(60));
  late.start = late.start + hours(48);
  late.end = late.end + hours(48);
  EXPECT_TRUE(compared({late}, {}).findings.empty());
  EXPECT_EQ(compared({late}, {}).accounted, 0);
  BookedRun tomorrow = booked(2, seconds(60));
  tomorrow.end = kUntil;
  EXPECT_TRUE(compared({}, {tomorrow}).findings.empty());
  // The two sides put its end on different days: it is still one run.
  BookedRun here = booked(1, seconds(60));
  EXPECT_EQ(compared({late}, {here}).agreed, 1);
}

TEST(Compare, ARunThatNeverRanIsNoBreak) {
  EXPECT_TRUE(compared({ran(1, seconds(0))}, {}).findings.empty());
  BookedRun cancelled = booked(1, seconds(0));
  EXPECT_TRUE(compared({}, {cancelled}).findings.empty());
}

RC_GTEST_PROP(CompareProperty, FindsExactlyWhatWasChanged, ()) {
  const auto count = *rc::gen::inRange(1, 40);
  std::vector<AccountedRun> center;
  std::vector<BookedRun> broker;
  std::vector<AttemptId> changed;
  __int128 stake = 0;
  for (int i = 1; i <= count; ++i) {
    const auto n = static_cast<std::uint64_t>(i);
    const Duration elapsed = seconds(*rc::gen::inRange(10, 5000));
    const auto cores = *rc::gen::inRange(1, 65);
    center.push_back(ran(n, elapsed, cores));
    switch (*rc::gen::inRange(0, 4)) {
      case 0: {
        const Duration more = seconds(*rc::gen::inRange(2, 100));
        broker.push_back(booked(n, Duration{elapsed.ms + more.ms}, cores));
        changed.push_back(attempt(n));
        stake += static_cast<__int128>(cores) * more.ms;
        break;
      }
      case 1: changed.push_back(attempt(n)); break;
      case 2:
        broker.push_back(booked(n, elapsed, cores));
        center.pop_back();
        changed.push_back(attempt(n));
        stake += broker.back().charged.micros;
        break;
      default: broker.push_back(booked(n, elapsed, cores));
    }
  }
  // In any order.
  std::ranges::sort(center, {}, [](const AccountedRun& run) { return run.attempt.uuid.low * 7919 % 101; });
  const auto out = compared(center, broker);
  std::vector<AttemptId> found;
  __int128 at_stake = 0;
  for (const Finding& finding : out.findings) {
    found.push_back(finding.attempt);
    at_stake += finding.at_stake.micros;
  }
  RC_ASSERT(found == changed);
  RC_ASSERT(at_stake == stake);
  RC_ASSERT(out.agreed + static_cast<std::int64_t>(changed.size()) == count);
}

}  // namespace
}  // namespace bourse::reconciliation
