// The REST API against a market service over real gRPC.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "gateway/api/api.h"
#include "gateway/api/market_people.h"
#include "gateway/cache/memory_cache.h"
#include "gateway/http/server.h"
#include "gateway/sso/secrets.h"
#include "tests/gateway/fake_market.h"
#include "tests/gateway/folder.h"
#include "tests/gateway/wire.h"

namespace bourse::gateway {
namespace {

using bourse::testing::ask;
using bourse::testing::body_of;
using bourse::testing::header_of;
using bourse::testing::status_of;
using nlohmann::json;

struct ApiTest : ::testing::Test {
  ApiTest() {
    alice = sso::make_access_token(rng);
    market.add_session(alice, "usr_alice", {"user"});
    api.add_routes(router);
    EXPECT_TRUE(server.listen());
    loops.start();
  }
  ~ApiTest() override {
    server.stop();
    loops.finish();
  }
  std::string request(std::string_view line, std::string_view extra = {}, std::string_view body = {}) {
    std::string text(line);
    text.append(" HTTP/1.1\r\nHost: m\r\nConnection: close\r\nAuthorization: Bearer ")
        .append(alice)
        .append("\r\n")
        .append(extra);
    if (!body.empty())
      text.append("Content-Type: application/json\r\nContent-Length: ")
          .append(std::to_string(body.size()))
          .append("\r\n");
    return ask(socket, text.append("\r\n").append(body));
  }
  std::string submit(std::string_view body, std::string_view key = "k") {
    return request("POST /api/v1/jobs", std::string("Idempotency-Key: ").append(key).append("\r\n"), body);
  }
  static std::string code_of(const std::string& answer) { return json::parse(body_of(answer)).value("code", ""); }

  bourse::testing::Folder folder;
  const std::string socket = folder / "g.sock";
  const std::string target = "unix:" + (folder / "m.sock");
  SystemClock clock;
  SystemRng rng;
  bourse::testing::FakeMarket market{target};
  http::Loops loops{2};
  MemoryCache cache{clock, 1000};
  MarketClient client{target};
  MarketPeople people{client};
  sso::Authenticator authenticator{people, clock};
  Api api{{client, authenticator, cache, "https://m", {.burst = 60, .per_second = 1}}};
  http::Router router;
  http::Server server{
      loops,
      router,
      clock,
      rng,
      {.socket = socket, .limits = {.stop = milliseconds(100)}, .served = {}, .fault = {}, .cut = [this] {
         client.cancel_all();
       }}};
  std::string alice;
};

TEST_F(ApiTest, wants_to_know_who_asks) {
  EXPECT_EQ(status_of(request("GET /api/v1/me")), 200);
  for (const Operation& row : operations()) {
    std::string line(to_text(row.method));
    line.append(" ").append(row.pattern);
    for (const char brace : {'{', '}'}) std::erase(line, brace);
    const std::string answer = ask(socket, line + " HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(status_of(answer), 401) << line;
    EXPECT_EQ(code_of(answer), "unauthenticated");
    EXPECT_TRUE(header_of(answer, "www-authenticate").starts_with("Bearer"));
  }
  const std::string stranger = sso::make_access_token(rng);
  EXPECT_EQ(status_of(ask(socket, "GET /api/v1/me HTTP/1.1\r\nHost: m\r\nConnection: close\r\nAuthorization: Bearer " +
                                      stranger + "\r\n\r\n")),
            401);
  EXPECT_EQ(market.calls("ResolveSession"), 2);  // one for each token; the rest never left the gateway
}

TEST_F(ApiTest, takes_a_job) {
  const std::string answer = submit(R"({"spec":{"name":"a","cores":2,"script":"#!/bin/sh\n"},"account":"acc_1"})");
  EXPECT_EQ(status_of(answer), 202);
  const json job = json::parse(body_of(answer));
  EXPECT_EQ(job["id"], "job_1");
  EXPECT_EQ(job["submitted_at"], "2026-11-21T08:33:20.250Z");
  EXPECT_EQ(job["held"], (json{{"amount", "1.25"}, {"currency", "CNY"}}));
  EXPECT_EQ(market.last_submit().principal().user(), "usr_alice");
  EXPECT_EQ(market.last_submit().key(), "k");
  EXPECT_EQ(market.last_submit().spec().script(), "#!/bin/sh\n");
}

TEST_F(ApiTest, a_key_means_one_request) {
  EXPECT_EQ(status_of(submit(R"({"spec":{"name":"a"}})", "same")), 202);
  EXPECT_EQ(status_of(submit(R"({"spec":{"name":"a"}})", "same")), 202);
  const std::string answer = submit(R"({"spec":{"name":"b"}})", "same");
  EXPECT_EQ(status_of(answer), 409);
  EXPECT_EQ(code_of(answer), "conflict");
  EXPECT_EQ(status_of(request("POST /api/v1/jobs", "", R"({"spec":{}})")), 400);
}

TEST_F(ApiTest, the_brokers_refusals_keep_their_code) {
  for (const ErrorCode code :
       {ErrorCode::insufficient_funds, ErrorCode::budget_too_small, ErrorCode::quote_expired, ErrorCode::forbidden,
        ErrorCode::not_found, ErrorCode::overloaded, ErrorCode::unknown_outcome, ErrorCode::internal}) {
    const std::string answer = submit(json{{"spec", {{"name", "refuse:" + std::string(info(code).name)}}}}.dump());
    EXPECT_EQ(status_of(answer), info(code).http_status);
    EXPECT_EQ(code_of(answer), info(code).name);
    EXPECT_EQ(json::parse(body_of(answer))["detail"], "as the test asked");
    EXPECT_EQ(header_of(answer, "content-type"), "application/problem+json");
  }
}

TEST_F(ApiTest, mass_assignment_and_strange_json_are_refused_here) {
  for (const char* body :
       {R"({"spec":{},"principal":{"user":"usr_bob"}})", R"({"spec":{},"key":"x"})", R"({"spec":{"tenant_id":"t"}})",
        R"({"spec":{"cores":1.5}})", R"({"spec":{"cores":1e999}})", R"({"spec":{},"spec":{}})", "\xEF\xBB\xBF{}", "[]",
        "{\"spec\":", "{\"spec\":{\"name\":\"\xFF\"}}"})
    EXPECT_EQ(status_of(submit(body)), 400) << body;
  EXPECT_EQ(status_of(submit(std::string(10'000, '['))), 400);
  EXPECT_EQ(market.calls("Submit"), 0);
  const std::string prices = request("POST /api/v1/prices", "Idempotency-Key: k\r\n", R"({"rows":[{"id":"prc_9"}]})");
  EXPECT_EQ(json::parse(body_of(prices))["detail"], "rows[0].id: there is no such field here");
}

TEST_F(ApiTest, lists_wait_for_what_was_just_done) {
  request("GET /api/v1/jobs");
  EXPECT_EQ(market.last_list().at_least_position(), 0U);
  submit(R"({"spec":{"name":"a"}})");
  const std::string answer = request("GET /api/v1/jobs?limit=5&cursor=c1&state=running");
  EXPECT_EQ(market.last_list().at_least_position(), 77U);
  EXPECT_EQ(market.last_list().limit(), 5);
  EXPECT_EQ(market.last_list().cursor(), "c1");
  EXPECT_EQ(json::parse(body_of(answer)), (json{{"jobs", json::array()}, {"next_cursor", "c2"}}));
  for (const char* query : {"limit=-1", "limit=1000000000", "sort=;drop", "limit=1&limit=2", "state=%00"})
    EXPECT_EQ(status_of(request(std::string("GET /api/v1/jobs?") + query)), 400) << query;
}

TEST_F(ApiTest, numbers_come_out_exactly_and_unchanged_answers_are_short) {
  const std::string answer = request("GET /api/v1/offers");
  EXPECT_NE(answer.find("9007199254740993"), std::string::npos);
  const std::string tag = header_of(answer, "etag");
  ASSERT_FALSE(tag.empty());
  const std::string again = request("GET /api/v1/offers", "If-None-Match: " + tag + "\r\n");
  EXPECT_EQ(status_of(again), 304);
  EXPECT_EQ(body_of(again), "");
}

TEST_F(ApiTest, logs_and_documents_are_bytes) {
  const std::string log = request("GET /api/v1/jobs/job_1/log?offset=5&max_bytes=100");
  EXPECT_EQ(body_of(log), std::string("\x00\xFF<script>", 10));
  EXPECT_EQ(header_of(log, "content-type"), "application/octet-stream");
  EXPECT_EQ(header_of(log, "x-log-offset"), "5");
  EXPECT_EQ(header_of(log, "x-log-size"), "15");
  EXPECT_EQ(header_of(log, "x-log-ended"), "true");
  const std::string document = request("GET /api/v1/statements/per_1");
  EXPECT_EQ(body_of(document), std::string("\x01\x00\x02", 3));
  EXPECT_EQ(header_of(document, "content-type"), "application/vnd.bourse.statement");
  EXPECT_EQ(header_of(document, "content-disposition"),
            "attachment; filename=\"document\"");  // the name had a line end
}

TEST_F(ApiTest, the_export_streams_or_is_refused) {
  const std::string answer = request("GET /api/v1/ledger/export?format=hledger");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_NE(answer.find("2026-01-03 * three"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("0\r\n\r\n"));
  const std::string poor = sso::make_access_token(rng);
  market.add_session(poor, "usr_poor", {"user"});
  alice = poor;
  EXPECT_EQ(code_of(request("GET /api/v1/ledger/export?format=hledger")), "forbidden");
}

TEST_F(ApiTest, codes_can_not_be_tried_at_will) {
  std::string answer;
  int tries = 0;
  for (; tries < 40 && status_of(answer) != 429; ++tries)
    answer = request("POST /api/v1/vouchers/redeem", "Idempotency-Key: k" + std::to_string(tries) + "\r\n", R"({"code":"AAAAA"})");
  EXPECT_EQ(code_of(answer), "rate_limited");
  EXPECT_GE(tries, 11);
  EXPECT_LE(tries, 20);  // ten at once, and one for each second that passed
  EXPECT_EQ(header_of(answer, "retry-after"), "1");
  EXPECT_EQ(status_of(request("GET /api/v1/offers")), 200);
}

TEST_F(ApiTest, each_user_has_a_limit_of_their_own) {
  std::string answer;
  for (int i = 0; i < 100 && status_of(answer) != 429; ++i) answer = request("GET /api/v1/offers");
  ASSERT_EQ(status_of(answer), 429);
  EXPECT_EQ(code_of(answer), "rate_limited");
  EXPECT_EQ(header_of(answer, "retry-after"), "1");
  EXPECT_EQ(header_of(answer, "ratelimit-remaining"), "0");
  const std::string bob = sso::make_access_token(rng);
  market.add_session(bob, "usr_bob", {"user"});
  alice = bob;
  EXPECT_EQ(status_of(request("GET /api/v1/offers")), 200);
}

TEST_F(ApiTest, a_broker_that_comes_back_is_waited_for) {
  EXPECT_EQ(status_of(request("GET /api/v1/offers")), 200);
  for (int round = 0; round < 20; ++round) {  // the call may meet the old connection, none, or the new one
    market.stop();
    std::thread back([this] { market.start(); });
    EXPECT_EQ(status_of(request("GET /api/v1/offers")), 200);
    back.join();
  }
}

TEST_F(ApiTest, silence_after_a_command_is_not_a_failure) {
  const std::string answer = submit(R"({"spec":{"name":"silent"}})");
  EXPECT_EQ(status_of(answer), 504);
  EXPECT_EQ(code_of(answer), "timeout");
  EXPECT_NE(body_of(answer).find("same idempotency key"), std::string::npos);
}

TEST_F(ApiTest, the_gateways_end_does_not_wait_for_a_silent_broker) {
  bourse::testing::Wire wire(socket);
  const std::string body = R"({"spec":{"name":"silent"}})";
  wire.send("POST /api/v1/jobs HTTP/1.1\r\nHost: m\r\nAuthorization: Bearer " + alice +
            "\r\nIdempotency-Key: k\r\nContent-Type: application/json\r\nContent-Length: " +
            std::to_string(body.size()) + "\r\n\r\n" + body);
  while (market.calls("Submit") == 0) std::this_thread::yield();
  const Duration before = clock.monotonic();
  server.stop();
  EXPECT_LT(clock.monotonic().ms - before.ms, 5000);
}

TEST_F(ApiTest, openapi_is_served) {
  const std::string answer = ask(socket, "GET /api/v1/openapi.yaml HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_TRUE(body_of(answer).starts_with("openapi: 3.1.0\n"));
}

}  // namespace
}  // namespace bourse::gateway
