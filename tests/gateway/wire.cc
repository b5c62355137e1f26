#include "tests/gateway/wire.h"

#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "base/assert.h"

namespace bourse::testing {
namespace {

constexpr int kPatience_ms = 20'000;

}  // namespace

Wire::Wire(const std::string& socket) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  BOURSE_ASSERT(socket.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, socket.data(), socket.size());
  BOURSE_ASSERT(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
}

Wire::~Wire() {
  ::close(fd_);
}

void Wire::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void Wire::end() {
  ::shutdown(fd_, SHUT_WR);
}

std::string Wire::read_until(std::string_view text) {
  for (;;) {
    if (const std::size_t at = unread_.find(text); !text.empty() && at != std::string::npos) {
      std::string out = unread_.substr(0, at + text.size());
      unread_.erase(0, at + text.size());
      return out;
    }
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, kPatience_ms) <= 0) return std::exchange(unread_, {}) + "<open>";
    char piece[16 * 1024];
    const ssize_t n = ::read(fd_, piece, sizeof piece);
    if (n <= 0) return std::exchange(unread_, {});
    unread_.append(piece, static_cast<std::size_t>(n));
  }
}

std::string Wire::read_all() {
  return read_until({});
}

std::string ask(const std::string& socket, std::string_view request) {
  Wire wire(socket);
  wire.send(request);
  return wire.read_all();
}

int status_of(std::string_view answer) {
  return answer.starts_with("HTTP/1.1 ") && answer.size() > 12 ? std::stoi(std::string(answer.substr(9, 3))) : 0;
}

std::string body_of(std::string_view answer) {
  const std::size_t at = answer.find("\r\n\r\n");
  return at == std::string_view::npos ? std::string() : std::string(answer.substr(at + 4));
}

std::string header_of(std::string_view answer, std::string_view name) {
  answer = answer.substr(0, answer.find("\r\n\r\n") + 2);
  for (std::size_t at = answer.find("\r\n"); at != std::string_view::npos;) {
    const std::size_t end = answer.find("\r\n", at + 2);
    if (end == std::string_view::npos) break;
    const std::string_view line = answer.substr(at + 2, end - at - 2);
    if (line.size() > name.size() && ::strncasecmp(line.data(), name.data(), name.size()) == 0 &&
        line[name.size()] == ':') {
      std::string_view value = line.substr(name.size() + 1);
      while (value.starts_with(' ')) value.remove_prefix(1);
      return std::string(value);
    }
    at = end;
  }
  return {};
}

}  // namespace bourse::testing
