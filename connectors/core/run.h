// What the connector knows of one attempt, durably.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/codec.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/time.h"
#include "connectors/core/driver.h"

namespace bourse::connector {

enum class RunPhase : std::uint8_t {
  accepted = 1,    // the order is durable here; its submission has not begun
  submitting = 2,  // its submission has begun; only the scheduler can say how it went
  submitted = 3,   // the scheduler has it under `scheduler_job`
  over = 4,        // it has ended there; what is owed to the broker is known
  refused = 5,     // it does not and will not run: rejected, or never submitted
};

// What a center may say of an attempt; the numbers are federation.v1.JobEvent.Kind.
enum class Happening : std::uint8_t {
  accepted = 1, queued = 2, started = 3, ended = 4, cancelled = 5, rejected = 6, never_submitted = 7, unknown = 8,
  paused = 9, resumed = 10,
};

// Cumulative integer meters, as in a usage record.
struct Meters {
  std::int64_t core_ms = 0, gpu_ms = 0, node_ms = 0, mem_mib_s = 0;
  bool operator==(const Meters&) const = default;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.core_ms, self.gpu_ms, self.node_ms, self.mem_mib_s); }
};
// `allocation` held for `running`, memory rounded down to whole mebibyte-seconds; saturates instead of overflowing.
Meters meters_of(const Allocation& allocation, Duration running);

// How long it had run at an instant.
struct RunningAt {
  std::int64_t at_ms = 0;
  std::int64_t running_ms = 0;
  bool operator==(const RunningAt&) const = default;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.at_ms, self.running_ms); }
};

struct Run {
  AttemptId attempt;
  JobId job;
  std::uint32_t fence = 0;
  Hash256 order_hash;
  std::string order;        // its exact bytes; empty when only a cancel ever came
  RunPhase phase = RunPhase::accepted;
  std::string scheduler_job;
  LocalUser user;
  std::string tenant;       // in text
  std::string workdir, stdout_path;
  Instant not_after;
  bool cancel = false;      // somebody asked for its end
  bool cancelled = false;   // and that is how it ended (over)
  bool rejected = false;    // refused: by us or the scheduler; else it was never submitted
  std::int64_t started_ms = 0, ended_ms = 0;  // 0 = not, or not known
  std::int64_t running_ms = 0;
  Allocation allocation;    // what is charged: never above the order's
  std::int32_t exit_code = 0;
  std::string reason;       // of the end or the refusal, for people
  Hash256 raw;              // SHA-256 of the newest accounting row
  // Reporting.
  std::uint16_t reported = 0;     // bits of Happening in spooled reports
  std::uint32_t revision = 0;     // of the newest spooled usage record
  UsageRecordId usage_record;
  Meters meters;                  // of that record
  bool final_reported = false;
  std::uint64_t last_report = 0;  // seq of the newest report that says anything of it
  Hash256 script;                 // of the order, kept until the submission is decided
  bool pause = false;             // the broker wants it to stand still
  bool pause_reported = false;    // and was told that it does
  Instant settled_at;             // when all that is owed was acknowledged; 0 = not yet
  // Tariff edges.
  std::int64_t seen_ms = 0;          // when `running_ms` was true; 0 = not seen running yet
  std::int64_t reported_ms = 0;      // the end of the newest spooled usage record
  std::vector<RunningAt> at_edges;   // not yet spooled, rising
  // Hours of sale.
  std::int64_t start_before_ms = 0;  // started later it could run beyond what the center sells; 0 = it couldn't
  bool given_back = false;           // so its end was asked for, for the market to send it elsewhere
  // Files.
  Hash256 manifest;          // of the order; zero = it has none
  bool handed_over = false;  // its outputs and its log's end are at the broker, or never will be

  bool has(Happening h) const { return (reported >> static_cast<unsigned>(h) & 1U) != 0; }
  void mark(Happening h) { reported = static_cast<std::uint16_t>(reported | 1U << static_cast<unsigned>(h)); }
  // Everything is said. It stays as a tombstone until its order can't come again.
  bool said_all() const {
    if (phase == RunPhase::refused) return has(Happening::rejected) || has(Happening::never_submitted);
    return phase == RunPhase::over && final_reported;
  }
  bool live() const { return phase != RunPhase::over && phase != RunPhase::refused; }

  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.attempt, self.job, self.fence, self.order_hash, self.order, self.phase, self.scheduler_job, self.user,
          self.tenant, self.workdir, self.stdout_path, self.not_after, self.cancel, self.cancelled, self.started_ms,
          self.ended_ms, self.running_ms, self.allocation.cores, self.allocation.gpus, self.allocation.nodes,
          self.allocation.mem_mib, self.exit_code, self.reason, self.raw, self.reported, self.revision,
          self.usage_record, self.meters, self.final_reported, self.last_report, self.settled_at, self.rejected, self.script,
          self.seen_ms, self.reported_ms, self.at_edges, self.pause, self.pause_reported, self.start_before_ms, self.given_back, self.manifest, self.handed_over);
  }
};

// Takes what the scheduler says at `at_ms`, and works out how long it had run at those of `edges` (rising) that passed since
// it was seen last, however long ago that is. Where it stood still meanwhile for longer than a scheduler's figures are
// rounded, nobody can tell: then it keeps what is known on both sides instead. At most kMostReadings are kept.
void see_running(Run& run, std::int64_t at_ms, std::int64_t running_ms, std::span<const std::int64_t> edges);
inline constexpr std::size_t kMostReadings = 1'000;

// "bourse-att_…-1": how the scheduler's run is found again.
std::string marker_of(AttemptId attempt, std::uint32_t fence);

}  // namespace bourse::connector
