// What a connector was told and has not answered, told again. A stream may live for weeks, so that the next hello is no date to wait for:
// an order may have been lost on the way, come before the center knew its own pools, or found the engine too busy to be asked.
#include <algorithm>
#include <utility>
#include <vector>

#include "broker/adapters/link/switchboard.h"

namespace bourse::broker {
namespace {

constexpr std::size_t kMostRepeats = 100;  // of a kind, at one look: a center that is only slow isn't buried

// What was due at the last look and still is. Connectors know attempts, so to hear of one again changes nothing there.
template <class Queue>
void say_again(const std::vector<JobId>& before, const std::vector<JobId>& now, Queue& to) {
  std::vector<JobId> old(before);
  std::ranges::sort(old);
  std::size_t repeated = 0;
  for (const JobId id : now) {
    if (repeated == kMostRepeats) return;
    if (!std::ranges::binary_search(old, id)) continue;
    to.push_back(id);
    ++repeated;
  }
}

}  // namespace

void Switchboard::repeat_unanswered(Session& session, Duration now) {
  if (now - session.repeated < options_.repeat_after || session.fetching || !session.orders.empty()) return;
  session.repeated = now;
  ask_engine<Market::Outbox>(
      session.number, [center = session.peer.center](const Market& market) { return market.outbox(center); },
      [this](Session& looked, Market::Outbox due) {
        if (looked.stage != Stage::open) return;
        say_again(looked.unanswered.orders, due.orders, looked.orders);
        say_again(looked.unanswered.cancels, due.cancels, looked.cancels);
        say_again(looked.unanswered.pauses, due.pauses, looked.pauses);
        looked.unanswered = std::move(due);
        pump(looked);
      });
}

}  // namespace bourse::broker
