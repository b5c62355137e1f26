#include "gateway/http/problem.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace bourse::http {
namespace {

constexpr ErrorCode kAll[] = {
#define BOURSE_ERROR(number, name, ...) ErrorCode::name,
#include "base/error_table.inc"
#undef BOURSE_ERROR
};

TEST(Problem, has_the_tables_words_for_every_code) {
  for (const ErrorCode code : kAll) {
    const ErrorInfo& row = info(code);
    const Response response = problem({code, "here"}, "req_1");
    EXPECT_EQ(response.status, row.http_status);
    const auto body = nlohmann::json::parse(response.body);
    EXPECT_EQ(body["type"], "urn:bourse:error:" + std::string(row.name));
    EXPECT_EQ(body["code"], row.name);
    EXPECT_EQ(body["status"], row.http_status);
    EXPECT_EQ(body["title"], row.sentence);
    EXPECT_EQ(body["remedy"], row.remedy);
    EXPECT_EQ(body["request_id"], "req_1");
    EXPECT_EQ(response.headers.get("content-type"), "application/problem+json");
    EXPECT_EQ(response.headers.count("retry-after"), row.outcome == Outcome::transient ? 1U : 0U);
    EXPECT_EQ(response.headers.count("www-authenticate"), row.http_status == 401 ? 1U : 0U);
  }
}

TEST(Problem, survives_bytes_that_are_no_text) {
  const auto body = nlohmann::json::parse(problem({ErrorCode::invalid_argument, "\xFF\"\n"}, "r", 431).body);
  EXPECT_EQ(body["detail"], "\xEF\xBF\xBD\"\n");
  EXPECT_EQ(body["status"], 431);
}

}  // namespace
}  // namespace bourse::http
