// What is said of runs that a center has: to be cancelled, to be paused, to go on.
#include "broker/adapters/link/switchboard.h"
#include "broker/domain/renewal.h"
#include "federation-proto/fields.h"

namespace bourse::broker {

namespace wire = federation::v1;

namespace {

constexpr std::size_t kMaxControls = 1'000;  // of one frame

}  // namespace

bool Switchboard::pause_due(const Job& job, CenterId center) {
  return runs(job) && job.attempt().center == center && job.pause_wanted != job.attempt().paused;
}

void Switchboard::send_cancels(Session& session) {
  if (session.cancels.empty() || session.fetching) return;
  session.fetching = true;
  ask_engine<std::vector<DueCancel>>(
      session.number,
      [jobs = std::exchange(session.cancels, {}), center = session.peer.center](const Market& market) {
        std::vector<DueCancel> due;
        for (const JobId id : jobs) {
          const Job* job = market.job(id);
          if (job == nullptr || is_final(job->state) || !job->cancel_requested || job->attempt().center != center || job->attempt().closed) continue;
          due.push_back({id, job->attempt().id, job->attempt().fence, job->reason});
        }
        return due;
      },
      [this](Session& fetched, const std::vector<DueCancel>& due) {
        fetched.fetching = false;
        if (fetched.stage != Stage::open) return;
        for (std::size_t at = 0; at < due.size();) {
          wire::CancelBatch batch;
          batch.set_version(1);
          batch.set_center(federation::to_bytes(fetched.peer.center));
          for (; at < due.size() && static_cast<std::size_t>(batch.cancels_size()) < kMaxControls; ++at) {
            wire::Cancel& cancel = *batch.add_cancels();
            cancel.set_job(federation::to_bytes(due[at].job));
            cancel.set_attempt(federation::to_bytes(due[at].attempt));
            cancel.set_fence(due[at].fence);
            cancel.set_reason(due[at].reason);
          }
          wire::BrokerFrame frame;
          *frame.mutable_cancels() = federation::seal(order_key_, federation::kCancelBatchType, batch.SerializeAsString());
          if (!send(fetched, std::move(frame))) return;
        }
        pump(fetched);
      });
}

void Switchboard::send_pauses(Session& session) {
  if (session.pauses.empty() || session.fetching) return;
  session.fetching = true;
  ask_engine<std::vector<DuePause>>(
      session.number,
      [jobs = std::exchange(session.pauses, {}), center = session.peer.center](const Market& market) {
        std::vector<DuePause> due;
        for (const JobId id : jobs)
          if (const Job* job = market.job(id); job != nullptr && pause_due(*job, center))
            due.push_back({id, job->attempt().id, job->attempt().fence, job->pause_wanted});
        return due;
      },
      [this](Session& fetched, const std::vector<DuePause>& due) {
        fetched.fetching = false;
        if (fetched.stage != Stage::open) return;
        for (std::size_t at = 0; at < due.size();) {
          wire::PauseBatch batch;
          batch.set_version(1);
          batch.set_center(federation::to_bytes(fetched.peer.center));
          for (; at < due.size() && static_cast<std::size_t>(batch.pauses_size()) < kMaxControls; ++at) {
            wire::Pause& pause = *batch.add_pauses();
            pause.set_job(federation::to_bytes(due[at].job));
            pause.set_attempt(federation::to_bytes(due[at].attempt));
            pause.set_fence(due[at].fence);
            pause.set_paused(due[at].paused);
          }
          wire::BrokerFrame frame;
          *frame.mutable_pauses() = federation::seal(order_key_, federation::kPauseBatchType, batch.SerializeAsString());
          if (!send(fetched, std::move(frame))) return;
        }
        pump(fetched);
      });
}

}  // namespace bourse::broker
