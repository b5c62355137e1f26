#include "broker/app/replay.h"

namespace bourse::broker {

Result<Replayed> replay_all(Journal& journal, const Limits& limits) {
  Replayed state{std::make_unique<Market>(limits), {}, 0};
  if (const auto snapshot = journal.newest_snapshot()) {
    if (state.market->load(snapshot->state)) {
      state.head = snapshot->at;
      state.snapshot_seq = snapshot->at.seq;
    } else {
      state.market = std::make_unique<Market>(limits);
    }
  }
  CHECK_OK(replay_tail(journal, state));
  return state;
}

Status replay_tail(Journal& journal, Replayed& state) {
  return journal.replay(state.head, [&](const JournalRow& row) -> Status {
    TRY(const std::vector<Event> events, decode(row.body));
    for (const Event& event : events) state.market->apply(event);
    state.head = {row.seq, row.hash};
    return {};
  });
}

}  // namespace bourse::broker
