// From a Job and its pods to a run's status. Pure.
//
// A run begins when its first container starts and is over when the job controller says so and its containers have ended, or when
// its Job is gone. Times are the kubelet's, in whole seconds.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/time.h"
#include "connectors/core/driver.h"
#include "connectors/kubernetes/objects.h"

namespace bourse::kubernetes {

struct KnownPod {
  PodView view;
  std::optional<Instant> gone;  // when we learned that the API has it no longer
};

struct KnownJob {
  JobView view;
  std::optional<Instant> gone;
  std::map<std::string, KnownPod> pods;  // by uid; one that is gone stays with what was seen last
};

struct Patience {
  Duration settle = seconds(30);  // containers of a Job that is over may take so long to end; after that its end is theirs
  Duration start = minutes(10);   // a container may wait for its image so long
};

connector::RunStatus status_of(const KnownJob& job, Instant now, const Patience& patience);

// What the driver has to do about a live run, if anything.
struct Wish {
  std::optional<std::int64_t> deadline_s;  // set the Job's deadline: it runs, and the controller doesn't know how long it may
  std::string stop;                        // end it, for this reason
};
Wish wish_of(const KnownJob& job, Instant now, const Patience& patience);

inline constexpr const char* kCancelled = "cancelled";
inline constexpr std::int32_t kNoExitCode = 255;  // it did not end well, and nothing tells a code

}  // namespace bourse::kubernetes
