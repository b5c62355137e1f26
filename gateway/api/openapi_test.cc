// What the document promises and what is served are one list.
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "gateway/api/api.h"
#include "gateway/cache/memory_cache.h"
#include "gateway/sso/authorization_server.h"
#include "gateway/sso/sign_in.h"

namespace bourse::gateway {
namespace {

struct NoPeople final : sso::People {
  http::Task<Result<sso::Principal>> sign_in(sso::Identity) override { co_return fail(ErrorCode::internal); }
  http::Task<Status> open_session(sso::NewSession) override { co_return fail(ErrorCode::internal); }
  http::Task<Result<sso::Principal>> resolve(Hash256) override { co_return fail(ErrorCode::internal); }
  http::Task<Status> end_session(Hash256) override { co_return fail(ErrorCode::internal); }
};

std::set<std::string> served() {
  ManualClock clock{Instant{}};
  SeededRng rng(1);
  NoPeople people;
  MemoryCache cache(clock, 1);
  MarketClient market("unix:/nowhere");
  sso::Authenticator authenticator(people, clock);
  http::Workers workers(1, 1);
  sso::SignIn sign_in({{}, cache, people, authenticator, workers, clock, rng, "https://m"});
  sso::AuthorizationServer authorization({cache, people, authenticator, clock, rng, "https://m"});
  Api api({market, authenticator, cache, "https://m"});
  http::Router router;
  sign_in.add_routes(router);
  authorization.add_routes(router);
  api.add_routes(router);
  std::set<std::string> out;
  for (const http::Route& route : router.routes()) out.insert(std::string(to_text(route.method)) + " " + route.pattern);
  return out;
}

// The document is ours, so its layout may be relied on: paths at two spaces, methods at four.
std::set<std::string> documented() {
  std::istringstream in{std::string(openapi_document())};
  std::set<std::string> out;
  std::string line, path;
  bool in_paths = false;
  while (std::getline(in, line)) {
    if (!line.starts_with(' ')) in_paths = line == "paths:";
    if (!in_paths) continue;
    if (line.starts_with("  /") && line.ends_with(':')) path = line.substr(2, line.size() - 3);
    for (const http::Method method : {http::Method::get, http::Method::post, http::Method::put, http::Method::del}) {
      std::string name(to_text(method));
      for (char& c : name) c = static_cast<char>(c + 32);
      if (line == "    " + name + ":") out.insert(std::string(to_text(method)) + " " + path);
    }
  }
  return out;
}

TEST(OpenApi, lists_what_is_served_and_nothing_else) {
  EXPECT_GT(served().size(), 30U);
  EXPECT_EQ(served(), documented());
}

}  // namespace
}  // namespace bourse::gateway
