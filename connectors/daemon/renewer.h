// Keeps the connector's certificate fresh: the next one at half of its time, give or take a tenth, so that centers which joined
// together don't come together for ever. One that has run out is recovered in the same way.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "connectors/daemon/membership_client.h"

namespace bourse::connector {

class Renewer {
 public:
  static constexpr Duration kSoonest = seconds(5), kLatest = minutes(5);  // between attempts that fail

  Renewer(std::string directory, federation::JoinBundle bundle, ConnectorKeys keys, Credentials credentials, MembershipPort& desk, const Clock& clock,
          Rng& rng);

  // When the next certificate is due.
  Instant due() const { return due_; }
  // One attempt; what it gives is kept on disk before it counts. Errors: the desk's, unavailable (disk). One thread.
  Status renew();
  // Attempts when they are due, and again after failures, until stopped.
  void run(std::stop_token stop);
  // Of the newest certificate. Safe from any thread.
  std::uint64_t generation() const { return generation_; }

 private:
  void plan();

  const std::string directory_;
  const federation::JoinBundle bundle_;
  const ConnectorKeys keys_;
  Credentials credentials_;
  MembershipPort& desk_;
  const Clock& clock_;
  Rng& rng_;
  Instant due_;
  Duration pause_ = kSoonest;
  std::atomic<std::uint64_t> generation_;
};

}  // namespace bourse::connector
