// What happened to the holds of running jobs. Part of events.h, whose rules hold here too.
#pragma once

#include <string>

#include "base/amount.h"
#include "base/id.h"
#include "base/time.h"
#include "broker/domain/job.h"

namespace bourse::broker {

// The hold pays for more of the run; its HoldExtended precedes unless it held enough already.
struct HoldRenewed {
  JobId job;
  Duration covered;
  Amount extra;
  Instant at;
  Amount worth;  // as JobSubmitted's, of `extra`
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.job, self.covered, self.extra, self.at, self.worth);
  }
};

// The next window of a running job could not be held: its user is warned, and when the hold has been used the account's policy
// is followed.
struct RenewalRefused {
  JobId job;
  Shortage shortage;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.job, self.shortage); }
};

// The center is to suspend the run, or to let it go on.
struct PauseRequested {
  JobId job;
  bool paused = false;
  std::string reason;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.job, self.paused, self.reason, self.at); }
};

}  // namespace bourse::broker
