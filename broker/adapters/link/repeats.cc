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
void say_again(const std::vector<JobId>& before, const std::vector<JobId>& now, std::size_t first, Queue& to) {
  std::vector<JobId> old(before);
  std::ranges::sort(old);
  std::size_t repeated = 0;
  // Each look begins somewhere else, so that what can't be answered doesn't keep the rest from being said.
  for (std::size_t n = 0; n < now.size() && repeated < kMostRepeats; ++n) {
    const JobId id = now[(first + n) % now.size()];
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
        const std::size_t first = kMostRepeats * looked.looks++;
        say_again(looked.unanswered.orders, due.orders, first, looked.orders);
        say_again(looked.unanswered.cancels, due.cancels, first, looked.cancels);
        say_again(looked.unanswered.pauses, due.pauses, first, looked.pauses);
        looked.unanswered = std::move(due);
        pump(looked);
      });
}

}  // namespace bourse::broker
