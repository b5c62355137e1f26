// The suite from its first check to its last.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "connectors/conformance/bench.h"

namespace bourse::conformance {

struct Report {
  std::string kind, version;     // of the scheduler
  std::string pool, user;
  std::vector<Finding> findings;
  std::vector<std::string> left;  // what could not be cleared away
  bool stopped = false;

  std::size_t count(Verdict verdict) const;
  // Every promise that was put to the test is kept, and nothing is left behind.
  bool holds() const { return count(Verdict::failed) == 0 && left.empty() && !stopped; }
};

struct Progress {
  std::function<void(const Check&)> began;
  std::function<void(const Finding&)> ended;
};

// Runs `only` (by name; all when empty). Errors: invalid_argument (no such check); the driver's own, when it can't be opened at all.
Result<Report> run_suite(Bench& bench, const std::vector<std::string>& only, const Progress& progress, const std::function<bool()>& stopped);

}  // namespace bourse::conformance
