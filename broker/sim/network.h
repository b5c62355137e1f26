// A network that loses, repeats, delays and thereby reorders.
#pragma once

#include <algorithm>
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
    if (dice_.permille(faults_.repeated_permille)) waiting_.push_back({now + dice_.up_to(faults_.longest_delay), message});
    waiting_.push_back({now + dice_.up_to(faults_.longest_delay), std::move(message)});
  }

  // What has arrived by now, in the order of arrival.
  std::vector<Message> receive(Instant now) {
    const auto later = std::stable_partition(waiting_.begin(), waiting_.end(), [&](const Waiting& w) { return w.at <= now; });
    std::stable_sort(waiting_.begin(), later, [](const Waiting& a, const Waiting& b) { return a.at < b.at; });
    std::vector<Message> arrived;
    for (auto w = waiting_.begin(); w != later; ++w) arrived.push_back(std::move(w->message));
    waiting_.erase(waiting_.begin(), later);
    return arrived;
  }

 private:
  struct Waiting {
    Instant at;
    Message message;
  };
  Dice& dice_;
  NetworkFaults faults_;
  std::vector<Waiting> waiting_;
};

}  // namespace bourse::broker::sim
