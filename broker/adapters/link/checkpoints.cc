// Checkpoints of the evidence tree: each connector is given the newest, with the proof that nothing before it was changed.
#include <spdlog/spdlog.h>

#include "broker/adapters/link/switchboard.h"

namespace bourse::broker {

namespace wire = federation::v1;

namespace {

constexpr Duration kLook = seconds(60);

}  // namespace

void Switchboard::send_checkpoint(Session& session) {
  const CenterId center = session.peer.center;
  const auto newest = notary_.current(center, options_.checkpoint_every);
  if (!newest) return spdlog::error("checkpoint for {}: {}", to_text(center), newest.error().message());
  if (!*newest || (*newest)->size == session.tree_size) return;
  if ((*newest)->size < session.tree_size)
    return spdlog::error("connector of {} keeps a checkpoint of {} leaves, the tree's newest has {}: an old copy of the evidence?",
                         to_text(center), session.tree_size, (*newest)->size);
  auto update = notary_.update(center, session.tree_size, **newest);
  if (!update) return spdlog::error("checkpoint for {}: {}", to_text(center), update.error().message());
  wire::BrokerFrame frame;
  *frame.mutable_checkpoint() = std::move(*update);
  session.tree_size = (*newest)->size;
  send(session, std::move(frame));
}

void Switchboard::send_checkpoints(Duration now) {
  bool made = false;
  {
    const std::scoped_lock lock(mutex_);
    made = std::exchange(checkpoint_made_, false);
  }
  if (!made && checkpoints_looked_at_ && now - *checkpoints_looked_at_ < std::min(kLook, options_.checkpoint_every)) return;
  checkpoints_looked_at_ = now;
  for (auto& [number, session] : sessions_)
    if (session.stage == Stage::open) send_checkpoint(session);
}

}  // namespace bourse::broker
