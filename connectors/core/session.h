// What is said on one stream: the hello, the welcome's verdicts, reports in order, orders and cancels back.
#pragma once

#include <functional>
#include <memory>

#include "connectors/core/link.h"
#include "connectors/core/order_check.h"
#include "connectors/core/runs.h"
#include "connectors/core/spool.h"
#include "connectors/core/witness.h"

namespace bourse::federation::v1 {
class CheckpointUpdate;
class Envelope;
class Nack;
class Welcome;
}  // namespace bourse::federation::v1

namespace bourse::connector {

// One thread, the connector's.
class Session {
 public:
  Session(const Membership& us, const federation::KeyPair& identity, Spool& spool, Runs& runs, Reporter& reporter, Witness& witness, Days& days,
          Driver& driver, Link& link, const Clock& clock, std::string software, std::function<std::uint64_t()> generation);

  // Errors are for good (the spool and the broker disagree about the past, or the disk fails): stop and let a person look.
  Status on(const LinkEvent& event);
  // Sends reports that are spooled and not sent, a window of them, and again those that are not acknowledged in time; to be called
  // after every flush.
  Status send_reports();
  void send_pools();
  bool welcomed() const { return welcomed_; }

 private:
  Status on_challenge(const std::string& nonce);
  Status on_welcome(const federation::v1::Envelope& envelope);
  Status reconcile(const federation::v1::Welcome& welcome);
  Status on_ack(const federation::v1::Envelope& envelope);
  void apply_quarantine(std::uint64_t seq, const std::vector<std::pair<std::uint32_t, std::uint32_t>>& set_aside);
  Status on_checkpoint(const federation::v1::CheckpointUpdate& update);
  Status on_nack(const federation::v1::Nack& nack);
  void refuse(const std::string& what, const Error& error);

  const Membership& us_;
  const federation::KeyPair& identity_;
  Spool& spool_;
  Runs& runs_;
  Reporter& reporter_;
  Witness& witness_;
  Days& days_;
  Driver& driver_;
  Link& link_;
  const Clock& clock_;
  std::string software_;
  std::function<std::uint64_t()> generation_;

  std::uint64_t number_ = 0;
  std::string nonce_;
  bool welcomed_ = false;
  std::uint64_t sent_ = 0;  // newest report sent on this stream
  Duration patience_;       // for an acknowledgement
  Duration progress_;       // monotonic: when the oldest of what is on its way was sent, or the one before it acknowledged
  int gaps_ = 0;            // since the newest acknowledgement
  std::uint64_t gap_at_ = 0;  // the newest gap that was answered; 0 = none
  int refusals_ = 0;        // since the newest acknowledgement
};

}  // namespace bourse::connector
