// One connection to the API server, plain or TLS, with deadlines. Beast and Asio stay behind this and api_client.cc.
#pragma once

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/time.h"
#include "connectors/kubernetes/kubeconfig.h"

namespace bourse::kubernetes {

using ErrorOf = boost::system::error_code;

class ApiLink {
 public:
  ApiLink(const Access& access, boost::asio::ssl::context* tls, const Clock& clock) : access_(access), tls_context_(tls), clock_(clock) {}
  ~ApiLink() { close(); }
  ApiLink(const ApiLink&) = delete;
  ApiLink& operator=(const ApiLink&) = delete;

  // Resolves, connects, shakes hands. "" or why not. `until` is monotonic.
  std::string connect(Duration until);
  // False: the server has closed it, or said something that nobody asked for.
  bool idle() const;
  void close();

  // Starts an operation with a handler for it, and waits for its end; past `until` the connection is closed and the error is timed_out.
  template <class Start>
  ErrorOf wait(Duration until, Start start) {
    struct State {
      bool done = false;
      ErrorOf error;
    };
    const auto state = std::make_shared<State>();
    start([state](ErrorOf error, auto&&...) { state->error = error, state->done = true; });
    bool late = false;
    io_.restart();
    while (!state->done) {
      const Duration left = late ? seconds(1) : until - clock_.monotonic();
      if (!late && left.ms <= 0) {
        late = true;
        close();
        continue;
      }
      // A name that is being looked up can't be called off; its handler owns what it writes to.
      if (io_.run_one_for(std::chrono::milliseconds(left.ms)) == 0 && late) break;
      if (io_.stopped()) io_.restart();
    }
    return late ? ErrorOf(boost::asio::error::timed_out) : state->error;
  }
  // Calls `use` with the stream that there is.
  template <class Use>
  void with(Use use) {
    if (tls_) use(*tls_);
    else if (plain_) use(*plain_);
  }
  // Runs what is ready, without waiting.
  void turn() {
    io_.restart();
    io_.poll();
  }

  boost::beast::flat_buffer& buffer() { return buffer_; }

 private:
  using Socket = boost::asio::ip::tcp::socket;
  void keep_watch();
  Socket* socket();
  const Socket* socket() const { return const_cast<ApiLink*>(this)->socket(); }

  const Access& access_;
  boost::asio::ssl::context* tls_context_;
  const Clock& clock_;
  boost::asio::io_context io_{1};
  std::optional<Socket> plain_;
  std::optional<boost::asio::ssl::stream<Socket>> tls_;
  boost::beast::flat_buffer buffer_;
};

}  // namespace bourse::kubernetes
