#include "connectors/kubernetes/testing/api_server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <sys/socket.h>

#include <atomic>
#include <thread>
#include <utility>

#include "connectors/kubernetes/testing/routes.h"

namespace bourse::kubernetes::testing {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using ErrorOf = boost::system::error_code;

namespace {

constexpr std::size_t kMaxBody = 4 << 20;
constexpr std::chrono::milliseconds kBookmarkEvery(200);

std::string chunk(const json& event) {
  const std::string line = event.dump() + "\n";
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", line.size());
  return size + line + "\r\n";
}

json gone() { return {{"type", "ERROR"}, {"object", status_object(410, "Expired", "too old resource version").body}}; }

}  // namespace

struct ApiServer::Impl {
  explicit Impl(Cluster& all) : cluster(all), acceptor(io, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)) {}

  Cluster& cluster;
  asio::io_context io;
  asio::ssl::context tls_context{asio::ssl::context::tls_server};
  bool tls = false;
  tcp::acceptor acceptor;
  std::atomic<bool> stopping = false;
  std::atomic<int> taken = 0, watching = 0;
  std::mutex mutex;
  std::set<int> open;  // descriptors
  std::vector<std::thread> threads;
  std::thread accepting;

  void accept();
  void serve(tcp::socket socket);
  template <class Stream>
  void talk(Stream& stream);
  template <class Stream>
  void watch(Stream& stream, const WatchAsked& asked);
};

void ApiServer::Impl::accept() {
  while (!stopping) {
    ErrorOf error;
    tcp::socket socket(io);
    acceptor.accept(socket, error);
    if (error || stopping) continue;
    ++taken;
    const std::scoped_lock lock(mutex);
    open.insert(socket.native_handle());
    threads.emplace_back([this, s = std::make_shared<tcp::socket>(std::move(socket))] { serve(std::move(*s)); });
  }
}

void ApiServer::Impl::serve(tcp::socket socket) {
  const int handle = socket.native_handle();
  ErrorOf error;
  if (tls) {
    asio::ssl::stream<tcp::socket&> stream(socket, tls_context);
    stream.handshake(asio::ssl::stream_base::server, error);
    if (!error) talk(stream);
  } else {
    talk(socket);
  }
  const std::scoped_lock lock(mutex);
  open.erase(handle);
  socket.close(error);
}

template <class Stream>
void ApiServer::Impl::watch(Stream& stream, const WatchAsked& asked) {
  ErrorOf error;
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
  asio::write(stream, asio::buffer(head), error);
  ++watching;
  std::uint64_t at = asked.version;
  bool begun = false;
  const auto until = std::chrono::seconds(asked.timeout_s);
  std::chrono::milliseconds waited(0), since_bookmark(0);
  while (!error && !stopping && waited < until) {
    const auto news = cluster.since(asked.which, at, std::exchange(begun, true));
    if (!news) {
      asio::write(stream, asio::buffer(chunk(gone())), error);
      break;
    }
    std::string out;
    for (const Event& event : news->events) out += chunk({{"type", event.type}, {"object", event.object}});
    at = news->version;
    if (asked.bookmarks && cluster.with([&] { return cluster.habits.bookmarks; }) && since_bookmark >= kBookmarkEvery) {
      out += chunk({{"type", "BOOKMARK"}, {"object", {{"kind", "Any"}, {"metadata", {{"resourceVersion", std::to_string(at)}}}}}});
      since_bookmark = {};
    }
    if (!out.empty()) asio::write(stream, asio::buffer(out), error);
    cluster.wait(std::chrono::milliseconds(20));
    waited += std::chrono::milliseconds(20), since_bookmark += std::chrono::milliseconds(20);
  }
  if (!error) asio::write(stream, asio::buffer(std::string("0\r\n\r\n")), error);
  --watching;
}

template <class Stream>
void ApiServer::Impl::talk(Stream& stream) {
  boost::beast::flat_buffer buffer;
  ErrorOf error;
  while (!stopping) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(kMaxBody);
    http::read(stream, buffer, parser, error);
    if (error) return;
    const auto& request = parser.get();
    const Routed routed = route(cluster, {.method = std::string(request.method_string()), .target = std::string(request.target()), .body = request.body(),
                                          .content_type = std::string(request[http::field::content_type]),
                                          .authorization = std::string(request[http::field::authorization])});
    if (routed.swallow) return;
    if (routed.watch) {
      watch(stream, *routed.watch);
      continue;
    }
    http::response<http::string_body> response(static_cast<http::status>(routed.response.status), 11);
    response.set(http::field::content_type, routed.response.text ? "text/plain" : "application/json");
    response.body() = routed.response.text ? *routed.response.text : routed.response.body.dump();
    response.prepare_payload();
    http::write(stream, response, error);
    if (error) return;
  }
}

ApiServer::ApiServer(Cluster& cluster, ServerTls tls) : impl_(std::make_unique<Impl>(cluster)) {
  impl_->tls = !tls.certificate.empty();
  if (impl_->tls) {
    impl_->tls_context.use_certificate_chain(asio::buffer(tls.certificate));
    impl_->tls_context.use_private_key(asio::buffer(tls.key), asio::ssl::context::pem);
    if (!tls.client_ca.empty()) {
      impl_->tls_context.add_certificate_authority(asio::buffer(tls.client_ca));
      impl_->tls_context.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
    }
  }
  impl_->accepting = std::thread([impl = impl_.get()] { impl->accept(); });
}

ApiServer::~ApiServer() {
  impl_->stopping = true;
  ::shutdown(impl_->acceptor.native_handle(), SHUT_RDWR);
  impl_->accepting.join();
  cut();
  for (std::thread& thread : impl_->threads) thread.join();
}

std::string ApiServer::address() const {
  return std::string(impl_->tls ? "https" : "http") + "://127.0.0.1:" + std::to_string(impl_->acceptor.local_endpoint().port());
}

int ApiServer::connections() const { return impl_->taken; }
int ApiServer::watches() const { return impl_->watching; }

void ApiServer::cut() {
  const std::scoped_lock lock(impl_->mutex);
  for (const int handle : impl_->open) ::shutdown(handle, SHUT_RDWR);
}

}  // namespace bourse::kubernetes::testing
