// From the journal to a market: the newest snapshot and the rows after it.
#pragma once

#include <memory>

#include "broker/app/journal.h"
#include "broker/domain/market.h"

namespace bourse::broker {

struct Replayed {
  std::unique_ptr<Market> market;
  JournalHead head;                // the row it stands at
  std::uint64_t snapshot_seq = 0;  // the row of the snapshot that it was loaded from; 0 = none
};

// A market at the journal's end. A snapshot that can't be loaded is passed over: replay then begins at the first row.
// Errors: as Journal::replay, and integrity when a row can't be decoded.
Result<Replayed> replay_all(Journal& journal, const Limits& limits);

// Brings `state` to the journal's end. On an error it stands after the last row that was applied.
Status replay_tail(Journal& journal, Replayed& state);

}  // namespace bourse::broker
