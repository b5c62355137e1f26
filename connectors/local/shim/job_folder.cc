#include "connectors/local/shim/job_folder.h"

#include <algorithm>
#include <cerrno>
#include <limits>

#include <fcntl.h>
#include <unistd.h>

#include "connectors/host/files.h"
#include "connectors/host/key_values.h"

namespace bourse::local {
namespace {

using host::KeyValues;

constexpr std::size_t kMaxStateBytes = 64 * 1024;
constexpr std::size_t kMaxScriptBytes = 1 << 20;
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

// Reads fields one after the other and keeps the first error.
class Fields {
 public:
  explicit Fields(const KeyValues& values) : values_(values) {}

  void text(std::string_view key, std::string& out) {
    if (auto value = values_.text(key)) out = std::move(*value);
    else note(value.error());
  }
  template <class T>
  void integer(std::string_view key, T& out, std::int64_t least = 0, std::int64_t most = kMost) {
    if (auto value = values_.integer(key, least, most)) out = static_cast<T>(*value);
    else note(value.error());
  }
  template <class T>
  Result<T> finish(T&& value) {
    if (error_) return std::unexpected(*error_);
    return std::forward<T>(value);
  }

 private:
  void note(const Error& error) {
    if (!error_) error_ = error;
  }
  const KeyValues& values_;
  std::optional<Error> error_;
};

// The lock is on the first byte; its owner is the open file, so it ends with the shim and not with a forked child.
struct flock lock_of(short type) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_len = 1;
  return lock;
}

}  // namespace

std::string to_text(const JobRequest& r) {
  KeyValues values;
  values.set("number", r.number), values.set("marker", r.marker), values.set("name", r.name), values.set("pool", r.pool);
  values.set("user", r.user), values.set("uid", r.uid), values.set("home", r.home), values.set("workdir", r.workdir);
  values.set("log_path", r.log_path), values.set("cores", r.cores), values.set("mem_mib", r.mem_mib);
  values.set("walltime_ms", r.walltime.ms), values.set("submitted_ms", r.submitted.unix_ms);
  values.set("kill_grace_ms", r.kill_grace.ms), values.set("max_processes", r.max_processes);
  values.set("max_file_bytes", r.max_file_bytes), values.set("max_log_bytes", r.max_log_bytes);
  if (!r.variables.empty()) {
    std::string lines;
    for (const std::string& variable : r.variables) lines.append(variable).append("\n");
    values.set("variables", lines);
  }
  return values.to_text();
}

Result<JobRequest> parse_request(std::string_view text) {
  TRY(const KeyValues values, KeyValues::parse(text));
  JobRequest r;
  Fields fields(values);
  fields.integer("number", r.number), fields.text("marker", r.marker), fields.text("name", r.name);
  fields.text("pool", r.pool), fields.text("user", r.user), fields.integer("uid", r.uid, 1), fields.text("home", r.home);
  fields.text("workdir", r.workdir), fields.text("log_path", r.log_path), fields.integer("cores", r.cores, 1);
  fields.integer("mem_mib", r.mem_mib, 0, kMost >> 20), fields.integer("walltime_ms", r.walltime.ms, 1);
  fields.integer("submitted_ms", r.submitted.unix_ms), fields.integer("kill_grace_ms", r.kill_grace.ms);
  fields.integer("max_processes", r.max_processes), fields.integer("max_file_bytes", r.max_file_bytes);
  fields.integer("max_log_bytes", r.max_log_bytes);
  std::string lines;
  if (values.has("variables")) fields.text("variables", lines);
  for (std::size_t end = 0, at = 0; (end = lines.find('\n', at)) != std::string::npos; at = end + 1) r.variables.push_back(lines.substr(at, end - at));
  return fields.finish(std::move(r));
}

namespace {

std::string name(JobState state) {
  if (state == JobState::running) return "running";
  return state == JobState::paused ? "paused" : "ended";
}

}  // namespace

std::string to_text(const JobStatus& s) {
  KeyValues values;
  values.set("state", name(s.state));
  values.set("shim_pid", s.shim_pid), values.set("shim_start", s.shim_start), values.set("session", s.session);
  values.set("boot_id", s.boot_id), values.set("cpus", s.cpus), values.set("started_ms", s.started.unix_ms);
  values.set("running_ms", s.running.ms), values.set("exit_code", std::int64_t{s.exit_code}), values.set("reason", s.reason);
  values.set("user_ms", s.user_ms), values.set("system_ms", s.system_ms), values.set("max_rss_kib", s.max_rss_kib);
  values.set("log_dropped", s.log_dropped);
  return values.to_text();
}

Result<JobStatus> parse_status(std::string_view text) {
  TRY(const KeyValues values, KeyValues::parse(text));
  JobStatus s;
  std::string state;
  Fields fields(values);
  fields.text("state", state), fields.integer("shim_pid", s.shim_pid), fields.integer("shim_start", s.shim_start);
  fields.integer("session", s.session), fields.text("boot_id", s.boot_id), fields.text("cpus", s.cpus);
  fields.integer("started_ms", s.started.unix_ms), fields.integer("running_ms", s.running.ms);
  fields.integer("exit_code", s.exit_code, 0, 255), fields.text("reason", s.reason), fields.integer("user_ms", s.user_ms);
  fields.integer("system_ms", s.system_ms), fields.integer("max_rss_kib", s.max_rss_kib);
  fields.integer("log_dropped", s.log_dropped);
  const auto states = {JobState::running, JobState::ended, JobState::paused};
  const auto known = std::ranges::find(states, state, name);
  if (known == states.end()) return fail(ErrorCode::integrity, "unknown state");
  s.state = *known;
  return fields.finish(std::move(s));
}

Status JobFolder::create(const JobRequest& request, std::string_view script) const {
  const Status made = host::make_directory(path_, {.mode = 0700});
  if (!made && made.error().code != ErrorCode::conflict) return made;
  if (::access(file("request").c_str(), F_OK) == 0) return fail(ErrorCode::conflict, "submitted already");
  CHECK_OK(host::write_durably(file("script"), script));
  return host::write_durably(file("request"), to_text(request));
}

Result<JobRequest> JobFolder::request() const {
  TRY(const std::string text, host::read_file(file("request"), kMaxStateBytes));
  return parse_request(text);
}

Result<std::string> JobFolder::script() const { return host::read_file(file("script"), kMaxScriptBytes); }

Result<JobStatus> JobFolder::status() const {
  TRY(const std::string text, host::read_file(file("status"), kMaxStateBytes));
  return parse_status(text);
}

Status JobFolder::write_status(const JobStatus& status) const { return host::write_durably(file("status"), to_text(status)); }
Status JobFolder::request_cancel() const { return host::write_durably(file("cancel"), ""); }
Status JobFolder::request_pause(bool paused) const {
  if (paused) return host::write_durably(file("pause"), "");
  if (::unlink(file("pause").c_str()) == 0 || errno == ENOENT) return {};
  return fail(ErrorCode::unavailable, "removing " + file("pause"));
}
bool JobFolder::pause_requested() const { return ::access(file("pause").c_str(), F_OK) == 0; }
bool JobFolder::cancel_requested() const { return ::access(file("cancel").c_str(), F_OK) == 0; }

Result<bool> JobFolder::held() const {
  const int fd = ::open(file("lock").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0 && errno == ENOENT) return false;
  if (fd < 0) return fail(ErrorCode::unavailable, "opening the lock of " + path_);
  struct flock lock = lock_of(F_WRLCK);
  const bool asked = ::fcntl(fd, F_OFD_GETLK, &lock) == 0;
  ::close(fd);
  if (!asked) return fail(ErrorCode::unavailable, "asking for the lock of " + path_);
  return lock.l_type != F_UNLCK;
}

Result<bool> JobFolder::hold() const {
  const int fd = ::open(file("lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return fail(ErrorCode::unavailable, "opening the lock of " + path_);
  struct flock lock = lock_of(F_WRLCK);
  if (::fcntl(fd, F_OFD_SETLK, &lock) == 0) return true;  // the descriptor stays open for the life of the process
  ::close(fd);
  return false;
}

}  // namespace bourse::local
