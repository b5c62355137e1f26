// `bourse-connector doctor`: whether a center can join and sell, before it does. Looks, and submits
// no job; writes a few bytes into the folder to see how long that takes, and removes them.
#pragma once

#include <string>
#include <vector>

#include "base/time.h"

namespace bourse::connector {

enum class Verdict : std::uint8_t { fine = 1, warning = 2, wrong = 3 };
std::string_view name(Verdict verdict);  // "fine"

struct Finding {
  std::string what;    // "clock"
  Verdict verdict = Verdict::fine;
  std::string says;    // what is so
  std::string remedy;  // how to mend it; empty when fine
};

struct DoctorOptions {
  std::string directory;
  std::string config_path;  // empty = <directory>/connector.toml
  Duration patience = seconds(5);  // for the market to answer
};

// In the order in which a center is set up: folder, keys, configuration, clock, spool, jobs' folder, local users, scheduler, pools, membership,
// market. What depends on something that is wrong is left out.
std::vector<Finding> examine(const DoctorOptions& options, const Clock& clock);

// Pieces of it, for their tests.
Finding check_space(const std::string& what, std::int64_t free_bytes, std::int64_t free_files);
Finding check_clock(bool synchronised, std::int64_t most_error_us);

}  // namespace bourse::connector
