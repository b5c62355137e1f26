// bourse-broker: the single writer of a market.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "broker/daemon/config.h"
#include "broker/daemon/daemon.h"

namespace {

using namespace bourse;

constexpr int kExitDeposed = 9;

int exit_code(const Error& error) { return error.code == ErrorCode::deposed ? kExitDeposed : info(error.code).exit_code; }

std::optional<std::string> environment(const std::string& variable) {
  const char* value = std::getenv(variable.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// Signals arrive as data on one descriptor, so that nothing runs inside a handler.
int blocked_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &set, SFD_CLOEXEC);
}

// Until told to stop: true by a signal, false by the engine.
bool wait_for_end(int signals, int fatal) {
  for (;;) {
    pollfd watched[] = {{signals, POLLIN, 0}, {fatal, POLLIN, 0}};
    if (poll(watched, 2, -1) < 0) continue;
    if ((watched[1].revents & POLLIN) != 0) return false;
    if ((watched[0].revents & POLLIN) == 0) continue;
    signalfd_siginfo info{};
    if (read(signals, &info, sizeof info) != sizeof info) continue;
    if (info.ssi_signo == SIGHUP) continue;  // the log goes to stderr; there is nothing to open again
    spdlog::info("stopping on signal {}", info.ssi_signo);
    return true;
  }
}

int run(broker::Config config) {
  const int signals = blocked_signals();  // before any thread exists, so that all inherit the mask
  const int fatal = eventfd(0, EFD_CLOEXEC);
  std::mutex mutex;
  std::optional<Error> cause;
  broker::Daemon daemon(std::move(config));
  daemon.on_fatal([&](const Error& error) {
    {
      const std::scoped_lock lock(mutex);
      if (!cause) cause = error;
    }
    const std::uint64_t one = 1;
    if (write(fatal, &one, sizeof one) != sizeof one) std::abort();
  });
  if (const Status started = daemon.start(); !started) {
    fmt::print(stderr, "bourse-broker: {}\n", started.error().message());
    return exit_code(started.error());
  }
  fmt::print("bourse-broker ready\n");
  std::fflush(stdout);
  const bool asked = wait_for_end(signals, fatal);
  daemon.stop();
  if (asked) return 0;
  const std::scoped_lock lock(mutex);
  fmt::print(stderr, "bourse-broker: {}\n", cause->message());
  return exit_code(*cause);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The broker: keeps the market's journal, decides, and serves gateways and connectors.");
  std::string path;
  bool check = false;
  app.add_option("--config", path, "the configuration, a TOML file")->required();
  app.add_flag("--check-config", check, "read the configuration, say what is wrong with it, and end");
  app.footer(broker::config_help());
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  auto config = broker::load_config(path, environment);
  if (!config) {
    fmt::print(stderr, "bourse-broker: {}\nRun with --help for every setting and an example.\n", config.error().detail);
    return 2;
  }
  if (check) {
    fmt::print("{}: the configuration is good\n", path);
    return 0;
  }
  umask(0007);
  auto logger = spdlog::stderr_logger_mt("broker");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::from_str(config->log_level));
  spdlog::set_default_logger(logger);
  return run(std::move(*config));
}
