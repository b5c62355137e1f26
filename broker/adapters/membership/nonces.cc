#include "broker/adapters/membership/nonces.h"

#include <span>

namespace bourse::broker {

std::string Nonces::issue() {
  const std::scoped_lock lock(mutex_);
  forget_old();
  while (order_.size() >= kMost) {
    issued_.erase(order_.front());
    order_.pop_front();
  }
  std::string nonce(32, '\0');
  rng_.fill(std::as_writable_bytes(std::span(nonce)));
  issued_.emplace(nonce, clock_.monotonic());
  order_.push_back(nonce);
  return nonce;
}

Status Nonces::spend(const std::string& nonce) {
  const std::scoped_lock lock(mutex_);
  forget_old();
  if (issued_.erase(nonce) == 1) return {};
  return fail(ErrorCode::unauthenticated, "the nonce isn't one of ours, or is older than a minute, or was used before");
}

void Nonces::forget_old() {
  const Duration now = clock_.monotonic();
  while (!order_.empty()) {
    const auto oldest = issued_.find(order_.front());
    if (oldest != issued_.end() && now - oldest->second < kValidity) return;
    if (oldest != issued_.end()) issued_.erase(oldest);
    order_.pop_front();
  }
}

}  // namespace bourse::broker
