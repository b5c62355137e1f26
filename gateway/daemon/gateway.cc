#include "gateway/daemon/gateway.h"

#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "gateway/api/api.h"
#include "gateway/api/market_people.h"
#include "gateway/cache/fallback_cache.h"
#include "gateway/cache/memory_cache.h"
#include "gateway/cache/redis_cache.h"
#include "gateway/http/server.h"
#include "gateway/sso/authorization_server.h"
#include "gateway/sso/curl_fetcher.h"
#include "gateway/sso/sign_in.h"

namespace bourse::gateway {
namespace {

constexpr std::size_t kSignInWorkers = 4;
constexpr std::size_t kMostWaitingSignIns = 64;
constexpr std::size_t kMostInMemory = 50'000;

// A JSON object a line; what clients sent is escaped in it, so a line stays one line.
void log_line(const Clock& clock, spdlog::level::level_enum level, nlohmann::ordered_json fields) {
  nlohmann::ordered_json line{{"at", to_text(clock.now())}, {"level", spdlog::level::to_string_view(level).data()}};
  line.update(fields);
  spdlog::log(level, "{}", line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
}

nlohmann::ordered_json served_fields(const http::Served& s) {
  return {{"event", "request"}, {"id", s.request_id}, {"method", http::to_text(s.method)},
          {"path", s.path},     {"status", s.status}, {"bytes", s.body_bytes},
          {"ms", s.took.ms}};
}

http::ServerOptions server_options(const Config& config, const Clock& clock, MarketClient& market) {
  return {.socket = config.listen_socket,
          .limits = {},
          .served = [&clock](const http::Served& s) { log_line(clock, spdlog::level::info, served_fields(s)); },
          .fault =
              [&clock](std::string_view what) {
                log_line(clock, spdlog::level::err, {{"event", "fault"}, {"what", what}});
              },
          .cut = [&market] { market.cancel_all(); }};
}

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

std::vector<std::unique_ptr<sso::Provider>> make_providers(const Config& config, sso::Fetcher& fetcher,
                                                           const Clock& clock) {
  std::vector<std::unique_ptr<sso::Provider>> out;
  for (const auto& settings : config.issuers) out.push_back(std::make_unique<sso::Provider>(settings, fetcher, clock));
  return out;
}

}  // namespace

Status serve(const Config& config) {
  // Before any thread: all of them inherit the mask, and sigwait below is the only one to see these signals.
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  const SystemClock clock;
  SystemRng rng;
  http::Loops loops(config.threads);
  MemoryCache memory(clock, kMostInMemory);
  RedisCache redis(loops, config.redis_socket, clock);
  FallbackCache shared(redis, memory);
  Cache& cache = config.redis_socket.empty() ? static_cast<Cache&>(memory) : shared;
  MarketClient market(config.market);
  MarketPeople people(market);
  sso::Authenticator authenticator(people, clock);
  sso::CurlFetcher fetcher(config.issuer_ca_file);
  http::Workers workers(kSignInWorkers, kMostWaitingSignIns);

  sso::SignIn sign_in({make_providers(config, fetcher, clock), cache, people, authenticator, workers, clock, rng,
                       config.public_origin});
  sso::AuthorizationServer authorization({cache, people, authenticator, clock, rng, config.public_origin});
  Api api({market, authenticator, cache, config.public_origin, {config.burst, config.requests_per_second}});
  http::Router router;
  sign_in.add_routes(router);
  authorization.add_routes(router);
  api.add_routes(router);

  http::Server server(loops, router, clock, rng, server_options(config, clock, market));
  CHECK_OK(server.listen());
  loops.start();
  std::puts("bourse-gateway ready");
  std::fflush(stdout);
  int number = 0;
  sigwait(&signals, &number);
  log_line(clock, spdlog::level::info, {{"event", "stopping"}, {"signal", number}});
  server.stop();
  redis.close();
  workers.finish();
  loops.finish();
  return {};
}

}  // namespace bourse::gateway
