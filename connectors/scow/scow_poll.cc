// What became of runs: the queue, the ends, and by name what neither tells.
#include <algorithm>

#include "connectors/core/log_file.h"
#include "connectors/host/run_as.h"
#include "connectors/scow/scow_driver.h"
#include "connectors/slurm/slurm_text.h"

namespace bourse::scow {

using connector::RunState;
using connector::RunStatus;

namespace {

constexpr std::size_t kUsersAtOnce = 200;
constexpr int kByNameAPoll = 64;
constexpr Duration kAhead = hours(24);           // of the scheduler's clock before ours
constexpr Duration kOverSettles = seconds(2);    // between its end and its return to the queue a requeued job is in neither
constexpr Duration kExitCodeComes = seconds(10); // over a shared file system

}  // namespace

std::set<std::string> ScowDriver::known_users() const {
  std::set<std::string> users(config_.users.begin(), config_.users.end());
  users.insert(submitted_as_.begin(), submitted_as_.end());
  users.insert(members_.begin(), members_.end());
  return users;
}

// Never none: a queue that nobody was asked for proves no absence.
Result<std::set<std::string>> ScowDriver::users_to_ask() {
  std::set<std::string> users = known_users();
  if (users.empty()) {
    read_members();
    users = known_users();
  }
  if (users.empty()) return fail(ErrorCode::unavailable, "no local user is known, so the queue can't be asked");
  if (users.size() > kMaxUsers)
    return fail(ErrorCode::unavailable, "scow: " + std::to_string(users.size()) + " local users are more than can be asked for");
  return users;
}

// The queue itself. Rows that aren't named `name` (any of ours if empty) are left out.
Result<std::vector<JobRow>> ScowDriver::live_rows(const std::set<std::string>& of, const std::string& name) {
  const std::vector<std::string> users(of.begin(), of.end());
  JobsQuestion question{.accounts = accounts_, .states = {"RUNNING", "PENDING"}, .name = name};
  if (flavour_ == Flavour::slurm) question.states.push_back("SUSPENDED");
  std::vector<JobRow> found;
  for (std::size_t at = 0; at < users.size(); at += kUsersAtOnce) {
    question.users.assign(users.begin() + static_cast<std::ptrdiff_t>(at),
                          users.begin() + static_cast<std::ptrdiff_t>(std::min(users.size(), at + kUsersAtOnce)));
    TRY(std::vector<JobRow> rows, client_->jobs(question));
    for (JobRow& row : rows)
      if (row.live() && (name.empty() ? row.name.starts_with("bourse-") : row.name == name)) found.push_back(std::move(row));
  }
  return found;
}

Result<std::vector<JobRow>> ScowDriver::rows_named(const std::string& marker) {
  JobsQuestion question{.accounts = accounts_, .name = marker};
  if (flavour_ == Flavour::slurm) {
    question.window = JobsQuestion::Window::submitted;
    question.from = clock_.now() - hours(24 * config_.accounting_days);
    question.to = clock_.now() + kAhead;
  }
  TRY(std::vector<JobRow> rows, client_->jobs(question));
  std::erase_if(rows, [&](const JobRow& row) { return row.name != marker; });  // older levels don't filter by name
  return rows;
}

Result<std::vector<JobRow>> ScowDriver::ended_rows(Instant now) {
  const Instant from = ended_from_.value_or(now - config_.overlap);
  // A row that is missing comes with the next window, or is asked for by name.
  return client_->jobs({.accounts = accounts_, .window = JobsQuestion::Window::ended, .from = from, .to = now + kAhead, .roughly = true});
}

Result<std::optional<std::string>> ScowDriver::find_by_marker(const std::string& marker) {
  if (!is_marker(marker)) return fail(ErrorCode::invalid_argument, "marker");
  begin();
  read_members();
  TRY(const std::set<std::string> users, users_to_ask());
  // In this order: a job goes from the queue to the accounting, never back, so it can't slip through between the two.
  TRY(const std::vector<JobRow> live, live_rows(users, marker));
  if (!live.empty()) return live.front().id;
  TRY(const std::vector<JobRow> all, rows_named(marker));
  if (!all.empty()) return all.front().id;
  return std::nullopt;
}

void ScowDriver::hold_only(const std::map<std::string, std::string>& marker_by_id) {
  std::erase_if(held_, [&](const auto& entry) {
    const auto wanted = marker_by_id.find(entry.first);
    return wanted == marker_by_id.end() || wanted->second != entry.second.marker;
  });
  for (const auto& [id, marker] : marker_by_id)
    if (slurm::is_job_id(id) && is_marker(marker)) held_[id].marker = marker;
}

Result<std::map<std::string, RunStatus>> ScowDriver::poll(const std::map<std::string, std::string>& marker_by_id) {
  begin();
  hold_only(marker_by_id);
  std::map<std::string, RunStatus> found;
  if (held_.empty()) {
    ended_from_.reset();
    for (const auto& [id, marker] : marker_by_id) found.emplace(id, RunStatus{});
    return found;
  }
  const Instant now = clock_.now();
  TRY(const std::set<std::string> users, users_to_ask());
  TRY(const std::vector<JobRow> queue, live_rows(users, ""));
  TRY(const std::vector<JobRow> ended, ended_rows(now));
  ended_from_ = now - config_.overlap;
  std::map<std::string, JobRow> live;
  const auto ours = [&](const JobRow& row) {  // an id given out again is not ours
    const auto held = held_.find(row.id);
    return held != held_.end() && held->second.marker == row.name ? &held->second : nullptr;
  };
  for (const JobRow& row : queue) {
    if (Seen* seen = ours(row)) {
      learn(*seen, row);
      watch_suspension(*seen, row.state.phase, now);
      live.insert_or_assign(row.id, row);
    }
  }
  for (const JobRow& row : ended)
    if (Seen* seen = ours(row); seen != nullptr && row.over()) learn(*seen, row);
  CHECK_OK(ask_by_name(users, live));
  for (const auto& [id, marker] : marker_by_id) {
    const auto held = held_.find(id);
    const auto alive = live.find(id);
    found.emplace(id, held == held_.end() ? RunStatus{}
                                          : status_of(held->second, alive == live.end() ? nullptr : &alive->second, now));
  }
  return found;
}

// What runs and hasn't told since when; what is neither in the queue nor ended; what ended with a past that we don't know. A few
// a poll, in turn.
Status ScowDriver::ask_by_name(const std::set<std::string>& asked_users, std::map<std::string, JobRow>& live) {
  const auto lacks = [&](const std::string& id, const Seen& seen) {
    const auto row = live.find(id);
    if (row == live.end()) return seen.over.empty() || !seen.whole;
    return row->second.state.phase != Phase::waiting && !row->second.start && !seen.start;
  };
  std::vector<std::string> ids;
  for (auto at = held_.lower_bound(by_name_next_); at != held_.end(); ++at) ids.push_back(at->first);
  for (auto at = held_.begin(); at != held_.lower_bound(by_name_next_); ++at) ids.push_back(at->first);
  int asked = 0;
  for (const std::string& id : ids) {
    Seen& seen = held_.at(id);
    if (!lacks(id, seen)) continue;
    by_name_next_ = id;
    if (asked++ == kByNameAPoll || client_->left() < config_.client.call_limit) break;
    by_name_next_.push_back('\0');  // the next one, even if this one is never answered
    const auto rows = rows_named(seen.marker);
    if (!rows && rows.error().code != ErrorCode::unknown_outcome) return std::unexpected(rows.error());
    const JobRow* newest = nullptr;
    if (rows) {
      seen.whole = true;
      for (const JobRow& row : *rows) {
        if (row.id != id) continue;
        learn(seen, row);
        if (newest == nullptr || newest->submit.value_or(Instant{}) <= row.submit.value_or(Instant{})) newest = &row;
      }
    }
    // A waiting job may miss in the queue's answer: Slurm's adapter loses rows with spaces. What runs is only believed of the
    // accounting where the queue wasn't asked for its user, since there it goes on running until the accounting has caught up.
    if (newest != nullptr && newest->live() && (newest->state.phase == Phase::waiting || !asked_users.contains(newest->user)))
      live.emplace(id, *newest);
    if (!live.contains(id) && (seen.over.empty() || !seen.whole) && !seen.endless_since) seen.endless_since = clock_.monotonic();
  }
  return {};
}

RunStatus ScowDriver::status_of(Seen& seen, const JobRow* live, Instant now) {
  if (live != nullptr) {
    seen.over_since.reset();
    seen.endless_since.reset();
    // What the queue tells of an incarnation, the accounting may tell later.
    return live_status(seen, *live, now);
  }
  const Duration tick = clock_.monotonic();
  if (!seen.over.empty() && seen.whole) {
    if (!seen.over_since) seen.over_since = tick;
    const Duration since = tick - *seen.over_since;
    const auto code = exit_code_of(seen);
    const RunStatus status = final_status(seen, code);
    const bool waits_for_code = !code && status.started && status.state == RunState::ended && status.reason.starts_with("COMPLETED");
    if (since >= (waits_for_code ? kExitCodeComes : kOverSettles)) return status;
  }
  if (!seen.over.empty() && seen.whole) seen.endless_since.reset();
  if (!seen.start) return RunStatus{};  // in neither: that proves nothing
  // Some ends are never told: Crane's adapter doesn't know every state, and a controller that lost a job leaves it running in the
  // accounting. The connector's patience decides, and charges what was seen.
  if (seen.endless_since && tick - *seen.endless_since > config_.overlap) return RunStatus{};
  // It left the queue and the accounting has not caught up: what it had run stands still.
  RunStatus status{.state = RunState::running, .started = seen.start, .running = seen.running, .allocation = seen.allocation};
  status.reason = "ending";
  return status;
}

std::optional<std::int32_t> ScowDriver::exit_code_of(const Seen& seen) const {
  std::string workdir;
  for (const auto& [key, row] : seen.over)
    if (!row.workdir.empty()) workdir = row.workdir;
  if (workdir.empty() || seen.user.empty()) return std::nullopt;
  const auto user = host::find_run_as(seen.user);
  if (!user) return std::nullopt;
  const auto piece = connector::read_log_file(
      exit_code_path(workdir), {.name = user->name, .uid = user->uid, .gid = user->gid, .home = "", .scheduler_account = ""}, 0, 16);
  return piece ? parse_exit_code(piece->data) : std::nullopt;
}

}  // namespace bourse::scow
