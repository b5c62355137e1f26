#include "reconciliation/accounting.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <tuple>

namespace bourse::reconciliation {
namespace {

constexpr std::string_view kMarkerPrefix = "bourse-";
constexpr std::size_t kFields = 9;
constexpr std::size_t kMaxJobBytes = 64;
constexpr std::int64_t kLatest = 253'402'300'799;               // the end of the year 9999
constexpr std::int64_t kLongest = 10LL * 366 * 24 * 3600;       // seconds
constexpr std::int64_t kMostOfAnything = 1'000'000'000;         // cores, cards, nodes, MiB

std::string at_line(std::size_t line, std::string_view what) {
  return std::string("line ").append(std::to_string(line)).append(": ").append(what);
}

Result<std::int64_t> whole(std::string_view text, std::int64_t most) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value > most) return fail(ErrorCode::invalid_argument);
  return value;
}

bool is_job(std::string_view text) {
  return !text.empty() && text.size() <= kMaxJobBytes && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
  });
}

Result<AccountedRun> read_line(std::string_view line) {
  std::array<std::string_view, kFields> fields;
  for (std::size_t i = 0; i < kFields; ++i) {
    const std::size_t comma = line.find(',');
    if ((comma == std::string_view::npos) != (i + 1 == kFields))
      return fail(ErrorCode::invalid_argument, "expected 9 fields, with commas between");
    fields[i] = line.substr(0, comma);
    line.remove_prefix(comma == std::string_view::npos ? line.size() : comma + 1);
  }
  TRY(const Marker marker, parse_marker(fields[0]));
  if (!is_job(fields[1])) return fail(ErrorCode::invalid_argument, "job: the scheduler's id, letters, digits, '.', '_' and '-'");
  static constexpr std::array<std::pair<std::string_view, std::int64_t>, 7> kNumbers = {
      {{"start", kLatest}, {"end", kLatest}, {"elapsed_s", kLongest}, {"cores", kMostOfAnything}, {"gpus", kMostOfAnything},
       {"nodes", kMostOfAnything}, {"mem_mib", kMostOfAnything}}};
  std::array<std::int64_t, 7> numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto value = whole(fields[i + 2], kNumbers[i].second);
    if (!value)
      return fail(ErrorCode::invalid_argument, std::string(kNumbers[i].first) + ": a whole number from 0 to " + std::to_string(kNumbers[i].second));
    numbers[i] = *value;
  }
  AccountedRun run{.attempt = marker.attempt, .fence = marker.fence, .job = std::string(fields[1]), .start = Instant{numbers[0] * 1000},
                   .end = Instant{numbers[1] * 1000}, .elapsed = seconds(numbers[2]), .cores = numbers[3], .gpus = numbers[4],
                   .nodes = numbers[5], .mem_mib = numbers[6]};
  if (run.end < run.start || run.elapsed > run.end - run.start) return fail(ErrorCode::invalid_argument, "it ran longer than from start to end");
  return run;
}

}  // namespace

Result<Marker> parse_marker(std::string_view text) {
  const std::size_t dash = text.rfind('-');
  if (!text.starts_with(kMarkerPrefix) || dash == std::string_view::npos || dash < kMarkerPrefix.size())
    return fail(ErrorCode::invalid_argument, "marker: expected bourse-att_…-1");
  const auto attempt = parse_id<AttemptIdKind>(text.substr(kMarkerPrefix.size(), dash - kMarkerPrefix.size()));
  const auto fence = whole(text.substr(dash + 1), INT32_MAX);
  if (!attempt || !fence || *fence == 0) return fail(ErrorCode::invalid_argument, "marker: expected bourse-att_…-1");
  return Marker{*attempt, static_cast<std::uint32_t>(*fence)};
}

Result<std::vector<AccountedRun>> read_accounting(std::string_view file) {
  if (file.size() > kMostFileBytes) return fail(ErrorCode::too_large, "The file is longer than 16 MiB; send it in spans of days.");
  std::vector<AccountedRun> runs;
  std::set<std::string_view> seen;
  bool header = false;
  for (std::size_t line = 1; !file.empty(); ++line) {
    const std::size_t end = file.find('\n');
    std::string_view text = file.substr(0, end);
    file.remove_prefix(end == std::string_view::npos ? file.size() : end + 1);
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (text.empty()) continue;
    if (!header) {
      if (text != kHeader) return fail(ErrorCode::invalid_argument, at_line(line, "expected the header ").append(kHeader));
      header = true;
      continue;
    }
    if (!seen.insert(text).second) continue;
    if (runs.size() == kMostRuns) return fail(ErrorCode::too_large, "The file has more than 250,000 runs; send it in spans of days.");
    auto run = read_line(text);
    if (!run) return fail(run.error().code, at_line(line, run.error().detail));
    runs.push_back(std::move(*run));
  }
  if (!header) return fail(ErrorCode::invalid_argument, std::string("The file is empty; it begins with the header ").append(kHeader));
  return runs;
}

std::string write_accounting(const std::vector<AccountedRun>& runs) {
  std::string file(kHeader);
  file += '\n';
  for (const AccountedRun& run : runs) {
    file.append(kMarkerPrefix).append(to_text(run.attempt)).append("-").append(std::to_string(run.fence)).append(",").append(run.job);
    for (const std::int64_t value : {run.start.unix_ms / 1000, run.end.unix_ms / 1000, run.elapsed.ms / 1000, run.cores, run.gpus, run.nodes, run.mem_mib})
      file.append(",").append(std::to_string(value));
    file += '\n';
  }
  return file;
}

}  // namespace bourse::reconciliation
