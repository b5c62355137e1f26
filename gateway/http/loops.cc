#include "gateway/http/loops.h"

#include <iterator>

#include "base/assert.h"

namespace bourse::http {

Loops::Loops(std::size_t threads) {
  BOURSE_ASSERT(threads > 0);
  for (std::size_t i = 0; i < threads; ++i) loops_.emplace_back();
}

Loops::~Loops() {
  finish();
}

boost::asio::io_context& Loops::at(std::size_t index) {
  return std::next(loops_.begin(), static_cast<std::ptrdiff_t>(index))->context;
}

std::size_t Loops::index_of(const boost::asio::execution_context& context) const {
  std::size_t index = 0;
  for (const Loop& loop : loops_) {
    if (&loop.context == &context) return index;
    ++index;
  }
  BOURSE_ASSERT(false && "a coroutine of another context");
  return 0;
}

void Loops::start() {
  for (Loop& loop : loops_) loop.thread = std::thread([&loop] { loop.context.run(); });
}

void Loops::finish() {
  for (Loop& loop : loops_) loop.guard.reset();
  for (Loop& loop : loops_)
    if (loop.thread.joinable()) loop.thread.join();
}

}  // namespace bourse::http
