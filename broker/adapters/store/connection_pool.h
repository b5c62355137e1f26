// A bounded set of connections for callers on many threads.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "broker/adapters/store/connection.h"

namespace bourse::broker::store {

class ConnectionPool {
 public:
  ConnectionPool(std::string conninfo, std::size_t most) : conninfo_(std::move(conninfo)), left_(most) {}

  // Lent until destruction; a connection that was lost meanwhile is not put back.
  class Lease {
   public:
    Lease(ConnectionPool& pool, Connection connection) : pool_(&pool), connection_(std::move(connection)) {}
    Lease(Lease&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), connection_(std::move(other.connection_)) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (pool_ != nullptr) pool_->give_back(std::move(connection_));
    }
    Connection* operator->() { return &connection_; }
    Connection& operator*() { return connection_; }

   private:
    ConnectionPool* pool_;
    Connection connection_;
  };
  // Waits for a free one. Errors: overloaded (none became free in time), unavailable.
  Result<Lease> borrow(Duration timeout = seconds(10));

 private:
  void give_back(Connection connection);

  const std::string conninfo_;
  std::mutex mutex_;
  std::condition_variable free_;
  std::vector<Connection> idle_;
  std::size_t left_;  // that may still be opened
};

}  // namespace bourse::broker::store
