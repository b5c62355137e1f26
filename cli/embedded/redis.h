// A private Redis for `bourse up` and for tests: on a Unix socket only, nothing on disk (it holds what may be lost).
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "base/result.h"

namespace bourse::embedded {

// Starts with construction, stops with destruction. One thread.
class Redis {
 public:
  // The socket is <directory>/redis.sock, open to its group; the directory is made when it is missing. Run by root, the
  // server runs as the user "redis". Errors: unavailable, with the log's end.
  static Result<Redis> start(const std::string& directory);
  Redis(Redis&& other) noexcept : pid_(std::exchange(other.pid_, -1)), socket_(std::move(other.socket_)) {}
  Redis& operator=(Redis&& other) noexcept;
  ~Redis();

  const std::string& socket() const { return socket_; }
  pid_t pid() const { return pid_; }
  bool running() const;
  void stop();

 private:
  Redis(pid_t pid, std::string socket) : pid_(pid), socket_(std::move(socket)) {}
  pid_t pid_ = -1;
  std::string socket_;
};

}  // namespace bourse::embedded
