// Arrays of jobs and what waits, as the API shows them.
#pragma once

#include <string_view>

#include "broker/adapters/api/convert.h"
#include "broker/adapters/api/queries.h"

namespace bourse::broker::api {

// A job's or an array's id, or an element's as "job_…_7". Errors: not_found.
Result<JobId> job_id_or_not_found(std::string_view text);
// Which element it is and what it waits for; `gate` is empty where that isn't kept, `until` zero where it doesn't wait.
void fill_waiting(v1::Job& out, const JobSpec& spec, const Gate& gate, Instant until);
// All but its cover, worth and decision.
void fill_summary(v1::Job& out, const Job& job, Amount held, Amount charged, Unit unit, const Market& market);
// An array as a job: `held` and `charged` are sums, its state says how far its elements are.
void fill(v1::Job& out, const StoredArray& array, const Market& market);

}  // namespace bourse::broker::api
