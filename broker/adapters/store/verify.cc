#include "broker/adapters/store/verify.h"

#include "broker/adapters/store/compare.h"
#include "broker/adapters/store/connection.h"
#include "broker/adapters/store/expectation.h"
#include "broker/adapters/store/journal_reader.h"

namespace bourse::broker {
namespace {

using store::Connection;

constexpr int kLiveTries = 3;  // the engine may be reloading when it is asked

// The market that grows along the journal, and what is noted on the way.
class Replay {
 public:
  Replay(Connection& connection, const Limits& limits, LedgerVerification& out)
      : connection_(connection), market_(limits), out_(out) {}

  // Up to row `seq` (0 = the end of what the connection sees). False: the chain is damaged, which is then among the
  // differences. Errors: unavailable, timeout.
  Result<bool> run_to(std::uint64_t seq) {
    while (seq == 0 || head_.seq < seq) {
      const auto rows = store::read_chunk(connection_, head_, {}, seq);
      if (!rows && rows.error().code == ErrorCode::integrity) return damaged(rows.error().detail);
      if (!rows) return std::unexpected(rows.error());
      if (rows->empty()) break;
      for (const JournalRow& row : *rows) {
        const auto events = decode(row.body);
        if (!events) return damaged("journal row " + std::to_string(row.seq) + ": " + events.error().detail);
        for (const Event& event : *events) {
          market_.apply(event);
          expected_.observe(market_, event);
        }
        out_.events += events->size();
        ++out_.rows;
        head_ = {row.seq, row.hash};
        out_.head = row.hash;
      }
    }
    return true;
  }

  const Market& market() const { return market_; }
  const store::Expectation& expected() const { return expected_; }
  const JournalHead& head() const { return head_; }

 private:
  bool damaged(std::string what) {
    out_.chain_ok = false;
    if (out_.differences.size() < LedgerVerification::kMaxDifferences) out_.differences.push_back(std::move(what));
    return false;
  }

  Connection& connection_;
  Market market_;
  LedgerVerification& out_;
  store::Expectation expected_;
  JournalHead head_;
};

Status compare_live(Replay& replay, Engine& live, LedgerVerification& out) {
  for (int i = 0; i < kLiveTries && !out.state_match; ++i) {
    Hash256 digest;
    std::uint64_t position = 0;
    CHECK_OK(live.read_wait([&](const Market& market) {
      digest = market.digest();
      position = live.stats().position;
    }, minutes(2)));
    if (position < replay.head().seq) continue;
    TRY(const bool intact, replay.run_to(position));
    if (!intact) return {};
    out.state_match = replay.head().seq == position && replay.market().digest() == digest;
  }
  if (!out.state_match && out.differences.size() < LedgerVerification::kMaxDifferences)
    out.differences.push_back("the engine's memory differs from the journal at row " + std::to_string(replay.head().seq));
  return {};
}

}  // namespace

Result<LedgerVerification> verify_ledger(const std::string& conninfo, const Limits& limits, Engine* live) {
  LedgerVerification out;
  out.chain_ok = true;
  TRY(Connection connection, Connection::open(conninfo));
  CHECK_OK(connection.script("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
  TRY(const store::Rows cursor, connection.run("SELECT seq FROM market.projector_cursor"));
  out.projected = cursor.size() == 1 ? static_cast<std::uint64_t>(cursor.int8(0, 0)) : 0;

  Replay replay(connection, limits, out);
  if (out.projected > 0) {
    TRY(const bool intact, replay.run_to(out.projected));
    if (!intact) return out;
  }
  store::Comparison comparison{connection, replay.market(), replay.expected(), out.differences,
                               LedgerVerification::kMaxDifferences};
  TRY(out.projections_match, comparison.run());
  if (replay.head().seq != out.projected) {
    out.projections_match = false;
    out.differences.push_back("the projections stand at row " + std::to_string(out.projected) + ", the journal ends at row " +
                              std::to_string(replay.head().seq));
  }

  TRY(const bool intact, replay.run_to(0));
  if (!intact) return out;
  CHECK_OK(connection.script("COMMIT"));  // from here on, rows that came meanwhile are visible
  out.state_match = live == nullptr;
  if (live != nullptr) CHECK_OK(compare_live(replay, *live, out));
  out.totals = replay.market().ledger().totals();
  out.balanced = true;
  for (const auto& [unit, totals] : out.totals) {
    if (totals.balanced()) continue;
    out.balanced = false;
    out.differences.push_back("debits and credits of " + std::string(unit.text()) + " differ");
  }
  return out;
}

}  // namespace bourse::broker
