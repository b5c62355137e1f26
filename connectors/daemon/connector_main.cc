// bourse-connector: a compute center's agent.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

#include "connectors/daemon/doctor.h"
#include "connectors/daemon/enrol.h"
#include "connectors/daemon/run.h"

namespace {

using namespace bourse;

int report(const Error& error) {
  fmt::print(stderr, "bourse-connector: {}\n", error.message());
  return info(error.code).exit_code;
}

int init(const std::string& directory, const std::string& name) {
  SystemRng rng;
  const auto request = connector::initialise(directory, name, rng);
  if (!request) return report(request.error());
  fmt::print("{}/request.json is ready. Give it to the market's operator, who runs\n"
             "  bourse center enrol --request request.json --output bundle.json\n"
             "and compares these fingerprints with you:\n  identity key  {}\n  billing key   {}\n",
             directory, to_hex(federation::fingerprint(request->identity_key)), to_hex(federation::fingerprint(request->billing_key)));
  return 0;
}

int install(const std::string& directory, const std::string& path) {
  std::ifstream file(path);
  if (!file) return report({ErrorCode::not_found, path});
  std::ostringstream text;
  text << file.rdbuf();
  SystemClock clock;
  const auto bundle = connector::install(text.str(), directory, clock.now());
  if (!bundle) return report(bundle.error());
  fmt::print("Joined {} as center {} ({}). Describe your scheduler in {}/connector.toml, then\n  bourse-connector run --dir {}\n",
             bundle->audience, bundle->center_name, to_text(bundle->center), directory, directory);
  return 0;
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
               "  1. bourse-connector init --dir /var/lib/bourse-connector --name my-center\n"
               "  2. the market's operator answers request.json with bundle.json\n"
               "  3. bourse-connector install bundle.json --dir /var/lib/bourse-connector\n"
               "  4. describe the scheduler in <dir>/connector.toml (connector.example.toml explains every key)\n"
               "  5. bourse-connector doctor --dir /var/lib/bourse-connector\n"
               "  6. bourse-connector run --dir /var/lib/bourse-connector\n");
  app.require_subcommand(1);
  app.set_version_flag("--version", "bourse-connector " BOURSE_VERSION);
  std::string directory, name, bundle, config;

  CLI::App* init_command = app.add_subcommand("init", "Make this center's keys and the request to join; may be repeated");
  init_command->add_option("--dir", directory, "The connector's own folder, 0700")->required();
  init_command->add_option("--name", name, "The center's name in the market: a-z, 0-9, '-'")->required();
  CLI::App* install_command = app.add_subcommand("install", "Take the operator's answer; also for a renewed certificate");
  install_command->add_option("bundle", bundle, "bundle.json")->required();
  install_command->add_option("--dir", directory, "The connector's own folder")->required();
  CLI::App* run_command = app.add_subcommand("run", "Work until SIGTERM; jobs go on without the connector and are found again");
  run_command->add_option("--dir", directory, "The connector's own folder")->required();
  run_command->add_option("--config", config, "Instead of <dir>/connector.toml");
  CLI::App* doctor_command = app.add_subcommand("doctor", "Look whether everything is in order, and say how to mend what isn't; runs no job");
  doctor_command->add_option("--dir", directory, "The connector's own folder")->required();
  doctor_command->add_option("--config", config, "Instead of <dir>/connector.toml");
  CLI11_PARSE(app, argc, argv);

  if (init_command->parsed()) return init(directory, name);
  if (install_command->parsed()) return install(directory, bundle);
  if (doctor_command->parsed()) return doctor(directory, config);
  return run(directory, config);
}
