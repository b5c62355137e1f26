// Holds that pay for a part of a run at a time. A job with a hold window has the price of that much running time held when
// it is submitted; a lead before that is used up the next window is held, and so on to the walltime. Where the next one
// can't be held the user is warned; a margin before the money runs out the job is paused or stopped, as its account wants it.
// So the lead less the margin is the user's grace, and nothing runs that isn't held for.
#pragma once

#include <algorithm>
#include <optional>

#include "base/result.h"
#include "broker/domain/job.h"

namespace bourse::broker {

inline constexpr Duration kPauseLimit = hours(72);  // how long a job is kept paused, unless its account says otherwise
inline constexpr Duration kMaxPauseLimit = hours(24 * 30);
inline constexpr Duration kRenewalRetry = seconds(10);

// How long before the covered time is used up the next window is held: a quarter of it, 10 s to 6 h.
constexpr Duration renewal_lead(Duration window) { return std::clamp(Duration{window.ms / 4}, seconds(10), hours(6)); }
// How long before that a job that could not be renewed is paused or stopped: an eighth, 5 s to 15 min.
constexpr Duration stop_margin(Duration window) { return std::clamp(Duration{window.ms / 8}, seconds(5), minutes(15)); }

// Running time that the readings of an allocation stand for.
Duration running_time(const pricing::Allocation& allocation, const pricing::Readings& readings);
// The most that the plan's rows come to for that much running time; what a hold must cover. Errors: as pricing::dearest.
Result<Amount> price_for(const Plan& plan, Duration running);
// Has it started, and not ended or been closed?
bool runs(const Job& job);
// How long it has run at `now`, at most.
Duration ran_at_most(const Job& job, Instant now);
// When its hold is to be looked at; nothing while it need not be.
std::optional<Instant> next_look(const Job& job);

}  // namespace bourse::broker
