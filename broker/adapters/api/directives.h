// A request's spec made whole: what it says itself, then what its script says in #SBATCH or #BSUB lines, then the defaults. The
// one place of all three (docs/adr/0022).
#pragma once

#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "bourse/market/v1/market.pb.h"
#include "jobscript/directives.h"

namespace bourse::broker::api {

namespace v1 = market::v1;

inline constexpr std::int64_t kDefaultMemMib = 1024;  // in all
inline constexpr Duration kDefaultWalltime = hours(1);
inline constexpr std::string_view kDefaultName = "job";

struct WholeSpec {
  v1::JobSpec spec;  // all of name, cores, nodes, mem_mib and walltime_ms given; not validated, and perhaps not UTF-8
  std::vector<jobscript::Note> notes;  // none refused; unknown ones only where they are to be skipped
  bool memory_by_default = false, walltime_by_default = false;
  bool from_script = false;            // there were directives
};

// Errors: invalid_argument (directives that are refused or unknown, each named with its line; options of two schedulers),
// too_large.
Result<WholeSpec> whole_spec(const v1::JobSpec& in, const v1::ScriptReading& reading);

// The notes of an answer; with them what was taken by default, where the script could have said it.
void fill(google::protobuf::RepeatedPtrField<v1::DirectiveNote>& out, const WholeSpec& whole);

}  // namespace bourse::broker::api
