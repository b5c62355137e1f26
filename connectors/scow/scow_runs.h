// One job's figures from all that was seen of it. Pure.
//
//   provisional   while it lives: the adapter's elapsed seconds or the time since its start, whichever is less, since what was once
//                 reported is never taken back
//   final         only from rows with an end: the time that its incarnations cover together, less what it was seen suspended
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "base/time.h"
#include "connectors/core/driver.h"
#include "connectors/scow/scow_text.h"

namespace bourse::scow {

// What this driver has seen of one run. Lost with the process: it can be asked for again, but for `suspended`.
struct Seen {
  std::string marker;
  // Incarnations that ended. An id alone is not unique; the same row comes again with every overlapping window.
  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t>, JobRow> over;  // by submission, start and end
  std::optional<Instant> start;         // of the incarnation that lives
  connector::Allocation allocation;     // of it
  std::string user;
  bool whole = false;                   // `over` has all that ended before we looked
  Duration running;                     // the newest provisional figure
  Duration suspended;                   // in all, as seen
  std::optional<Instant> suspended_since;
  std::optional<Duration> over_since;   // monotonic: when it was first seen to be over
  std::optional<Duration> endless_since;  // monotonic: since when it is not in the queue, and the accounting, asked by name, tells no end
};

inline constexpr std::size_t kMaxIncarnations = 100;

// Takes a row of this run (its name is the marker). `now` is the driver's clock.
void learn(Seen& seen, const JobRow& row);
// The same for what only the live queue tells: state changes between running and suspended.
void watch_suspension(Seen& seen, Phase phase, Instant now);

// The time that the ended incarnations cover together: a row that comes twice, corrected or not, counts once.
Duration covered(const Seen& seen);

connector::RunStatus live_status(Seen& seen, const JobRow& live, Instant now);
// `exit_code`: what the script left; nothing = it left none. Needs a row that is over.
connector::RunStatus final_status(const Seen& seen, std::optional<std::int32_t> exit_code);

}  // namespace bourse::scow
