#include "tests/federation/fake_driver.h"

namespace bourse::testing {

// ── the scheduler ──

Result<std::vector<connector::PoolInfo>> FakeDriver::probe(const std::vector<std::string>&) {
  return std::vector{connector::PoolInfo{.name = "batch", .arch = "x86_64", .nodes = 4, .cores_per_node = 16, .mem_mib_per_node = 65'536,
                                         .gpu_model = {}, .free_cores = 64}};
}

Result<std::string> FakeDriver::submit(const connector::SubmitRequest& request) {
  const std::scoped_lock lock(mutex_);
  ++submissions_;
  if (submission_error_ && !yet_taken_) return std::unexpected(*submission_error_);
  const std::string id = std::to_string(100 + order_.size());
  runs_[id] = {request.marker, request.need, {.state = connector::RunState::queued, .reason = {}, .raw = {}}, request.workdir};
  order_.push_back(id);
  if (submission_error_) return std::unexpected(*submission_error_);
  return id;
}

Result<std::optional<std::string>> FakeDriver::find_by_marker(const std::string& marker) {
  const std::scoped_lock lock(mutex_);
  if (marker_error_) return std::unexpected(*marker_error_);
  for (const auto& [id, run] : runs_)
    if (run.marker == marker) return std::optional(id);
  return std::optional<std::string>();
}

Result<std::map<std::string, connector::RunStatus>> FakeDriver::poll(const std::map<std::string, std::string>& markers) {
  const std::scoped_lock lock(mutex_);
  ++polls_;
  if (poll_error_) return std::unexpected(*poll_error_);
  std::map<std::string, connector::RunStatus> result;
  for (const auto& [id, marker] : markers) {
    const auto found = runs_.find(id);
    result[id] = found != runs_.end() && found->second.marker == marker ? found->second.status : connector::RunStatus{};
  }
  return result;
}

Status FakeDriver::cancel(const std::string& id, const connector::LocalUser&) {
  const std::scoped_lock lock(mutex_);
  cancels_.push_back(id);
  connector::RunStatus& status = runs_[id].status;
  if (status.state == connector::RunState::ended) return {};
  status.state = connector::RunState::cancelled;
  status.ended = SystemClock().now();
  status.exit_code = 143;
  return {};
}

Result<connector::LogPiece> FakeDriver::read_log(const std::string& id, const connector::LocalUser&, const std::string&, std::int64_t offset, std::int64_t) {
  const std::string text = "output of " + id;
  return connector::LogPiece{text.substr(static_cast<std::size_t>(offset)), offset, static_cast<std::int64_t>(text.size())};
}

std::string FakeDriver::workdir(const std::string& id) const {
  const std::scoped_lock lock(mutex_);
  return runs_.at(id).workdir;
}

void FakeDriver::start(const std::string& id, Instant at) {
  const std::scoped_lock lock(mutex_);
  runs_[id].status = {.state = connector::RunState::running, .started = at, .allocation = runs_[id].need, .reason = {}, .raw = "row"};
}

void FakeDriver::end(const std::string& id, Instant at, Duration running, std::int32_t exit_code) {
  const std::scoped_lock lock(mutex_);
  connector::RunStatus& status = runs_[id].status;
  status.state = connector::RunState::ended;
  status.ended = at;
  status.running = running;
  status.exit_code = exit_code;
}

void FakeDriver::forget(const std::string& id) {
  const std::scoped_lock lock(mutex_);
  runs_.erase(id);
}

std::vector<std::string> FakeDriver::ids() const {
  const std::scoped_lock lock(mutex_);
  return order_;
}
int FakeDriver::submissions() const {
  const std::scoped_lock lock(mutex_);
  return submissions_;
}
Status FakeDriver::set_paused(const std::string& id, const connector::LocalUser&, bool paused) {
  const std::scoped_lock lock(mutex_);
  runs_[id].status.state = paused ? connector::RunState::suspended : connector::RunState::running;
  return {};
}

connector::RunState FakeDriver::state(const std::string& id) const {
  const std::scoped_lock lock(mutex_);
  return runs_.at(id).status.state;
}

std::vector<std::string> FakeDriver::cancels() const {
  const std::scoped_lock lock(mutex_);
  return cancels_;
}
void FakeDriver::answer_submissions(std::optional<Error> error, bool yet_taken) {
  const std::scoped_lock lock(mutex_);
  submission_error_ = std::move(error);
  yet_taken_ = yet_taken;
}
void FakeDriver::answer_markers(std::optional<Error> error) {
  const std::scoped_lock lock(mutex_);
  marker_error_ = std::move(error);
}

void FakeDriver::answer_polls(std::optional<Error> error) {
  const std::scoped_lock lock(mutex_);
  poll_error_ = std::move(error);
}
int FakeDriver::polls() const {
  const std::scoped_lock lock(mutex_);
  return polls_;
}

Result<connector::LocalUser> FakeUsers::find(const std::string& name) const {
  if (name != "runner") return fail(ErrorCode::not_found);
  // Our own folder's owner, so that the test needs no other rights; a root in a container counts as anybody.
  return connector::LocalUser{.name = name, .uid = ::geteuid() == 0 ? 65'534 : ::geteuid(), .gid = ::getegid() == 0 ? 65'534 : ::getegid(),
                              .home = "/nonexistent", .scheduler_account = {}};
}

}  // namespace bourse::testing
