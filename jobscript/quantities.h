// Numbers, times and memory as Slurm and LSF write them. Nothing where a text is none, or beyond kMaxFigure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace bourse::jobscript {

std::optional<std::int64_t> parse_count(std::string_view text);  // "12", "+12"
// "2", "2-4": the least; 'k' (1,024) and 'm' may follow a number of nodes.
struct NodeRange {
  std::int64_t least = 0, most = 0;
};
std::optional<NodeRange> parse_nodes(std::string_view text);

// Slurm: minutes, minutes:seconds, hours:minutes:seconds, days-hours[:minutes[:seconds]]; up to whole minutes. Zero where it
// says no limit ("UNLIMITED", "INFINITE", "0").
std::optional<Duration> parse_slurm_time(std::string_view text);
std::optional<Duration> parse_lsf_time(std::string_view text);  // "90", "1:30" (hours:minutes)

// A number and K, M, G, T (a B may follow), up to whole MiB. A bare number is of `bare_kib` KiB.
std::optional<std::int64_t> parse_memory_mib(std::string_view text, std::int64_t bare_kib);

// Nothing beyond kMaxFigure.
std::optional<std::int64_t> product(std::int64_t a, std::int64_t b);

constexpr std::int64_t divided_up(std::int64_t a, std::int64_t b) { return a / b + (a % b != 0 ? 1 : 0); }

// Fit to be shown: at most 64 bytes, all but printable ASCII as '?'.
std::string shown(std::string_view text);
bool is_blank(char c);  // what isspace() says in the C locale
bool same_word(std::string_view a, std::string_view b);  // but for case, in ASCII

}  // namespace bourse::jobscript
