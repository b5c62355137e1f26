#include "connectors/core/connector.h"

#include <spdlog/spdlog.h>

#include <chrono>

#include "federation-proto/key_file.h"

namespace bourse::connector {
namespace {

constexpr Duration kIdle = milliseconds(100);  // the longest a round waits for the link

bool due(std::optional<Duration>& last, Duration interval, Duration now) {
  if (last && now - *last < interval) return false;
  last = now;
  return true;
}

}  // namespace

Connector::Connector(ConnectorOptions options, const federation::KeyPair& identity, const federation::KeyPair& billing, Driver& driver,
                     const Clock& clock)
    : options_(std::move(options)), identity_(identity), billing_(billing), driver_(driver), clock_(clock) {}

Result<std::unique_ptr<Connector>> Connector::open(ConnectorOptions options, const federation::KeyPair& identity,
                                                   const federation::KeyPair& billing, Driver& driver, const UserDirectory& users,
                                                   const Clock& clock, Rng& rng) {
  CHECK_OK(federation::make_private_directory(options.directory));
  std::unique_ptr<Connector> self(new Connector(std::move(options), identity, billing, driver, clock));
  self->options_.files.directory = self->options_.directory + "/manifests";
  CHECK_OK(federation::make_private_directory(self->options_.files.directory));
  const ConnectorOptions& o = self->options_;
  TRY(self->spool_, Spool::open({.directory = o.directory + "/spool"}));
  TRY(self->table_, RunTable::open(o.directory + "/runs.log"));
  TRY(self->identities_, IdentityMap::open(o.identity, o.directory + "/leases", users));
  TRY(self->witness_, Witness::open(o.directory + "/checkpoints.log", o.membership));
  self->reporter_.emplace(o.membership, self->billing_, *self->spool_, *self->table_, clock, rng);
  TRY(self->days_, Days::open(o.directory + "/days.log", clock.now(), self->spool_->last_seq() == 0));
  self->reporter_->offer(*self->days_, o.days_interval);
  CHECK_OK(self->reporter_->recover());
  self->runs_.emplace(RunsOptions{.scripts_directory = o.directory + "/scripts", .jobs_directory = o.jobs_directory,
                                  .accounting_path = o.directory + "/accounting.log", .sell = o.sell, .max_held = o.max_held,
                                  .usage_interval = o.usage_interval,
                                  .missing_patience = o.missing_patience, .lost_patience = o.lost_patience},
                      o.membership, driver, *self->identities_, *self->table_, *self->reporter_, clock);
  CHECK_OK(self->runs_->recover());
  return self;
}

void Connector::attach(Link& link, std::function<void()> on_ready) {
  session_.emplace(options_.membership, identity_, *spool_, *runs_, *reporter_, *witness_, *days_, driver_, link, clock_, options_.software, options_.generation);
  on_ready_ = std::move(on_ready);
  if (FileLink* files = link.files()) {
    stager_.emplace(options_.files, *files, [this](AttemptId attempt, std::int64_t offset, std::int64_t most) { return read_log(attempt, offset, most); });
    runs_->attach(*stager_);
  }
}

void Connector::stop_files() {
  if (stager_) stager_->stop();
}

void Connector::on_link(LinkEvent event) {
  std::unique_lock lock(inbox_mutex_);
  inbox_changed_.wait(lock, [&] { return refusing_ || inbox_.size() < options_.max_inbox; });
  if (refusing_) return;
  inbox_.push_back(std::move(event));
  lock.unlock();
  inbox_changed_.notify_all();
}

void Connector::refuse_link_events() {
  {
    const std::scoped_lock lock(inbox_mutex_);
    refusing_ = true;
  }
  inbox_changed_.notify_all();
}

std::optional<LinkEvent> Connector::take() {
  std::optional<LinkEvent> event;
  {
    const std::scoped_lock lock(inbox_mutex_);
    if (inbox_.empty()) return event;
    event = std::move(inbox_.front());
    inbox_.pop_front();
  }
  inbox_changed_.notify_all();
  return event;
}

void Connector::wait_for_work(std::stop_token stop) {
  if (more_to_submit_) return;
  const std::stop_callback waker(stop, [this] { inbox_changed_.notify_all(); });
  std::unique_lock lock(inbox_mutex_);
  inbox_changed_.wait_for(lock, std::chrono::milliseconds(kIdle.ms), [&] { return stop.stop_requested() || !inbox_.empty(); });
}

Status Connector::step() {
  if (due(observed_, options_.pools_interval, clock_.monotonic())) {
    CHECK_OK(runs_->observe());
    session_->send_pools();
  }
  for (std::size_t taken = 0; taken < options_.max_inbox; ++taken) {
    const auto event = take();
    if (!event) break;
    CHECK_OK(session_->on(*event));
    if (session_->welcomed() && on_ready_) std::exchange(on_ready_, nullptr)();
  }
  TRY(more_to_submit_, runs_->advance());
  if (due(polled_, options_.poll_interval, clock_.monotonic())) CHECK_OK(runs_->poll());
  CHECK_OK(runs_->deliver());
  CHECK_OK(reporter_->flush());
  return session_->send_reports();
}

Status Connector::run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    CHECK_OK(step());
    wait_for_work(stop);
  }
  return reporter_->flush();
}

Result<LogPiece> Connector::read_log(AttemptId attempt, std::int64_t offset, std::int64_t max_bytes) {
  TRY(const Runs::LogPlace place, runs_->log_of(attempt));
  const std::scoped_lock lock(log_mutex_);
  return driver_.read_log(place.scheduler_job, place.user, place.path, offset, max_bytes);
}

}  // namespace bourse::connector
