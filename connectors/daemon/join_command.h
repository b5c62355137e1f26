// `bourse-connector join`: from the bundle to the first certificate, with a person on either side.
#pragma once

#include <functional>
#include <string>

#include "connectors/daemon/membership_client.h"

namespace bourse::connector {

struct JoinOptions {
  std::string directory;
  std::string bundle_json;  // empty: the one that the folder has
  bool wait = true;         // until the operator admits us
  Duration poll = seconds(2);
  Duration patience = hours(24);
};

// Safe to repeat at any point; says on `say` what is going on and what people have to do. `desk` makes the port to the bundle's market;
// `sleep` returns false when waiting is over (Ctrl-C).
// Errors: those of the desk; failed_precondition when not admitted yet and not waiting.
Status run_join(const JoinOptions& options, const std::function<std::unique_ptr<MembershipPort>(const federation::JoinBundle&)>& desk,
                const std::function<void(const std::string&)>& say, const std::function<bool(Duration)>& sleep, const Clock& clock, Rng& rng);

}  // namespace bourse::connector
