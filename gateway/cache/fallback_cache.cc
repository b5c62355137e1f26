#include "gateway/cache/fallback_cache.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

namespace bourse::gateway {
namespace {

namespace asio = boost::asio;

// When Redis comes back, some loops find it before others do; each dials twice a second.
constexpr std::chrono::milliseconds kUntilAllHaveDialled{600};

}  // namespace

http::Task<Status> FallbackCache::put(std::string key, std::string value, Duration ttl) {
  if (auto done = co_await first_.put(key, value, ttl)) co_return done;
  co_return co_await second_.put(std::move(key), std::move(value), ttl);
}

http::Task<Result<std::optional<std::string>>> FallbackCache::take(std::string key) {
  auto taken = co_await first_.take(key);
  auto other = co_await second_.take(key);
  if (taken && *taken) co_return taken;
  if (taken || (other && *other)) co_return other;
  asio::steady_timer timer(co_await asio::this_coro::executor, kUntilAllHaveDialled);
  co_await timer.async_wait(asio::use_awaitable);
  taken = co_await first_.take(std::move(key));
  if (taken) co_return taken;
  co_return other;
}

http::Task<Result<Grant>> FallbackCache::draw(std::string key, BucketSize size) {
  if (auto grant = co_await first_.draw(key, size)) co_return grant;
  co_return co_await second_.draw(std::move(key), size);
}

}  // namespace bourse::gateway
