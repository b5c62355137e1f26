// The fetcher against a provider that means no good.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "gateway/sso/curl_fetcher.h"

namespace bourse::sso {
namespace {

// Answers one connection with fixed bytes, in pieces; then closes, or keeps the line open until it is destroyed.
class Provider {
 public:
  Provider(std::string answer, std::size_t repeat = 1, bool hangs = false)
      : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/keys";
    thread_ = std::thread([this, answer = std::move(answer), repeat, hangs] { serve(answer, repeat, hangs); });
  }
  ~Provider() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  const std::string& url() const { return url_; }
  const std::string& request() const { return request_; }

 private:
  void serve(const std::string& answer, std::size_t repeat, bool hangs) {
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) return;
    char bytes[8192];
    if (const ssize_t n = ::read(connection, bytes, sizeof bytes); n > 0)
      request_.assign(bytes, static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < repeat; ++i)
      if (::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) break;
    if (hangs) (void)!::read(connection, bytes, sizeof bytes);  // until the client goes
    ::close(connection);
  }
  int listener_;
  std::string url_, request_;
  std::thread thread_;
};

Fetch ask(const Provider& provider, Duration timeout = seconds(20)) {
  return {.url = provider.url(), .headers = {}, .form = {}, .most_bytes = 1000, .timeout = timeout};
}

TEST(CurlFetcher, fetches_and_posts) {
  CurlFetcher fetcher;
  Provider provider("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  Fetch request = ask(provider);
  request.headers.add("authorization", "Basic eA==");
  request.form = "a=b";
  const auto answer = fetcher.fetch(request);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "ok");
  EXPECT_TRUE(provider.request().starts_with("POST /keys HTTP/1.1\r\n"));
  EXPECT_NE(provider.request().find("authorization: Basic eA==\r\n"), std::string::npos);
}

TEST(CurlFetcher, does_not_follow) {
  CurlFetcher fetcher;
  for (const char* to : {"http://169.254.169.254/", "file:///etc/passwd", "https://evil.example/"}) {
    Provider provider(std::string("HTTP/1.1 302 Found\r\nLocation: ") + to + "\r\nContent-Length: 0\r\n\r\n");
    const auto answer = fetcher.fetch(ask(provider));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 302);
  }
}

TEST(CurlFetcher, takes_no_more_than_it_should) {
  CurlFetcher fetcher;
  Provider declared("HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + std::string(5000, 'a'), 1, true);
  EXPECT_EQ(fetcher.fetch(ask(declared)).error().code, ErrorCode::unavailable);
  Provider endless("HTTP/1.1 200 OK\r\n\r\n" + std::string(60'000, 'a'), 1000);
  EXPECT_EQ(fetcher.fetch(ask(endless)).error().code, ErrorCode::unavailable);
  Provider bomb("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1F\x8B\x08\x01");
  const auto packed = fetcher.fetch(ask(bomb));
  EXPECT_TRUE(!packed || packed->body.size() <= 4);  // never unpacked
  std::string headers = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 2000; ++i) headers += "X-" + std::to_string(i) + ": " + std::string(40, 'a') + "\r\n";
  Provider many(headers + "\r\n");
  EXPECT_EQ(fetcher.fetch(ask(many)).error().code, ErrorCode::unavailable);
}

TEST(CurlFetcher, does_not_wait_for_ever) {
  CurlFetcher fetcher;
  Provider silent("", 0, true);
  EXPECT_EQ(fetcher.fetch(ask(silent, milliseconds(300))).error().code, ErrorCode::timeout);
  Provider half("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", 1, true);
  EXPECT_EQ(fetcher.fetch(ask(half, milliseconds(300))).error().code, ErrorCode::timeout);
  Provider cut("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(fetcher.fetch(ask(cut)).error().code, ErrorCode::unavailable);
}

TEST(CurlFetcher, asks_only_what_may_be_asked) {
  CurlFetcher fetcher;
  for (const char* url : {"file:///etc/passwd", "http://169.254.169.254/", "gopher://127.0.0.1:6379/_FLUSHALL",
                          "http://127.0.0.1@evil.example/"})
    EXPECT_EQ(fetcher.fetch({.url = url, .headers = {}, .form = {}}).error().code, ErrorCode::unavailable) << url;
}

}  // namespace
}  // namespace bourse::sso
