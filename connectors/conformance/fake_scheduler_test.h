// For the suite's own tests: a scheduler on a virtual clock that knows what each of the suite's scripts would do, keeps every promise
// of a driver, and breaks the one that it is told to.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "connectors/conformance/bench.h"
#include "connectors/conformance/scripts.h"

namespace bourse::conformance {

enum class Fault : std::uint8_t {
  none, loses_marker, finds_any_marker, forgets_on_restart, doubles_usage, usage_falls, counts_after_the_end, ignores_cancel, cancel_leaves_tree,
  cancelled_is_ended, ignores_walltime, beyond_grace, counts_standstill, cannot_pause, refuses_pause, wrong_exit_code, changes_script, reads_options,
  leaks_environment, keeps_rights, as_another_user, open_folders, accepts_anything, refuses_for_now, log_from_the_start, takes_any_id, mixes_logs,
  more_free_than_there_is, silent_about_queue, loses_answer, generous,
};

class FakeScheduler {
 public:
  struct Job {
    std::string id;
    connector::SubmitRequest request;
    connector::RunStatus status;
    std::string log, log_at_end;
    std::optional<Duration> lasts;  // nothing: for ever
    bool until_go = false, ticks = false;
    int exit_code = 0;
  };

  FakeScheduler(const Clock& clock, Fault fault) : clock_(clock), fault_(fault), seen_(clock.monotonic()) {}

  bool has(Fault fault) const { return fault_ == fault; }
  void put(const std::string& path) { files_.insert(path); }
  std::map<std::string, Job>& jobs() { return jobs_; }
  std::size_t live() const {
    return static_cast<std::size_t>(std::ranges::count_if(jobs_, [](const auto& job) { return !over(job.second); }));
  }

  std::string add(const connector::SubmitRequest& request) {
    const std::string id = std::to_string(++number_);
    Job& job = jobs_[id] = {.id = id, .request = request, .status = {}, .log = {}, .log_at_end = {}, .lasts = Duration{}};
    job.status.state = connector::RunState::queued;
    if (has(Fault::reads_options) && request.script.contains("--job-name=evil")) job.request.marker = "evil";
    advance();
    return id;
  }

  // What the time since the last look has brought.
  void advance() {
    const Duration passed = clock_.monotonic() - seen_;
    seen_ = clock_.monotonic();
    for (auto& [id, job] : jobs_) {
      const bool stands = job.status.state == connector::RunState::suspended;
      if (job.status.state == connector::RunState::running || (stands && has(Fault::counts_standstill))) run(job, passed);
      if (over(job) && job.status.started && has(Fault::counts_after_the_end)) job.status.running = job.status.running + passed;
    }
    for (auto& [id, job] : jobs_) {
      if (job.status.state != connector::RunState::queued) continue;
      if (job.request.need.cores > free_cores()) break;
      start(job);
    }
  }

  void end(Job& job, connector::RunState state, int exit_code, const std::string& reason) {
    job.status.state = state, job.status.exit_code = exit_code, job.status.reason = reason;
    if (job.status.started) job.status.ended = *job.status.started + job.status.running;
    job.status.raw = "row of " + job.id;
    if (state == connector::RunState::ended && reason.empty()) job.log += job.log_at_end;
    if (!has(Fault::cancel_leaves_tree)) std::erase_if(trees_, [&](const std::string& token) { return token.contains(job.request.marker); });
  }

  std::int64_t free_cores() const {
    std::int64_t free = kCores;
    for (const auto& [id, job] : jobs_)
      if (job.status.started && !over(job)) free -= job.request.need.cores;
    return free;
  }

  static bool over(const Job& job) { return job.status.state == connector::RunState::ended || job.status.state == connector::RunState::cancelled; }
  static constexpr std::int64_t kCores = 8;
  static constexpr Duration kGrace = seconds(5);

 private:
  void start(Job& job) {
    job.status.state = connector::RunState::running;
    job.status.started = clock_.now();
    job.status.allocation = job.request.need;
    if (has(Fault::generous)) job.status.allocation.cores *= 2;
    play(job);
    run(job, {});
  }

  void run(Job& job, Duration passed) {
    job.status.running = job.status.running + passed;
    const Duration limit = job.request.walltime + (has(Fault::beyond_grace) ? kGrace + seconds(3) : Duration{});
    if (job.ticks) job.log.append(static_cast<std::size_t>(passed.ms / 100) * 5, 't');
    const bool gone = job.until_go && files_.contains(job.request.workdir + "/go");
    if (job.lasts && (gone || job.status.running >= *job.lasts)) {
      if (!gone) job.status.running = *job.lasts;
      return end(job, connector::RunState::ended, job.exit_code, "");
    }
    if (job.status.running < limit || has(Fault::ignores_walltime)) return;
    job.status.running = limit;
    end(job, connector::RunState::ended, 137, "TIMEOUT");
  }

  // What the suite's scripts do.
  void play(Job& job) {
    const std::string& script = job.request.script;
    const auto number_after = [&](const std::string& text) { return std::stoi(script.substr(script.find(text) + text.size())); };
    if (script == scripts::tells_environment()) return (void)(job.log = environment(job.request));
    if (script == scripts::kills_itself()) return (void)(job.exit_code = has(Fault::wrong_exit_code) ? 1 : 137);
    if (script == scripts::prints_itself()) return (void)(job.log = has(Fault::changes_script) ? script + "\n" : script);
    if (script == scripts::prints_digits()) return (void)(job.log = "0123456789");
    if (script.contains("/awk")) return (void)(job.log = "sum 42\nstdout\n");
    if (script.contains("cat '")) return pry(job);
    if (script.contains("number ")) {
      job.exit_code = number_after("number ");
      job.log = "number " + std::to_string(has(Fault::mixes_logs) ? 1 : job.exit_code) + "\n";
    } else if (script.contains("/proc/[0-9]*/cmdline")) {
      const bool there = std::ranges::any_of(trees_, [&](const std::string& token) { return script.contains(token.substr(1)); });
      job.log = there ? "there\n" : "gone\n", job.exit_code = there ? 1 : 0;
    } else if (script == scripts::ticks()) {
      job.ticks = true, job.log = "tick\n", job.lasts = seconds(40);
    } else if (script == scripts::holds()) {
      job.until_go = true, job.log = "begun\n", job.log_at_end = "done\n", job.lasts = seconds(20);
    } else if (script.contains("; sleep ") && script.contains("echo begun; ")) {
      job.log = "begun\n", job.log_at_end = "done\n", job.lasts = seconds(number_after("; sleep "));
    } else if (script.contains("trap '' TERM")) {
      job.log = "begun\nchild\n", job.lasts.reset();
      if (script.contains("setsid")) trees_.insert(script.substr(script.find("# tree-of-") + 2, 8 + job.request.marker.size()));
    } else if (script.contains("echo ")) {
      job.log = script.substr(script.find("echo ") + 5);
    } else {
      job.exit_code = number_after("exit ");
    }
  }

  void pry(Job& job) {
    if (has(Fault::open_folders)) job.log += "a secret of somebody else\nread\n";
    job.log += "drwx------ 2 someone someone 4096 .\ndone\n";
  }

  std::string environment(const connector::SubmitRequest& request) const {
    const std::string user = has(Fault::as_another_user) ? "somebody" : request.user.name;
    return "user:" + user + "\ngroups:" + user + "\n" + request.workdir + "\n0077\nPATH=/usr/local/bin:/usr/bin:/bin\nHOME=" + request.workdir +
           "\nUSER=" + user + "\nBOURSE_JOB_ID=" + request.marker + "\nBOURSE_CORES=1\n" + (has(Fault::leaks_environment) ? "TOKEN=hunter2\n" : "") +
           "err\nargs:0\nCapPrm:\t0000000000000000\nCapEff:\t" + (has(Fault::keeps_rights) ? "00000000000000c0" : "0000000000000000") + "\n";
  }

  const Clock& clock_;
  const Fault fault_;
  Duration seen_;
  int number_ = 100;
  std::map<std::string, Job> jobs_;
  std::set<std::string> files_, trees_;
};

class FakeDriver final : public connector::Driver {
 public:
  explicit FakeDriver(FakeScheduler& scheduler) : all_(scheduler) {
    if (all_.has(Fault::forgets_on_restart)) all_.jobs().clear();
  }

  connector::Capabilities capabilities() const override {
    return {.kind = "fake", .version = "1", .grace = FakeScheduler::kGrace, .submission_settle = seconds(1)};
  }
  Result<std::vector<connector::PoolInfo>> probe(const std::vector<std::string>& pools) override {
    all_.advance();
    if (!pools.empty() && pools.front() != "p") return std::vector<connector::PoolInfo>{};
    connector::PoolInfo pool{.name = "p", .arch = "fake", .nodes = 2, .cores_per_node = 4, .mem_mib_per_node = 4000, .max_walltime = hours(1)};
    pool.free_cores = all_.has(Fault::more_free_than_there_is) ? 9 : all_.free_cores();
    for (const auto& [id, job] : all_.jobs()) {
      if (FakeScheduler::over(job)) continue;
      if (job.status.started) ++pool.running_jobs;
      else if (!all_.has(Fault::silent_about_queue)) ++pool.pending_jobs, pool.pending_core_ms += job.request.need.cores * job.request.walltime.ms;
    }
    return std::vector{pool};
  }
  Result<std::string> submit(const connector::SubmitRequest& r) override {
    const bool good = r.pool == "p" && r.qos.empty() && r.marker.starts_with("bourse-") && r.need.cores >= 1 && r.need.cores <= FakeScheduler::kCores &&
                      r.need.mem_mib <= 8000 && r.need.gpus == 0 && r.need.nodes >= 1 && r.walltime.ms > 0 && r.walltime <= hours(1) &&
                      r.user.name == "alice" && r.user.uid == 1000;
    if (!good && !all_.has(Fault::accepts_anything)) return fail(all_.has(Fault::refuses_for_now) ? ErrorCode::unavailable : ErrorCode::invalid_argument);
    const std::string id = all_.add(r);
    if (all_.has(Fault::loses_answer)) return fail(ErrorCode::timeout, "no answer");
    return id;
  }
  Result<std::optional<std::string>> find_by_marker(const std::string& marker) override {
    if (all_.has(Fault::loses_marker)) return std::nullopt;
    for (const auto& [id, job] : all_.jobs())
      if (job.request.marker == marker) return id;
    return all_.has(Fault::finds_any_marker) ? std::optional<std::string>("7") : std::nullopt;
  }
  Result<std::map<std::string, connector::RunStatus>> poll(const std::map<std::string, std::string>& markers) override {
    all_.advance();
    std::map<std::string, connector::RunStatus> answers;
    for (const auto& [id, marker] : markers) {
      const auto at = all_.jobs().find(id);
      const bool ours = at != all_.jobs().end() && (at->second.request.marker == marker || all_.has(Fault::takes_any_id));
      connector::RunStatus status = ours ? at->second.status : connector::RunStatus{};
      if (all_.has(Fault::doubles_usage)) status.running.ms *= 2;
      if (all_.has(Fault::usage_falls) && status.running > seconds(3) && ++looks_ % 2 == 0) status.running = status.running - seconds(1);
      answers[id] = status;
    }
    return answers;
  }
  Status cancel(const std::string& id, const connector::LocalUser&) override {
    all_.advance();
    const auto at = all_.jobs().find(id);
    if (at == all_.jobs().end() || FakeScheduler::over(at->second) || all_.has(Fault::ignores_cancel)) return {};
    all_.end(at->second, all_.has(Fault::cancelled_is_ended) ? connector::RunState::ended : connector::RunState::cancelled, 143, "CANCELLED");
    return {};
  }
  Status set_paused(const std::string& id, const connector::LocalUser&, bool paused) override {
    if (all_.has(Fault::cannot_pause)) return fail(ErrorCode::unavailable, "no operator");
    if (all_.has(Fault::refuses_pause)) return fail(ErrorCode::forbidden, "no operator");
    all_.advance();
    if (!all_.jobs().contains(id)) return fail(ErrorCode::not_found);
    all_.jobs().at(id).status.state = paused ? connector::RunState::suspended : connector::RunState::running;
    return {};
  }
  Result<connector::LogPiece> read_log(const std::string& id, const connector::LocalUser&, const std::string&, std::int64_t offset, std::int64_t most) override {
    all_.advance();
    const auto at = all_.jobs().find(id);
    if (at == all_.jobs().end()) return fail(ErrorCode::not_found);
    const std::string& log = at->second.log;
    const auto from = std::min(log.size(), static_cast<std::size_t>(all_.has(Fault::log_from_the_start) ? 0 : offset));
    return connector::LogPiece{.data = log.substr(from, static_cast<std::size_t>(most)), .offset = offset, .size = std::ssize(log)};
  }

 private:
  FakeScheduler& all_;
  int looks_ = 0;
};

class FakeFolders final : public Folders {
 public:
  explicit FakeFolders(FakeScheduler& scheduler) : all_(scheduler) {}
  Result<std::string> make(const std::string& name, const connector::LocalUser&) override { return *folders.insert("/jobs/" + name).first; }
  Result<std::string> make_closed(const std::string& name, const connector::LocalUser& user, const connector::LocalUser*) override {
    if (one_user) return fail(ErrorCode::forbidden, "one user");
    return make(name, user);
  }
  Status put(const std::string& folder, const std::string& name) override { return all_.put(folder + "/" + name), Status{}; }
  Status remove(const std::string& folder) override { return folders.erase(folder), Status{}; }

  std::set<std::string> folders;
  bool one_user = false;

 private:
  FakeScheduler& all_;
};

}  // namespace bourse::conformance
