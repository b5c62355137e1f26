// The server on a real socket, and bytes that no well-meaning client sends.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>
#include <thread>

#include "gateway/http/server.h"
#include "tests/gateway/folder.h"
#include "tests/gateway/wire.h"

namespace bourse::http {
namespace {

using bourse::testing::ask;
using bourse::testing::body_of;
using bourse::testing::header_of;
using bourse::testing::status_of;
using bourse::testing::Wire;

struct ThreePieces final : BodyStream {
  explicit ThreePieces(bool breaks) : breaks_(breaks) {}
  Task<Result<std::optional<std::string>>> next() override {
    if (breaks_ && at_ == 2) co_return fail(ErrorCode::unavailable);
    if (at_ == 3) co_return std::optional<std::string>{};
    co_return std::string(1, static_cast<char>('a' + at_++));
  }
  bool breaks_;
  int at_ = 0;
};

Task<Response> echo(Request request) {
  Response out;
  out.headers.add("x-path", request.path);
  out.headers.add("x-method", std::string(to_text(request.method)));
  out.headers.add("x-late", std::to_string(request.headers.count("x-late")));
  out.headers.add("x-hosts", std::to_string(request.headers.count("host")));
  out.body = request.body;
  co_return out;
}

Task<Response> streamed(Request request) {
  Response out;
  out.stream = std::make_unique<ThreePieces>(find(request.query, "breaks").has_value());
  co_return out;
}

Task<Response> throws(Request) {
  throw std::runtime_error("secret detail");
  co_return Response{};
}

struct ServerTest : ::testing::Test {
  void start(Limits limits = {}) {
    router.add({.method = Method::get, .pattern = "/", .handler = echo});
    router.add({.method = Method::get, .pattern = "/a/{id}", .handler = echo});
    router.add({.method = Method::post, .pattern = "/echo", .body_bytes = 1000, .handler = echo});
    router.add({.method = Method::get, .pattern = "/stream", .handler = streamed});
    router.add({.method = Method::get, .pattern = "/throws", .handler = throws});
    router.add(
        {.method = Method::get, .pattern = "/slow", .handler = [this](Request r) { return slow(std::move(r)); }});
    server.emplace(loops, router, clock, rng,
                   ServerOptions{.socket = socket, .limits = limits, .served = {}, .fault = {}, .cut = {}});
    ASSERT_TRUE(server->listen());
    loops.start();
  }
  ~ServerTest() override {
    if (server) server->stop();
    loops.finish();
  }
  Task<Response> slow(Request) {
    arrived.set_value();
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, std::chrono::milliseconds(300));
    co_await timer.async_wait(boost::asio::use_awaitable);
    Response out;
    out.body = "slow";
    co_return out;
  }
  int status(std::string_view request) {
    Wire wire(socket);
    wire.send(request);
    wire.end();
    return status_of(wire.read_all());
  }

  bourse::testing::Folder folder;
  const std::string socket = folder / "http.sock";
  SystemClock clock;
  SystemRng rng;
  Loops loops{2};
  Router router;
  std::optional<Server> server;
  std::promise<void> arrived;
};

TEST_F(ServerTest, serves_keeps_alive_and_pipelines) {
  start();
  Wire wire(socket);
  wire.send(
      "GET /a/%E5%BA%A6?x=1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: "
      "3\r\n\r\nabcHEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string first = wire.read_until("\r\n\r\n");
  EXPECT_EQ(status_of(first), 200);
  EXPECT_EQ(header_of(first, "x-path"), "/a/度");
  EXPECT_EQ(body_of(wire.read_until("abc")), "abc");
  const std::string third = wire.read_until("\r\n\r\n");
  EXPECT_EQ(header_of(third, "x-method"), "HEAD");
  wire.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(status_of(wire.read_all()), 200);
}

TEST_F(ServerTest, puts_safety_headers_and_a_request_id_on_everything) {
  start();
  for (const char* path : {"/", "/none", "/throws"}) {
    const std::string answer = ask(
        socket, std::string("GET ") + path + " HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(header_of(answer, "x-content-type-options"), "nosniff");
    EXPECT_EQ(header_of(answer, "content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
    EXPECT_TRUE(header_of(answer, "x-request-id").starts_with("req_")) << answer;
  }
}

TEST_F(ServerTest, a_throwing_handler_is_a_500_that_tells_nothing) {
  start();
  const std::string answer = ask(socket, "GET /throws HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(status_of(answer), 500);
  EXPECT_EQ(answer.find("secret"), std::string::npos);
}

TEST_F(ServerTest, streams_in_chunks) {
  start();
  EXPECT_EQ(body_of(ask(socket, "GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")),
            "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n");
  // A broken one ends without the last chunk, even where the client would have kept the connection.
  EXPECT_EQ(body_of(ask(socket, "GET /stream?breaks=1 HTTP/1.1\r\nHost: a\r\n\r\n")), "1\r\na\r\n1\r\nb\r\n");
  const std::string head = ask(socket, "HEAD /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(status_of(head), 200);
  EXPECT_EQ(body_of(head), "");
}

TEST_F(ServerTest, routes_and_methods) {
  start();
  EXPECT_EQ(status("GET /none HTTP/1.1\r\nHost: a\r\n\r\n"), 404);
  const std::string answer = ask(socket, "DELETE /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(status_of(answer), 405);
  EXPECT_EQ(header_of(answer, "allow"), "POST");
  EXPECT_EQ(status("GET /echo HTTP/1.1\r\nHost: a\r\nX-HTTP-Method-Override: POST\r\n\r\n"), 405);
  for (const char* method : {"TRACE", "CONNECT", "OPTIONS", "PATCH"})
    EXPECT_EQ(status(std::string(method) + " / HTTP/1.1\r\nHost: a\r\n\r\n"), 405) << method;
}

TEST_F(ServerTest, refuses_requests_that_could_be_read_in_two_ways) {
  start();
  for (const std::string& hostile : {
           std::string(
               "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
           std::string(
               "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"),
           std::string("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
           std::string("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
           std::string("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc"),
           std::string("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc"),
           std::string("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc"),
           std::string("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc"),
           std::string("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\nabc"),
           std::string("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZ\r\nabc\r\n0\r\n\r\n"),
           std::string("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n"),
           std::string("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n"),
           std::string("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc"),
           std::string("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
           std::string("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\nabc"),
           std::string("POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
           std::string("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\nHost: a\r\n X-Folded: b\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\nX: a\r\n\tb\r\nHost: a\r\n\r\n"),
           std::string("GET / HTTP/1.1\nHost: a\n\n"),
           std::string("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 35),
           std::string("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string("GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
           std::string("GET /\r\nHost: a\r\n\r\n"),
           std::string("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string("GET http://evil/ HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string("GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string("GET /a/%2e%2e HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string("GET /a/b%2Fc HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string("GET /a/%00 HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string("GET /a/%c0%ae HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string("GET //a HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string("GET /a;x HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"),
           std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
           std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", 12),
       })
    EXPECT_EQ(status(hostile), 400) << hostile;
}

TEST_F(ServerTest, what_follows_a_body_is_no_header) {
  start();
  const auto followed_by = [&](const std::string& trailer) {
    return ask(socket,
               "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
               "3\r\nabc\r\n0\r\n" +
                   trailer + "\r\n");
  };
  const std::string answer = followed_by("X-Late: 1\r\nHost: evil\r\n");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_EQ(body_of(answer), "abc");
  EXPECT_EQ(header_of(answer, "x-late"), "0");
  EXPECT_EQ(header_of(answer, "x-hosts"), "1");
  for (const char* framing :
       {"Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "X-Late : 1\r\n", "X-Late\r\n"})
    EXPECT_EQ(status_of(followed_by(framing)), 400) << framing;
  EXPECT_EQ(status_of(followed_by("X-Late: " + std::string(100'000, 'a') + "\r\n")), 400);
}

TEST_F(ServerTest, bounds_headers) {
  start();
  const std::string front = "GET / HTTP/1.1\r\nHost: a\r\nX: ", back = "\r\n\r\n";
  EXPECT_EQ(status(front + std::string(8192 - front.size() - back.size(), 'a') + back), 200);
  EXPECT_EQ(status(front + std::string(8193 - front.size() - back.size(), 'a') + back), 431);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(8192, 'a') + "\r\n\r\n"), 431);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(100'000, 'a')), 431);
  EXPECT_EQ(status("GET /" + std::string(5000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n"), 414);
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 99; ++i) many += "X: a\r\n";
  EXPECT_EQ(status(many + "\r\n"), 200);
  EXPECT_EQ(status(many + "X: a\r\n\r\n"), 431);
}

TEST_F(ServerTest, bounds_bodies) {
  start();
  const auto post = [](std::size_t size) {
    return "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
           std::string(size, 'a');
  };
  EXPECT_EQ(status(post(1000)), 200);
  EXPECT_EQ(status(post(1001)), 413);
  EXPECT_EQ(status(post(3'000'000)), 413);
  const auto chunked = [](std::size_t size) {
    char length[32];
    std::snprintf(length, sizeof length, "%zx\r\n", size);
    return std::string("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n") + length +
           std::string(size, 'a') + "\r\n0\r\n\r\n";
  };
  EXPECT_EQ(status(chunked(1000)), 200);
  EXPECT_EQ(status(chunked(1001)), 413);
  const auto extended = [](std::size_t size) {
    return "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(size, 'x') +
           "\r\na\r\n0\r\n\r\n";
  };
  EXPECT_EQ(status(extended(10)), 200);
  EXPECT_EQ(status(extended(1'000'000)), 400);
  EXPECT_EQ(status("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"), 415);
  EXPECT_EQ(status("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"), 400);  // the client gave up
}

TEST_F(ServerTest, answers_expectations) {
  start();
  Wire wire(socket);
  wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(wire.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  wire.send("abc");
  EXPECT_EQ(body_of(wire.read_all()), "abc");
  // Too large is said before the body is asked for.
  Wire large(socket);
  large.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2000\r\n\r\n");
  EXPECT_EQ(status_of(large.read_until("\r\n\r\n")), 413);
  EXPECT_EQ(status("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nContent-Length: 3\r\n\r\nabc"), 400);
}

TEST_F(ServerTest, does_not_wait_for_ever) {
  start({.idle = milliseconds(200), .header = milliseconds(200), .body = milliseconds(200)});
  EXPECT_EQ(Wire(socket).read_all(), "");  // idle
  Wire trickle(socket);
  trickle.send("GET / HTTP/1.1\r\n");
  EXPECT_EQ(trickle.read_all(), "");
  Wire body(socket);
  body.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(body.read_all(), "");
}

TEST_F(ServerTest, a_byte_at_a_time_gains_no_time) {
  start({.idle = seconds(60), .header = milliseconds(300), .body = milliseconds(300)});
  for (const char* front : {"GET / HTTP/1.1\r\nX: ", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n"}) {
    Wire wire(socket);
    wire.send(front);
    std::atomic<bool> closed = false;
    std::thread trickle([&] {
      for (int i = 0; i < 800 && !closed; ++i) {
        wire.send("a");
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    });
    const Duration before = clock.monotonic();
    EXPECT_EQ(wire.read_all(), "") << front;
    EXPECT_LT(clock.monotonic().ms - before.ms, 10'000) << front;
    closed = true;
    trickle.join();
  }
}

TEST_F(ServerTest, turns_away_above_its_connections) {
  start({.connections = 2});
  Wire first(socket), second(socket);
  for (Wire* wire : {&first, &second}) {
    wire->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(status_of(wire->read_until("\r\n\r\n")), 200);
  }
  const std::string answer = ask(socket, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(status_of(answer), 503);
  EXPECT_EQ(header_of(answer, "retry-after"), "1");
}

TEST_F(ServerTest, bounds_bodies_of_all_connections_together) {
  start({.bodies_in_flight_bytes = 1500});
  Wire waiting(socket);
  waiting.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n");
  waiting.read_until("\r\n\r\n");  // its share is taken
  EXPECT_EQ(status("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'a')), 503);
  waiting.send(std::string(1000, 'a'));
  EXPECT_EQ(status_of(waiting.read_until("\r\n\r\n")), 200);
}

TEST_F(ServerTest, stops_after_what_is_under_way) {
  start();
  Wire idle(socket), busy(socket);
  busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  arrived.get_future().wait();
  server->stop();
  EXPECT_EQ(idle.read_all(), "");
  const std::string answer = busy.read_all();
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_EQ(header_of(answer, "connection"), "close");
  EXPECT_EQ(body_of(answer), "slow");
}

TEST_F(ServerTest, does_not_take_a_socket_that_answers) {
  start();
  Server second(loops, router, clock, rng,
                ServerOptions{.socket = socket, .limits = {}, .served = {}, .fault = {}, .cut = {}});
  EXPECT_EQ(second.listen().error().code, ErrorCode::unavailable);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
}

}  // namespace
}  // namespace bourse::http
