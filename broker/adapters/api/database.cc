#include "broker/adapters/api/database.h"

#include <spdlog/spdlog.h>

#include <chrono>

namespace bourse::broker::api {
namespace {

// Names the class of failure; the server's own words go to the log, not to the caller.
Error translate(std::exception_ptr thrown) {
  try {
    std::rethrow_exception(std::move(thrown));
  } catch (const pqxx::in_doubt_error& e) {
    spdlog::error("database: commit in doubt: {}", e.what());
    return {ErrorCode::unknown_outcome, {}};
  } catch (const pqxx::broken_connection& e) {
    spdlog::warn("database: connection lost: {}", e.what());
    return {ErrorCode::unavailable, "The database can't be reached."};
  } catch (const pqxx::unique_violation& e) {
    spdlog::info("database: {}", e.what());
    return {ErrorCode::conflict, {}};
  } catch (const pqxx::sql_error& e) {
    spdlog::error("database: {} ({})", e.what(), e.query());
    if (e.sqlstate() == "57014") return {ErrorCode::timeout, "The query took too long."};
    if (e.sqlstate().starts_with("57P") || e.sqlstate().starts_with("08") || e.sqlstate().starts_with("53"))
      return {ErrorCode::unavailable, "The database can't be reached."};
    return {ErrorCode::internal, {}};
  } catch (const std::exception& e) {
    spdlog::error("database: {}", e.what());
    return {ErrorCode::internal, {}};
  }
}

}  // namespace

Database::Database(std::string conninfo, std::string settings, std::size_t max_connections)
    : conninfo_(std::move(conninfo)), settings_(std::move(settings)), left_(max_connections) {}

Database::~Database() = default;

Status Database::with_connection(const std::function<void(pqxx::connection&)>& use) {
  TRY(std::unique_ptr<pqxx::connection> connection, borrow());
  try {
    use(*connection);
    give_back(std::move(connection));
    return {};
  } catch (...) {
    Error error = translate(std::current_exception());
    const bool broken = error.code == ErrorCode::unavailable || error.code == ErrorCode::unknown_outcome ||
                        !connection->is_open();
    if (broken) connection.reset();
    give_back(std::move(connection));
    return std::unexpected(std::move(error));
  }
}

Result<std::unique_ptr<pqxx::connection>> Database::borrow() {
  {
    std::unique_lock lock(mutex_);
    if (!free_.wait_for(lock, std::chrono::seconds(1), [this] { return !idle_.empty() || left_ > 0; }))
      return fail(ErrorCode::overloaded, "Too many queries at once.");
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
    --left_;
  }
  try {
    auto connection = std::make_unique<pqxx::connection>(conninfo_);
    if (!settings_.empty()) {
      pqxx::nontransaction setup(*connection);
      setup.exec(settings_);
    }
    return connection;
  } catch (...) {
    give_back(nullptr);
    return std::unexpected(translate(std::current_exception()));
  }
}

void Database::give_back(std::unique_ptr<pqxx::connection> connection) {
  {
    const std::scoped_lock lock(mutex_);
    if (connection)
      idle_.push_back(std::move(connection));
    else
      ++left_;
  }
  free_.notify_one();
}

}  // namespace bourse::broker::api
