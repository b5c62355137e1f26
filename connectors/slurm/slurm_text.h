// Reading what Slurm's commands print. Pure. The output is untrusted: a center may be broken or lie, and job names can
// hold line breaks and '|', so the commands are only ever asked for fields that users can't fill with text, and a line
// that isn't exactly as expected is left out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "connectors/core/driver.h"

namespace bourse::slurm {

// The lines of `text`, each split into its fields. A '|' stands after every field, the last one too; lines without it, and
// a last one without a line break, are cut short and left out.
std::vector<std::vector<std::string_view>> rows(std::string_view text);

// "[days-][[hours:]minutes:]seconds", as squeue and sacct print times: "0:04", "1-02:03:04".
std::optional<Duration> parse_duration(std::string_view text);
// A partition's or a job's time limit: the same, or "infinite" / "UNLIMITED" = 0.
std::optional<Duration> parse_time_limit(std::string_view text);
// Seconds since 1970, as SLURM_TIME_FORMAT=%s asks for. "Unknown", "None", "N/A" and anything else: nothing.
std::optional<Instant> parse_epoch(std::string_view text);

// "billing=2,cpu=2,gres/gpu=1,gres/gpu:a100=1,mem=500M,node=1". Empty text: nothing (it has no allocation).
std::optional<connector::Allocation> parse_tres(std::string_view text);

// COMPLETING is over: its figures are final, though the nodes still clear up after it.
enum class Phase : std::uint8_t { waiting, running, suspended, over };
struct JobState {
  Phase phase = Phase::over;
  std::string word;         // "COMPLETED", "CANCELLED"
  bool requeued = false;    // this incarnation is over, another may follow
};
// "RUNNING", "CANCELLED by 1001"; nothing for a word that Slurm 22.05 does not have.
std::optional<JobState> parse_state(std::string_view text);
// "code:signal" → 0…255, 128 + signal; never 0 unless the state is COMPLETED.
std::optional<std::int32_t> parse_exit(std::string_view text, const JobState& state);

inline constexpr std::string_view kLiveFields =
    "JobID:|,State:|,StartTime:|,TimeUsed:|,tres-alloc:|,RestartCnt:|,EndTime:|";
struct LiveRow {
  std::string id;
  JobState state;
  std::optional<Instant> start;
  Duration used;                                // suspension excluded
  std::optional<connector::Allocation> allocation;  // while waiting: what it asks for
  std::int64_t restarts = 0;
};
std::optional<LiveRow> parse_live(const std::vector<std::string_view>& row);

inline constexpr std::string_view kAccountingFields = "JobIDRaw,State,Submit,Start,End,ElapsedRaw,Suspended,ExitCode,AllocTRES";
struct AccountingRow {
  std::string id;
  JobState state;
  Instant submit;
  std::optional<Instant> start, end;
  Duration elapsed;                             // suspension excluded
  std::int32_t exit_code = 0;
  std::optional<connector::Allocation> allocation;  // nothing: it never had one
  std::string raw;
};
std::optional<AccountingRow> parse_accounting(const std::vector<std::string_view>& row);

// A job id of the plain kind: digits, at most 10.
bool is_job_id(std::string_view text);

}  // namespace bourse::slurm
