// bourse-connector: a compute center's agent.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>

#include "connectors/daemon/conform_command.h"
#include "connectors/daemon/doctor.h"
#include "connectors/daemon/join_command.h"
#include "connectors/daemon/run.h"
#include "connectors/daemon/wiring.h"

namespace {

using namespace bourse;

int report(const Error& error) {
  fmt::print(stderr, "bourse-connector: {}\n", error.message());
  return info(error.code).exit_code;
}

volatile std::sig_atomic_t interrupted = 0;
extern "C" void on_interrupt(int) { interrupted = 1; }

int join(connector::JoinOptions options, const std::string& path) {
  if (!path.empty()) {
    std::ifstream file(path);
    if (!file) return report({ErrorCode::not_found, path});
    std::ostringstream text;
    text << file.rdbuf();
    options.bundle_json = text.str();
  }
  ::signal(SIGINT, on_interrupt);
  SystemClock clock;
  SystemRng rng;
  const auto desk = [](const federation::JoinBundle& bundle) -> std::unique_ptr<connector::MembershipPort> {
    return std::make_unique<connector::MembershipClient>([bundle] { return connector::dial_membership(bundle); });
  };
  const auto say = [](const std::string& text) {
    fmt::print("{}\n", text);
    std::fflush(stdout);
  };
  const auto sleep = [](Duration time) {
    if (interrupted == 0) ::poll(nullptr, 0, static_cast<int>(time.ms));  // Ctrl-C ends it
    return interrupted == 0;
  };
  const Status joined = connector::run_join(options, desk, say, sleep, clock, rng);
  return joined ? 0 : report(joined.error());
}

int doctor(const std::string& directory, const std::string& config) {
  SystemClock clock;
  int wrong = 0;
  for (const connector::Finding& finding : connector::examine({.directory = directory, .config_path = config}, clock)) {
    fmt::print("{:<8} {:<16} {}\n", connector::name(finding.verdict), finding.what, finding.says);
    if (!finding.remedy.empty()) fmt::print("{:<25} -> {}\n", "", finding.remedy);
    wrong += finding.verdict == connector::Verdict::wrong;
  }
  if (wrong == 0) return 0;
  fmt::print("\n{} to mend before this center can sell.\n", wrong == 1 ? "One thing" : fmt::format("{} things", wrong));
  return info(ErrorCode::failed_precondition).exit_code;
}

int run(const std::string& directory, const std::string& config) {
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("connector", std::make_shared<spdlog::sinks::stderr_sink_mt>()));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  spdlog::flush_on(spdlog::level::info);

  // Blocked before any thread exists, so that all inherit it and only the waiter below takes the signals.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  ::signal(SIGPIPE, SIG_IGN);

  std::stop_source stop;
  std::jthread waiter([&](std::stop_token done) {
    const timespec often{0, 200'000'000};
    while (!done.stop_requested() && !stop.stop_requested())
      if (::sigtimedwait(&ends, nullptr, &often) > 0) stop.request_stop();
  });
  const auto ready = [] {
    fmt::print("bourse-connector ready\n");
    std::fflush(stdout);
  };
  const Status ended = connector::run({.directory = directory, .config_path = config, .on_ready = ready}, stop.get_token());
  return ended ? 0 : report(ended.error());
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("bourse-connector: joins a compute center to a Bourse market and runs its orders on the center's scheduler.\n\n"
               "  1. the market's operator invites the center and hands over bundle.json\n"
               "  2. bourse-connector join bundle.json --dir /var/lib/bourse-connector\n"
               "     and read the fingerprint that it shows out to the operator\n"
               "  3. describe the scheduler in <dir>/connector.toml (connector.example.toml explains every key)\n"
               "  4. bourse-connector doctor --dir /var/lib/bourse-connector\n"
               "  5. bourse-connector conform --dir /var/lib/bourse-connector\n"
               "  6. bourse-connector run --dir /var/lib/bourse-connector\n");
  app.require_subcommand(1);
  app.set_version_flag("--version", "bourse-connector " BOURSE_VERSION);
  std::string directory, bundle, config;

  CLI::App* join_command = app.add_subcommand("join", "Join a market by the bundle that its operator made; may be repeated and interrupted");
  join_command->add_option("bundle", bundle, "bundle.json; without it the one that this folder has");
  join_command->add_option("--dir", directory, "The connector's own folder, 0700; made if it isn't there")->required();
  bool no_wait = false;
  join_command->add_flag("--no-wait", no_wait, "Don't wait for the operator's word");
  CLI::App* run_command = app.add_subcommand("run", "Work until SIGTERM; jobs go on without the connector and are found again");
  run_command->add_option("--dir", directory, "The connector's own folder")->required();
  run_command->add_option("--config", config, "Instead of <dir>/connector.toml");
  CLI::App* doctor_command = app.add_subcommand("doctor", "Look whether everything is in order, and say how to mend what isn't; runs no job");
  doctor_command->add_option("--dir", directory, "The connector's own folder")->required();
  doctor_command->add_option("--config", config, "Instead of <dir>/connector.toml");
  connector::ConformOptions conform_options;
  CLI::App* conform_command = connector::add_conform_command(app, conform_options);
  CLI11_PARSE(app, argc, argv);

  if (join_command->parsed()) return join({.directory = directory, .bundle_json = {}, .wait = !no_wait}, bundle);
  if (doctor_command->parsed()) return doctor(directory, config);
  if (conform_command->parsed()) return connector::conform(conform_options);
  return run(directory, config);
}
