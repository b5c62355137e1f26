#include "broker/sim/world.h"

#include <algorithm>

#include "base/assert.h"
#include "base/sha256.h"
#include "broker/domain/enrolment.h"

namespace bourse::broker::sim {
namespace {

constexpr Instant kStart{1'800'000'000'000};
constexpr std::size_t kMaxSteps = 20'000;

template <class IdType>
IdType id_of(std::uint64_t n) {
  return IdType{Uuid{0x0190'0000'0000'7000ULL, 0x8000'0000'0000'0000ULL | n}};
}

const TenantId kTenant = id_of<TenantId>(1);
const UserId kUser = id_of<UserId>(1);
const BillingAccountId kAccount = id_of<BillingAccountId>(1);

routing::Pool pool_of(CenterId center, std::uint64_t n) {
  return {.center = center,
          .name = "batch",
          .arch = "x86_64",
          .nodes = 4,
          .cores_per_node = 16,
          .mem_mib_per_node = 65'536,
          .gpus_per_node = n % 2 == 0 ? 4 : 0,
          .gpu_model = n % 2 == 0 ? "a100" : "",
          .speed_milli = 1000 + static_cast<std::int32_t>(n) * 100,
          .whole_nodes = n % 3 == 2,
          .free_cores = 64,
          .free_gpus = n % 2 == 0 ? 16 : 0};
}

}  // namespace

World::World(std::uint64_t seed, Plot plot) : dice_(seed), plot_(plot), clock_(kStart) {}

void World::violate(std::string what) {
  if (!violated_) violated_ = std::move(what);
}

SimCenter& World::center(CenterId id) {
  return **std::ranges::find(centers_, id, [](const auto& center) { return center->id(); });
}

// ── the broker ──

void World::recover() {
  while (!committer_ || committer_->state() != Committer::State::ready) {
    if (!committer_) committer_ = std::make_unique<Committer>(Committer::Options{.max_batch = 6}, journal_, clock_);
    const Status status = committer_->recover();
    if (!status && status.error().code == ErrorCode::integrity) return violate("recovery: " + status.error().detail);
  }
  ++tally_.recoveries;
}

// The process dies: what waits is never answered, and what was observed is forgotten.
void World::crash() {
  for (Committer::Item& item : inbox_)
    if (item.completion) item.completion(fail(ErrorCode::unknown_outcome, "the broker died"));
  inbox_.clear();
  committer_.reset();
  recover();
  offline_.clear();
  for (const auto& center : centers_) offline_.insert(center->id());
}

void World::queue(CommandBody body, std::string key, std::uint64_t fingerprint, Completion completion) {
  inbox_.push_back({{.key = std::move(key), .fingerprint = fingerprint, .now = clock_.now(), .body = std::move(body)},
                    std::move(completion)});
}

Status World::run_batch() {
  if (inbox_.empty()) return {};
  if (!calm_ && dice_.permille(plot_.journal_faults_permille))
    journal_.fail_next_append(dice_.permille(500) ? MemoryJournal::Fault::lost_write
                                                  : MemoryJournal::Fault::lost_answer);
  // Completions may queue more, so the batch is taken out first.
  std::vector<Committer::Item> batch;
  std::swap(batch, inbox_);
  const std::size_t done = committer_->run(batch);
  for (std::size_t i = done; i < batch.size(); ++i) inbox_.push_back(std::move(batch[i]));
  if (committer_->state() != Committer::State::ready) recover();
  return {};
}

Status World::command(CommandBody body) {
  Status outcome;
  queue(std::move(body), {}, 0, [&](const Result<CommandResult>& result) {
    if (!result) outcome = std::unexpected(result.error());
  });
  while (!inbox_.empty()) CHECK_OK(run_batch());
  return outcome;
}

Status World::set_up() {
  calm_ = true;
  recover();
  CHECK_OK(command(OpenBillingAccount{kAccount, kTenant, "group", kCny, kUser}));
  client_ = std::make_unique<Client>(dice_, kAccount, kUser);
  // Where money never runs out, long jobs are held for a window at a time, and no honest reading may ever lack its hold.
  const bool rich = dice_.permille(400);
  client_->want_funds(Amount::whole((rich ? 100'000 : 20) + static_cast<std::int64_t>(dice_.below(800))));
  if (rich) client_->use_windows();
  if (dice_.permille(600)) client_->use_waiting();
  for (std::uint64_t n = 1; n <= plot_.centers; ++n) {
    const auto id = id_of<CenterId>(n);
    EnrolCenter enrol{id, "center-" + std::to_string(n), id_of<ConnectorId>(n)};
    enrol.identity_key.fill(static_cast<std::uint8_t>(2 * n));
    enrol.billing_key.fill(static_cast<std::uint8_t>(2 * n + 1));
    for (CommandBody& step : enrolment(enrol)) CHECK_OK(command(std::move(step)));
    const pricing::Terms terms{.tax_bps = static_cast<std::int32_t>(dice_.below(2000)),
                               .margin_bps = static_cast<std::int32_t>(dice_.below(3000))};
    SetContract contract{{id_of<ContractId>(n), id, kCny, terms, kStart, dice_.permille(500) ? hours(2) : Duration{}}};
    contract.contract.reservable = {{.pool = "batch", .what = Reserved::node, .quantity = 2, .month = Amount{dice_.permille(500) ? 500'000 : 0}}};
    const bool has_fee = dice_.permille(600);
    if (has_fee) charge_fee(contract.contract);
    CHECK_OK(command(contract));
    if (has_fee) {
      contract.contract.id = id_of<ContractId>(plot_.centers + n);
      contract.contract.valid_from = kStart + dice_.up_to(hours(3));
      charge_fee(contract.contract);
      CHECK_OK(command(contract));
    }
    CHECK_OK(command(PublishReservedPrices{{{.id = PriceRowId::make(kStart, dice_.rng()), .center = id, .pool = "batch", .what = Reserved::node, .term = Term::month,
                                             .price = Amount{1'000'000 + static_cast<std::int64_t>(dice_.below(999'999))},
                                             .early_end_bps = static_cast<std::int32_t>(dice_.below(10'001)), .valid_from = kStart}}}));
    PublishPrices prices;
    for (const auto meter : pricing::kHeldMeters)
      prices.rows.push_back({.id = PriceRowId::make(kStart, dice_.rng()),
                             .scope = {.center = id},
                             .meter = meter,
                             .price = {static_cast<std::int64_t>(dice_.below(100'000)), 5},
                             .per = 3'600'000,
                             .valid_from = kStart});
    CHECK_OK(command(prices));
    CHECK_OK(command(SetPayee{id, {"Center " + std::to_string(n), "DE" + std::to_string(n), "BANK"}}));
    centers_.push_back(std::make_unique<SimCenter>(id, dice_, plot_.lies_permille));
    offline_.insert(id);
  }
  if (dice_.permille(500)) CHECK_OK(sell_packages());
  calm_ = false;
  down_.set_faults(plot_.network);
  up_.set_faults(plot_.network);
  return {};
}

// ── people ──

void World::people_act() {
  if (jobs_wanted_ < plot_.jobs && dice_.permille(300)) {
    ++jobs_wanted_;
    client_->want_job(clock_.now(), dice_.permille(400));
  }
  if (jobs_wanted_ < plot_.jobs && !products_.empty() && dice_.permille(60)) buy_package();
  if (!client_->jobs().empty() && !calm_ && dice_.permille(25))
    client_->want_cancel(client_->jobs()[dice_.below(client_->jobs().size())]);
  for (Wish* wish : client_->to_send()) {
    if (!dice_.permille(500)) continue;
    wish->in_flight = true;
    queue(wish->body(), wish->key, wish->fingerprint, [this, wish](const Result<CommandResult>& result) {
      if (result && result->repeated) ++tally_.repeats;
      if (const Status status = client_->answer(*wish, result); !status) violate(status.error().detail);
    });
  }
}

// ── the link ──

Hash256 World::order_hash(const Job& job) const {
  return sha256("order " + to_text(job.attempt().id) + std::to_string(job.attempt().fence));
}

void World::send_from_outbox(SimCenter& to) {
  const Market& market = committer_->market();
  const auto outbox = market.outbox(to.id());
  for (const JobId id : outbox.orders) {
    const Job& job = *market.job(id);
    const Attempt& attempt = job.attempt();
    const Order order{
        id, attempt.id, attempt.fence, job.plan().allocation, job.spec.walltime, attempt.not_after, order_hash(job)};
    down_.send({to.id(), order}, clock_.now());
    for (const auto& other : centers_)
      if (other->id() != to.id() && dice_.permille(100)) other->overhear(order);
  }
  for (const JobId id : outbox.cancels) {
    const Attempt& attempt = market.job(id)->attempt();
    down_.send({to.id(), Cancellation{id, attempt.id, attempt.fence}}, clock_.now());
  }
}

void World::deliver(const Spooled& spooled) {
  const CenterId from = spooled.report.center;
  queue(spooled.report, {}, 0,
        [this, from, spooled](const Result<CommandResult>& result) { on_report(from, spooled, result); });
}

void World::on_report(CenterId from, const Spooled& spooled, const Result<CommandResult>& result) {
  if (!result) {
    // A gap is filled by the connector's own repeats. Nothing else may be wrong with an honest chain.
    const bool expected =
        result.error().code == ErrorCode::sequence_gap || result.error().outcome() != Outcome::rejected;
    const bool locked =
        result.error().code == ErrorCode::failed_precondition || result.error().code == ErrorCode::equivocation;
    if (!expected && !locked) violate("report refused: " + result.error().message());
    return;
  }
  down_.send({from, Acknowledged{result->seq}}, clock_.now());
  if (result->repeated) {
    ++tally_.repeats;
    return;
  }
  for (const DayAnswered& day : result->days)
    if (!day.agreed) violate("an honest count of " + evidence::to_text(day.day) + " was disagreed with");
  tally_.days += result->days.size();
  tally_.quarantined += result->quarantined.size();
  std::vector<bool> aside(spooled.lies.size());
  for (const auto& [index, code] : result->quarantined) {
    aside[index] = true;
    if (!spooled.lies[index]) violate("an honest record was set aside: " + std::string(name(code)));
  }
  for (std::size_t i = 0; i < aside.size(); ++i)
    if (spooled.lies[i] && !aside[i])
      violate("a lie was believed: record " + std::to_string(i) + " of report " + std::to_string(spooled.report.seq));
}

// The connector's side of one link: heartbeat, reports again until they are acknowledged, and what the broker has for
// it.
void World::pump(SimCenter& of) {
  const bool online = !offline_.contains(of.id());
  if (!online && (calm_ || dice_.permille(200))) offline_.erase(of.id());
  if (dice_.permille(100) || committer_->market().online(of.id()) != online)
    queue(ObservePools{of.id(), online,
                       online ? std::vector{pool_of(of.id(), of.id().uuid.low & 0xFF)} : std::vector<routing::Pool>{}},
          {}, 0, {});
  if (!online) return;
  if (dice_.permille(300)) send_from_outbox(of);
  for (const Spooled& spooled : of.unacknowledged())
    if (dice_.permille(300)) up_.send(spooled, clock_.now());
  if (!calm_ && dice_.permille(2))
    if (auto forged = of.forgery(clock_.now())) up_.send({std::move(*forged), {}}, clock_.now());
}

void World::links_act() {
  for (const auto& each : centers_) {
    each->step(clock_.now());
    pump(*each);
    // An operator looks at a center that contradicted itself, and lets it go on.
    const Center* known = committer_->market().center(each->id());
    if (known->state != CenterState::active && dice_.permille(200))
      queue(ChangeCenterState{each->id(), CenterState::active, "looked at"}, {}, 0, {});
  }
  for (const ToCenter& message : down_.receive(clock_.now()))
    if (!offline_.contains(message.center)) center(message.center).receive(message, clock_.now());
  for (const Spooled& spooled : up_.receive(clock_.now()))
    if (!offline_.contains(spooled.report.center)) deliver(spooled);
}

// ── time ──

void World::disturb() {
  if (dice_.permille(plot_.crashes_permille)) {
    if (dice_.permille(300)) journal_.fail_take_overs(2);
    crash();
  }
  if (dice_.permille(plot_.outages_permille)) offline_.insert(centers_[dice_.below(centers_.size())]->id());
  if (dice_.permille(5)) {
    Snapshot snapshot{.at = committer_->head()};
    committer_->market().save(snapshot.state);
    BOURSE_ASSERT(journal_.save_snapshot(snapshot).has_value());
  }
  if (dice_.permille(5)) check_replay();
}

Status World::step() {
  ++tally_.steps;
  clock_.advance(dice_.up_to(seconds(40)));
  people_act();
  finance_acts();
  links_act();
  if (dice_.permille(100)) queue(Tick{}, {}, 0, {});
  // Now and then the engine is behind, so that batches meet full queues.
  if (dice_.permille(700))
    while (!inbox_.empty() && !violated_) CHECK_OK(run_batch());
  if (!calm_) disturb();
  check_books();
  check_single_runs();
  return violated_ ? fail(ErrorCode::integrity, *violated_) : Status{};
}

// No more faults: everything must come to its end.
Status World::settle_down() {
  calm_ = true;
  for (const auto& each : centers_) each->calm();
  const NetworkFaults good{};
  down_.set_faults(good);
  up_.set_faults(good);
  const auto unfinished = [&] {
    const auto unsent = [](const auto& each) { return !each->unacknowledged().empty(); };
    return !client_->all_settled() || committer_->market().live_jobs() > 0 || committer_->market().has_work() || std::ranges::any_of(centers_, unsent) ||
           !inbox_.empty();
  };
  for (std::size_t i = 0; i < kMaxSteps && unfinished(); ++i) CHECK_OK(step());
  if (unfinished())
    return fail(ErrorCode::integrity, std::to_string(committer_->market().live_jobs()) + " jobs never closed");
  return {};
}

Result<Tally> World::run() {
  CHECK_OK(set_up());
  while (jobs_wanted_ < plot_.jobs) CHECK_OK(step());
  for (int i = 0; i < 100; ++i) CHECK_OK(step());
  CHECK_OK(settle_down());
  check_end();
  if (violated_) return fail(ErrorCode::integrity, *violated_);
  return tally_;
}

}  // namespace bourse::broker::sim
