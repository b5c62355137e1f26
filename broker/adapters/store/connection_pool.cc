#include "broker/adapters/store/connection_pool.h"

#include <chrono>

namespace bourse::broker::store {

Result<ConnectionPool::Lease> ConnectionPool::borrow(Duration timeout) {
  {
    std::unique_lock lock(mutex_);
    const bool free = free_.wait_for(lock, std::chrono::milliseconds(timeout.ms), [&] { return !idle_.empty() || left_ > 0; });
    if (!free) return fail(ErrorCode::overloaded, "no connection to PostgreSQL became free in time");
    if (!idle_.empty()) {
      Connection connection = std::move(idle_.back());
      idle_.pop_back();
      return Lease(*this, std::move(connection));
    }
    --left_;
  }
  auto opened = Connection::open(conninfo_);
  if (opened) return Lease(*this, std::move(*opened));
  {
    const std::lock_guard lock(mutex_);
    ++left_;
  }
  free_.notify_one();
  return std::unexpected(std::move(opened.error()));
}

void ConnectionPool::give_back(Connection connection) {
  {
    const std::lock_guard lock(mutex_);
    if (connection.usable())
      idle_.push_back(std::move(connection));
    else
      ++left_;
  }
  free_.notify_one();
}

}  // namespace bourse::broker::store
