#include "cli/up.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <filesystem>
#include <fmt/format.h>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/rng.h"
#include "base/time.h"
#include "cli/embedded/child.h"
#include "cli/up/supervisor.h"

namespace bourse::cli {
namespace {

using embedded::StateDirectory;
using nlohmann::json;

std::atomic<bool> stop_requested = false;

struct Options {
  std::string state = embedded::default_state_directory();
  int port = 8443;
  std::string issuers;
  bool two_people = false;
  int certificate_minutes = 60;
  int heartbeat_seconds = 10;
  std::string factors;
  bool foreground = false;
  bool as_json = false;
};

[[noreturn]] void end_with(const Error& error) {
  std::cerr << "bourse: " << error.message() << "\n";
  throw CLI::RuntimeError(info(error.code).exit_code);
}

embedded::MarketOptions market_options(const Options& options) {
  embedded::MarketOptions market;
  market.state_directory = std::filesystem::absolute(options.state).lexically_normal().string();
  market.port = options.port;
  market.two_people = options.two_people;
  market.certificate_minutes = options.certificate_minutes;
  market.heartbeat_seconds = options.heartbeat_seconds;
  if (!options.factors.empty()) market.factors = std::filesystem::absolute(options.factors).lexically_normal().string();
  if (!options.issuers.empty()) market.issuers_file = std::filesystem::absolute(options.issuers).string();
  market.programs = std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
  return market;
}

void print_addresses(const embedded::MarketOptions& market) {
  const StateDirectory state{market.state_directory};
  std::cout << fmt::format(
      "\nThe market is open.\n  address           {}\n  trust anchor      {}\n  administrator     {}\n  logs              {}\n\n"
      "Next: export BOURSE_URL={} BOURSE_CA={}\n      bourse login      (or BOURSE_TOKEN_FILE={} for the first operator)\n",
      market.public_url(), state.root_certificate(), state.admin_token(), state.log(), market.public_url(),
      state.root_certificate(), state.admin_token());
  std::cout.flush();
}

// Runs the supervisor in this process. Progress and, at last, "ready" or "error …" go to `out`, a line each.
int supervise(const embedded::MarketOptions& market, const std::function<void(const std::string&)>& out) {
  struct sigaction action {};
  action.sa_handler = [](int) { stop_requested = true; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  const SystemClock clock;
  SystemRng rng;
  embedded::Supervisor supervisor(market, clock, rng);
  if (auto started = supervisor.start([&](const std::string& line) { out("  " + line); }); !started) {
    out("error " + started.error().message());
    return info(started.error().code).exit_code;
  }
  out("ready");
  supervisor.watch([] { return stop_requested.load(); });
  return 0;
}

// The supervisor becomes a daemon: a session of its own, its output in a log. What it says until it is ready comes back
// through a pipe and is printed here.
void up_in_background(const embedded::MarketOptions& market) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) end_with({ErrorCode::unavailable, "pipe"});
  const pid_t child = fork();
  if (child < 0) end_with({ErrorCode::unavailable, "fork"});
  if (child == 0) {
    setsid();
    close(ends[0]);
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; ++fd) dup2(null, fd);
    signal(SIGPIPE, SIG_IGN);
    _exit(supervise(market, [&](const std::string& line) {
      const std::string text = line + "\n";
      (void)!write(ends[1], text.data(), text.size());
      if (line == "ready") close(ends[1]);
    }));
  }
  close(ends[1]);
  FILE* lines = fdopen(ends[0], "r");
  std::array<char, 8192> line{};
  bool ready = false;
  std::string error;
  while (fgets(line.data(), line.size(), lines) != nullptr) {
    const std::string_view text(line.data());
    if (text == "ready\n") ready = true;
    else if (text.starts_with("error ")) error = text.substr(6);
    else if (!error.empty()) error += text;
    else std::cout << text << std::flush;
  }
  fclose(lines);
  if (ready) return print_addresses(market);
  int status = 0;
  waitpid(child, &status, 0);
  std::cerr << "bourse up: " << (error.empty() ? "the supervisor ended without a word\n" : error);
  throw CLI::RuntimeError(WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 70);
}

void up(const Options& options) {
  const embedded::MarketOptions market = market_options(options);
  std::cout << "Starting the market in " << market.state_directory << "\n" << std::flush;
  if (!options.foreground) return up_in_background(market);
  const int code = supervise(market, [&](const std::string& line) {
    if (line == "ready") print_addresses(market);
    else std::cout << line << "\n" << std::flush;
  });
  if (code != 0) throw CLI::RuntimeError(code);
}

// The supervisor's pid while it holds the lock; nothing when the market is down.
std::optional<pid_t> supervisor_of(const StateDirectory& state) {
  const int fd = open(state.lock_file().c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  const bool free = flock(fd, LOCK_SH | LOCK_NB) == 0;
  close(fd);
  if (free) return std::nullopt;
  const auto pid = embedded::read_file(state.lock_file(), 32);
  if (!pid) return std::nullopt;
  return static_cast<pid_t>(std::strtol(pid->c_str(), nullptr, 10));
}

void down(const Options& options) {
  const StateDirectory state{market_options(options).state_directory};
  const auto pid = supervisor_of(state);
  if (!pid) {
    std::cout << "The market in " << state.root << " is not running.\n";
    return;
  }
  kill(*pid, SIGTERM);
  if (!embedded::wait_gone(*pid, seconds(120))) end_with({ErrorCode::timeout, "the supervisor is still stopping its servers"});
  std::cout << "The market in " << state.root << " is down.\n";
}

void status(const Options& options) {
  const StateDirectory state{market_options(options).state_directory};
  const auto text = embedded::read_file(state.status_file());
  const json report = text && supervisor_of(state) ? json::parse(*text, nullptr, false) : json();
  if (options.as_json) {
    std::cout << (report.is_object() ? report : json{{"state_directory", state.root}, {"components", json::array()}}).dump(2) << "\n";
  } else if (report.is_object()) {
    std::cout << fmt::format("{}  (state in {})\n\n{:<12} {:<6} {:>8} {:>9}  {}\n", report.value("url", ""), state.root,
                             "component", "state", "pid", "restarts", "since");
    for (const json& c : report["components"])
      std::cout << fmt::format("{:<12} {:<6} {:>8} {:>9}  {}  {}\n", c.value("name", ""), c.value("state", ""), c.value("pid", 0),
                               c.value("restarts", 0), c.value("since", ""), c.value("problem", ""));
  } else {
    std::cout << "The market in " << state.root << " is not running. Start it with 'bourse up'.\n";
  }
  if (!report.is_object()) throw CLI::RuntimeError(info(ErrorCode::unavailable).exit_code);
}

void add_state_option(CLI::App& command, Options& options) {
  command.add_option("--state", options.state, "State directory (default: " + options.state + ")")->envname("BOURSE_STATE");
}

}  // namespace

void add_up_commands(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* start = app.add_subcommand("up", "Start the whole market on this machine: PostgreSQL, Redis, nginx, broker, gateway");
  add_state_option(*start, *options);
  start->add_option("--port", options->port, "Loopback port of the edge")->check(CLI::Range(1, 65535))->capture_default_str();
  start->add_option("--issuers", options->issuers,
                    "TOML file with the identity providers ([[issuer]] tables; kept for later starts)")
      ->check(CLI::ExistingFile);
  start->add_option("--factors", options->factors, "Folder with tables of 度 factors (default: those of the last start, at first the published one)")->check(CLI::ExistingDirectory);
  start->add_flag("--two-people", options->two_people, "What moves money waits for a second person (default: one is enough, to try it)");
  start->add_option("--certificate-minutes", options->certificate_minutes, "How long a connector's certificate is good; it is renewed at half of that")->check(CLI::Range(1, 366))->capture_default_str();
  start->add_option("--heartbeat-seconds", options->heartbeat_seconds, "How often a connector's link says something; thrice that in silence and it is given up")->check(CLI::Range(1, 18))->capture_default_str();
  start->add_flag("--foreground", options->foreground, "Stay in the foreground until Ctrl-C");
  start->footer("Everything lives in the state directory; run by root, each server drops to a user of its own.\n"
                "Example: bourse up && bourse status && bourse down");
  start->callback([options] { up(*options); });

  CLI::App* stop = app.add_subcommand("down", "Stop the market that 'bourse up' started");
  add_state_option(*stop, *options);
  stop->callback([options] { down(*options); });

  CLI::App* show = app.add_subcommand("status", "Show the market's processes; exit code 6 when it is down");
  add_state_option(*show, *options);
  show->add_flag_callback("--json", [options] { options->as_json = true; }, "As JSON");
  show->callback([options] { status(*options); });
}

}  // namespace bourse::cli
