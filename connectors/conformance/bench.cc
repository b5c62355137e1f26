#include "connectors/conformance/bench.h"

#include <algorithm>

#include "base/id.h"

namespace bourse::conformance {
namespace {

using connector::RunState;
using connector::RunStatus;

constexpr Duration kBetween = milliseconds(50);     // two looks at a local scheduler
constexpr Duration kSlowBetween = milliseconds(200);  // when it takes long
constexpr Duration kClearPatience = seconds(60);
constexpr Duration kRounding = seconds(2);          // schedulers count whole seconds, at both ends
constexpr std::int64_t kMostLog = 200'000;
constexpr std::size_t kMostSaid = 20;               // of one check

std::string_view name(RunState state) {
  switch (state) {
    case RunState::queued: return "queued";
    case RunState::running: return "running";
    case RunState::suspended: return "suspended";
    case RunState::ended: return "ended";
    case RunState::cancelled: return "cancelled";
    case RunState::missing: return "missing";
  }
  return "";
}

std::string words(const Error& error) { return error.detail.empty() ? std::string(info(error.code).sentence) : error.detail; }

}  // namespace

std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed: return "passed";
    case Verdict::failed: return "failed";
    case Verdict::not_supported: return "not supported";
    case Verdict::skipped: return "skipped";
  }
  return "";
}

Status Bench::reopen() {
  driver_.reset();
  TRY(driver_, ports_.open());
  return {};
}

Result<connector::PoolInfo> Bench::pool() {
  TRY(const auto found, driver().probe({setting_.pool}));
  const auto at = std::ranges::find(found, setting_.pool, &connector::PoolInfo::name);
  if (at == found.end()) return fail(ErrorCode::not_found, "the scheduler has no pool " + setting_.pool);
  return *at;
}

Result<connector::SubmitRequest> Bench::request(std::string script) {
  const std::string attempt = to_text(AttemptId::make(ports_.clock.now(), ports_.rng));
  TRY(const std::string workdir, ports_.folders.make(attempt, setting_.user));
  folders_.push_back(workdir);
  return connector::SubmitRequest{.marker = "bourse-" + attempt + "-1",
                                  .name = "conformance; $(touch evil) --wrap",
                                  .script = std::move(script),
                                  .pool = setting_.pool,
                                  .need = {.cores = 1, .gpus = 0, .nodes = 1, .mem_mib = 200},
                                  .walltime = std::max(seconds(60), setting_.shortest_walltime),
                                  .qos = "",
                                  .gpu_model = "",
                                  .user = setting_.user,
                                  .workdir = workdir,
                                  .stdout_path = workdir + "/stdout"};
}

Result<std::string> Bench::closed_folder() {
  const std::string attempt = to_text(AttemptId::make(ports_.clock.now(), ports_.rng));
  TRY(std::string folder, ports_.folders.make_closed(attempt, setting_.user, setting_.other ? &*setting_.other : nullptr));
  folders_.push_back(folder);
  return folder;
}

Result<std::string> Bench::submit(const connector::SubmitRequest& request) {
  in_doubt_[request.marker] = request;
  const Duration now = ports_.clock.monotonic();
  auto id = driver().submit(request);
  if (!id) {
    if (id.error().outcome() != Outcome::unknown) in_doubt_.erase(request.marker);
    return fail(id.error().code, "submit: " + words(id.error()));
  }
  in_doubt_.erase(request.marker);
  jobs_[*id] = {.request = request, .submitted = now, .not_running = now, .last = {}, .over = false};
  return id;
}

Result<std::string> Bench::run(std::string script) {
  TRY(const auto asked, request(std::move(script)));
  return submit(asked);
}

Result<RunStatus> Bench::poll(const std::string& id) {
  Job& job = jobs_[id];
  const Duration before = ports_.clock.monotonic();
  const auto seen = driver().poll({{id, job.request.marker}});
  if (!seen) return fail(seen.error().code, "poll: " + words(seen.error()));
  const auto at = seen->find(id);
  if (at == seen->end()) return fail(ErrorCode::integrity, "poll: no word of " + id);
  const RunStatus& now = at->second;
  look_at(id, job, now);
  if (now.state == RunState::queued) job.not_running = before;
  if (now.state != RunState::missing) job.last = now;
  job.over = job.over || now.state == RunState::ended || now.state == RunState::cancelled;
  return now;
}

// What is charged is time × allocation; these hold for every run, whatever a scenario is about.
void Bench::look_at(const std::string& id, Job& job, const RunStatus& now) {
  if (now.state == RunState::missing) return;
  const RunStatus& last = job.last;
  const bool seen = last.state != RunState::missing;
  // The final figure may be rounded another way than those before it.
  const bool ends = !job.over && (now.state == RunState::ended || now.state == RunState::cancelled);
  if (seen && now.running + (ends ? kRounding : Duration{}) < last.running) wrong(fmt::format("{}: its time fell from {} to {} ms ({}, then {})", id, last.running.ms, now.running.ms, name(last.state), name(now.state)));
  if (seen && last.started && now.started && now.started != last.started) wrong(id + ": it has another start than before");
  if (job.over && now.running != last.running) wrong(fmt::format("{}: it was over, and its time went from {} to {} ms", id, last.running.ms, now.running.ms));
  const Duration most = ports_.clock.monotonic() - job.not_running + kRounding;
  if (now.running > most) wrong(fmt::format("{}: it is charged {} ms, and can't have run for more than {}", id, now.running.ms, most.ms));
  if (now.running.ms < 0) wrong(id + ": it has run for less than nothing");
  const auto given = [&](std::string_view what, std::int64_t got, std::int64_t asked) {
    if (got > asked) note(fmt::format("the scheduler gave {} {} where {} were ordered; what is ordered is charged", got, what, asked));
  };
  given("cores", now.allocation.cores, job.request.need.cores);
  given("cards", now.allocation.gpus, job.request.need.gpus);
  given("nodes", now.allocation.nodes, job.request.need.nodes);
  given("MiB", now.allocation.mem_mib, job.request.need.mem_mib);
}

Status Bench::until(const std::string& what, Duration patience, const std::function<bool()>& good) {
  const Duration began = ports_.clock.monotonic();
  while (!good()) {
    if (ports_.stopped()) return fail(ErrorCode::failed_precondition, "stopped");
    const Duration waited = ports_.clock.monotonic() - began;
    if (waited > patience) return fail(ErrorCode::timeout, fmt::format("no {} within {} s", what, patience.ms / 1000));
    ports_.wait(waited < seconds(3) ? kBetween : kSlowBetween);
  }
  return {};
}

Result<RunStatus> Bench::wait(const std::string& id, const std::string& what, const Good& good, Duration patience) {
  std::optional<Error> error;
  RunStatus last;
  const Status waited = until(what + " of " + id, patience, [&] {
    auto seen = poll(id);
    // A scheduler may be away for a moment.
    error = seen ? std::nullopt : std::optional(seen.error());
    if (seen) last = std::move(*seen);
    return seen && good(last);
  });
  if (waited) return last;
  if (error) return std::unexpected(*error);
  return fail(waited.error().code, waited.error().detail + (last.reason.empty() ? "" : " (" + last.reason + ")"));
}

Result<RunStatus> Bench::wait_over(const std::string& id, Duration patience) {
  return wait(id, "end", [](const RunStatus& s) { return s.state == RunState::ended || s.state == RunState::cancelled; }, patience);
}

Result<RunStatus> Bench::wait_running(const std::string& id) {
  return wait(id, "start", [](const RunStatus& s) { return s.state == RunState::running; });
}

std::string Bench::log_of(const std::string& id) {
  const Job& job = jobs_[id];
  const auto piece = driver().read_log(id, job.request.user, job.request.stdout_path, 0, kMostLog);
  return piece ? piece->data : "";
}

Status Bench::wait_for_log(const std::string& id, const std::string& text) {
  return until("'" + text + "' in the log of " + id, setting_.patience, [&] { return log_of(id).contains(text); });
}

Status Bench::let_go(const std::string& id) { return ports_.folders.put(jobs_[id].request.workdir, "go"); }

bool Bench::has_line(const std::string& log, const std::string& line) {
  return expect(("\n" + log).contains("\n" + line + "\n"), "the log has no line '" + line + "'");
}

void Bench::wrong(std::string what) {
  if (wrong_.size() < kMostSaid && std::ranges::find(wrong_, what) == wrong_.end()) wrong_.push_back(std::move(what));
}

void Bench::note(std::string what) {
  if (notes_.size() < kMostSaid && std::ranges::find(notes_, what) == notes_.end()) notes_.push_back(std::move(what));
}

Finding Bench::judge(const Check& check) {
  wrong_.clear(), says_.clear(), notes_.clear();
  decided_.reset();
  const Duration began = ports_.clock.monotonic();
  Finding finding{.check = std::string(check.name), .asks = std::string(check.asks), .verdict = Verdict::passed, .took = {}, .says = {}, .notes = {}, .look_at = {}};
  Status done = is_open() ? Status{} : reopen();
  if (done && !ports_.stopped()) done = check.run(*this);
  const bool cut_short = ports_.stopped();
  if (!done && !cut_short) wrong(words(done.error()));
  // What is seen while clearing up counts: a job that can't be ended is no small thing.
  clear();
  if (!wrong_.empty()) {
    finding.verdict = Verdict::failed, finding.says = wrong_, finding.look_at = check.look_at;
  } else if (cut_short) {
    finding.verdict = Verdict::skipped, finding.says = {"stopped"};
  } else if (decided_) {
    finding.verdict = *decided_, finding.says = says_;
  }
  finding.notes = notes_;
  finding.took = ports_.clock.monotonic() - began;
  return finding;
}

void Bench::clear() {
  if (is_open() || reopen()) end_jobs();
  for (const auto& [id, job] : jobs_)
    if (!job.over) left_.push_back("job " + id + " (" + job.request.marker + ")"), wrong("job " + id + " could not be ended");
  for (const auto& [marker, asked] : in_doubt_) left_.push_back("perhaps a job " + marker);
  for (const std::string& folder : folders_)
    if (const Status gone = ports_.folders.remove(folder); !gone) left_.push_back(folder), note(words(gone.error()));
  jobs_.clear(), in_doubt_.clear(), folders_.clear();
}

// Everything that may run is asked to end, as often as it takes; a submission in doubt is looked up first.
void Bench::end_jobs() {
  const Duration deadline = ports_.clock.monotonic() + kClearPatience;
  const Duration settled = ports_.clock.monotonic() + driver().capabilities().submission_settle;
  for (;;) {
    for (const auto& [marker, asked] : std::map(in_doubt_)) {
      const auto found = driver().find_by_marker(marker);
      if (!found) continue;
      if (*found) jobs_.emplace(**found, Job{.request = asked, .submitted = {}, .not_running = {}, .last = {}, .over = false});
      if (*found || ports_.clock.monotonic() >= settled) in_doubt_.erase(marker);
    }
    bool live = !in_doubt_.empty();
    for (auto& [id, job] : jobs_) {
      if (job.over) continue;
      (void)driver().cancel(id, job.request.user);
      (void)poll(id);
      live = live || !job.over;
    }
    if (!live || ports_.clock.monotonic() > deadline) return;
    ports_.wait(kSlowBetween);
  }
}

}  // namespace bourse::conformance
