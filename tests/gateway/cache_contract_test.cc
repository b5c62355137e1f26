// One suite for both caches: in memory, and on a real Redis.
#include <gtest/gtest.h>
#include <signal.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include "cli/embedded/redis.h"
#include "gateway/cache/fallback_cache.h"
#include "gateway/cache/memory_cache.h"
#include "gateway/cache/redis_cache.h"
#include "tests/gateway/folder.h"

namespace bourse::gateway {
namespace {

// Loops with a cache on them; a call from the test's thread runs on a loop and gives its answer back.
struct Bench {
  explicit Bench(bool with_redis, Duration deadline = seconds(20)) {
    ::signal(SIGPIPE, SIG_IGN);
    if (with_redis) {
      redis.emplace(embedded::Redis::start(folder / "redis").value());
      remote.emplace(loops, redis->socket(), clock, deadline);
    }
    loops.start();
  }
  ~Bench() {
    if (remote) remote->close();
    loops.finish();
  }
  Cache& cache() { return remote ? static_cast<Cache&>(*remote) : memory; }
  template <class T>
  T run(http::Task<T> task, std::size_t loop = 0) {
    return boost::asio::co_spawn(loops.at(loop), std::move(task), boost::asio::use_future).get();
  }

  bourse::testing::Folder folder;
  SystemClock clock;
  http::Loops loops{2};
  MemoryCache memory{clock, 1000};
  std::optional<embedded::Redis> redis;
  std::optional<RedisCache> remote;
};

struct CacheContract : ::testing::TestWithParam<bool> {
  Bench bench{GetParam()};
  Cache& cache = bench.cache();
};

TEST_P(CacheContract, a_value_is_taken_once) {
  const std::string value("a\0b\r\n\xFF", 6);
  ASSERT_TRUE(bench.run(cache.put("k", value, seconds(60))));
  EXPECT_EQ(bench.run(cache.take("other")).value(), std::nullopt);
  EXPECT_EQ(bench.run(cache.take("k"), 1).value(), value);
  EXPECT_EQ(bench.run(cache.take("k")).value(), std::nullopt);
}

TEST_P(CacheContract, a_newer_value_takes_the_place) {
  ASSERT_TRUE(bench.run(cache.put("k", "1", seconds(60))));
  ASSERT_TRUE(bench.run(cache.put("k", "2", seconds(60))));
  EXPECT_EQ(bench.run(cache.take("k")).value(), "2");
}

TEST_P(CacheContract, a_value_ends) {
  ASSERT_TRUE(bench.run(cache.put("k", "1", milliseconds(1))));
  std::optional<std::string> left;
  const Duration deadline{bench.clock.monotonic().ms + 5000};
  do {
    ASSERT_TRUE(bench.run(cache.put("probe", "1", milliseconds(1))));
    left = bench.run(cache.take("probe")).value();
  } while (left && bench.clock.monotonic() < deadline && bench.run(cache.take("k")).value());
  EXPECT_EQ(bench.run(cache.take("k")).value(), std::nullopt);
}

TEST_P(CacheContract, a_bucket_gives_its_burst) {
  constexpr BucketSize kSize{.burst = 5, .per_second = 1};
  for (int left = 4; left >= 0; --left) {
    const Grant grant = bench.run(cache.draw("b", kSize)).value();
    EXPECT_TRUE(grant.granted);
    EXPECT_GE(grant.left, left);
  }
  Grant grant;
  for (int i = 0; i < 20 && (i == 0 || grant.granted); ++i) grant = bench.run(cache.draw("b", kSize)).value();
  EXPECT_FALSE(grant.granted);
  EXPECT_GT(grant.wait.ms, 0);
  EXPECT_LE(grant.wait.ms, 1000);
  EXPECT_TRUE(bench.run(cache.draw("another", kSize))->granted);
}

TEST_P(CacheContract, one_of_many_takers_gets_it) {
  ASSERT_TRUE(bench.run(cache.put("k", "1", seconds(60))));
  std::vector<std::future<Result<std::optional<std::string>>>> takers;
  for (std::size_t i = 0; i < 100; ++i)
    takers.push_back(boost::asio::co_spawn(bench.loops.at(i % 2), cache.take("k"), boost::asio::use_future));
  int got = 0;
  for (auto& taker : takers) got += taker.get().value().has_value() ? 1 : 0;
  EXPECT_EQ(got, 1);
}

INSTANTIATE_TEST_SUITE_P(Both, CacheContract, ::testing::Bool(),
                         [](const auto& row) { return row.param ? "Redis" : "Memory"; });

TEST(RedisCacheFaults, without_redis_calls_fail_and_the_fallback_serves) {
  Bench bench(true);
  FallbackCache shared(*bench.remote, bench.memory);
  ASSERT_TRUE(bench.run(bench.cache().put("k", "1", seconds(60))));
  bench.redis->stop();
  EXPECT_EQ(bench.run(bench.cache().take("k")).error().code, ErrorCode::unavailable);
  EXPECT_EQ(bench.run(bench.cache().put("k", "1", seconds(60))).error().code, ErrorCode::unavailable);
  ASSERT_TRUE(bench.run(shared.put("k", "2", seconds(60))));
  EXPECT_EQ(bench.run(shared.take("k")).value(), "2");
  EXPECT_TRUE(bench.run(shared.draw("b", {.burst = 1, .per_second = 1}))->granted);
  EXPECT_FALSE(bench.run(shared.draw("b", {.burst = 1, .per_second = 1}))->granted);
}

TEST(FallbackCache, what_is_in_both_is_taken_once) {
  Bench bench(true);
  FallbackCache shared(*bench.remote, bench.memory);
  ASSERT_TRUE(bench.run(bench.remote->put("k", "1", seconds(60))));
  ASSERT_TRUE(bench.run(bench.memory.put("k", "1", seconds(60))));
  EXPECT_EQ(bench.run(shared.take("k")).value(), "1");
  EXPECT_EQ(bench.run(shared.take("k")).value(), std::nullopt);
}

// As when another loop has found Redis again, and put something there, before this one did.
TEST(FallbackCache, what_is_in_neither_is_asked_for_again_when_redis_was_silent) {
  class SilentOnce final : public Cache {
   public:
    explicit SilentOnce(Cache& real) : real_(real) {}
    Task<Status> put(std::string key, std::string value, Duration ttl) override { co_return co_await real_.put(std::move(key), std::move(value), ttl); }
    Task<Result<std::optional<std::string>>> take(std::string key) override {
      if (!std::exchange(asked_, true)) co_return fail(ErrorCode::unavailable);
      co_return co_await real_.take(std::move(key));
    }
    Task<Result<Grant>> draw(std::string key, BucketSize size) override { co_return co_await real_.draw(std::move(key), size); }

   private:
    Cache& real_;
    bool asked_ = false;
  };
  Bench bench(true);
  SilentOnce silent(*bench.remote);
  FallbackCache shared(silent, bench.memory);
  ASSERT_TRUE(bench.run(bench.remote->put("k", "1", seconds(60))));
  EXPECT_EQ(bench.run(shared.take("k")).value(), "1");
}

TEST(RedisCacheFaults, it_comes_back_by_itself) {
  Bench bench(true);
  ASSERT_TRUE(bench.run(bench.cache().put("k", "1", seconds(60))));
  ::kill(bench.redis->pid(), SIGKILL);
  bench.redis->stop();
  EXPECT_FALSE(bench.run(bench.cache().take("k")));
  bench.redis.emplace(embedded::Redis::start(bench.folder / "redis").value());
  const Duration deadline{bench.clock.monotonic().ms + 10'000};
  Status put;
  do put = bench.run(bench.cache().put("k", "1", seconds(60)));
  while (!put && bench.clock.monotonic() < deadline);
  EXPECT_TRUE(put);
}

TEST(RedisCacheFaults, a_redis_that_stands_still_costs_the_deadline) {
  Bench bench(true, milliseconds(250));
  ::kill(bench.redis->pid(), SIGSTOP);
  const Duration before = bench.clock.monotonic();
  EXPECT_EQ(bench.run(bench.cache().take("k")).error().code, ErrorCode::unavailable);
  EXPECT_LT(bench.clock.monotonic().ms - before.ms, 5000);
  ::kill(bench.redis->pid(), SIGCONT);
}

}  // namespace
}  // namespace bourse::gateway
