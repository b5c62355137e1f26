// How far the projections are behind: how long ago the oldest row that is not projected was committed.
#pragma once

#include <cstdint>
#include <deque>

#include "base/time.h"

namespace bourse::broker::store {

// Steady time in, steady time out. One thread at a time. Bounded: told finer than kStep, or for longer than kMost of them, it
// takes the older time for the newer row, and so errs upwards.
class Lag {
 public:
  static constexpr Duration kStep = milliseconds(5);
  static constexpr std::size_t kMost = 100'000;

  // Row `position` is committed; those before it too.
  void announced(std::uint64_t position, Duration now) {
    if (position <= newest_) return;
    newest_ = position;
    if (!waiting_.empty() && (now - waiting_.back().since < kStep || waiting_.size() == kMost))
      waiting_.back().position = position;
    else
      waiting_.push_back({position, now});
  }
  // All rows up to `position` are projected.
  void projected(std::uint64_t position) {
    while (!waiting_.empty() && waiting_.front().position <= position) waiting_.pop_front();
  }
  // Nothing is projected any more.
  void restarted(Duration now) {
    waiting_.clear();
    if (newest_ > 0) waiting_.push_back({newest_, now});
  }
  Duration at(Duration now) const { return waiting_.empty() ? Duration{} : now - waiting_.front().since; }

 private:
  struct Announcement {
    std::uint64_t position = 0;  // the newest of those it stands for
    Duration since;              // when the oldest of them was announced
  };
  std::deque<Announcement> waiting_;
  std::uint64_t newest_ = 0;
};

}  // namespace bourse::broker::store
