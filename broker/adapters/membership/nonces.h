// Nonces that a request is signed over: 32 random bytes, good once and for a minute.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <string>

#include "base/result.h"
#include "base/rng.h"
#include "base/time.h"

namespace bourse::broker {

// Safe from any thread.
class Nonces {
 public:
  static constexpr Duration kValidity = seconds(60);
  static constexpr std::size_t kMost = 100'000;  // beyond, the oldest go: whoever asks for many stops nobody who uses his at once

  Nonces(const Clock& clock, Rng& rng) : clock_(clock), rng_(rng) {}

  std::string issue();
  // Errors: unauthenticated (unknown, too old, or used before).
  Status spend(const std::string& nonce);

 private:
  void forget_old();

  const Clock& clock_;
  Rng& rng_;
  std::mutex mutex_;
  std::map<std::string, Duration> issued_;  // when, on the steady clock
  std::deque<std::string> order_;           // spent ones too, until they are old
};

}  // namespace bourse::broker
