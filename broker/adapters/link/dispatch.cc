// Orders: what the engine's outbox has for a center, signed and sent. What is to be cancelled or paused follows (controls.cc).
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>

#include "broker/adapters/link/switchboard.h"
#include "federation-proto/fields.h"

namespace bourse::broker {

namespace wire = federation::v1;

namespace {

constexpr std::size_t kMaxFramesAhead = 8;                          // of orders, on one stream
constexpr std::size_t kMaxBatchBytes = federation::kMaxMessageBytes / 2;  // orders and scripts of one frame
constexpr std::size_t kMaxCachedScripts = 64 << 20;                 // bytes

bool order_due(const Job& job, CenterId center) {
  return !is_final(job.state) && job.attempt().center == center && !job.attempt().happened && !job.attempt().closed;
}

}  // namespace

void Switchboard::committed(const std::vector<Event>& events) {
  std::vector<JobId> jobs;
  std::vector<CenterId> centers;
  bool sealed = false;
  for (const Event& event : events) {
    sealed = sealed || std::holds_alternative<StatementSealed>(event);
    if (const auto* ordered = std::get_if<AttemptOrdered>(&event)) jobs.push_back(ordered->job);
    if (const auto* cancel = std::get_if<CancelRequested>(&event)) jobs.push_back(cancel->job);
    if (const auto* pause = std::get_if<PauseRequested>(&event)) jobs.push_back(pause->job);
    if (const auto* changed = std::get_if<CenterStateChanged>(&event)) centers.push_back(changed->center);
  }
  if (jobs.empty() && centers.empty() && !sealed) return;
  const std::scoped_lock lock(mutex_);
  checkpoint_made_ = checkpoint_made_ || sealed;
  if (jobs.empty() && centers.empty()) return;
  if (down_) return;
  const bool posted = !changed_jobs_.empty() || !changed_centers_.empty();
  changed_jobs_.insert(changed_jobs_.end(), jobs.begin(), jobs.end());
  changed_centers_.insert(changed_centers_.end(), centers.begin(), centers.end());
  if (posted) return;  // the task that will take them is on its way
  worker_->post([this] {
    std::vector<JobId> all_jobs;
    std::vector<CenterId> all_centers;
    {
      const std::scoped_lock inner(mutex_);
      all_jobs.swap(changed_jobs_);
      all_centers.swap(changed_centers_);
    }
    on_changed(std::move(all_jobs), std::move(all_centers));
  });
}

void Switchboard::on_changed(std::vector<JobId> jobs, std::vector<CenterId> centers) {
  struct Found {
    std::vector<std::pair<CenterId, JobId>> orders, cancels, pauses;
    std::vector<std::pair<CenterId, CenterState>> barred;
  };
  auto look = [this, door = door_, jobs = std::move(jobs), centers = std::move(centers)](const Market& market) {
    Found found;
    for (const JobId id : jobs) {
      const Job* job = market.job(id);
      if (job == nullptr || is_final(job->state) || job->attempts.empty() || job->attempt().closed) continue;
      const CenterId center = job->attempt().center;
      if (!job->attempt().happened) found.orders.emplace_back(center, id);
      if (job->cancel_requested) found.cancels.emplace_back(center, id);
      if (pause_due(*job, center)) found.pauses.emplace_back(center, id);
    }
    for (const CenterId id : centers)
      if (const Center* center = market.center(id); center != nullptr && barred(center->state)) found.barred.emplace_back(id, center->state);
    const std::scoped_lock lock(door->mutex);
    if (door->worker == nullptr) return;
    door->worker->post([this, found = std::move(found)] {
      std::set<CenterId> touched;
      for (const auto& [center, job] : found.orders)
        if (Session* session = current(center)) session->orders.push_back(job), touched.insert(center);
      for (const auto& [center, job] : found.cancels)
        if (Session* session = current(center)) session->cancels.push_back(job), touched.insert(center);
      for (const auto& [center, job] : found.pauses)
        if (Session* session = current(center)) session->pauses.push_back(job), touched.insert(center);
      for (const CenterId center : touched) pump(*current(center));
      for (const auto& [center, state] : found.barred)
        if (Session* session = current(center)) refuse(*session, {ErrorCode::forbidden, "the center is " + std::string(name(state))});
    });
  };
  // An engine that takes no question is going down or reloading; the next hello fetches the whole outbox.
  if (auto asked = engine_.read(std::move(look)); !asked) spdlog::warn("orders wait for the next hello: {}", asked.error().message());
}

void Switchboard::pump(Session& session) {
  if (session.stage != Stage::open || session.fetching || session.stream->queued() >= kMaxFramesAhead) return;
  if (session.orders.empty()) return session.cancels.empty() ? send_pauses(session) : send_cancels(session);
  const std::size_t count = std::min(session.orders.size(), federation::kMaxOrdersPerBatch);
  std::vector<JobId> next(session.orders.begin(), session.orders.begin() + static_cast<std::ptrdiff_t>(count));
  session.orders.erase(session.orders.begin(), session.orders.begin() + static_cast<std::ptrdiff_t>(count));
  session.fetching = true;
  ask_engine<std::vector<DueOrder>>(
      session.number,
      [next = std::move(next), center = session.peer.center](const Market& market) {
        std::vector<DueOrder> due;
        for (const JobId id : next)
          if (const Job* job = market.job(id); job != nullptr && order_due(*job, center)) due.push_back({id, order_bytes(*job), job->spec.script});
        return due;
      },
      [this](Session& fetched, std::vector<DueOrder> due) {
        fetched.fetching = false;
        if (fetched.stage != Stage::open) return;
        send_orders(fetched, std::move(due));
        pump(fetched);
      });
}

void Switchboard::send_orders(Session& session, std::vector<DueOrder> due) {
  if (due.empty()) return;
  std::vector<std::span<const std::byte>> blobs;
  std::vector<EvidenceItem> evidence;
  for (const DueOrder& order : due) {
    blobs.push_back(std::as_bytes(std::span(order.bytes)));
    evidence.push_back(evidence_of(session.peer.center, EvidenceKind::order, order.bytes));
  }
  if (auto stored = blobs_.put_all(BlobKind::order, blobs); !stored) return refuse(session, stored.error());
  if (auto stored = notary_.log().append(evidence); !stored) return refuse(session, stored.error());

  for (std::size_t at = 0; at < due.size();) {
    wire::BrokerFrame frame;
    wire::OrderBatch batch;
    batch.set_version(1);
    batch.set_audience(to_text(session.peer.center));
    batch.set_center(federation::to_bytes(session.peer.center));
    std::set<Hash256> with;
    std::size_t bytes = 0;
    for (; at < due.size() && bytes < kMaxBatchBytes; ++at) {
      if (!with.contains(due[at].script)) {
        const auto text = script(due[at].script);
        if (!text) {
          spdlog::error("the script of {} is not in the store; its order can't be sent", to_text(due[at].job));
          continue;
        }
        with.insert(due[at].script);
        frame.mutable_orders()->add_scripts(*text);
        bytes += text->size();
      }
      batch.add_orders(due[at].bytes);
      bytes += due[at].bytes.size();
    }
    if (batch.orders_size() == 0) continue;
    *frame.mutable_orders()->mutable_batch() = federation::seal(order_key_, federation::kOrderBatchType, batch.SerializeAsString());
    if (!send(session, std::move(frame))) return;
  }
}

std::shared_ptr<const std::string> Switchboard::script(const Hash256& hash) {
  if (const auto found = scripts_.find(hash); found != scripts_.end()) return found->second;
  const auto bytes = blobs_.get(BlobKind::script, hash);
  if (!bytes) return nullptr;
  auto text = std::make_shared<const std::string>(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  while (!scripts_by_age_.empty() && scripts_bytes_ + text->size() > kMaxCachedScripts) {
    const auto oldest = scripts_.find(scripts_by_age_.front());
    scripts_bytes_ -= oldest->second->size();
    scripts_.erase(oldest);
    scripts_by_age_.pop_front();
  }
  scripts_bytes_ += text->size();
  scripts_by_age_.push_back(hash);
  return scripts_[hash] = std::move(text);
}

}  // namespace bourse::broker
