#include "cli/client/login.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <map>

#include "gateway/sso/secrets.h"

namespace bourse::cli {
namespace {

constexpr std::size_t kLongestRequest = 8192;
constexpr Duration kRequestPatience = seconds(5);

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }
  bool readable(Duration patience) const {
    pollfd ready{fd_, POLLIN, 0};
    return poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(patience.ms, 0))) > 0;
  }

 private:
  int fd_;
};

// Listens on a free loopback port, which it returns; 0 when it can't.
int listen_somewhere(const Socket& socket) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (socket.fd() < 0 || bind(socket.fd(), reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(socket.fd(), 8) != 0 ||
      getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return 0;
  return ntohs(address.sin_port);
}

// The target of the request line ("/callback?code=…"); empty for anything that isn't a short GET.
std::string read_target(const Socket& connection, const Clock& clock) {
  std::string request;
  const std::int64_t deadline_ms = clock.monotonic().ms + kRequestPatience.ms;
  while (request.find("\r\n\r\n") == std::string::npos && request.size() < kLongestRequest) {
    if (!connection.readable({deadline_ms - clock.monotonic().ms})) return {};
    std::array<char, 2048> piece{};
    const ssize_t n = read(connection.fd(), piece.data(), piece.size());
    if (n <= 0) return {};
    request.append(piece.data(), static_cast<std::size_t>(n));
  }
  if (!request.starts_with("GET ")) return {};
  const std::size_t end = request.find(' ', 4);
  return end == std::string::npos ? std::string() : request.substr(4, end - 4);
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::strtol(std::string(text.substr(i + 1, 2)).c_str(), nullptr, 16));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::map<std::string, std::string> query_of(const std::string& target) {
  std::map<std::string, std::string> fields;
  std::string_view rest = target;
  rest.remove_prefix(std::min(rest.size(), rest.find('?') == std::string_view::npos ? rest.size() : rest.find('?') + 1));
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos) fields[percent_decoded(pair.substr(0, equals))] = percent_decoded(pair.substr(equals + 1));
  }
  return fields;
}

void answer(const Socket& connection, const char* status, const std::string& text) {
  const std::string body = "<!doctype html><meta charset=utf-8><title>Bourse</title><p>" + text + "</p>\n";
  const std::string reply = std::string("HTTP/1.1 ") + status + "\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n" +
                            "Content-Security-Policy: default-src 'none'\r\nContent-Length: " + std::to_string(body.size()) +
                            "\r\n\r\n" + body;
  (void)!send(connection.fd(), reply.data(), reply.size(), MSG_NOSIGNAL);
}

// Serves requests until the one that carries our state; others (a favicon, a stranger) are told off.
Result<std::string> await_code(const Socket& listener, const std::string& state, Duration patience, const Clock& clock) {
  const std::int64_t deadline_ms = clock.monotonic().ms + patience.ms;
  while (listener.readable({deadline_ms - clock.monotonic().ms})) {
    const Socket connection(accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection.fd() < 0) continue;
    const std::string target = read_target(connection, clock);
    auto fields = query_of(target);
    if (!target.starts_with("/callback?") || !sso::same_secret(fields["state"], state)) {
      answer(connection, "404 Not Found", "There is nothing here.");
      continue;
    }
    if (fields["code"].empty()) {
      answer(connection, "200 OK", "The market refused the sign-in. You may close this window.");
      return fail(ErrorCode::unauthenticated, fields["error"] + " " + fields["error_description"]);
    }
    answer(connection, "200 OK", "You are signed in. You may close this window and go back to the terminal.");
    return fields["code"];
  }
  return fail(ErrorCode::timeout, "nobody signed in within " + std::to_string(patience.ms / 60'000) + " minutes");
}

}  // namespace

Result<std::string> log_in(Client& client, const LoginOptions& options, const Clock& clock, Rng& rng) {
  const Socket listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int port = listen_somewhere(listener);
  if (port == 0) return fail(ErrorCode::unavailable, "can't listen on a loopback port");
  const std::string verifier = sso::make_secret(rng);
  const std::string state = sso::make_secret(rng);
  const std::string redirect = "http://127.0.0.1:" + std::to_string(port) + "/callback";
  std::string url = client.endpoint().url + "/oauth/authorize?response_type=code&client_id=bourse-cli&redirect_uri=" +
                    url_encoded(redirect) + "&state=" + state + "&code_challenge_method=S256&code_challenge=" +
                    sso::challenge_of(verifier);
  if (!options.issuer.empty()) url += "&issuer=" + url_encoded(options.issuer);
  options.show(url);
  TRY(const std::string code, await_code(listener, state, options.patience, clock));
  TRY(const nlohmann::json reply, client.post_form("/oauth/token", {{"grant_type", "authorization_code"},
                                                                    {"client_id", "bourse-cli"},
                                                                    {"code", code},
                                                                    {"redirect_uri", redirect},
                                                                    {"code_verifier", verifier}}));
  if (!reply.contains("access_token") || !reply["access_token"].is_string())
    return fail(ErrorCode::unauthenticated, "the market gave no token");
  return reply["access_token"].get<std::string>();
}

}  // namespace bourse::cli
