// Reading what an adapter says of jobs. Pure. What it says is untrusted: adapters invent states, repeat rows and leave fields
// empty, so a row is only what of it makes sense.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "connectors/core/driver.h"
#include "scow/job.pb.h"

namespace bourse::scow {

namespace wire = ::scow::scheduler_adapter;

// `unknown`: a word that is no state ("", Crane's "IVALID"). Alone it proves nothing.
enum class Phase : std::uint8_t { waiting, running, suspended, over, unknown };
struct JobState {
  Phase phase = Phase::unknown;
  std::string word;  // "COMPLETED", "CANCELED"; as sent, but for the spelling of the latter
};
JobState parse_state(std::string_view text);

// One incarnation of a job: a requeued one has several rows with one id.
struct JobRow {
  std::string id;  // never "0"
  std::string name, user;  // plain, or empty
  std::string partition;
  std::string workdir;     // a plain path, or empty
  JobState state;
  std::optional<Instant> submit, start, end;  // never of 1970's first second
  std::optional<Duration> elapsed;            // as said; with suspension
  connector::Allocation allocation;           // 0 = not said
  std::int64_t cores_wanted = 0;
  Duration limit;                             // 0 = none, or not said
  std::string raw;                            // one line; kept by the center

  // Only a row with an end is over, whatever its state says: a live state beside an end is a job that goes on.
  bool over() const {
    return end && (state.phase == Phase::over || state.phase == Phase::unknown) && (!start || *start <= *end);
  }
  bool live() const { return !over() && state.phase != Phase::over && state.phase != Phase::unknown; }
};
std::optional<JobRow> read_row(const wire::JobInfo& job);

// The fields of JobInfo that read_row looks at.
const std::vector<std::string>& job_fields();

// What pitfalls of shells and SQL in adapters leave: plain characters only. Users' names go into a command line too.
bool is_safe_user(std::string_view name);  // ^[a-z_][a-z0-9_-]+$, at most 32
bool is_marker(std::string_view text);

}  // namespace bourse::scow
