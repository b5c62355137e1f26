// A broker without its edges, under load, waiting to be killed.
//
//   bourse_crash_child WRITER PROJECTOR SEED FIRST
//
// Submits jobs FIRST, FIRST+1, … and, beside them, raw transfers with the same numbers; tells stdout what was acknowledged,
// a line each: "J n", "T n". Whatever has no sure answer is sent again with the same ids until it has one. It begins with
// the numbers just before FIRST: an earlier child's, which may or may not have got their answers.
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "bench/stub_market.h"
#include "broker/adapters/store/pg_journal.h"
#include "broker/adapters/store/projector.h"
#include "broker/app/follower.h"
#include "tests/crash/crash_ids.h"

namespace bourse::test {
namespace {

using broker::Command;

constexpr std::uint64_t kRepeated = 200;  // of the earlier child's
constexpr std::size_t kThreads = 4;

// Short enough for one atomic write to a pipe.
void tell(char kind, std::uint64_t n) {
  std::array<char, 32> line{};
  const int length = std::snprintf(line.data(), line.size(), "%c %llu\n", kind, static_cast<unsigned long long>(n));
  if (write(STDOUT_FILENO, line.data(), static_cast<std::size_t>(length)) != length) _exit(3);
}

[[noreturn]] void die(const Error& error) {
  std::fprintf(stderr, "crash_child: %s\n", error.message().c_str());
  _exit(2);
}

Command transfer_of(std::uint64_t seed, std::uint64_t n, Instant now) {
  broker::PostTransfers post;
  post.open = raw_accounts(seed);
  post.transfers.push_back({.id = transfer_id(seed, n),
                            .debit = post.open[n % 7].account,
                            .credit = post.open[7 + n % 5].account,
                            .amount = Amount::of_micros(static_cast<std::int64_t>(1 + n % 1000))});
  return {.now = now, .body = std::move(post)};
}

void load(bench::StubMarket& market, const Clock& clock, std::uint64_t seed, std::atomic<std::uint64_t>& next) {
  while (true) {
    const std::uint64_t n = next++;
    const auto job = market.execute([&] { return market.submission(n); });
    if (!job) die(job.error());
    tell('J', n);
    const auto posted = market.execute([&] { return transfer_of(seed, n, clock.now()); });
    if (!posted) die(posted.error());
    if (posted->transfers.size() != 1 || posted->transfers[0].kind == ledger::TransferOutcome::Kind::refused)
      die({ErrorCode::internal, "transfer " + std::to_string(n) + " was refused"});
    tell('T', n);
  }
}

// The server may be killed while we start: what can't be reached is tried again.
template <class Attempt>
auto insist(Attempt&& attempt) {
  while (true) {
    auto done = attempt();
    if (done) return done;
    if (done.error().outcome() == Outcome::rejected) die(done.error());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

int run(const std::string& writer, const std::string& projector_conninfo, std::uint64_t seed, std::uint64_t first) {
  const SystemClock clock;
  SystemRng rng;
  const auto journal = insist([&] { return broker::PgJournal::open(writer); });
  const auto followed = insist([&] { return broker::PgJournal::open(writer); });
  broker::Engine engine({}, **journal, clock, rng);
  broker::Projector projector({.conninfo = projector_conninfo});
  broker::Follower follower({.poll = milliseconds(50), .snapshot_rows = 200}, **followed);
  bench::StubMarket market({.seed = seed, .centers = 3, .accounts = 20, .jobs_per_report = 40, .persistent = true}, engine, clock);
  engine.on_committed([&](std::uint64_t position, const std::vector<broker::Event>& events) {
    market.committed(events);
    projector.notify(position);
  });
  engine.on_fatal([](const Error& error) { die(error); });
  insist([&] { return engine.start(); });
  insist([&] { return projector.start(); });
  insist([&] { return follower.start(); });
  if (auto opened = market.open(); !opened) die(opened.error());

  std::atomic<std::uint64_t> next = first > kRepeated ? first - kRepeated : 0;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) threads.emplace_back([&] { load(market, clock, seed, next); });
  while (true) {  // until killed, or until the projections are beyond repair
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    if (projector.status().stopped) die({ErrorCode::integrity, projector.status().error});
  }
}

}  // namespace
}  // namespace bourse::test

int main(int argc, char** argv) {
  if (argc != 5) return 64;
  return bourse::test::run(argv[1], argv[2], std::strtoull(argv[3], nullptr, 10), std::strtoull(argv[4], nullptr, 10));
}
