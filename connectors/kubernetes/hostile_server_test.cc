// A server that lies, stalls or never ends.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <nlohmann/json.hpp>

#include "connectors/kubernetes/api_client.h"
#include "connectors/kubernetes/listing.h"

namespace bourse::kubernetes {
namespace {

// Takes connections one after another, reads each request's header, then does what it is told with the descriptor.
class HostileServer {
 public:
  explicit HostileServer(std::function<void(int)> answer) : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~HostileServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::string address() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  void run() {
    while (true) {
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      std::string head;
      char byte = 0;
      while (!head.ends_with("\r\n\r\n") && ::recv(fd, &byte, 1, 0) == 1) head += byte;
      answer_(fd);
      ::close(fd);
    }
  }
  std::function<void(int)> answer_;
  int listener_;
  int port_ = 0;
  std::thread thread_;
};

bool say(int fd, const std::string& text) { return ::send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()); }
// Until the client has gone.
void hold(int fd) {
  char byte = 0;
  while (::recv(fd, &byte, 1, 0) > 0) {}
}
std::string body(const std::string& text) { return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text; }

class HostileServerTest : public ::testing::Test {
 protected:
  std::unique_ptr<ApiClient> client(const HostileServer& server) {
    auto opened = ApiClient::open(open_access({.address = server.address()}).value(),
                                  {.call = milliseconds(300), .answer_bytes = 1 << 20, .watch_line_bytes = 64 << 10}, clock_);
    (*opened)->begin(seconds(2));
    return std::move(*opened);
  }
  Answer ask(std::function<void(int)> answer, Method method = Method::get) {
    HostileServer server(std::move(answer));
    return client(server)->call(method, "/x", method == Method::post ? "{}" : "");
  }
  Result<std::string> list(const std::string& text) {
    HostileServer server([&](int fd) { say(fd, body(text)); });
    const auto asking = client(server);
    return list_all(*asking, "/x", 10, [](const nlohmann::json&) {});
  }
  SystemClock clock_;
};

TEST_F(HostileServerTest, AHugeAnswerIsCutOff) {
  const Answer told = ask([](int fd) { say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"), [&] { while (say(fd, std::string(65536, 'x'))) {} }(); });
  EXPECT_EQ(told.status, 0);
  EXPECT_NE(told.problem.find("larger"), std::string::npos) << told.problem;
  EXPECT_TRUE(told.body.empty());
}

TEST_F(HostileServerTest, EndlessChunksAreCutOff) {
  const Answer told = ask([](int fd) {
    say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (say(fd, "1000\r\n" + std::string(4096, 'x') + "\r\n")) {}
  });
  EXPECT_EQ(told.status, 0);
  EXPECT_NE(told.problem.find("larger"), std::string::npos) << told.problem;
}

TEST_F(HostileServerTest, AnEndlessHeaderIsCutOff) {
  const Answer told = ask([](int fd) {
    say(fd, "HTTP/1.1 200 OK\r\n");
    while (say(fd, "X-A: " + std::string(4096, 'x') + "\r\n")) {}
  });
  EXPECT_EQ(told.status, 0);
}

TEST_F(HostileServerTest, SilenceAndSlownessHaveADeadline) {
  const Duration before = clock_.monotonic();
  EXPECT_EQ(failure("x", ask(hold), false).outcome(), Outcome::transient);
  EXPECT_EQ(failure("x", ask(hold, Method::post), true).outcome(), Outcome::unknown) << "it was sent";
  const Answer slow = ask([](int fd) {
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    while (say(fd, "x")) ::poll(nullptr, 0, 50);
  });
  EXPECT_EQ(slow.status, 0);
  EXPECT_LT((clock_.monotonic() - before).ms, 5000);
}

TEST_F(HostileServerTest, WhatWasNotSentChangedNothing) {
  std::string address;
  {
    HostileServer server(hold);
    address = server.address();
  }
  auto nobody = std::move(*ApiClient::open(open_access({.address = address}).value(), {}, clock_));
  nobody->begin(seconds(2));
  EXPECT_EQ(failure("x", nobody->call(Method::post, "/x", "{}"), true).outcome(), Outcome::transient);
}

TEST_F(HostileServerTest, AnAnswerThatBreaksOffIsNone) {
  const Answer told = ask([](int fd) { say(fd, "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"); }, Method::post);
  EXPECT_EQ(told.status, 0);
  EXPECT_EQ(failure("x", told, true).outcome(), Outcome::unknown);
}

TEST_F(HostileServerTest, GarbageIsNoList) {
  for (const std::string text : {"", "{", "[]", "{}", "nonsense", R"({"items":{}})", R"({"items":[{}],"metadata":{}})"}) {
    const auto read = list(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, ErrorCode::unavailable) << text;
  }
  EXPECT_FALSE(list("{\"items\":" + std::string(50'000, '[')));
  EXPECT_FALSE(list(R"({"items":[{},{},{},{},{},{},{},{},{},{},{}],"metadata":{"resourceVersion":"1"}})")) << "more than it may have";
  EXPECT_TRUE(list(R"({"items":null,"metadata":{"resourceVersion":"1"}})")) << "what Go makes of an empty list";
}

TEST_F(HostileServerTest, AListWithoutAnEndIsLeft) {
  HostileServer server([](int fd) { say(fd, body(R"({"items":[],"metadata":{"resourceVersion":"1","continue":"again"}})")); });
  const auto asking = client(server);
  asking->begin(milliseconds(300));
  EXPECT_EQ(list_all(*asking, "/x", 10, [](const nlohmann::json&) {}).error().code, ErrorCode::unavailable);
}

TEST_F(HostileServerTest, AWatchLineWithoutAnEndBreaksTheWatch) {
  HostileServer server([](int fd) {
    say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (say(fd, "1000\r\n" + std::string(4096, 'x') + "\r\n")) {}
  });
  const auto asking = client(server);
  Answer refused;
  const auto watch = asking->watch("/x", refused);
  ASSERT_TRUE(watch);
  for (int i = 0; i < 300 && watch->state() == Watch::State::open; ++i) {
    EXPECT_FALSE(watch->next());
    ::poll(nullptr, 0, 5);
  }
  EXPECT_EQ(watch->state(), Watch::State::broken);
}

}  // namespace
}  // namespace bourse::kubernetes
