#include "connectors/daemon/renewer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace bourse::connector {

Renewer::Renewer(std::string directory, federation::JoinBundle bundle, ConnectorKeys keys, Credentials credentials, MembershipPort& desk,
                 const Clock& clock, Rng& rng)
    : directory_(std::move(directory)), bundle_(std::move(bundle)), keys_(std::move(keys)), credentials_(std::move(credentials)), desk_(desk),
      clock_(clock), rng_(rng), generation_(credentials_.generation) {
  plan();
}

void Renewer::plan() {
  const std::int64_t life = std::max<std::int64_t>((credentials_.until - credentials_.since).ms, 0);
  due_ = credentials_.since + milliseconds(life * 4 / 10 + static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(life / 5) + 1)));
}

Status Renewer::renew() {
  const Instant now = clock_.now();
  auto next = certify(desk_, bundle_, keys_, credentials_, now);
  // What isn't kept isn't used: the generation before stays good, and the desk gives this one again.
  const Status kept = next ? save(*next, directory_) : Status(std::unexpected(next.error()));
  if (!kept) {
    due_ = now + pause_ + milliseconds(static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(pause_.ms))));
    pause_ = std::min(milliseconds(2 * pause_.ms), kLatest);
    return kept;
  }
  if (credentials_.generation > 0 && credentials_.until <= now) spdlog::warn("the certificate had run out and was recovered");
  credentials_ = std::move(*next);
  generation_ = credentials_.generation;
  pause_ = kSoonest;
  plan();
  return {};
}

void Renewer::run(std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    const Duration left = due_ - clock_.now();
    if (left.ms > 0) {
      // In short pieces: the wall clock may be set.
      wake.wait_for(lock, stop, std::chrono::milliseconds(std::min<std::int64_t>(left.ms, 60'000)), [] { return false; });
      continue;
    }
    if (const Status done = renew(); done)
      spdlog::info("certificate {} is good until {}", generation_.load(), to_text(credentials_.until));
    else
      spdlog::error("no new certificate: {}; the present one is good until {}", done.error().message(), to_text(credentials_.until));
  }
}

}  // namespace bourse::connector
