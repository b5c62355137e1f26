#include "broker/adapters/store/connection.h"

#include <arpa/inet.h>
#include <endian.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "base/assert.h"
#include "broker/adapters/store/wire.h"

namespace bourse::broker::store {
namespace {

std::int64_t monotonic_ms() {
  static const SystemClock clock;
  return clock.monotonic().ms;
}

template <class T>
T big_endian(const char* data) {
  T value;
  std::memcpy(&value, data, sizeof value);
  if constexpr (sizeof value == 8) return static_cast<T>(be64toh(static_cast<std::uint64_t>(value)));
  if constexpr (sizeof value == 4) return static_cast<T>(be32toh(static_cast<std::uint32_t>(value)));
  if constexpr (sizeof value == 2) return static_cast<T>(be16toh(static_cast<std::uint16_t>(value)));
}

template <class T>
std::string binary(T value) {
  std::string out;
  wire::put(out, value);
  return out;
}

// The header of a one-dimensional array of `count` elements without NULLs.
std::string array_header(std::size_t count, unsigned element_type) {
  std::string out;
  wire::put(out, std::int32_t{count > 0 ? 1 : 0});
  wire::put(out, std::int32_t{0});
  wire::put(out, static_cast<std::int32_t>(element_type));
  if (count > 0) {
    wire::put(out, static_cast<std::int32_t>(count));
    wire::put(out, std::int32_t{1});
  }
  return out;
}

// The one place where the server's codes become ours.
ErrorCode code_of(std::string_view sqlstate) {
  if (sqlstate == "23505") return ErrorCode::conflict;
  if (sqlstate.starts_with("23")) return ErrorCode::integrity;
  if (sqlstate == "42501" || sqlstate.starts_with("28")) return ErrorCode::forbidden;
  if (sqlstate == "57014") return ErrorCode::timeout;
  if (sqlstate.starts_with("08") || sqlstate.starts_with("57P") || sqlstate.starts_with("40") || sqlstate.starts_with("53"))
    return ErrorCode::unavailable;
  return ErrorCode::internal;
}

std::string trimmed(const char* message) {
  std::string text = message == nullptr ? "" : message;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

}  // namespace

void Rows::Clear::operator()(pg_result* result) const { PQclear(result); }
int Rows::size() const { return PQntuples(result_.get()); }
std::int64_t Rows::affected() const { return std::strtoll(PQcmdTuples(result_.get()), nullptr, 10); }
bool Rows::is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }

std::span<const std::byte> Rows::bytes(int row, int column) const {
  return {reinterpret_cast<const std::byte*>(PQgetvalue(result_.get(), row, column)),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}
std::string_view Rows::text(int row, int column) const {
  const auto value = bytes(row, column);
  return {reinterpret_cast<const char*>(value.data()), value.size()};
}
std::int64_t Rows::int8(int row, int column) const {
  BOURSE_ASSERT(bytes(row, column).size() == 8);
  return big_endian<std::int64_t>(PQgetvalue(result_.get(), row, column));
}
std::int32_t Rows::int4(int row, int column) const {
  BOURSE_ASSERT(bytes(row, column).size() == 4);
  return big_endian<std::int32_t>(PQgetvalue(result_.get(), row, column));
}
std::int16_t Rows::int2(int row, int column) const {
  BOURSE_ASSERT(bytes(row, column).size() == 2);
  return big_endian<std::int16_t>(PQgetvalue(result_.get(), row, column));
}
bool Rows::boolean(int row, int column) const {
  BOURSE_ASSERT(bytes(row, column).size() == 1);
  return *PQgetvalue(result_.get(), row, column) != 0;
}
Uuid Rows::uuid(int row, int column) const {
  if (is_null(row, column)) return {};
  BOURSE_ASSERT(bytes(row, column).size() == 16);
  const char* data = PQgetvalue(result_.get(), row, column);
  return {big_endian<std::uint64_t>(data), big_endian<std::uint64_t>(data + 8)};
}
Instant Rows::instant(int row, int column) const {
  if (is_null(row, column)) return {};
  return wire::from_timestamp(int8(row, column));
}
Hash256 Rows::hash(int row, int column) const {
  Hash256 hash;
  const auto value = bytes(row, column);
  if (value.size() == hash.bytes.size()) std::memcpy(hash.bytes.data(), value.data(), value.size());
  return hash;
}

Params& Params::own(std::string value, unsigned type) {
  Value& added = values_.emplace_back();
  added.owned = std::move(value);
  added.type = type;
  return *this;
}
Params& Params::int8(std::int64_t value) { return own(binary(value), wire::kInt8); }
Params& Params::int4(std::int32_t value) { return own(binary(value), wire::kInt4); }
Params& Params::int2(std::int16_t value) { return own(binary(value), wire::kInt2); }
Params& Params::text(std::string_view value) { return own(std::string(value), wire::kText); }
Params& Params::hash(const Hash256& value) {
  return own(std::string(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size()), wire::kBytea);
}
Params& Params::uuid(Uuid value) {
  std::string out;
  wire::put(out, value);
  return own(std::move(out), wire::kUuid);
}
Params& Params::bytes(std::span<const std::byte> value) {
  Value& added = values_.emplace_back();
  // An empty span may have no address, and no address would mean NULL.
  added.data = value.empty() ? "" : reinterpret_cast<const char*>(value.data());
  added.size = static_cast<int>(value.size());
  added.type = wire::kBytea;
  return *this;
}
Params& Params::uuids(std::span<const Uuid> values) {
  std::string out = array_header(values.size(), wire::kUuid);
  for (const Uuid& value : values) {
    wire::put(out, std::int32_t{16});
    wire::put(out, value);
  }
  return own(std::move(out), wire::kUuidArray);
}
Params& Params::int8s(std::span<const std::int64_t> values) {
  std::string out = array_header(values.size(), wire::kInt8);
  for (const std::int64_t value : values) {
    wire::put(out, std::int32_t{8});
    wire::put(out, value);
  }
  return own(std::move(out), wire::kInt8Array);
}
Params& Params::hashes(std::span<const Hash256> values) {
  std::string out = array_header(values.size(), wire::kBytea);
  for (const Hash256& value : values) {
    wire::put(out, std::int32_t{32});
    out.append(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
  }
  return own(std::move(out), wire::kByteaArray);
}

Params& Params::byte_arrays(std::span<const std::span<const std::byte>> values) {
  std::string out = array_header(values.size(), wire::kBytea);
  for (const auto& value : values) {
    wire::put(out, static_cast<std::int32_t>(value.size()));
    out.append(reinterpret_cast<const char*>(value.data()), value.size());
  }
  return own(std::move(out), wire::kByteaArray);
}

void Connection::Finish::operator()(pg_conn* connection) const { PQfinish(connection); }
Connection::Connection(pg_conn* connection) : connection_(connection) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Result<Connection> Connection::open(const std::string& conninfo, Duration timeout) {
  const std::int64_t deadline_ms = monotonic_ms() + timeout.ms;
  Connection connection(PQconnectStart(conninfo.c_str()));
  PGconn* raw = connection.connection_.get();
  if (raw == nullptr) return fail(ErrorCode::unavailable, "out of memory for a PostgreSQL connection");
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (PQstatus(raw) != CONNECTION_BAD && state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
    pollfd ready{PQsocket(raw), static_cast<short>(state == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
    const std::int64_t left_ms = deadline_ms - monotonic_ms();
    if (left_ms <= 0) return fail(ErrorCode::unavailable, "PostgreSQL did not accept the connection in time");
    if (poll(&ready, 1, static_cast<int>(left_ms)) < 0 && errno != EINTR) break;
    state = PQconnectPoll(raw);
  }
  if (PQstatus(raw) != CONNECTION_OK) return fail(ErrorCode::unavailable, trimmed(PQerrorMessage(raw)));
  if (PQsetnonblocking(raw, 1) != 0) return fail(ErrorCode::unavailable, trimmed(PQerrorMessage(raw)));
  PQsetNoticeProcessor(raw, [](void*, const char*) {}, nullptr);
  return connection;
}

bool Connection::usable() const { return connection_ != nullptr && PQstatus(connection_.get()) == CONNECTION_OK; }

Error Connection::lost(ErrorCode code, std::string detail) {
  connection_.reset();  // what is still under way on it is nobody's any more
  prepared_.clear();
  return Error{code, std::move(detail)};
}

Error Connection::error_of(const pg_result* result) {
  const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  sqlstate_ = sqlstate == nullptr ? "" : sqlstate;
  const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const char* detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
  std::string text = trimmed(message == nullptr ? PQresultErrorMessage(result) : message);
  if (detail != nullptr) text.append(" (").append(trimmed(detail)).append(")");
  if (sqlstate_.empty()) return Error{ErrorCode::unavailable, std::move(text)};
  return Error{code_of(sqlstate_), std::move(text) + " [" + sqlstate_ + "]"};
}

Status Connection::flush(std::int64_t deadline_ms) {
  PGconn* raw = connection_.get();
  while (true) {
    const int left = PQflush(raw);
    if (left == 0) return {};
    if (left < 0) return std::unexpected(lost(ErrorCode::unavailable, trimmed(PQerrorMessage(raw))));
    pollfd ready{PQsocket(raw), POLLIN | POLLOUT, 0};
    const std::int64_t wait_ms = deadline_ms - monotonic_ms();
    if (wait_ms <= 0) return std::unexpected(lost(ErrorCode::timeout, "PostgreSQL took no data in time"));
    poll(&ready, 1, static_cast<int>(wait_ms));
    if ((ready.revents & POLLIN) != 0 && PQconsumeInput(raw) == 0)
      return std::unexpected(lost(ErrorCode::unavailable, trimmed(PQerrorMessage(raw))));
  }
}

// Null at the end of a query's results.
Result<pg_result*> Connection::next_result(std::int64_t deadline_ms) {
  PGconn* raw = connection_.get();
  while (PQisBusy(raw) != 0) {
    pollfd ready{PQsocket(raw), POLLIN, 0};
    const std::int64_t wait_ms = deadline_ms - monotonic_ms();
    if (wait_ms <= 0) return std::unexpected(lost(ErrorCode::timeout, "PostgreSQL did not answer in time"));
    poll(&ready, 1, static_cast<int>(wait_ms));
    if (PQconsumeInput(raw) == 0) return std::unexpected(lost(ErrorCode::unavailable, trimmed(PQerrorMessage(raw))));
  }
  return PQgetResult(raw);
}

Result<Rows> Connection::finish_query(std::int64_t deadline_ms) {
  CHECK_OK(flush(deadline_ms));
  Rows last(nullptr);
  std::optional<Error> error;
  while (true) {
    TRY(pg_result* const result, next_result(deadline_ms));
    if (result == nullptr) break;
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COPY_IN) {
      PQclear(result);
      break;  // the data follows
    }
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && !error) error = error_of(result);
    last = Rows(result);
  }
  if (!error) return last;
  if (!usable()) lost(ErrorCode::unavailable, {});
  return std::unexpected(std::move(*error));
}

namespace {
struct Arguments {
  std::vector<Oid> types;
  std::vector<const char*> values;
  std::vector<int> sizes, formats;
};
}  // namespace

Result<Rows> Connection::run(const char* sql, const Params& params, Duration timeout) {
  return run(Statement{nullptr, sql}, params, timeout);
}

Result<Rows> Connection::run(const Statement& statement, const Params& params, Duration timeout) {
  sqlstate_.clear();
  if (!usable()) return fail(ErrorCode::unavailable, "not connected to PostgreSQL");
  const std::int64_t deadline_ms = monotonic_ms() + timeout.ms;
  Arguments arguments;
  for (const Params::Value& value : params.values_) {
    arguments.types.push_back(value.type);
    arguments.values.push_back(value.data != nullptr ? value.data : value.owned.data());
    arguments.sizes.push_back(value.data != nullptr ? value.size : static_cast<int>(value.owned.size()));
    arguments.formats.push_back(1);
  }
  const int count = static_cast<int>(arguments.values.size());
  PGconn* raw = connection_.get();
  if (statement.name != nullptr && std::ranges::find(prepared_, statement.name) == prepared_.end()) {
    if (PQsendPrepare(raw, statement.name, statement.sql, count, arguments.types.data()) == 0)
      return std::unexpected(lost(ErrorCode::unavailable, trimmed(PQerrorMessage(raw))));
    if (auto prepared = finish_query(deadline_ms); !prepared) return prepared;
    prepared_.push_back(statement.name);
  }
  const int sent = statement.name != nullptr
                       ? PQsendQueryPrepared(raw, statement.name, count, arguments.values.data(), arguments.sizes.data(),
                                             arguments.formats.data(), 1)
                       : PQsendQueryParams(raw, statement.sql, count, arguments.types.data(), arguments.values.data(),
                                           arguments.sizes.data(), arguments.formats.data(), 1);
  if (sent == 0) return std::unexpected(lost(ErrorCode::unavailable, trimmed(PQerrorMessage(raw))));
  return finish_query(deadline_ms);
}

Status Connection::script(const std::string& sql, Duration timeout) {
  sqlstate_.clear();
  if (!usable()) return fail(ErrorCode::unavailable, "not connected to PostgreSQL");
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0)
    return std::unexpected(lost(ErrorCode::unavailable, trimmed(PQerrorMessage(connection_.get()))));
  if (auto done = finish_query(monotonic_ms() + timeout.ms); !done) return std::unexpected(std::move(done.error()));
  return {};
}

Status Connection::copy_in(const std::string& sql, std::span<const std::byte> data, Duration timeout) {
  const std::int64_t deadline_ms = monotonic_ms() + timeout.ms;
  CHECK_OK(script(sql, timeout));
  PGconn* raw = connection_.get();
  constexpr std::size_t kPiece = 1 << 20;
  for (std::size_t at = 0; at < data.size(); at += kPiece) {
    const auto piece = data.subspan(at, std::min(kPiece, data.size() - at));
    if (PQputCopyData(raw, reinterpret_cast<const char*>(piece.data()), static_cast<int>(piece.size())) <= 0)
      return std::unexpected(lost(ErrorCode::unavailable, trimmed(PQerrorMessage(raw))));
    CHECK_OK(flush(deadline_ms));
  }
  if (PQputCopyEnd(raw, nullptr) <= 0) return std::unexpected(lost(ErrorCode::unavailable, trimmed(PQerrorMessage(raw))));
  if (auto done = finish_query(deadline_ms); !done) return std::unexpected(std::move(done.error()));
  return {};
}

Status assert_durable(Connection& connection) {
  TRY(const Rows rows, connection.run("SELECT name, setting FROM pg_settings WHERE name IN "
                                      "('fsync', 'full_page_writes', 'synchronous_commit')"));
  for (int row = 0; row < rows.size(); ++row) {
    const std::string_view setting = rows.text(row, 1);
    if (setting != "on" && setting != "remote_apply")
      return fail(ErrorCode::failed_precondition, "PostgreSQL's " + std::string(rows.text(row, 0)) + " is " +
                                                      std::string(setting) + "; it must be on");
  }
  return {};
}

}  // namespace bourse::broker::store
