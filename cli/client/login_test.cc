// The loopback end of the sign-in, with a browser played by a thread. What needs a market is tested with one.
#include "cli/client/login.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace bourse::cli {
namespace {

std::string parameter(const std::string& url, const std::string& name) {
  const std::size_t at = url.find(name + "=");
  if (at == std::string::npos) return {};
  const std::size_t begin = at + name.size() + 1;
  return url.substr(begin, url.find('&', begin) - begin);
}

int port_of(const std::string& url) {
  constexpr std::string_view kBefore = "http%3A%2F%2F127.0.0.1%3A";
  const std::size_t at = url.find(kBefore);
  return at == std::string::npos ? 0 : std::atoi(url.c_str() + at + kBefore.size());
}

// Sends `request` to the loopback port; the status line of the answer, empty when there is none.
std::string visit(int port, const std::string& request) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
    char piece[1024];
    for (ssize_t n = 0; (n = read(fd, piece, sizeof piece)) > 0;) answer.append(piece, static_cast<std::size_t>(n));
  }
  close(fd);
  return answer.substr(0, answer.find("\r\n"));
}

std::string get(const std::string& target) { return "GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"; }

class Login : public testing::Test {
 protected:
  SeededRng rng_{1};
  SystemClock clock_;
  // Nobody listens there: what comes after the code fails at once.
  Client client_{{"https://127.0.0.1:1", "", ""}, rng_};
};

TEST_F(Login, AsksForACodeWithPkceAndState) {
  LoginOptions options{.issuer = "demo uni", .patience = Duration{0}};
  std::string url;
  options.show = [&](const std::string& shown) { url = shown; };
  const auto token = log_in(client_, options, clock_, rng_);
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().code, ErrorCode::timeout) << "nobody came";
  EXPECT_TRUE(url.starts_with("https://127.0.0.1:1/oauth/authorize?"));
  EXPECT_EQ(parameter(url, "response_type"), "code");
  EXPECT_EQ(parameter(url, "client_id"), "bourse-cli");
  EXPECT_EQ(parameter(url, "code_challenge_method"), "S256");
  EXPECT_EQ(parameter(url, "code_challenge").size(), 43U);
  EXPECT_GE(parameter(url, "state").size(), 22U);
  EXPECT_EQ(parameter(url, "issuer"), "demo%20uni");
  EXPECT_GT(port_of(url), 1023);
}

TEST_F(Login, OnlyOurStateIsHeard) {
  std::vector<std::string> answers;
  std::thread browser;
  LoginOptions options{.patience = seconds(20)};
  options.show = [&](const std::string& url) {
    browser = std::thread([&answers, url] {
      const int port = port_of(url);
      const std::string state = parameter(url, "state");
      answers.push_back(visit(port, get("/favicon.ico")));
      answers.push_back(visit(port, get("/callback?code=stolen&state=" + std::string(state.size(), 'a'))));
      answers.push_back(visit(port, get("/callback?code=stolen")));
      answers.push_back(visit(port, "POST /callback?code=x&state=" + state + " HTTP/1.1\r\n\r\n"));
      answers.push_back(visit(port, get("/elsewhere?code=x&state=" + state)));
      answers.push_back(visit(port, get("/callback?error=access_denied&error_description=not%20here&state=" + state)));
    });
  };
  const auto token = log_in(client_, options, clock_, rng_);
  browser.join();
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().code, ErrorCode::unauthenticated);
  EXPECT_EQ(token.error().detail, "access_denied not here");
  ASSERT_EQ(answers.size(), 6U);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(answers[i], "HTTP/1.1 404 Not Found") << i;
  EXPECT_EQ(answers[5], "HTTP/1.1 200 OK");
}

}  // namespace
}  // namespace bourse::cli
