#include "gateway/http/server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "gateway/http/session.h"

namespace bourse::http {

namespace asio = boost::asio;

class Server::Acceptance {
 public:
  Acceptance(Loops& loops, const Router& router, const Clock& clock, Rng& rng, ServerOptions options)
      : loops_(loops), shared_{router, clock, rng, std::move(options)}, open_(loops.size()), acceptor_(loops.at(0)) {}

  Status listen();
  void stop();

 private:
  Task<void> accept();
  void welcome(std::size_t loop, Local::socket socket);
  void ended();
  bool wait_for_all(Duration patience);
  void close_everywhere(bool busy_ones_too);

  Loops& loops_;
  Shared shared_;
  std::vector<Open> open_;  // by loop
  Local::acceptor acceptor_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t running_ = 0;  // coroutines: connections and the accepting one; guarded by mutex_
};

Status Server::Acceptance::listen() {
  const std::string& path = shared_.options.socket;
  if (path.size() > 107) return fail(ErrorCode::unavailable, "the socket's path is longer than 107 bytes: " + path);
  boost::system::error_code error;
  Local::socket probe(loops_.at(0));
  probe.connect(Local::endpoint(path), error);
  if (!error) return fail(ErrorCode::unavailable, "another process is listening on " + path);
  ::unlink(path.c_str());
  acceptor_.open(Local(), error);
  if (!error) acceptor_.bind(Local::endpoint(path), error);
  if (!error && ::chmod(path.c_str(), 0660) != 0) error = {errno, boost::system::system_category()};
  if (!error) acceptor_.listen(4096, error);
  if (error) return fail(ErrorCode::unavailable, "can't listen on " + path + ": " + error.message());
  {
    const std::lock_guard lock(mutex_);
    ++running_;
  }
  asio::co_spawn(loops_.at(0), accept(), [this](std::exception_ptr) { ended(); });
  return {};
}

Task<void> Server::Acceptance::accept() {
  for (std::size_t turn = 0; !shared_.stopping; ++turn) {
    const std::size_t loop = turn % loops_.size();
    Local::socket socket(loops_.at(loop));
    boost::system::error_code error;
    co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted || shared_.stopping) break;
    if (error) {  // out of file descriptors, say: give others time to end
      asio::steady_timer pause(loops_.at(0), std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
      continue;
    }
    welcome(loop, std::move(socket));
  }
}

void Server::Acceptance::welcome(std::size_t loop, Local::socket socket) {
  {
    const std::lock_guard lock(mutex_);
    ++running_;
  }
  const bool full = shared_.connections.fetch_add(1) >= shared_.options.limits.connections;
  asio::co_spawn(loops_.at(loop),
                 full ? turn_away(std::move(socket), shared_) : serve(std::move(socket), shared_, open_[loop]),
                 [this](std::exception_ptr) {
                   shared_.connections.fetch_sub(1);
                   ended();
                 });
}

void Server::Acceptance::ended() {
  const std::lock_guard lock(mutex_);
  --running_;
  changed_.notify_all();
}

bool Server::Acceptance::wait_for_all(Duration patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::milliseconds(patience.ms), [this] { return running_ == 0; });
}

void Server::Acceptance::close_everywhere(bool busy_ones_too) {
  for (std::size_t i = 0; i < loops_.size(); ++i)
    asio::post(loops_.at(i), [this, i, busy_ones_too] { close_sessions(open_[i], busy_ones_too); });
}

void Server::Acceptance::stop() {
  if (shared_.stopping.exchange(true)) return;
  asio::post(loops_.at(0), [this] {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
  });
  ::unlink(shared_.options.socket.c_str());
  close_everywhere(false);
  if (wait_for_all(shared_.options.limits.stop)) return;
  close_everywhere(true);
  if (shared_.options.cut) shared_.options.cut();
  wait_for_all(shared_.options.limits.write);  // handlers end by deadlines of their own
}

Server::Server(Loops& loops, const Router& router, const Clock& clock, Rng& rng, ServerOptions options)
    : acceptance_(std::make_unique<Acceptance>(loops, router, clock, rng, std::move(options))) {}
Server::~Server() = default;
Status Server::listen() {
  return acceptance_->listen();
}
void Server::stop() {
  acceptance_->stop();
}

}  // namespace bourse::http
