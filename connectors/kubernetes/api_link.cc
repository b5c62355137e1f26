#include "connectors/kubernetes/api_link.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace bourse::kubernetes {

namespace asio = boost::asio;
using asio::ip::tcp;

ApiLink::Socket* ApiLink::socket() {
  if (tls_) return &tls_->next_layer();
  return plain_ ? &*plain_ : nullptr;
}

void ApiLink::close() {
  ErrorOf ignored;
  if (Socket* open = socket()) open->close(ignored);
}

bool ApiLink::idle() const {
  const Socket* open = socket();
  if (open == nullptr || !open->is_open()) return false;
  char byte = 0;
  const ssize_t n = ::recv(const_cast<Socket*>(open)->native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

// A peer that vanished without a word is found out within twenty seconds, also by a watch that only listens.
void ApiLink::keep_watch() {
  constexpr int kOn = 1, kIdleS = 5, kEveryS = 5, kTimes = 3, kUnacknowledgedMs = 20'000;
  const int handle = socket()->native_handle();
  ::setsockopt(handle, SOL_SOCKET, SO_KEEPALIVE, &kOn, sizeof kOn);
  ::setsockopt(handle, IPPROTO_TCP, TCP_KEEPIDLE, &kIdleS, sizeof kIdleS);
  ::setsockopt(handle, IPPROTO_TCP, TCP_KEEPINTVL, &kEveryS, sizeof kEveryS);
  ::setsockopt(handle, IPPROTO_TCP, TCP_KEEPCNT, &kTimes, sizeof kTimes);
  ::setsockopt(handle, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledgedMs, sizeof kUnacknowledgedMs);
}

std::string ApiLink::connect(Duration until) {
  close();
  tls_.reset();
  plain_.reset();
  buffer_.clear();
  const auto found = std::make_shared<tcp::resolver::results_type>();
  const auto resolver = std::make_shared<tcp::resolver>(io_);
  ErrorOf error = wait(until, [&](auto handler) {
    resolver->async_resolve(access_.host, access_.port, [found, resolver, handler](ErrorOf e, tcp::resolver::results_type results) {
      *found = std::move(results);
      handler(e);
    });
  });
  if (error) return access_.host + ": " + error.message();
  if (tls_context_ != nullptr) tls_.emplace(io_, *tls_context_);
  else plain_.emplace(io_);
  error = wait(until, [&](auto handler) { asio::async_connect(*socket(), *found, handler); });
  if (error) return access_.host + ":" + access_.port + ": " + error.message();
  ErrorOf ignored;
  socket()->set_option(tcp::no_delay(true), ignored);
  keep_watch();
  if (!tls_) return {};
  const std::string& name = access_.server_name.empty() ? access_.host : access_.server_name;
  ErrorOf not_an_address;
  asio::ip::make_address(name, not_an_address);
  if (not_an_address && SSL_set_tlsext_host_name(tls_->native_handle(), name.c_str()) != 1) return "TLS: the server's name";
  tls_->set_verify_callback(asio::ssl::host_name_verification(name));
  error = wait(until, [&](auto handler) { tls_->async_handshake(asio::ssl::stream_base::client, handler); });
  if (error) return "TLS with " + access_.host + ": " + error.message();
  return {};
}

}  // namespace bourse::kubernetes
