#include "cli/up/supervisor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <ranges>

#include "cli/up/admin_token.h"
#include "cli/up/leftovers.h"
#include "cli/embedded/postgres.h"
#include "cli/embedded/child.h"
#include "cli/embedded/redis.h"

namespace bourse::embedded {
namespace {

constexpr const char* kNginx = "/usr/sbin/nginx";
constexpr Duration kStartPatience = seconds(30);
constexpr Duration kStopPatience = seconds(20);
constexpr Duration kLongestBackoff = seconds(30);

bool port_accepts(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool accepted = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return accepted;
}

}  // namespace

struct Supervisor::Servers {
  std::optional<Postgres> postgres;
  std::optional<Redis> redis;
  std::map<std::string, pid_t> programs;
};

Supervisor::Supervisor(MarketOptions options, const Clock& clock, Rng& rng)
    : options_(std::move(options)), state_{options_.state_directory}, clock_(clock), rng_(rng),
      servers_(std::make_unique<Servers>()) {}

Supervisor::~Supervisor() {
  stop();
  if (lock_ >= 0) close(lock_);
}

Status Supervisor::lock() {
  lock_ = open(state_.lock_file().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0) return fail(ErrorCode::unavailable, state_.lock_file() + ": " + std::strerror(errno));
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0)
    return fail(ErrorCode::failed_precondition, "the market already runs in " + state_.root + " (see 'bourse status')");
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(lock_, 0) != 0 || pwrite(lock_, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
    return fail(ErrorCode::unavailable, state_.lock_file() + ": " + std::strerror(errno));
  return {};
}

Status Supervisor::prepare_files() {
  CHECK_OK(prepare(state_));
  CHECK_OK(lock());
  CHECK_OK(adopt_issuers(state_, options_.issuers_file));
  CHECK_OK(adopt_factors(state_, options_.factors));
  return make_certificates(state_, clock_, rng_);
}

void Supervisor::add_program(const std::string& name, std::vector<std::string> argv, const std::string& user,
                             std::function<bool()> ready) {
  Program program;
  program.argv = std::move(argv);
  program.user = user;
  program.directory = "/";
  program.log = state_.log() + "/" + name + ".log";
  program.dies_with_parent = true;
  program.bare_environment = true;
  Component component;
  component.name = name;
  component.start = [this, name, program, ready = std::move(ready)]() -> Status {
    TRY(const pid_t pid, spawn(program));
    servers_->programs[name] = pid;
    const Duration began = clock_.monotonic();
    while (!ready()) {
      const bool ended = wait_gone(pid, milliseconds(10));
      if (!ended && clock_.monotonic().ms - began.ms < kStartPatience.ms) continue;
      return fail(ErrorCode::unavailable, name + (ended ? " ended while starting" : " does not answer") + "; the end of " +
                                              program.log + ":\n" + end_of_log(program.log));
    }
    return {};
  };
  component.running = [this, name] { return alive(servers_->programs[name]); };
  component.pid = [this, name] { return servers_->programs[name]; };
  component.stop = [this, name] {
    const pid_t pid = std::exchange(servers_->programs[name], -1);
    if (!alive(pid)) return;
    kill(pid, SIGTERM);
    if (wait_gone(pid, kStopPatience)) return;
    kill(pid, SIGKILL);
    wait_gone(pid, kStopPatience);
  };
  components_.push_back(std::move(component));
}

void Supervisor::add_components() {
  Component postgres;
  postgres.name = "postgresql";
  postgres.start = [this]() -> Status {
    TRY(servers_->postgres, Postgres::start(state_.postgres()));
    return write_configuration(state_, options_,
                               [this](const std::string& role) { return servers_->postgres->conninfo(role); });
  };
  postgres.running = [this] { return servers_->postgres && servers_->postgres->running(); };
  postgres.pid = [this] { return servers_->postgres->pid(); };
  postgres.stop = [this] {
    if (servers_->postgres) (void)servers_->postgres->stop();
  };
  components_.push_back(std::move(postgres));

  Component redis;
  redis.name = "redis";
  redis.start = [this]() -> Status {
    servers_->redis.reset();
    TRY(servers_->redis, Redis::start(state_.redis()));
    return {};
  };
  redis.running = [this] { return servers_->redis && servers_->redis->running(); };
  redis.pid = [this] { return servers_->redis->pid(); };
  redis.stop = [this] {
    if (servers_->redis) servers_->redis->stop();
  };
  components_.push_back(std::move(redis));

  add_program("broker", {options_.programs + "/bourse-broker", "--config", state_.config() + "/broker.toml"}, kBrokerUser,
              [this] { return socket_accepts(state_.market_socket()) && socket_accepts(state_.link_socket()); });
  add_program("gateway", {options_.programs + "/bourse-gateway", "--config", state_.config() + "/gateway.toml"},
              kGatewayUser, [this] { return socket_accepts(state_.gateway_socket()); });
  // nginx needs root only to read the edge's key; its workers are the edge's user.
  add_program("nginx", {kNginx, "-p", state_.scratch(), "-c", state_.config() + "/nginx.conf"}, {},
              [this] { return port_accepts(options_.port); });
  components_.back().start = [start = components_.back().start, pid_file = state_.run() + "/nginx.pid"] {
    end_leftovers(pid_file, kNginx);
    return start();
  };
}

Status Supervisor::start(const Progress& progress) {
  CHECK_OK(prepare_files());
  end_leftovers(state_.run() + "/nginx.pid", kNginx);  // of a supervisor that was killed
  if (port_accepts(options_.port))
    return fail(ErrorCode::failed_precondition, "port " + std::to_string(options_.port) + " is taken; choose another with --port");
  add_components();
  for (Component& component : components_) {
    const Duration began = clock_.monotonic();
    if (auto started = component.start(); !started) {
      Error error = started.error();
      stop();
      return fail(error.code, component.name + ": " + error.detail);
    }
    component.since = clock_.now();
    progress(component.name + " is up (" + std::to_string(clock_.monotonic().ms - began.ms) + " ms)");
    if (component.name == "broker") CHECK_OK(make_admin_token());
  }
  write_status();
  return {};
}

Status Supervisor::make_admin_token() {
  TRY(const std::string token, register_admin_token("unix:" + state_.market_socket(), clock_, rng_));
  return write_file(state_.admin_token(), token + "\n", 0600);
}

void Supervisor::revive(Component& component) {
  const Duration now = clock_.monotonic();
  if (component.problem.empty()) {
    component.problem = "it ended";
    component.retry_at = now;
    write_status();
  }
  if (now < component.retry_at) return;
  if (const auto started = component.start(); started) {
    component.problem.clear();
    ++component.restarts;
    component.since = clock_.now();
  } else {
    component.problem = started.error().detail;
  }
  component.retry_at = {now.ms + component.backoff.ms};
  component.backoff = std::min(Duration{component.backoff.ms * 2}, kLongestBackoff);
  write_status();
}

void Supervisor::watch(const std::function<bool()>& stop_requested) {
  while (!stop_requested()) {
    for (Component& component : components_) {
      if (!component.running()) revive(component);
      else if (clock_.now() - component.since > minutes(1)) component.backoff = seconds(1);
    }
    poll(nullptr, 0, 100);
  }
  stop();
}

void Supervisor::stop() {
  for (Component& component : components_ | std::views::reverse) component.stop();
  if (!components_.empty()) unlink(state_.status_file().c_str());
  components_.clear();
}

void Supervisor::write_status() const {
  nlohmann::json list = nlohmann::json::array();
  for (const Component& component : components_) {
    const bool up = component.problem.empty();
    list.push_back({{"name", component.name},
                    {"state", up ? "up" : "down"},
                    {"pid", up ? component.pid() : 0},
                    {"restarts", component.restarts},
                    {"since", to_text(component.since)},
                    {"problem", component.problem}});
  }
  const nlohmann::json status = {{"pid", getpid()},
                                 {"url", options_.public_url()},
                                 {"state_directory", state_.root},
                                 {"root_certificate", state_.root_certificate()},
                                 {"components", list}};
  (void)write_file(state_.status_file(), status.dump(2) + "\n", 0644);
}

}  // namespace bourse::embedded
