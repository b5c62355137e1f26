// A center's own accounting of our runs, as a file. Pure and bounded: bytes in, values or errors out.
//
// The file is CSV with this header and a line for every run of ours that is over, at any scheduler. A run that was requeued
// has a line for each time it ran.
//
//   marker,job,start,end,elapsed_s,cores,gpus,nodes,mem_mib
//   bourse-att_06A…-1,4711,1772323200,1772326800,3600,8,0,1,16384
//
// `marker` is the name that the connector gave the job; `job` the scheduler's own id; `start` and `end` are seconds since
// 1970; `elapsed_s` is the time that it ran, without suspension; the rest is the total allocation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"

namespace bourse::reconciliation {

struct AccountedRun {
  AttemptId attempt;
  std::uint32_t fence = 0;
  std::string job;  // the scheduler's id, [A-Za-z0-9._-], at most 64
  Instant start, end;
  Duration elapsed;
  std::int64_t cores = 0, gpus = 0, nodes = 0, mem_mib = 0;
  bool operator==(const AccountedRun&) const = default;
};

inline constexpr std::size_t kMostFileBytes = 16 << 20;
inline constexpr std::size_t kMostRuns = 250'000;
inline constexpr std::string_view kHeader = "marker,job,start,end,elapsed_s,cores,gpus,nodes,mem_mib";

// Line breaks may be \n or \r\n; empty lines are left out, and the same line twice is one run.
// Errors: invalid_argument naming the line, too_large.
Result<std::vector<AccountedRun>> read_accounting(std::string_view file);
// The same file again: header and lines, in the order given.
std::string write_accounting(const std::vector<AccountedRun>& runs);

// "bourse-att_…-1", as the connector names jobs.
struct Marker {
  AttemptId attempt;
  std::uint32_t fence = 0;
};
// Errors: invalid_argument.
Result<Marker> parse_marker(std::string_view text);

}  // namespace bourse::reconciliation
