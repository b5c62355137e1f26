// bourse-gateway: HTTP for people and programs in front of one broker.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "gateway/daemon/gateway.h"

namespace {

constexpr const char* kAbout =
    "bourse-gateway: signs people in, and serves the market's REST API on a Unix socket behind nginx.\n"
    "It keeps nothing of its own: run as many as you like in front of one broker.";

constexpr const char* kExample = R"(
A configuration, gateway.toml:

  [listen]
  socket = "/run/bourse/gateway.sock"     # nginx passes to it
  threads = 2
  [broker]
  market = "unix:/run/bourse/market.sock"
  [redis]
  socket = "/run/bourse/redis.sock"       # leave out: limits and sign-ins are this gateway's own
  [public]
  url = "https://market.example.org"      # what browsers see; or BOURSE_GATEWAY_PUBLIC_URL
  [limits]
  requests_per_second = 200               # of each user
  burst = 400
  [issuers]
  ca_file = "/etc/bourse/issuers.pem"     # leave out: the system's certificates
  [[issuer]]                              # one for each identity provider
  name = "demo"
  url = "https://id.example.org"
  client_id = "bourse"
  client_secret_file = "/etc/bourse/demo.secret"
  tenant = "Demo University"
  algorithm = "RS256"
  groups_claim = "groups"
  [issuer.roles]                          # group = role; nobody else gets one
  researchers = "user"
  finance-office = "finance"
  operators = "operator"

Register https://<public url>/auth/callback with the provider as the redirect URI.
)";

int report(const bourse::Error& error) {
  std::fprintf(stderr, "bourse-gateway: %s\n", error.message().c_str());
  return bourse::info(error.code).exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{kAbout, "bourse-gateway"};
  std::string path;
  bool check = false;
  app.add_option("--config", path, "The configuration file (see below)")->required();
  app.add_flag("--check-config", check, "Say whether the configuration is fine, and stop");
  app.footer(kExample);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : bourse::info(bourse::ErrorCode::invalid_argument).exit_code;
  }

  spdlog::set_default_logger(spdlog::stderr_logger_mt("gateway"));
  spdlog::set_pattern("%v");
  const auto config = bourse::gateway::read_config(path);
  if (!config) return report(config.error());
  if (check) {
    std::printf("%s is fine: %zu identity provider(s), public address %s\n", path.c_str(), config->issuers.size(),
                config->public_origin.c_str());
    return 0;
  }
  try {
    if (auto served = bourse::gateway::serve(*config); !served) return report(served.error());
  } catch (const std::exception& fault) {
    return report({bourse::ErrorCode::internal, fault.what()});
  }
  return 0;
}
