#include "connectors/slurm/slurm_text.h"

#include <algorithm>
#include <array>

#include "connectors/host/key_values.h"
#include "connectors/host/text.h"

namespace bourse::slurm {
namespace {

constexpr std::int64_t kMaxSeconds = 10LL * 366 * 24 * 3600;
constexpr std::int64_t kLatestEpoch = 253'402'300'799;       // the end of the year 9999
constexpr std::size_t kMaxFields = 64;
constexpr std::size_t kMaxRow = 8 << 10;                     // bytes; rows are kept as evidence

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (parts.size() < kMaxFields) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

// "500M", "1.50G", "62.5G", "128000": mebibytes, rounded down.
std::optional<std::int64_t> parse_mem_mib(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::int64_t kib_per_unit = 1024;
  switch (text.back()) {
    case 'K': kib_per_unit = 1; break;
    case 'M': kib_per_unit = 1LL << 10; break;
    case 'G': kib_per_unit = 1LL << 20; break;
    case 'T': kib_per_unit = 1LL << 30; break;
    case 'P': kib_per_unit = 1LL << 40; break;
    default: break;
  }
  if (text.back() < '0' || text.back() > '9') text.remove_suffix(1);
  const std::size_t point = text.find('.');
  const auto whole = host::parse_count(text.substr(0, point));
  if (!whole || *whole > host::kMaxCount * 1024 / kib_per_unit * 1024) return std::nullopt;
  std::int64_t kib = *whole * kib_per_unit;
  if (point != std::string_view::npos) {
    const std::string_view digits = text.substr(point + 1);
    const auto fraction = host::parse_count(digits, 999'999);
    if (!fraction || digits.size() > 6) return std::nullopt;
    std::int64_t scale = 1;
    for (std::size_t i = 0; i < digits.size(); ++i) scale *= 10;
    kib += static_cast<std::int64_t>(static_cast<__int128>(*fraction) * kib_per_unit / scale);
  }
  return kib / 1024;
}

struct StateWord {
  std::string_view word;
  Phase phase;
  bool requeued = false;
};
constexpr std::array kStates = {
    StateWord{"PENDING", Phase::waiting}, StateWord{"REQUEUE_HOLD", Phase::waiting}, StateWord{"REQUEUE_FED", Phase::waiting},
    StateWord{"SPECIAL_EXIT", Phase::waiting}, StateWord{"RESV_DEL_HOLD", Phase::waiting}, StateWord{"CONFIGURING", Phase::running},
    StateWord{"RUNNING", Phase::running}, StateWord{"COMPLETING", Phase::over}, StateWord{"SIGNALING", Phase::running},
    StateWord{"STAGE_OUT", Phase::running}, StateWord{"RESIZING", Phase::running}, StateWord{"SUSPENDED", Phase::suspended},
    StateWord{"STOPPED", Phase::running}, StateWord{"COMPLETED", Phase::over}, StateWord{"FAILED", Phase::over},
    StateWord{"CANCELLED", Phase::over}, StateWord{"TIMEOUT", Phase::over}, StateWord{"NODE_FAIL", Phase::over},
    StateWord{"OUT_OF_MEMORY", Phase::over}, StateWord{"PREEMPTED", Phase::over}, StateWord{"BOOT_FAIL", Phase::over},
    StateWord{"DEADLINE", Phase::over}, StateWord{"LAUNCH_FAILED", Phase::over}, StateWord{"REVOKED", Phase::over},
    StateWord{"REQUEUED", Phase::over, true},
};

}  // namespace

std::vector<std::vector<std::string_view>> rows(std::string_view text) {
  std::vector<std::vector<std::string_view>> all;
  for (std::size_t end = 0; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
    const std::string_view line = text.substr(0, end);
    if (line.ends_with('|')) all.push_back(split(line.substr(0, line.size() - 1), '|'));
  }
  return all;
}

std::optional<Duration> parse_duration(std::string_view text) {
  std::int64_t total = 0;
  if (const std::size_t dash = text.find('-'); dash != std::string_view::npos) {
    const auto days = host::parse_count(text.substr(0, dash), 3660);
    if (!days) return std::nullopt;
    total = *days;
    text.remove_prefix(dash + 1);
    if (std::ranges::count(text, ':') != 2) return std::nullopt;
  }
  const std::vector<std::string_view> parts = split(text, ':');
  if (parts.size() < 2 || parts.size() > 3) return std::nullopt;
  std::int64_t clock = 0;
  for (const std::string_view part : parts) {
    const auto value = host::parse_count(part, 1'000'000);
    if (!value) return std::nullopt;
    clock = clock * 60 + *value;
  }
  total = total * 24 * 3600 + clock;
  if (total > kMaxSeconds) return std::nullopt;
  return seconds(total);
}

std::optional<Duration> parse_time_limit(std::string_view text) {
  if (text == "infinite" || text == "UNLIMITED") return Duration{};
  return parse_duration(text);
}

std::optional<Instant> parse_epoch(std::string_view text) {
  const auto value = host::parse_count(text, kLatestEpoch);
  if (!value || *value == 0) return std::nullopt;
  return Instant{*value * 1000};
}

std::optional<connector::Allocation> parse_tres(std::string_view text) {
  if (text.empty() || text.size() > 4096) return std::nullopt;
  connector::Allocation found{.cores = 0, .gpus = 0, .nodes = 0, .mem_mib = 0};
  bool cpu = false, node = false, mem = false, gpu = false;
  const auto once = [](bool& seen, std::optional<std::int64_t> value, std::int64_t& into) {
    if (seen || !value) return false;
    seen = true;
    into = *value;
    return true;
  };
  for (const std::string_view part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view key = part.substr(0, equals), value = part.substr(equals + 1);
    const bool fine = key == "cpu"        ? once(cpu, host::parse_count(value), found.cores)
                      : key == "node"     ? once(node, host::parse_count(value), found.nodes)
                      : key == "mem"      ? once(mem, parse_mem_mib(value), found.mem_mib)
                      : key == "gres/gpu" ? once(gpu, host::parse_count(value), found.gpus)
                                          : true;
    if (!fine) return std::nullopt;
  }
  if (!cpu || !node) return std::nullopt;
  return found;
}

std::optional<JobState> parse_state(std::string_view text) {
  const std::string_view word = text.substr(0, text.find(' '));
  if (word.size() != text.size() && !text.starts_with("CANCELLED by ")) return std::nullopt;
  const auto* const found = std::ranges::find(kStates, word, &StateWord::word);
  if (found == kStates.end()) return std::nullopt;
  return JobState{found->phase, std::string(word), found->requeued};
}

std::optional<std::int32_t> parse_exit(std::string_view text, const JobState& state) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto code = host::parse_count(text.substr(0, colon), 1 << 16), signal = host::parse_count(text.substr(colon + 1), 127);
  if (!code || !signal) return std::nullopt;
  if (*signal != 0) return static_cast<std::int32_t>(128 + *signal);
  if (*code != 0) return static_cast<std::int32_t>(std::min<std::int64_t>(*code, 255));
  if (state.word == "COMPLETED" || state.phase != Phase::over) return 0;
  return state.word == "TIMEOUT" || state.word == "CANCELLED" ? 128 + 15 : 1;
}

std::optional<LiveRow> parse_live(const std::vector<std::string_view>& row) {
  if (row.size() != 7 || !is_job_id(row[0])) return std::nullopt;
  const auto state = parse_state(row[1]);
  const auto used = parse_duration(row[3]);
  const auto restarts = host::parse_count(row[5]);
  if (!state || !used || !restarts) return std::nullopt;
  return LiveRow{std::string(row[0]), *state, parse_epoch(row[2]), *used, parse_tres(row[4]), *restarts};
}

std::optional<AccountingRow> parse_accounting(const std::vector<std::string_view>& row) {
  if (row.size() != 9 || !is_job_id(row[0])) return std::nullopt;
  const auto state = parse_state(row[1]);
  const auto submit = parse_epoch(row[2]);
  const auto elapsed = host::parse_count(row[5], kMaxSeconds);
  if (!state || !submit || !elapsed) return std::nullopt;
  const auto exit_code = parse_exit(row[7], *state);
  if (!exit_code) return std::nullopt;
  AccountingRow read{std::string(row[0]), *state, *submit, parse_epoch(row[3]), parse_epoch(row[4]), seconds(*elapsed),
                     *exit_code, parse_tres(row[8]), {}};
  if (!row[8].empty() && !read.allocation) return std::nullopt;
  const bool ran = read.allocation.has_value();
  if (ran && !read.start) return std::nullopt;
  if (state->phase == Phase::over && !read.end) return std::nullopt;
  if (read.start && read.end && (*read.end < *read.start || read.elapsed > *read.end - *read.start)) return std::nullopt;
  std::size_t bytes = 0;
  for (const std::string_view field : row) bytes += field.size() + 1;
  if (bytes > kMaxRow) return std::nullopt;
  for (const std::string_view field : row) read.raw.append(read.raw.empty() ? "" : "|").append(field);
  return read;
}

bool is_job_id(std::string_view text) {
  return !text.empty() && text.size() <= 10 && text.front() != '0' &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace bourse::slurm
