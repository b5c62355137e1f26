// Journal rows made beforehand are projected: what the projector can take when it never waits for work.
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "bench/bench.h"
#include "bench/private_server.h"
#include "bench/transfers.h"
#include "broker/adapters/store/connection.h"
#include "broker/adapters/store/pg_journal.h"
#include "broker/adapters/store/projector.h"

namespace bourse::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::uint64_t kCommandsASecond = 1'000;
constexpr std::size_t kCommandsInRow = 5;

// `seconds` times 100,000 transfers, in rows of at most 500.
Status write_journal(const PrivateServer& server, const Clock& clock, const BenchOptions& options) {
  TRY(auto journal, broker::PgJournal::open(server.postgres().conninfo("bourse_writer")));
  SystemRng rng;
  broker::Engine engine({.max_batch = kCommandsInRow, .tick = {}}, *journal, clock, rng);
  CHECK_OK(engine.start());
  CHECK_OK(open_accounts(engine, clock));
  TransferSource source(options.seed);
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t under_way = 0;
  std::optional<Error> error;
  Status sent;
  for (std::int64_t second = 0; second < options.duration.ms / 1000 && sent && !error; ++second) {
    for (std::uint64_t n = 0; n < kCommandsASecond && sent; ++n) {
      {
        const std::lock_guard lock(mutex);
        ++under_way;
      }
      sent = engine.submit({.now = clock.now(), .body = source.next(clock.now())}, [&](const Result<broker::CommandResult>& result) {
        const std::lock_guard lock(mutex);
        if (!result) error = result.error();
        if (--under_way == 0) changed.notify_one();
      });
      if (!sent) --under_way;  // nobody answers it
    }
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return under_way == 0; });
  }
  if (error) return std::unexpected(*error);
  return sent;
}

// Microseconds that the projector's session has had of a processor.
double session_us(broker::store::Connection& connection) {
  const auto found = connection.run("SELECT pid::bigint FROM pg_stat_activity WHERE usename = 'bourse_projector' ORDER BY backend_start");
  if (!found || found->size() == 0) return 0;
  double ns = 0;
  std::ifstream("/proc/" + std::to_string(found->int8(0, 0)) + "/schedstat") >> ns;
  return ns / 1000;
}

double own_us() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto us = [](const timeval& t) { return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec); };
  return us(used.ru_utime) + us(used.ru_stime);
}

}  // namespace

Result<nlohmann::json> run_project(const BenchOptions& options) {
  const SystemClock clock;
  TRY(const auto server, PrivateServer::start());
  CHECK_OK(server.age());
  CHECK_OK(write_journal(server, clock, options));
  TRY(auto asking, broker::store::Connection::open(server.postgres().conninfo()));
  CHECK_OK(asking.script("CHECKPOINT"));
  TRY(const auto head, asking.run("SELECT max(seq) FROM journal.rows"));
  const auto newest = static_cast<std::uint64_t>(head.int8(0, 0));
  broker::Projector projector({.conninfo = server.postgres().conninfo("bourse_projector")});
  CHECK_OK(projector.start());
  const double own_before_us = own_us(), session_before_us = session_us(asking);
  const auto before = SteadyClock::now();
  projector.notify(newest);
  if (!projector.wait_for(newest, minutes(30)))
    return fail(ErrorCode::timeout, "the projections did not catch up: " + projector.status().error);
  const std::chrono::duration<double> took = SteadyClock::now() - before;
  const double transfers = static_cast<double>(options.duration.ms / 1000 * static_cast<std::int64_t>(kCommandsASecond * kPerCommand));
  return nlohmann::json{{"bench", "project"},
                        {"transfers", std::llround(transfers)},
                        {"transfers_per_s", std::llround(transfers / took.count())},
                        {"us_of_server_per_transfer", (session_us(asking) - session_before_us) / transfers},
                        {"us_of_projector_per_transfer", (own_us() - own_before_us) / transfers},
                        {"chunks", projector.status().chunks}};
}

}  // namespace bourse::bench
