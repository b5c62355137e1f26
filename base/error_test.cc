#include "base/error.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/result.h"

namespace bourse {
namespace {

constexpr ErrorCode kCodes[] = {
#define BOURSE_ERROR(number, name, outcome, http, grpc, exit, sentence, remedy) ErrorCode::name,
#include "base/error_table.inc"
#undef BOURSE_ERROR
};

TEST(ErrorTable, NumbersAreDenseFromOne) {
  for (std::size_t i = 0; i < std::size(kCodes); ++i) EXPECT_EQ(static_cast<std::size_t>(kCodes[i]), i + 1);
}

TEST(ErrorTable, NamesAreUniqueSnakeCaseAndFound) {
  std::set<std::string_view> names;
  for (const ErrorCode code : kCodes) {
    const std::string_view name = info(code).name;
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos) << name;
    EXPECT_EQ(error_code_named(name), code) << name;
  }
  EXPECT_EQ(error_code_named("no_such_error"), std::nullopt);
  EXPECT_EQ(error_code_named(""), std::nullopt);
}

TEST(ErrorTable, EveryRowSaysWhatIsWrongAndWhatToDo) {
  for (const ErrorCode code : kCodes) {
    const ErrorInfo& row = info(code);
    for (const std::string_view text : {row.sentence, row.remedy}) {
      ASSERT_GE(text.size(), 8U) << row.name;
      EXPECT_TRUE(text.front() >= 'A' && text.front() <= 'Z') << row.name << ": " << text;
      EXPECT_EQ(text.back(), '.') << row.name << ": " << text;
    }
  }
}

TEST(ErrorTable, EdgesAreInRange) {
  for (const ErrorCode code : kCodes) {
    const ErrorInfo& row = info(code);
    EXPECT_TRUE(row.http_status >= 400 && row.http_status <= 599) << row.name;
    EXPECT_TRUE(row.grpc_status >= 1 && row.grpc_status <= 16) << row.name;
    EXPECT_TRUE((row.exit_code >= 2 && row.exit_code <= 8) || row.exit_code == 70) << row.name;
    // Whoever may repeat a request must be able to see so from the status alone.
    if (row.outcome == Outcome::transient) EXPECT_TRUE(row.http_status == 503 || row.http_status == 429) << row.name;
    if (row.outcome == Outcome::unknown) EXPECT_GE(row.http_status, 500) << row.name;
  }
}

// Numbers are in journals: these may never move.
TEST(ErrorTable, NumbersStay) {
  EXPECT_EQ(static_cast<int>(ErrorCode::insufficient_funds), 6);
  EXPECT_EQ(static_cast<int>(ErrorCode::linked_failed), 20);
  EXPECT_EQ(static_cast<int>(ErrorCode::integrity), 29);
}

TEST(Error, MessageHasSentenceDetailAndRemedy) {
  const Error error{ErrorCode::insufficient_funds, "Available: 1.00, needed: 2.00."};
  EXPECT_EQ(
      error.message(),
      "The wallet can't cover the hold. Available: 1.00, needed: 2.00. Top up the wallet or choose a cheaper plan.");
  EXPECT_EQ(Error{ErrorCode::rate_limited}.message(), "Too many requests. Wait as long as Retry-After says.");
}

Result<int> half(int n) {
  if (n % 2 != 0) return fail(ErrorCode::invalid_argument, "odd");
  return n / 2;
}
Result<int> quarter(int n) {
  TRY(const int once, half(n));
  TRY(const int twice, half(once));
  return twice;
}
Status divisible_by_four(int n) {
  CHECK_OK(quarter(n));
  return {};
}

TEST(Result, TryAndCheckOkPassErrorsOn) {
  EXPECT_EQ(quarter(8), 2);
  EXPECT_EQ(quarter(6).error().detail, "odd");
  EXPECT_TRUE(divisible_by_four(4));
  EXPECT_EQ(divisible_by_four(2).error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace bourse
