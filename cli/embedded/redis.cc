#include "cli/embedded/redis.h"

#include <signal.h>

#include <filesystem>

#include "base/time.h"
#include "cli/embedded/child.h"

namespace bourse::embedded {

Result<Redis> Redis::start(const std::string& directory) {
  constexpr Duration kPatience = seconds(10);
  const std::string socket = directory + "/redis.sock";
  const std::string log = directory + "/redis.log";
  std::error_code ignored;
  if (!std::filesystem::exists(directory, ignored)) CHECK_OK(make_directory(directory, 0750, "redis"));
  std::filesystem::remove(socket, ignored);
  Program program;
  program.argv = {"/usr/bin/redis-server", "--port", "0",  "--unixsocket",  socket,  "--unixsocketperm",   "770", "--dir", directory,
                  "--save", "", "--appendonly", "no", "--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"};
  program.user = "redis";
  program.directory = directory;
  program.log = log;
  program.dies_with_parent = true;
  program.bare_environment = true;
  TRY(const pid_t pid, spawn(program));
  Redis server(pid, socket);
  const SystemClock clock;
  const std::int64_t started_ms = clock.monotonic().ms;
  while (!socket_accepts(socket)) {
    if (wait_gone(pid, milliseconds(10))) return fail(ErrorCode::unavailable, "redis-server ended while starting: " + end_of_log(log));
    if (clock.monotonic().ms - started_ms > kPatience.ms) return fail(ErrorCode::unavailable, "redis-server does not answer: " + end_of_log(log));
  }
  return server;
}

Redis& Redis::operator=(Redis&& other) noexcept {
  if (this != &other) {
    stop();
    pid_ = std::exchange(other.pid_, -1);
    socket_ = std::move(other.socket_);
  }
  return *this;
}

Redis::~Redis() { stop(); }

bool Redis::running() const { return pid_ > 0 && alive(pid_); }

void Redis::stop() {
  const pid_t pid = std::exchange(pid_, -1);
  if (pid <= 0 || !alive(pid)) return;
  ::kill(pid, SIGTERM);
  if (wait_gone(pid, seconds(10))) return;
  ::kill(pid, SIGKILL);
  wait_gone(pid, seconds(10));
}

}  // namespace bourse::embedded
