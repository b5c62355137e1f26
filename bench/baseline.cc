#include "bench/baseline.h"

#include "base/rng.h"
#include "broker/adapters/store/connection.h"

namespace bourse::bench {
namespace {

using broker::store::Connection;
using broker::store::Params;
using broker::store::Statement;

constexpr const char* kTables =
    "CREATE SCHEMA baseline;"
    "CREATE TABLE baseline.accounts (id bigint PRIMARY KEY, debits bigint NOT NULL, credits bigint NOT NULL) WITH (fillfactor = 50);"
    "CREATE TABLE baseline.transfers (id uuid PRIMARY KEY, debit bigint NOT NULL, credit bigint NOT NULL, amount bigint NOT NULL "
    "CHECK (amount > 0), code smallint NOT NULL, reference uuid)";

// One statement, one transaction: what is new is inserted, and only that moves the sums.
constexpr Statement kPost{
    "baseline_post",
    "WITH new AS ("
    "  INSERT INTO baseline.transfers (id, debit, credit, amount, code)"
    "  SELECT i, d, c, a, 0 FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS t (i, d, c, a)"
    "  ON CONFLICT (id) DO NOTHING RETURNING debit, credit, amount),"
    "sums AS ("
    "  SELECT id, sum(d) AS d, sum(c) AS c FROM (SELECT debit AS id, amount AS d, 0 AS c FROM new"
    "    UNION ALL SELECT credit, 0, amount FROM new) AS moves GROUP BY id) "
    "UPDATE baseline.accounts AS a SET debits = a.debits + sums.d, credits = a.credits + sums.c FROM sums WHERE a.id = sums.id"};

struct Batch {
  std::vector<Uuid> ids;
  std::vector<std::int64_t> debits, credits, amounts;
};

Batch make(SeededRng& rng, Instant now, std::uint64_t& serial, std::size_t accounts, std::size_t size) {
  Batch batch;
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint64_t noise = rng.next_u64();
    const std::uint64_t debit = noise % accounts;
    batch.ids.push_back({static_cast<std::uint64_t>(now.unix_ms) << 16 | 0x7000, 0x8000'0000'0000'0000ULL | ++serial});
    batch.debits.push_back(static_cast<std::int64_t>(debit));
    batch.credits.push_back(static_cast<std::int64_t>((debit + 1 + (noise >> 32) % (accounts - 1)) % accounts));
    batch.amounts.push_back(static_cast<std::int64_t>(1 + noise % 1'000'000));
  }
  return batch;
}

}  // namespace

Result<double> measure_baseline(const std::string& conninfo, std::size_t accounts, std::size_t size, const BenchOptions& options) {
  const SystemClock clock;
  TRY(Connection connection, Connection::open(conninfo));
  CHECK_OK(connection.script(kTables));
  CHECK_OK(connection.script("INSERT INTO baseline.accounts SELECT n, 0, 0 FROM generate_series(0, " +
                             std::to_string(accounts - 1) + ") AS n; ANALYZE baseline.accounts"));
  CHECK_OK(broker::store::assert_durable(connection));
  SeededRng rng(options.seed);
  std::uint64_t serial = 0, measured = 0;
  constexpr Duration kWarmUp = seconds(1);
  Duration start = clock.monotonic();
  bool warm = false;
  while (true) {
    const Duration elapsed{clock.monotonic().ms - start.ms};
    if (!warm && elapsed >= kWarmUp) {
      warm = true;
      measured = 0;
      start = clock.monotonic();
    } else if (warm && elapsed >= options.duration) {
      return static_cast<double>(measured) * 1000 / static_cast<double>(elapsed.ms);
    }
    const Batch batch = make(rng, clock.now(), serial, accounts, size);
    auto done = connection.run(kPost, Params().uuids(batch.ids).int8s(batch.debits).int8s(batch.credits).int8s(batch.amounts));
    if (!done) return std::unexpected(done.error());
    measured += size;
  }
}

}  // namespace bourse::bench
