// A bounded set of libpqxx connections of one role, and the one place where PostgreSQL's exceptions become errors.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/result.h"

namespace bourse::broker::api {

// Safe from any thread. Connections are opened when first needed and replaced when they break.
class Database {
 public:
  // `settings` are run on each new connection ("SET statement_timeout = 5000").
  Database(std::string conninfo, std::string settings, std::size_t max_connections);
  ~Database();

  // Runs `work` in a transaction and commits. A transaction that met a broken connection is not repeated.
  // Errors: overloaded (no connection free within a second), unavailable, timeout (statement_timeout), conflict (unique
  // violation), unknown_outcome (the commit's answer was lost), internal, and the work's own, which roll back.
  template <class T>
  Result<T> write(const std::function<Result<T>(pqxx::work&)>& work) {
    std::optional<Result<T>> out;
    const Status status = with_connection([&](pqxx::connection& connection) {
      pqxx::work transaction(connection);
      out.emplace(work(transaction));
      if (*out) transaction.commit();
    });
    if (!status) return std::unexpected(status.error());
    return std::move(*out);
  }
  // The same in a read-only transaction.
  template <class T>
  Result<T> read(const std::function<Result<T>(pqxx::transaction_base&)>& work) {
    std::optional<Result<T>> out;
    const Status status = with_connection([&](pqxx::connection& connection) {
      pqxx::read_transaction transaction(connection);
      out.emplace(work(transaction));
    });
    if (!status) return std::unexpected(status.error());
    return std::move(*out);
  }

 private:
  Status with_connection(const std::function<void(pqxx::connection&)>& use);
  Result<std::unique_ptr<pqxx::connection>> borrow();
  void give_back(std::unique_ptr<pqxx::connection> connection);

  std::string conninfo_, settings_;
  std::mutex mutex_;
  std::condition_variable free_;
  std::vector<std::unique_ptr<pqxx::connection>> idle_;
  std::size_t left_;  // connections that may still be opened
};

// Columns of type uuid.
template <class Kind>
Id<Kind> id_column(const pqxx::field& field) {
  if (field.is_null()) return {};
  const auto uuid = parse_hyphenated(field.c_str());
  return uuid ? Id<Kind>{*uuid} : Id<Kind>{};
}
template <class Kind>
std::string sql(Id<Kind> id) {
  return to_hyphenated(id.uuid);
}

}  // namespace bourse::broker::api
