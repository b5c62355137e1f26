// `bourse-connector run`: everything put together, until a signal ends it.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "base/result.h"

namespace bourse::connector {

struct RunOptions {
  std::string directory;
  std::string config_path;          // empty = <directory>/connector.toml
  std::function<void()> on_ready;   // the link is up for the first time
};

// Returns when stopped; jobs keep running. Errors: as found at the start, or for good (integrity, unavailable).
Status run(const RunOptions& options, std::stop_token stop);

}  // namespace bourse::connector
