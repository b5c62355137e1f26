#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

#include "base/sha256.h"
#include "evidence/day.h"

namespace bourse::evidence {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

AttemptId numbered(std::uint64_t n) { return AttemptId{Uuid{0x0190'0000'0000'7000, n}}; }

TEST(Day, BeginsAndEndsAtMidnightUtc) {
  const Day day = day_of(*parse_instant("2026-11-22T23:59:59.999Z"));
  EXPECT_EQ(to_text(day), "2026-11-22");
  EXPECT_EQ(day_of(*parse_instant("2026-11-23T00:00:00Z")), day + 1);
  EXPECT_EQ(day_of(start_of(day)), day);
  EXPECT_EQ(end_of(day), start_of(day + 1));
  EXPECT_EQ(day_of(Instant{-1}), -1);
  EXPECT_EQ(to_text(day_of(*parse_instant("2028-02-29T12:00:00Z"))), "2028-02-29");
}

TEST(Day, TheDigestIsOverExactlyTheseBytes) {
  EXPECT_EQ(sum_of({}).digest, sha256(std::string_view()));
  const DaySum sum = sum_of({{numbered(7), {true, 1, 2, 3, 0x0102'0304}}});
  std::string bytes("\x01\x90\0\0\0\0\x70\0\0\0\0\0\0\0\0\x07\x01", 17);
  bytes.append(std::string("\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\1\2\3\4", 32));
  EXPECT_EQ(sum.digest, sha256(bytes));
  EXPECT_EQ(sum.attempts, 1);
  EXPECT_EQ(sum.finals, 1);
}

TEST(Day, SumsStayWithinSixtyFourBits) {
  const DaySum sum = sum_of({{numbered(1), {false, kMost, 1, 0, 0}}, {numbered(2), {true, kMost, 2, 0, 0}}});
  EXPECT_EQ(sum.core_ms, kMost);
  EXPECT_EQ(sum.gpu_ms, 3);
  EXPECT_EQ(sum.attempts, 2);
  EXPECT_EQ(sum.finals, 1);
}

DayReadings some() {
  DayReadings out;
  const auto count = *rc::gen::inRange(0, 12);
  for (int i = 0; i < count; ++i)
    out[numbered(*rc::gen::inRange<std::uint64_t>(0, 16))] = {*rc::gen::arbitrary<bool>(), *rc::gen::inRange<std::int64_t>(0, 3), 0, 1, 2};
  return out;
}

RC_GTEST_PROP(Day, DifferencesAreWhatAnyoneWouldFind, ()) {
  const DayReadings center = some(), broker = some();
  const auto found = differences(center, true, broker, kMaxDayDifferences);
  RC_ASSERT(found.empty() == (sum_of(center) == sum_of(broker)));
  DayReadings mended = broker;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (i > 0) RC_ASSERT(found[i - 1].attempt < found[i].attempt);  // RC_ASSERT reads both sides of an ||
    const auto at = broker.find(found[i].attempt);
    RC_ASSERT(found[i].broker == (at == broker.end() ? std::nullopt : std::optional(at->second)));
    RC_ASSERT(found[i].center != found[i].broker);
    if (found[i].center) mended[found[i].attempt] = *found[i].center;
    else mended.erase(found[i].attempt);
  }
  RC_ASSERT(mended == center);
  const auto most = *rc::gen::inRange<std::size_t>(0, 5);
  const auto few = differences(center, true, broker, most);
  RC_ASSERT(few.size() == std::min(most, found.size()));
}

TEST(Day, ACutListIsComparedAsFarAsItGoes) {
  const DayReadings center = {{numbered(1), {}}, {numbered(3), {}}};
  const DayReadings broker = {{numbered(1), {}}, {numbered(2), {}}, {numbered(9), {}}};
  EXPECT_EQ(differences(center, true, broker, 10).size(), 3U);
  const auto cut = differences(center, false, broker, 10);
  ASSERT_EQ(cut.size(), 2U);
  EXPECT_EQ(cut[0].attempt, numbered(2));
  EXPECT_EQ(cut[1].attempt, numbered(3));
}

}  // namespace
}  // namespace bourse::evidence
