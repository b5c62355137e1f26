// `bourse ledger verify`: recomputes everything from the journal and compares.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/hash.h"
#include "broker/app/engine.h"
#include "broker/domain/market.h"

namespace bourse::broker {

struct LedgerVerification {
  std::uint64_t rows = 0;           // journal rows that were read
  std::uint64_t events = 0;
  std::uint64_t projected = 0;      // the row at which the projections were compared: their cursor
  Hash256 head;                     // hash of the last row read
  bool chain_ok = false;            // no row is missing or altered
  bool balanced = false;            // Σ debits = Σ credits in every unit, pending and posted apart
  bool projections_match = false;   // every counter, hold, job, period and count of the projections
  bool state_match = false;         // the engine's memory equals the replay's; true when no engine was given
  std::vector<std::string> differences;  // what does not match, in words; at most kMaxDifferences
  std::map<Unit, ledger::UnitTotals> totals;

  static constexpr std::size_t kMaxDifferences = 100;
  bool ok() const { return chain_ok && balanced && projections_match && state_match; }
};

// Replays the journal from the first row into a market of its own, without any snapshot, and compares the projections as of
// their cursor, in one snapshot of the database, so that work may go on meanwhile. `conninfo` is of the role bourse_reader;
// `limits` are the engine's; `live` may be null. Takes as long as the journal is long: run it on a thread that may wait.
// A damaged chain is a finding, not an error; nothing after the damage is looked at. Errors: unavailable, timeout.
Result<LedgerVerification> verify_ledger(const std::string& conninfo, const Limits& limits, Engine* live);

}  // namespace bourse::broker
