// Orders and cancels: what the broker wants, and what is kept of it.
#include "connectors/core/runs.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>

#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"
#include "connectors/core/workdir.h"
#include "federation-proto/fields.h"
#include "federation-proto/key_file.h"

namespace bourse::connector {

namespace wire = federation::v1;

namespace {

constexpr std::size_t kMaxTombstones = 100'000;
constexpr Duration kTombstoneLife = hours(24);
constexpr Duration kPruneInterval = minutes(1);
constexpr std::size_t kMaxEarlyBatches = 64;

}  // namespace

Runs::Runs(RunsOptions options, const Membership& us, Driver& driver, IdentityMap& identities, RunTable& table, Reporter& reporter,
           const Clock& clock)
    : options_(std::move(options)), us_(us), driver_(driver), identities_(identities), table_(table), reporter_(reporter), clock_(clock) {}

std::string Runs::script_path(const Hash256& hash) const { return options_.scripts_directory + "/" + to_hex(hash); }

Status Runs::recover() {
  CHECK_OK(federation::make_private_directory(options_.scripts_directory));
  CHECK_OK(make_jobs_root(options_.jobs_directory));
  TRY(accounting_, RecordLog::open(options_.accounting_path, [](std::uint64_t, std::string_view) -> Status { return {}; }));
  for (const auto& [attempt, run] : table_.runs()) {
    const auto [newest, fresh] = newest_.try_emplace(run.job, attempt);
    if (!fresh && table_.find(newest->second)->fence < run.fence) newest->second = attempt;
    publish_log(run);
    if (run.phase == RunPhase::over && !run.handed_over) owing_.insert(attempt);
    if (run.settled_at.unix_ms != 0) continue;
    held_.insert(attempt);
    reporter_.touch(attempt);
    // Whether its submission had begun or not: an earlier process may have left one on its way.
    if (run.phase == RunPhase::accepted || run.phase == RunPhase::submitting)
      doubts_[attempt] = {.asked = {}, .absent = false, .needs_settling = run.phase == RunPhase::submitting};
  }
  return {};
}

Status Runs::accept(const OrderBatch& batch, bool spool_full) {
  if (!pools_known_) {
    // Nobody knows yet what would fit. What is left out here comes again with the next hello.
    if (early_.size() < kMaxEarlyBatches) early_.push_back(batch);
    return {};
  }
  for (const std::string& bytes : batch.orders) CHECK_OK(accept_one(bytes, batch, spool_full));
  return {};
}

Status Runs::accept_one(const std::string& bytes, const OrderBatch& batch, bool spool_full) {
  const auto order = parse_order(bytes, us_);
  if (!order) {
    spdlog::error("an order can't be read and is left unanswered: {}", order.error().message());
    return {};
  }
  const AttemptId attempt{*federation::uuid_of(order->attempt(), "attempt")};
  const Hash256 hash = sha256(bytes);
  if (const Run* known = table_.find(attempt)) {
    if (known->order_hash != hash && !known->order.empty())
      spdlog::error("attempt {} was ordered again with other content; the first order counts", to_text(attempt));
    return {};  // said, or being said
  }
  Run run{.attempt = attempt, .job = {*federation::uuid_of(order->job(), "job")}, .fence = order->fence(), .order_hash = hash,
          .order = bytes, .phase = RunPhase::refused, .scheduler_job = {}, .user = {},
          .tenant = to_text(TenantId{*federation::uuid_of(order->tenant(), "tenant")}), .workdir = {}, .stdout_path = {},
          .not_after = {order->not_after_ms()}, .rejected = true, .reason = {}};
  if (order->end_before_ms() > 0) run.start_before_ms = order->end_before_ms() - order->walltime_ms();
  const auto script = batch.scripts.find(*federation::hash_of(order->script_sha256(), "script_sha256"));
  const auto older = newest_.find(run.job);
  const Run* before = older == newest_.end() ? nullptr : table_.find(older->second);

  Status verdict = check_order(*order, script == batch.scripts.end() ? nullptr : &script->second, pools_, clock_.now());
  if (verdict) {
    // The broker may not have known this center's own hours when it ordered.
    const auto sale = pricing::opening_at(pools_.at(order->pool()).rule, clock_.now());
    const std::int64_t by = sale.ends && sale.ends->unix_ms != INT64_MAX ? sale.ends->unix_ms - order->walltime_ms() : 0;
    if (by > 0) run.start_before_ms = run.start_before_ms == 0 ? by : std::min(run.start_before_ms, by);
    verdict = check_caps(*order);
  }
  if (verdict) verdict = check_files(*order);
  if (verdict && spool_full) verdict = fail(ErrorCode::overloaded, "the center's spool is full");
  if (verdict && held_.size() >= options_.max_held) verdict = fail(ErrorCode::overloaded, "the center holds as many jobs as it may");
  if (verdict && before != nullptr && before->fence >= run.fence) verdict = fail(ErrorCode::old_fence, "a newer attempt is known here");
  if (verdict && before != nullptr && before->live()) verdict = fail(ErrorCode::failed_precondition, "an older attempt still runs here");
  if (verdict) verdict = map_and_keep(run, *order, script->second);
  if (!verdict) run.reason = verdict.error().detail.empty() ? std::string(info(verdict.error().code).sentence) : verdict.error().detail;

  if (before == nullptr || before->fence < run.fence) newest_[run.job] = attempt;
  held_.insert(attempt);
  if (run.phase == RunPhase::accepted) waiting_.insert(attempt);
  publish_log(table_.add(std::move(run)));
  CHECK_OK(table_.save(attempt));
  reporter_.touch(attempt);
  return {};
}

// The broker counts too; but what is sold here at once is this center's word.
Status Runs::check_caps(const wire::DispatchOrder& order) const {
  const auto pool = pools_.find(order.pool());
  const pricing::SellingRule& rule = pool->second.rule;
  if (rule.nodes == 0 && rule.cores == 0 && rule.gpus == 0) return {};
  Allocation all = allocation_of(order);
  for (const AttemptId id : held_) {
    const Run* other = table_.find(id);
    wire::DispatchOrder ordered;
    if (other == nullptr || !other->live() || !ordered.ParseFromString(other->order) || ordered.pool() != order.pool()) continue;
    all.nodes += ordered.nodes();
    all.cores += ordered.cores();
    all.gpus += ordered.gpus();
  }
  const auto above = [](std::int64_t most, std::int64_t asked) { return most > 0 && asked > most; };
  if (above(rule.nodes, all.nodes) || above(rule.cores, all.cores) || above(rule.gpus, all.gpus))
    return fail(ErrorCode::overloaded, "the center sells no more of the pool at once");
  return {};
}

Status Runs::map_and_keep(Run& run, const wire::DispatchOrder& order, const std::string& script) {
  std::set<std::string> busy;
  for (const AttemptId id : held_)
    if (const Run* other = table_.find(id); other != nullptr && other->live()) busy.insert(other->tenant);
  // Their folders must stay their users' until they were read.
  for (const AttemptId id : owing_)
    if (const Run* other = table_.find(id); other != nullptr) busy.insert(other->tenant);
  const Requester requester{run.tenant, to_text(BillingAccountId{*federation::uuid_of(order.billing_account(), "billing_account")}),
                            to_text(UserId{*federation::uuid_of(order.user(), "user")})};
  TRY(IdentityMap::Mapping mapping, identities_.map(requester, busy));
  if (!mapping.passed_on.empty()) CHECK_OK(close_workdirs(options_.jobs_directory, mapping.user));
  run.user = std::move(mapping.user);
  TRY(run.workdir, make_workdir(options_.jobs_directory, to_text(run.attempt), run.user));
  if (mapping.leased) run.user.home = run.workdir;
  run.stdout_path = run.workdir + "/output.log";
  run.script = sha256(script);
  if (!order.manifest_sha256().empty()) run.manifest = *federation::hash_of(order.manifest_sha256(), "manifest_sha256");
  CHECK_OK(federation::write_private_file(script_path(run.script), script));
  run.phase = RunPhase::accepted;
  run.rejected = false;
  return {};
}

Status Runs::cancel(JobId job, AttemptId attempt, std::uint32_t fence, const std::string& reason) {
  Run* run = table_.find(attempt);
  if (run == nullptr) {
    // Never heard of it, or forgot: only the scheduler can say that it has nothing of the kind.
    run = &table_.add({.attempt = attempt, .job = job, .fence = fence, .phase = RunPhase::submitting, .cancel = true, .reason = reason});
    held_.insert(attempt);
    newest_.try_emplace(job, attempt);
    doubts_[attempt] = {.asked = {}, .absent = false, .needs_settling = true};
    return table_.save(attempt);
  }
  if (!run->live() || run->cancel) return {};
  run->cancel = true;
  run->reason = reason;
  CHECK_OK(table_.save(attempt));
  if (run->phase == RunPhase::accepted && !doubts_.contains(attempt)) return refuse(*run, false, "cancelled before it was submitted");
  return stop(*run);
}

Status Runs::pause(AttemptId attempt, std::uint32_t fence, bool paused) {
  Run* run = table_.find(attempt);
  if (run == nullptr || run->fence != fence || !run->live() || run->pause == paused) return {};
  run->pause = paused;
  return table_.save(attempt);
}

Status Runs::refuse(Run& run, bool rejected, std::string reason) {
  run.phase = RunPhase::refused;
  run.rejected = rejected;
  run.reason = std::move(reason);
  waiting_.erase(run.attempt);
  doubts_.erase(run.attempt);
  not_before_.erase(run.attempt);
  if (stager_ != nullptr) stager_->forget(run.attempt);
  drop_script(run);
  reporter_.touch(run.attempt);
  return table_.save(run.attempt);
}

// The scheduler has its own copy, or will never want one.
void Runs::drop_script(const Run& run) {
  if (run.script.is_zero()) return;
  const auto needs = [&](AttemptId id) {
    const Run* other = table_.find(id);
    return id != run.attempt && other != nullptr && other->script == run.script;
  };
  if (std::ranges::any_of(waiting_, needs) || std::ranges::any_of(doubts_, [&](const auto& doubt) { return needs(doubt.first); })) return;
  std::error_code ignored;  // left behind, it is found by nobody and overwritten by its like
  std::filesystem::remove(script_path(run.script), ignored);
}

void Runs::acknowledged(std::uint64_t seq) {
  std::vector<AttemptId> settled;
  for (const AttemptId id : held_) {
    Run* run = table_.find(id);
    if (run == nullptr || !run->said_all() || run->last_report > seq) continue;
    run->settled_at = clock_.now();
    settled.push_back(id);
  }
  for (const AttemptId id : settled) held_.erase(id);
  // What is lost of this in a crash is acknowledged again at the next welcome.
  if (auto saved = table_.save(settled); !saved) spdlog::error("run table: {}", saved.error().message());
  prune();
}

void Runs::prune() {
  if (pruned_ && clock_.monotonic() - *pruned_ < kPruneInterval) return;
  pruned_ = clock_.monotonic();
  const Instant now = clock_.now();
  std::vector<AttemptId> old;
  const bool crowded = table_.runs().size() > kMaxTombstones;
  for (const auto& [id, run] : table_.runs()) {
    if (run.settled_at.unix_ms == 0 || now < run.not_after) continue;  // its order may still come again
    if (owing_.contains(id) && !crowded) continue;
    if (crowded || now - run.settled_at > kTombstoneLife) old.push_back(id);
  }
  for (const AttemptId id : old) {
    owing_.erase(id);
    if (stager_ != nullptr) stager_->forget(id);
    const Run& run = *table_.find(id);
    if (const auto newest = newest_.find(run.job); newest != newest_.end() && newest->second == id) newest_.erase(newest);
    {
      const std::scoped_lock lock(log_mutex_);
      logs_.erase(id);
    }
    table_.forget(id);
  }
}

void Runs::set_aside(AttemptId attempt, std::uint32_t revision, bool final, bool only_numbering) {
  Run* run = table_.find(attempt);
  if (run == nullptr || revision == 0) return;
  run->revision = std::min(run->revision, revision - 1);
  if (!final) return;
  if (!only_numbering) {
    spdlog::error("the final usage of attempt {} was set aside; an operator must look at it", to_text(attempt));
    return;
  }
  run->final_reported = false;
  reporter_.touch(attempt);
}

void Runs::publish_log(const Run& run) {
  if (run.stdout_path.empty()) return;
  const std::scoped_lock lock(log_mutex_);
  logs_.insert_or_assign(run.attempt, LogPlace{run.scheduler_job, run.user, run.stdout_path});
}

Result<Runs::LogPlace> Runs::log_of(AttemptId attempt) const {
  const std::scoped_lock lock(log_mutex_);
  const auto found = logs_.find(attempt);
  if (found == logs_.end()) return fail(ErrorCode::not_found, "this center has no log of that attempt");
  return found->second;
}

}  // namespace bourse::connector
