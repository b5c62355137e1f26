// A few threads for calls that block (name lookups, an identity provider's answer), with a bound on what waits for
// them.
#pragma once

#include <atomic>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <exception>
#include <functional>

#include "gateway/http/message.h"

namespace bourse::http {

class Workers {
 public:
  Workers(std::size_t threads, std::size_t most_waiting) : pool_(threads), most_(most_waiting) {}
  ~Workers() { finish(); }

  // Runs `work` on a worker and resumes the caller on its own executor. Errors: overloaded when too many wait; the
  // work's.
  template <class T>
  Task<Result<T>> run(std::function<Result<T>()> work) {
    if (waiting_.fetch_add(1) >= most_) {
      waiting_.fetch_sub(1);
      co_return fail(ErrorCode::overloaded, "too many sign-ins are under way");
    }
    co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(Result<T>)>(
        [this](auto handler, std::function<Result<T>()> task) {
          auto executor = boost::asio::get_associated_executor(handler);
          auto guard = boost::asio::make_work_guard(executor);
          boost::asio::post(
              pool_, [this, task = std::move(task), handler = std::move(handler), guard = std::move(guard)]() mutable {
                Result<T> result = guarded(task);
                waiting_.fetch_sub(1);
                boost::asio::post(guard.get_executor(),
                                  [handler = std::move(handler), result = std::move(result)]() mutable {
                                    handler(std::move(result));
                                  });
              });
        },
        boost::asio::use_awaitable, std::move(work));
  }

  void finish() { pool_.join(); }

 private:
  template <class T>
  static Result<T> guarded(const std::function<Result<T>()>& task) {
    try {
      return task();
    } catch (const std::exception&) {
      return fail(ErrorCode::internal);
    }
  }

  boost::asio::thread_pool pool_;
  const std::size_t most_;
  std::atomic<std::size_t> waiting_ = 0;
};

}  // namespace bourse::http
