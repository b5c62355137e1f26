#include <algorithm>
#include <array>

#include "jobscript/options.h"
#include "jobscript/sentences.h"

namespace bourse::jobscript {
namespace {

constexpr std::string_view kLayout = "How work lies on a node's cores and memory is left to the center.";
constexpr std::string_view kPlace = "The market chooses the nodes by what the job needs.";
constexpr std::string_view kWish = "It is a wish about placement or speed, not a need.";
constexpr std::string_view kNodes = "Particular nodes can't be asked for: the market knows cores, memory and cards.";
constexpr std::string_view kWho = "A job runs as the user that the center has for its owner.";

// Everything that sbatch 22.05 takes, and what newer ones added.
constexpr auto kSlurmOptions = std::to_array<Option>({
#include "jobscript/slurm_options.inc"
});

// Others of Slurm's own names, sorted into the prefixes that may be typed just as they are.
constexpr auto kOthers = std::to_array<std::pair<std::string_view, std::string_view>>(
    {{"share", "oversubscribe"}, {"tasks-per-node", "ntasks-per-node"}, {"cluster", "clusters"}, {"workdir", "chdir"}});

}  // namespace

std::span<const Option> slurm_options() { return kSlurmOptions; }

std::string_view slurm_name(std::string_view name) {
  const auto other = std::ranges::find(kOthers, name, &std::pair<std::string_view, std::string_view>::first);
  return other == kOthers.end() ? name : other->second;
}

}  // namespace bourse::jobscript
