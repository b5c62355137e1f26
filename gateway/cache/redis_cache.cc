#include "gateway/cache/redis_cache.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <future>

namespace bourse::gateway {
namespace {

namespace asio = boost::asio;

constexpr Duration kPauseBetweenConnects = milliseconds(500);
constexpr std::size_t kMostPending = 4096;

struct Reply {
  std::optional<std::string> text;
  std::int64_t number = 0;
  std::vector<std::int64_t> numbers;
};

Result<Reply> copy(const redisReply* reply) {
  if (reply == nullptr) return fail(ErrorCode::unavailable, "Redis closed the connection");
  if (reply->type == REDIS_REPLY_ERROR) return fail(ErrorCode::unavailable, "Redis refused a command");
  Reply out;
  if (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS) out.text.emplace(reply->str, reply->len);
  if (reply->type == REDIS_REPLY_INTEGER) out.number = reply->integer;
  if (reply->type == REDIS_REPLY_ARRAY)
    for (std::size_t i = 0; i < reply->elements && i < 8; ++i) out.numbers.push_back(reply->element[i]->integer);
  return out;
}

// The token bucket of bucket.h, with Redis's clock so that all gateways agree; milli-tokens and milliseconds.
constexpr const char* kDrawScript = R"lua(
local full, rate = tonumber(ARGV[1]) * 1000, tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local kept = redis.call('HMGET', KEYS[1], 't', 'a')
local tokens = tonumber(kept[1]) or full
local passed = math.max(0, now - (tonumber(kept[2]) or now))
tokens = math.min(full, tokens + passed * rate)
local granted = tokens >= 1000 and 1 or 0
tokens = tokens - granted * 1000
redis.call('HSET', KEYS[1], 't', string.format('%.0f', tokens), 'a', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(full / rate) + 1000)
local wait = 0
if granted == 0 then wait = math.ceil((1000 - tokens) / rate) end
return {granted, math.floor(tokens / 1000), wait}
)lua";

}  // namespace

// hiredis's asynchronous context, told by Asio when its socket is ready.
class RedisCache::Link {
 public:
  Link(asio::io_context& loop, std::string socket, const Clock& clock, Duration deadline)
      : loop_(loop), socket_(std::move(socket)), clock_(clock), deadline_(deadline) {}
  ~Link() { close(); }

  Task<Result<Reply>> command(std::vector<std::string> arguments);
  void close() {
    closed_ = true;
    drop();
  }

 private:
  struct Pending {
    explicit Pending(asio::io_context& loop) : timer(loop) {}
    std::move_only_function<void(Result<Reply>)> done;
    asio::steady_timer timer;
  };
  using PendingPointer = std::shared_ptr<Pending>;

  Status connect();
  void drop();  // ends the connection; what is pending gets `unavailable`
  void send(const PendingPointer& pending, const std::vector<std::string>& arguments);
  static void finish(const PendingPointer& pending, Result<Reply> result);
  void watch(asio::posix::stream_descriptor::wait_type what, bool& wanted, bool& waiting,
             void (*ready)(redisAsyncContext*));
  void hook_events();

  asio::io_context& loop_;
  std::string socket_;
  const Clock& clock_;
  const Duration deadline_;
  redisAsyncContext* context_ = nullptr;
  std::unique_ptr<asio::posix::stream_descriptor> descriptor_;
  std::uint64_t generation_ = 0;  // of the connection: a late wake-up of an older one does nothing
  bool want_read_ = false, want_write_ = false, waits_read_ = false, waits_write_ = false;
  bool closed_ = false;
  std::size_t pending_ = 0;
  std::optional<Duration> last_connect_;
};

void RedisCache::Link::watch(asio::posix::stream_descriptor::wait_type what, bool& wanted, bool& waiting,
                             void (*ready)(redisAsyncContext*)) {
  wanted = true;
  if (waiting || !descriptor_) return;
  waiting = true;
  descriptor_->async_wait(
      what, [this, what, &wanted, &waiting, ready, generation = generation_](boost::system::error_code error) {
        if (generation != generation_) return;
        waiting = false;
        if (error || context_ == nullptr || !wanted) return;
        ready(context_);  // may drop the connection
        if (generation == generation_ && wanted) watch(what, wanted, waiting, ready);
      });
}

void RedisCache::Link::hook_events() {
  auto& ev = context_->ev;
  using Descriptor = asio::posix::stream_descriptor;
  ev.data = this;
  ev.addRead = [](void* self) {
    auto* link = static_cast<Link*>(self);
    link->watch(Descriptor::wait_read, link->want_read_, link->waits_read_, redisAsyncHandleRead);
  };
  ev.delRead = [](void* self) { static_cast<Link*>(self)->want_read_ = false; };
  ev.addWrite = [](void* self) {
    auto* link = static_cast<Link*>(self);
    link->watch(Descriptor::wait_write, link->want_write_, link->waits_write_, redisAsyncHandleWrite);
  };
  ev.delWrite = [](void* self) { static_cast<Link*>(self)->want_write_ = false; };
  // hiredis frees the context (and closes its descriptor) after this: forget both.
  ev.cleanup = [](void* self) {
    auto* link = static_cast<Link*>(self);
    ++link->generation_;
    link->want_read_ = link->want_write_ = link->waits_read_ = link->waits_write_ = false;
    link->context_ = nullptr;
    if (link->descriptor_) link->descriptor_->release();
    link->descriptor_.reset();
  };
}

Status RedisCache::Link::connect() {
  if (context_ != nullptr) return {};
  if (closed_) return fail(ErrorCode::unavailable, "the gateway is stopping");
  const Duration now = clock_.monotonic();
  if (last_connect_ && now.ms - last_connect_->ms < kPauseBetweenConnects.ms)
    return fail(ErrorCode::unavailable, "Redis can't be reached");
  last_connect_ = now;
  redisAsyncContext* context = redisAsyncConnectUnix(socket_.c_str());
  if (context == nullptr || context->err != 0) {
    if (context != nullptr) redisAsyncFree(context);
    return fail(ErrorCode::unavailable, "Redis can't be reached");
  }
  context_ = context;
  descriptor_ = std::make_unique<asio::posix::stream_descriptor>(loop_, context_->c.fd);
  hook_events();
  return {};
}

void RedisCache::Link::drop() {
  if (context_ != nullptr) redisAsyncFree(context_);  // runs the pending callbacks, then ev.cleanup
}

void RedisCache::Link::finish(const PendingPointer& pending, Result<Reply> result) {
  if (!pending->done) return;
  auto done = std::exchange(pending->done, nullptr);
  pending->timer.cancel();
  done(std::move(result));
}

void RedisCache::Link::send(const PendingPointer& pending, const std::vector<std::string>& arguments) {
  if (auto connected = connect(); !connected) return finish(pending, std::unexpected(connected.error()));
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string& argument : arguments) {
    texts.push_back(argument.data());
    sizes.push_back(argument.size());
  }
  auto holder = std::make_unique<PendingPointer>(pending);
  const auto on_reply = [](redisAsyncContext*, void* reply, void* data) {
    const std::unique_ptr<PendingPointer> held(static_cast<PendingPointer*>(data));
    finish(*held, copy(static_cast<const redisReply*>(reply)));
  };
  pending->timer.expires_after(std::chrono::milliseconds(deadline_.ms));
  pending->timer.async_wait([this, pending](boost::system::error_code error) {
    if (error || !pending->done) return;
    finish(pending, fail(ErrorCode::unavailable, "Redis did not answer in time"));
    drop();
  });
  if (redisAsyncCommandArgv(context_, on_reply, holder.get(), static_cast<int>(texts.size()), texts.data(),
                            sizes.data()) != REDIS_OK)
    return finish(pending, fail(ErrorCode::unavailable, "Redis can't be reached"));
  holder.release();
}

http::Task<Result<Reply>> RedisCache::Link::command(std::vector<std::string> arguments) {
  if (pending_ >= kMostPending) co_return fail(ErrorCode::unavailable, "too many calls to Redis are under way");
  ++pending_;
  auto result = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Result<Reply>)>(
      [this, &arguments](auto handler) {
        auto pending = std::make_shared<Pending>(loop_);
        // Posted, so that a reply never resumes a coroutine from inside hiredis.
        pending->done = [this, handler = std::move(handler)](Result<Reply> reply) mutable {
          asio::post(loop_,
                     [handler = std::move(handler), reply = std::move(reply)]() mutable { handler(std::move(reply)); });
        };
        send(pending, arguments);
      },
      asio::use_awaitable);
  --pending_;
  co_return result;
}

RedisCache::RedisCache(http::Loops& loops, std::string socket, const Clock& clock, Duration deadline) : loops_(loops) {
  for (std::size_t i = 0; i < loops.size(); ++i)
    links_.push_back(std::make_unique<Link>(loops.at(i), socket, clock, deadline));
}

RedisCache::~RedisCache() = default;

http::Task<RedisCache::Link*> RedisCache::link() {
  const auto executor = co_await asio::this_coro::executor;
  co_return links_[loops_.index_of(asio::query(executor, asio::execution::context))].get();
}

void RedisCache::close() {
  for (std::size_t i = 0; i < links_.size(); ++i) {
    std::promise<void> closed;
    asio::post(loops_.at(i), [this, i, &closed] {
      links_[i]->close();
      closed.set_value();
    });
    closed.get_future().wait();
  }
}

http::Task<Status> RedisCache::put(std::string key, std::string value, Duration ttl) {
  Link* mine = co_await link();
  std::vector<std::string> arguments{"SET", std::move(key), std::move(value), "PX", std::to_string(ttl.ms)};
  auto reply = co_await mine->command(std::move(arguments));
  if (!reply) co_return std::unexpected(reply.error());
  co_return Status{};
}

http::Task<Result<std::optional<std::string>>> RedisCache::take(std::string key) {
  Link* mine = co_await link();
  std::vector<std::string> arguments{"GETDEL", std::move(key)};
  auto reply = co_await mine->command(std::move(arguments));
  if (!reply) co_return std::unexpected(reply.error());
  co_return std::move(reply->text);
}

http::Task<Result<Grant>> RedisCache::draw(std::string key, BucketSize size) {
  Link* mine = co_await link();
  std::vector<std::string> arguments{
      "EVAL", kDrawScript, "1", std::move(key), std::to_string(size.burst), std::to_string(size.per_second)};
  auto reply = co_await mine->command(std::move(arguments));
  if (!reply) co_return std::unexpected(reply.error());
  if (reply->numbers.size() != 3) co_return fail(ErrorCode::unavailable, "Redis answered something else");
  co_return Grant{reply->numbers[0] == 1, reply->numbers[1], milliseconds(reply->numbers[2])};
}

}  // namespace bourse::gateway
