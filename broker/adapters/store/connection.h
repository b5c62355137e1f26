// One PostgreSQL connection on raw libpq: binary parameters and results, a deadline on every wait.
//
// Errors of every member: unavailable (the connection is gone; `usable()` is false from then on), timeout (likewise),
// conflict (unique violation), integrity (a CHECK or trigger refused), forbidden, internal. `sqlstate()` has the server's
// code of the newest error, empty when there was no answer. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/id.h"
#include "base/result.h"
#include "base/time.h"

struct pg_conn;
struct pg_result;

namespace bourse::broker::store {

// Rows of a result in binary format. Columns are named by index; reading one as another type than it has is a bug.
class Rows {
 public:
  explicit Rows(pg_result* result) : result_(result) {}

  int size() const;
  std::int64_t affected() const;  // rows an INSERT, UPDATE or DELETE touched
  bool is_null(int row, int column) const;
  std::int64_t int8(int row, int column) const;
  std::int32_t int4(int row, int column) const;
  std::int16_t int2(int row, int column) const;
  bool boolean(int row, int column) const;
  Uuid uuid(int row, int column) const;        // nil when NULL
  Instant instant(int row, int column) const;  // of timestamptz; 0 when NULL
  Hash256 hash(int row, int column) const;     // of bytea; zero when NULL or of another length
  std::string_view text(int row, int column) const;              // valid as long as the Rows
  std::span<const std::byte> bytes(int row, int column) const;   // valid as long as the Rows

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clear> result_;
};

// Parameters in order, in binary.
class Params {
 public:
  Params& int8(std::int64_t value);
  Params& int4(std::int32_t value);
  Params& int2(std::int16_t value);
  Params& text(std::string_view value);
  Params& bytes(std::span<const std::byte> value);  // not copied: must outlive the call
  Params& hash(const Hash256& value);
  Params& uuid(Uuid value);
  Params& uuids(std::span<const Uuid> values);      // uuid[]
  Params& int8s(std::span<const std::int64_t> values);  // bigint[]
  Params& hashes(std::span<const Hash256> values);  // bytea[]
  Params& byte_arrays(std::span<const std::span<const std::byte>> values);  // bytea[]

 private:
  friend class Connection;
  Params& own(std::string value, unsigned type);
  struct Value {
    std::string owned;
    const char* data = nullptr;  // when not owned
    int size = 0;
    unsigned type = 0;
  };
  std::vector<Value> values_;
};

// SQL that is parsed once a connection. Must have static storage duration.
struct Statement {
  const char* name;
  const char* sql;
};

class Connection {
 public:
  static Result<Connection> open(const std::string& conninfo, Duration timeout = seconds(30));
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  Result<Rows> run(const char* sql, const Params& params = {}, Duration timeout = seconds(60));
  Result<Rows> run(const Statement& statement, const Params& params, Duration timeout = seconds(60));
  // One or more statements without parameters or rows, each answered "done".
  Status script(const std::string& sql, Duration timeout = seconds(60));
  // COPY … FROM STDIN (FORMAT binary), with all of its data.
  Status copy_in(const std::string& sql, std::span<const std::byte> data, Duration timeout = seconds(120));

  bool usable() const;
  const std::string& sqlstate() const { return sqlstate_; }

 private:
  struct Finish {
    void operator()(pg_conn* connection) const;
  };
  explicit Connection(pg_conn* connection);
  Status flush(std::int64_t deadline_ms);
  Result<pg_result*> next_result(std::int64_t deadline_ms);
  Result<Rows> finish_query(std::int64_t deadline_ms);
  Error error_of(const pg_result* result);
  Error lost(ErrorCode code, std::string detail);

  std::unique_ptr<pg_conn, Finish> connection_;
  std::vector<const char*> prepared_;
  std::string sqlstate_;
};

// The server answers with fsync, full_page_writes and synchronous_commit on; anything less could lose what was
// acknowledged. Errors: failed_precondition, naming the setting.
Status assert_durable(Connection& connection);

}  // namespace bourse::broker::store
