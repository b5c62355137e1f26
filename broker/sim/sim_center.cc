#include "broker/sim/sim_center.h"

#include <algorithm>
#include <limits>
#include <string>

#include "base/sha256.h"

namespace bourse::broker::sim {
namespace {

constexpr Duration kOverrun = seconds(100);  // how far beyond walltime this scheduler may let a job run

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

}  // namespace

SimCenter::SimCenter(CenterId id, Dice& dice, std::uint64_t lies_permille)
    : id_(id), dice_(dice), lies_permille_(lies_permille) {}

void SimCenter::receive(const ToCenter& message, Instant now) {
  std::visit(Overloaded{[&](const Order& order) { begin(order, now); },
                        [&](const Cancellation& cancellation) { cancel(cancellation, now); },
                        [&](const Acknowledged& ack) {
                          acknowledged_ = std::max(acknowledged_, ack.seq);
                          while (!spool_.empty() && spool_.front().report.seq <= ack.seq) spool_.pop_front();
                        }},
             message.body);
}

void SimCenter::begin(const Order& order, Instant now) {
  const auto [it, fresh] = runs_.try_emplace(order.attempt, Run{.order = order});
  if (!fresh) return;
  Run& run = it->second;
  if (now > order.not_after) return refuse(run, Happening::rejected, now);
  if (dice_.permille(refusals_permille_))
    return refuse(run, dice_.permille(500) ? Happening::rejected : Happening::never_submitted, now);
  say(run, Happening::accepted, now);
  run.moves_at = now + dice_.up_to(minutes(10));
  run.length = dice_.up_to(run.order.walltime + kOverrun);
  run.exit_code = dice_.permille(200) ? 1 : 0;
  run.will_be_refused = dice_.permille(refusals_permille_ / 3);
}

void SimCenter::cancel(const Cancellation& cancellation, Instant now) {
  const auto it = runs_.find(cancellation.attempt);
  if (it == runs_.end()) {
    // The order never came, and when it comes now it must not run: the entry stays as a tombstone.
    Run& run = runs_[cancellation.attempt];
    run.order = {.job = cancellation.job, .attempt = cancellation.attempt, .fence = cancellation.fence};
    refuse(run, Happening::never_submitted, now);
    return;
  }
  Run& run = it->second;
  if (!run.in_scheduler()) return;
  if (run.stage == Run::Stage::accepted) return refuse(run, Happening::never_submitted, now);
  end(run, dice_.permille(700) ? Happening::cancelled : Happening::ended, now);
}

void SimCenter::refuse(Run& run, Happening how, Instant now) {
  run.stage = Run::Stage::refused;
  say(run, how, now);
}

void SimCenter::end(Run& run, Happening how, Instant now) {
  run.stage = Run::Stage::over;
  run.ended = now;
  if (how == Happening::ended && !run.was_started) how = Happening::cancelled;
  const bool usage_first = dice_.permille(300);
  const bool says_usage = run.was_started || dice_.permille(500);
  if (says_usage && usage_first && run.was_started) read_meters(run, now, true);
  say(run, how, now);
  if (says_usage && !run.final_reported) read_meters(run, now, true);
}

void SimCenter::move(Run& run, Instant now) {
  switch (run.stage) {
    case Run::Stage::accepted:
      run.stage = Run::Stage::queued;
      say(run, Happening::queued, run.moves_at);
      run.moves_at = run.moves_at + dice_.up_to(minutes(20));
      break;
    case Run::Stage::queued:
      if (run.will_be_refused) return refuse(run, Happening::rejected, now);
      run.stage = Run::Stage::running;
      run.started = run.moves_at;
      run.was_started = true;
      say(run, Happening::started, run.started);
      run.moves_at = run.started + run.length;
      break;
    case Run::Stage::running:
      end(run, Happening::ended, run.moves_at);
      break;
    case Run::Stage::over:
    case Run::Stage::refused:
      break;
  }
}

void SimCenter::step(Instant now) {
  for (auto& [attempt, run] : runs_) {
    while (run.in_scheduler() && run.moves_at <= now) move(run, now);
    if (run.stage == Run::Stage::running && now > run.started && dice_.permille(150)) read_meters(run, now, false);
    if (run.in_scheduler() && dice_.permille(10)) say(run, Happening::unknown, now);
  }
  if (dice_.permille(lies_permille_)) lie(now);
  say_days(now);
  if (!records_.empty() && dice_.permille(600)) write(now);
}

void SimCenter::say(const Run& run, Happening happening, Instant at) {
  records_.push_back(EventRecord{.job = run.order.job,
                                 .attempt = run.order.attempt,
                                 .fence = run.order.fence,
                                 .order_hash = run.order.hash,
                                 .happening = happening,
                                 .at = at,
                                 .scheduler_job = std::to_string(runs_.size()),
                                 .exit_code = happening == Happening::ended ? run.exit_code : 0});
  lies_.push_back(false);
}

UsageRecord SimCenter::usage_of(const Run& run, Instant until, bool final) {
  const Instant start = run.was_started ? run.started : until;
  return {.id = UsageRecordId::make(until, dice_.rng()),
          .job = run.order.job,
          .attempt = run.order.attempt,
          .fence = run.order.fence,
          .order_hash = run.order.hash,
          .scheduler_job = "1",
          .start = start,
          .end = until,
          .final = final,
          .revision = run.revision + 1,
          .meters = pricing::readings_of(run.order.allocation, until - start)};
}

void SimCenter::read_meters(Run& run, Instant until, bool final) {
  const UsageRecord usage = usage_of(run, until, final);
  using pricing::Meter;
  changed_.insert(evidence::day_of(usage.end));
  days_[evidence::day_of(usage.end)][usage.attempt] = {final, usage.meters[Meter::core_ms], usage.meters[Meter::gpu_ms],
                                                       usage.meters[Meter::node_ms], usage.meters[Meter::mem_mib_s]};
  records_.push_back(usage);
  lies_.push_back(false);
  ++run.revision;
  run.final_reported = final;
}

void SimCenter::lie(Instant now) {
  if (runs_.empty()) return;
  auto run = runs_.begin();
  std::advance(run, static_cast<std::ptrdiff_t>(dice_.below(runs_.size())));
  if (auto record = make_lie(run->second, now)) {
    records_.push_back(std::move(*record));
    lies_.push_back(true);
  }
}

// Each of these is to be set aside whatever happened before it.
std::optional<ReportRecord> SimCenter::make_lie(const Run& run, Instant now) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  UsageRecord usage = usage_of(run, now, dice_.permille(500));
  usage.meters[pricing::Meter::core_ms] = std::max<std::int64_t>(usage.meters[pricing::Meter::core_ms], 1);
  EventRecord event{.job = run.order.job,
                    .attempt = run.order.attempt,
                    .fence = run.order.fence,
                    .order_hash = run.order.hash,
                    .happening = Happening::rejected,
                    .at = now};
  switch (dice_.below(11)) {
    case 0:
      usage.meters[pricing::Meter::core_ms] = kMost;
      return usage;
    case 1:
      usage.meters[pricing::Meter::mem_mib_s] = -1;
      return usage;
    case 2:
      usage.revision += 7;
      return usage;
    case 3:
      usage.order_hash = sha256("another order");
      return usage;
    case 4:
      std::swap(usage.start, usage.end);
      usage.end = usage.end - minutes(1);
      return usage;
    case 5:
      usage.end = now + hours(24'000);
      return usage;
    case 6:
      usage.job = JobId::make(now, dice_.rng());
      return usage;
    case 7:
      if (!run.was_started) return std::nullopt;
      return event;  // "it never ran", to have it run and be paid elsewhere too
    case 8:
      if (!overheard_) return std::nullopt;
      event.job = overheard_->job;
      event.attempt = overheard_->attempt;
      event.fence = overheard_->fence;
      event.order_hash = overheard_->hash;
      return event;
    case 9:
      if (run.stage != Run::Stage::refused) return std::nullopt;
      event.happening = dice_.permille(500) ? Happening::started : Happening::ended;
      return event;  // of an attempt that was given up, and perhaps runs elsewhere by now
    default:
      if (!run.final_reported) return std::nullopt;
      return usage;  // after the final one
  }
}

// Each day that is over, and again when something late changed it.
void SimCenter::say_days(Instant now) {
  const evidence::Day today = evidence::day_of(now);
  if (!first_day_) first_day_ = today;
  for (evidence::Day day = std::max(*first_day_, today - kDaysKept + 1); day < today; ++day) {
    Said& said = said_[day];
    if (changed_.erase(day) == 0 && said.revision > 0) continue;
    const evidence::DaySum sum = evidence::sum_of(days_[day]);
    if (said.revision > 0 && said.sum == sum) continue;
    said = {said.revision + 1, sum};
    records_.push_back(DayRecord{day, said.revision, sum, dice_.permille(300) ? days_[day] : evidence::DayReadings{}});
    lies_.push_back(false);
  }
}

void SimCenter::write(Instant now) {
  Spooled spooled;
  const std::size_t count = 1 + dice_.below(records_.size());
  const auto split = static_cast<std::ptrdiff_t>(count);
  spooled.report = {.center = id_,
                    .epoch = kFirstEpoch,
                    .seq = ++seq_,
                    .previous = hash_,
                    .created = now,
                    .records = {records_.begin(), records_.begin() + split}};
  spooled.lies = {lies_.begin(), lies_.begin() + split};
  records_.erase(records_.begin(), records_.begin() + split);
  lies_.erase(lies_.begin(), lies_.begin() + split);
  hash_ = spooled.report.hash = sha256(to_text(id_) + std::to_string(seq_) + to_text(now));
  spool_.push_back(std::move(spooled));
}

const Spooled* SimCenter::spooled(std::uint64_t seq) const {
  const auto found = std::ranges::find(spool_, seq, [](const Spooled& s) { return s.report.seq; });
  return found == spool_.end() ? nullptr : &*found;
}

std::optional<ApplyReport> SimCenter::forgery(Instant now) {
  if (acknowledged_ == 0) return std::nullopt;
  return ApplyReport{.center = id_,
                     .epoch = kFirstEpoch,
                     .seq = acknowledged_,
                     .hash = sha256("forged " + to_text(now)),
                     .created = now};
}

}  // namespace bourse::broker::sim
