// A network that loses, repeats, delays and thereby reorders.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "broker/sim/dice.h"

namespace bourse::broker::sim {

struct NetworkFaults {
  std::uint64_t lost_permille = 0;
  std::uint64_t repeated_permille = 0;
  Duration longest_delay = milliseconds(50);
};

template <class Message>
class Network {
 public:
  explicit Network(Dice& dice) : dice_(dice) {}

  void set_faults(NetworkFaults faults) { faults_ = faults; }

  void send(Message message, Instant now) {
    if (dice_.permille(faults_.lost_permille)) return;
    if (dice_.permille(faults_.repeated_permille)) waiting_.emplace(now + dice_.up_to(faults_.longest_delay), message);
    waiting_.emplace(now + dice_.up_to(faults_.longest_delay), std::move(message));
  }

  // What has arrived by now, in the order of arrival.
  std::vector<Message> receive(Instant now) {
    std::vector<Message> arrived;
    const auto later = waiting_.upper_bound(now);
    for (auto w = waiting_.begin(); w != later; ++w) arrived.push_back(std::move(w->second));
    waiting_.erase(waiting_.begin(), later);
    return arrived;
  }

 private:
  Dice& dice_;
  NetworkFaults faults_;
  std::multimap<Instant, Message> waiting_;  // by arrival
};

}  // namespace bourse::broker::sim
