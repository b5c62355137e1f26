#include "connectors/scow/scow_text.h"

#include <algorithm>
#include <array>

#include "connectors/host/text.h"

namespace bourse::scow {
namespace {

using Words = std::array<std::string_view, 12>;

constexpr std::array<std::string_view, 5> kWaiting = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED"};
constexpr std::array<std::string_view, 4> kRunning = {"RUNNING", "STARTING", "COMPLETING", "STAGE_OUT"};
constexpr std::array<std::string_view, 3> kSuspended = {"SUSPENDED", "STOPPED", "PREEMPTING"};
constexpr Words kOver = {"COMPLETED", "CANCELED", "CANCELLED", "FAILED",   "TIMEOUT",       "NODE_FAIL",
                         "PREEMPTED", "BOOT_FAIL", "DEADLINE", "OUT_OF_MEMORY", "REVOKED", "EXCEEDTIMELIMIT"};

template <std::size_t N>
bool among(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::ranges::find(words, text) != words.end();
}

constexpr std::int64_t kLatest = 253'402'300'799;  // the year 9999

std::optional<Instant> instant_of(bool present, const google::protobuf::Timestamp& time) {
  // 0 is how databases say "not yet".
  if (!present || time.seconds() < 1 || time.seconds() > kLatest) return std::nullopt;
  return Instant{time.seconds() * 1000};  // schedulers count whole seconds; what an adapter adds to that is noise
}

std::int64_t count_of(std::int64_t value) { return std::clamp<std::int64_t>(value, 0, host::kMaxCount); }

std::string text_of(const std::optional<Instant>& time) { return time ? std::to_string(time->unix_ms / 1000) : "-"; }

std::string raw_of(const JobRow& row) {
  std::string line;
  for (const std::string& part :
       {row.id, row.name, row.user, row.state.word, text_of(row.submit), text_of(row.start), text_of(row.end),
        row.elapsed ? std::to_string(row.elapsed->ms / 1000) : std::string("-"), std::to_string(row.allocation.cores),
        std::to_string(row.allocation.gpus), std::to_string(row.allocation.nodes), std::to_string(row.allocation.mem_mib)})
    line.append(line.empty() ? "" : "|").append(part);
  return line;
}

}  // namespace

JobState parse_state(std::string_view text) {
  text = text.substr(0, text.find_first_of(" +"));  // "CANCELLED by 1001", "CANCELLED+"
  if (among(text, kWaiting)) return {Phase::waiting, std::string(text)};
  if (among(text, kRunning)) return {Phase::running, std::string(text)};
  if (among(text, kSuspended)) return {Phase::suspended, std::string(text)};
  if (text == "CANCELLED") return {Phase::over, "CANCELED"};
  if (among(text, kOver)) return {Phase::over, std::string(text)};
  return {Phase::unknown, host::is_plain_name(text) ? std::string(text) : ""};
}

std::optional<JobRow> read_row(const wire::JobInfo& job) {
  if (job.job_id() == 0) return std::nullopt;
  JobRow row{.id = std::to_string(job.job_id()), .state = parse_state(job.state())};
  if (host::is_plain_name(job.name())) row.name = job.name();
  if (is_safe_user(job.user())) row.user = job.user();
  if (host::is_plain_name(job.partition())) row.partition = job.partition();
  if (host::is_plain_path(job.working_directory())) row.workdir = job.working_directory();
  row.submit = instant_of(job.has_submit_time(), job.submit_time());
  row.start = instant_of(job.has_start_time(), job.start_time());
  row.end = instant_of(job.has_end_time(), job.end_time());
  if (job.has_elapsed_seconds() && job.elapsed_seconds() > 0 && job.elapsed_seconds() < kLatest)
    row.elapsed = seconds(job.elapsed_seconds());
  row.allocation = {.cores = count_of(job.cpus_alloc()), .gpus = count_of(job.gpus_alloc()), .nodes = count_of(job.nodes_alloc()),
                    .mem_mib = count_of(job.mem_alloc_mb())};
  row.cores_wanted = std::max(count_of(job.cpus_req()), row.allocation.cores);
  // No limit is 0, or all bits set (Crane).
  if (job.time_limit_minutes() > 0 && job.time_limit_minutes() < 60LL * 24 * 366 * 10) row.limit = minutes(job.time_limit_minutes());
  row.raw = raw_of(row);
  return row;
}

const std::vector<std::string>& job_fields() {
  static const std::vector<std::string> kFields = {
      "job_id",     "name",       "account",         "user",       "partition",  "state",       "cpus_req",     "time_limit_minutes",
      "submit_time", "start_time", "elapsed_seconds", "gpus_alloc", "cpus_alloc", "mem_alloc_mb", "nodes_alloc", "end_time",
      "working_directory"};
  return kFields;
}

bool is_safe_user(std::string_view name) {
  const auto first = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  return name.size() >= 2 && name.size() <= 32 && first(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return first(c) || (c >= '0' && c <= '9') || c == '-'; });
}

bool is_marker(std::string_view text) { return host::is_plain_name(text) && !text.contains('.'); }

}  // namespace bourse::scow
