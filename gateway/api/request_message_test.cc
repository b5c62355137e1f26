#include "gateway/api/request_message.h"

#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "bourse/market/v1/market.pb.h"

namespace bourse::gateway {
namespace {

namespace v1 = market::v1;

const Operation& operation(std::string_view rpc) {
  return *std::ranges::find(operations(), rpc, &Operation::rpc);
}

struct RequestMessage : testing::Test {
  sso::Principal principal{
      .user = "usr_1", .tenant = "ten_1", .name = "Alice", .roles = {"user"}, .accounts = {"acc_1"}};
  http::Request request;
  RequestMessage() {
    request.headers.add("idempotency-key", "k-1");
    request.headers.add("content-type", "application/json; charset=utf-8");
    request.body = R"({"spec":{"cores":1}})";
    request.path_values = {{"id", "job_1"}};
  }
  Result<MessagePointer> make(std::string_view rpc) { return request_message(operation(rpc), request, principal); }
  ErrorCode refused(std::string_view rpc) {
    const auto made = make(rpc);
    return made ? ErrorCode{} : made.error().code;
  }
};

TEST_F(RequestMessage, sets_principal_key_and_path) {
  const auto made = make("Submit");
  ASSERT_TRUE(made);
  const auto& submit = dynamic_cast<const v1::SubmitRequest&>(**made);
  EXPECT_EQ(submit.principal().user(), "usr_1");
  EXPECT_EQ(submit.principal().roles(0), "user");
  EXPECT_EQ(submit.key(), "k-1");
  EXPECT_EQ(submit.spec().cores(), 1);
  request.body.clear();
  const auto cancel = make("CancelJob");
  ASSERT_TRUE(cancel);
  EXPECT_EQ(dynamic_cast<const v1::CancelJobRequest&>(**cancel).job(), "job_1");
}

TEST_F(RequestMessage, wants_an_idempotency_key_for_changes) {
  for (const std::string& key :
       {std::string(), std::string(256, 'k'), std::string("a\tb"), std::string("度"), std::string("a\x7F")}) {
    request.headers.set("idempotency-key", key);
    EXPECT_EQ(refused("Submit"), ErrorCode::invalid_argument) << key;
  }
  request.headers.set("idempotency-key", std::string(255, '~'));
  EXPECT_TRUE(make("Submit"));
  request.headers.add("idempotency-key", "k-2");
  EXPECT_EQ(refused("Submit"), ErrorCode::invalid_argument);
  for (const Operation& row : operations()) {
    // An upload is named by its hash and each piece by its offset: a repeat changes nothing.
    const bool changes = row.method != http::Method::get && row.rpc != "VerifyLedger" && row.rpc != "WriteUpload";
    EXPECT_EQ(needs_key(row), changes) << row.rpc;
  }
}

TEST_F(RequestMessage, wants_json_bodies) {
  for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded", "application/jsonx",
                           "multipart/form-data", "text/json"}) {
    request.headers.set("content-type", type);
    EXPECT_EQ(refused("Submit"), ErrorCode::unsupported_media_type) << type;
  }
  request.headers.set("content-type", "Application/JSON");
  EXPECT_TRUE(make("Submit"));
  request.headers.add("content-type", "application/json");  // twice: which one counts?
  EXPECT_EQ(refused("Submit"), ErrorCode::unsupported_media_type);
  request.headers.set("content-type", "application/json");
  request.body.clear();
  EXPECT_EQ(refused("Submit"), ErrorCode::invalid_argument);
}

TEST_F(RequestMessage, checks_the_query) {
  request.body.clear();
  using Query = http::Parameters;
  for (const Query& bad :
       {Query{{"limit", "0"}}, Query{{"limit", "-1"}}, Query{{"limit", "1000000000"}}, Query{{"limit", "1.5"}},
        Query{{"limit", ""}}, Query{{"limit", " 1"}}, Query{{"limit", "1x"}}, Query{{"limit", "99999999999999999999"}},
        Query{{"sort", ";drop"}}, Query{{"at_least_position", "1"}}, Query{{"principal", "x"}},
        Query{{"state", std::string(600, 'a')}}, Query{{"state", "a\nb"}}}) {
    request.query = bad;
    EXPECT_EQ(refused("ListJobs"), ErrorCode::invalid_argument) << bad[0].first << "=" << bad[0].second;
  }
  request.query = {{"limit", "200"}, {"state", "running"}};
  const auto made = make("ListJobs");
  ASSERT_TRUE(made);
  EXPECT_EQ(dynamic_cast<const v1::ListJobsRequest&>(**made).limit(), 200);
  request.query = {};
  EXPECT_EQ(refused("ExportLedger"), ErrorCode::invalid_argument);  // the format is required
}

TEST_F(RequestMessage, reads_a_range_of_a_file) {
  request.body.clear();
  request.query = {{"path", "results/a b"}};
  const auto asked = [&](const char* range) {
    request.headers.set("range", range);
    const auto made = make("ReadJobFile");
    if (!made) return made.error().message();
    const auto& read = dynamic_cast<const v1::ReadJobFileRequest&>(**made);
    EXPECT_EQ(read.path(), "results/a b");
    EXPECT_EQ(read.job(), "job_1");
    return std::to_string(read.offset()) + "+" + std::to_string(read.max_bytes());
  };
  EXPECT_EQ(asked("bytes=0-99"), "0+100");
  EXPECT_EQ(asked("bytes=5-5"), "5+1");
  EXPECT_EQ(asked("bytes=1048576-"), "1048576+1048576");
  EXPECT_EQ(asked("bytes=0-99999999999"), "0+1048576") << "its beginning";
  for (const char* ignored : {"bytes=-5", "bytes=5-1", "bytes=0-1,3-4", "bytes=x-", "items=0-1", "bytes=", "bytes=1", "bytes=99999999999999999999-"})
    EXPECT_EQ(asked(ignored), "0+0") << ignored;
  request.query = {{"path", std::string(1024, 'p')}};
  EXPECT_TRUE(make("ReadJobFile"));
  request.query = {{"path", std::string(1025, 'p')}};
  EXPECT_EQ(refused("ReadJobFile"), ErrorCode::invalid_argument);
  request.query = {};
  EXPECT_EQ(refused("ReadJobFile"), ErrorCode::invalid_argument) << "the path is required";
}

TEST_F(RequestMessage, takes_a_files_bytes_as_they_are) {
  request.path_values = {{"sha256", std::string(64, 'a')}};
  request.query = {{"size", "3"}, {"offset", "0"}};
  request.headers.set("content-type", "application/octet-stream");
  request.body = std::string("\0\xff\n", 3);
  const auto made = make("WriteUpload");
  ASSERT_TRUE(made) << made.error().message();
  const auto& write = dynamic_cast<const v1::WriteUploadRequest&>(**made);
  EXPECT_EQ(write.data(), request.body);
  EXPECT_EQ(write.size(), 3);
  request.body.clear();  // an empty file
  EXPECT_TRUE(make("WriteUpload"));
  request.query = {{"size", "3"}};
  EXPECT_EQ(refused("WriteUpload"), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace bourse::gateway
