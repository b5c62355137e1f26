// What people type: durations ("90s", "10m", "2h30m", "1-12:00:00"), memory ("512MiB", "4G"), instants.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/amount.h"
#include "base/result.h"
#include "base/time.h"

namespace bourse::cli {

// Units d, h, m, s in that order, each at most once ("1d2h"), or [D-]HH:MM:SS, MM:SS. Whole seconds, above zero, at most
// 366 days. A bare number is refused: nobody knows its unit. Errors: invalid_argument.
Result<Duration> parse_duration(std::string_view text);
// A number with K, M, G, T (powers of 1024; "iB" may follow). Whole mebibytes, above zero. Errors: invalid_argument.
Result<std::int64_t> parse_memory_mib(std::string_view text);

// An amount of money above zero ("12.50"). Errors: invalid_argument, amount_not_positive, amount_overflow.
Result<Amount> positive_amount(std::string_view text);

// A day becomes its first instant, in UTC: what "expires 2027-01-01" is good through New Year's Eve.
std::string day_or_instant(std::string text);

std::string show_duration(std::int64_t ms);    // "2 h 05 min", "41 s"
std::string show_memory(std::int64_t mib);     // "3.9 GiB"

}  // namespace bourse::cli
