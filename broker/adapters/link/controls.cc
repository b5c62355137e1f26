// What is said of runs that a center has: to be cancelled, to be paused, to go on.
#include <algorithm>
#include <span>
#include <utility>

#include "broker/adapters/link/switchboard.h"
#include "broker/domain/renewal.h"
#include "federation-proto/fields.h"

namespace bourse::broker {

namespace wire = federation::v1;

namespace {

constexpr std::size_t kMaxControls = 1'000;  // of one frame

bool cancel_due(const Job& job, CenterId center) {
  return !is_final(job.state) && job.cancel_requested && job.attempt().center == center && !job.attempt().closed;
}

}  // namespace

bool Switchboard::pause_due(const Job& job, CenterId center) {
  return runs(job) && job.attempt().center == center && job.pause_wanted != job.attempt().paused;
}

void Switchboard::send_cancels(Session& session) {
  send_controls(session, std::exchange(session.cancels, {}), cancel_due, &Switchboard::cancel_frame);
}

void Switchboard::send_pauses(Session& session) {
  send_controls(session, std::exchange(session.pauses, {}), pause_due, &Switchboard::pause_frame);
}

// Asks the engine which of the jobs are still due, so that what changed meanwhile is not said.
void Switchboard::send_controls(Session& session, std::vector<JobId> jobs, bool (*is_due)(const Job&, CenterId), ControlFrame frame) {
  if (jobs.empty()) return;
  session.fetching = true;
  ask_engine<std::vector<DueControl>>(
      session.number,
      [jobs = std::move(jobs), center = session.peer.center, is_due](const Market& market) {
        std::vector<DueControl> due;
        for (const JobId id : jobs)
          if (const Job* job = market.job(id); job != nullptr && is_due(*job, center))
            due.push_back({id, job->attempt().id, job->attempt().fence, job->reason, job->pause_wanted});
        return due;
      },
      [this, frame](Session& fetched, const std::vector<DueControl>& due) {
        fetched.fetching = false;
        if (fetched.stage != Stage::open) return;
        for (std::span<const DueControl> rest(due); !rest.empty();) {
          const auto part = rest.first(std::min(rest.size(), kMaxControls));
          if (!send(fetched, (this->*frame)(fetched.peer.center, part))) return;
          rest = rest.subspan(part.size());
        }
        pump(fetched);
      });
}

wire::BrokerFrame Switchboard::cancel_frame(CenterId center, std::span<const DueControl> due) const {
  wire::CancelBatch batch;
  batch.set_version(1);
  batch.set_center(federation::to_bytes(center));
  for (const DueControl& one : due) {
    wire::Cancel& cancel = *batch.add_cancels();
    cancel.set_job(federation::to_bytes(one.job));
    cancel.set_attempt(federation::to_bytes(one.attempt));
    cancel.set_fence(one.fence);
    cancel.set_reason(one.reason);
  }
  wire::BrokerFrame frame;
  *frame.mutable_cancels() = federation::seal(order_key_, federation::kCancelBatchType, batch.SerializeAsString());
  return frame;
}

wire::BrokerFrame Switchboard::pause_frame(CenterId center, std::span<const DueControl> due) const {
  wire::PauseBatch batch;
  batch.set_version(1);
  batch.set_center(federation::to_bytes(center));
  for (const DueControl& one : due) {
    wire::Pause& pause = *batch.add_pauses();
    pause.set_job(federation::to_bytes(one.job));
    pause.set_attempt(federation::to_bytes(one.attempt));
    pause.set_fence(one.fence);
    pause.set_paused(one.paused);
  }
  wire::BrokerFrame frame;
  *frame.mutable_pauses() = federation::seal(order_key_, federation::kPauseBatchType, batch.SerializeAsString());
  return frame;
}

}  // namespace bourse::broker
