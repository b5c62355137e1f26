#include "connectors/slurm/slurm_accounting.h"

#include <algorithm>
#include <map>
#include <optional>

#include "connectors/host/text.h"
#include "connectors/slurm/slurm_text.h"

namespace bourse::slurm {
namespace {

using reconciliation::AccountedRun;

constexpr std::size_t kFieldsBeforeName = 9;
constexpr std::size_t kMostUnreadable = 20;

// The fields before the name, and the rest of the line as the name; nothing when there are fewer.
struct Line {
  std::vector<std::string_view> fields;
  std::string_view job_name;
};
std::optional<Line> split(std::string_view text) {
  Line line;
  for (std::size_t i = 0; i < kFieldsBeforeName; ++i) {
    const std::size_t bar = text.find('|');
    if (bar == std::string_view::npos) return std::nullopt;
    line.fields.push_back(text.substr(0, bar));
    text.remove_prefix(bar + 1);
  }
  line.job_name = text;
  return line;
}

std::string header() {
  std::string text(kSacctFields);
  std::ranges::replace(text, ',', '|');
  return text;
}

// All incarnations of one job of ours, oldest first.
void add_runs(const reconciliation::Marker& marker, std::vector<AccountingRow>& rows, SacctExtract& out) {
  std::ranges::sort(rows, {}, &AccountingRow::submit);
  const AccountingRow& last = rows.back();
  if (last.state.phase != Phase::over || last.state.requeued) {
    ++out.not_over;
    return;
  }
  for (const AccountingRow& row : rows) {
    const Instant end = row.end.value_or(last.end.value_or(Instant{}));
    AccountedRun run{.attempt = marker.attempt, .fence = marker.fence, .job = row.id, .start = row.start.value_or(end), .end = end, .elapsed = row.elapsed};
    if (row.allocation) {
      run.cores = row.allocation->cores;
      run.gpus = row.allocation->gpus;
      run.nodes = row.allocation->nodes;
      run.mem_mib = row.allocation->mem_mib;
    } else {
      run.start = end;  // it never had anything
      run.elapsed = {};
    }
    out.runs.push_back(std::move(run));
  }
}

}  // namespace

Result<SacctExtract> read_sacct(std::string_view text) {
  SacctExtract out;
  std::map<std::pair<AttemptId, std::string>, std::pair<reconciliation::Marker, std::vector<AccountingRow>>> jobs;
  bool header_read = false;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!header_read) {
      if (line != header()) return fail(ErrorCode::invalid_argument, "The first line must be sacct's header " + header());
      header_read = true;
      continue;
    }
    const std::optional<Line> parts = split(line);
    const auto marker = parts ? reconciliation::parse_marker(parts->job_name) : Result<reconciliation::Marker>(fail(ErrorCode::invalid_argument));
    if (!marker) {
      if (line.contains("bourse-att_") && out.unreadable.size() < kMostUnreadable) out.unreadable.push_back(host::shown(line));
      continue;
    }
    auto row = parse_accounting(parts->fields);
    if (!row) {
      if (out.unreadable.size() < kMostUnreadable) out.unreadable.push_back(host::shown(line));
      continue;
    }
    auto& [kept, rows] = jobs[{marker->attempt, row->id}];
    kept = *marker;
    // A damaged accounting may have a row twice.
    if (std::ranges::none_of(rows, [&](const AccountingRow& other) { return other.submit == row->submit; })) rows.push_back(std::move(*row));
  }
  if (!header_read) return fail(ErrorCode::invalid_argument, "It is empty; the first line is sacct's header " + header());
  for (auto& [key, job] : jobs) add_runs(job.first, job.second, out);
  return out;
}

}  // namespace bourse::slurm
