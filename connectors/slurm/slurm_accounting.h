// What sacct prints, as the center's own accounting of our runs (reconciliation/accounting.h). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "reconciliation/accounting.h"

namespace bourse::slurm {

// The fields to ask sacct for, in this order; with --parsable2, a header, and SLURM_TIME_FORMAT=%s. The name is the last,
// since users may put '|' into names.
inline constexpr std::string_view kSacctFields = "JobIDRaw,State,Submit,Start,End,ElapsedRaw,Suspended,ExitCode,AllocTRES,JobName";

struct SacctExtract {
  std::vector<reconciliation::AccountedRun> runs;
  std::size_t not_over = 0;             // runs of ours that still wait, run, or were put back into the queue
  std::vector<std::string> unreadable;  // lines that name a run of ours and aren't as expected; at most 20
};

// Lines of other people's jobs are left out. Errors: invalid_argument (the header isn't that of kSacctFields).
Result<SacctExtract> read_sacct(std::string_view text);

}  // namespace bourse::slurm
