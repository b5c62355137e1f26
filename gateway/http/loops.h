// The threads that serve: one io_context each, so what runs on one loop needs no locks among itself.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <list>
#include <thread>

namespace bourse::http {

class Loops {
 public:
  explicit Loops(std::size_t threads);
  ~Loops();
  Loops(const Loops&) = delete;
  Loops& operator=(const Loops&) = delete;

  std::size_t size() const { return loops_.size(); }
  boost::asio::io_context& at(std::size_t index);
  // Which of them this is; a coroutine finds its own by its executor's context.
  std::size_t index_of(const boost::asio::execution_context& context) const;

  void start();
  // Waits until nothing is left to do on any loop, and joins. Whoever has work there must have ended it.
  void finish();

 private:
  struct Loop {
    boost::asio::io_context context{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard{context.get_executor()};
    std::thread thread;
  };
  std::list<Loop> loops_;
};

}  // namespace bourse::http
