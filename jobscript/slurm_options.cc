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
    {"account", 'A', kValue, kUnneeded, "It names an account of one cluster. Who pays is chosen when the job is submitted (--account)."},
    {"acctg-freq", 0, kValue, kUnneeded, kAccounting},
    {"array", 'a', kValue, kRefused, kArray},
    {"batch", 0, kValue, kRefused, kNodes},
    {"bb", 0, kValue, kRefused, "There is no burst buffer to buy."},
    {"bbf", 0, kValue, kRefused, "There is no burst buffer to buy."},
    {"begin", 'b', kValue, kRefused, kLater},
    {"chdir", 'D', kValue, kRefused, kFolder},
    {"cluster-constraint", 0, kValue, kRefused, kNodes},
    {"clusters", 'M', kValue, kUnneeded, kCenter},
    {"comment", 0, kValue, kUnneeded, kAccounting},
    {"consolidate-segments", 0, kNothing, kUnneeded, kWish},
    {"constraint", 'C', kValue, kRefused, "Features are a cluster's own words, which the market doesn't know; --arch and --gpu-model name what it does."},
    {"container", 0, kValue, kRefused, "Jobs can't be started in a container yet; start it in the script."},
    {"container-id", 0, kValue, kRefused, "Jobs can't be started in a container yet; start it in the script."},
    {"contiguous", 0, kNothing, kUnneeded, kWish},
    {"core-spec", 'S', kValue, kRefused, kNode},
    {"cores-per-socket", 0, kValue, kUnneeded, kLayout},
    {"cpu-freq", 0, kValue, kRefused, kNode},
    {"cpus-per-gpu", 0, kValue},
    {"cpus-per-task", 'c', kValue},
    {"deadline", 0, kValue, kRefused, "Give it as --deadline with a time zone (RFC 3339) where the job is submitted by 'bourse submit'."},
    {"delay-boot", 0, kValue, kUnneeded, kPlace},
    {"dependency", 'd', kValue, kRefused, kAfterOthers},
    {"distribution", 'm', kValue, kUnneeded, kLayout},
    {"error", 'e', kValue, kUnneeded, kOutput},
    {"exclude", 'x', kValue, kRefused, kNodes},
    {"exclusive", 0, kMaybe, kRefused, kWholeNodes},
    {"export", 0, kMaybe},
    {"export-file", 0, kValue, kRefused, kSetting},
    {"extra", 0, kValue, kUnneeded, kAccounting},
    {"extra-node-info", 'B', kValue, kUnneeded, kLayout},
    {"get-user-env", 0, kMaybe, kRefused, kSetting},
    {"gid", 0, kValue, kRefused, kWho},
    {"gpu-bind", 0, kValue, kUnneeded, kLayout},
    {"gpu-freq", 0, kValue, kRefused, kNode},
    {"gpus", 'G', kValue},
    {"gpus-per-node", 0, kValue},
    {"gpus-per-socket", 0, kValue, kRefused, "The market counts cards by job, node or task: say --gpus, --gpus-per-node or --gpus-per-task."},
    {"gpus-per-task", 0, kValue},
    {"gres", 0, kValue},
    {"gres-flags", 0, kValue, kUnneeded, kLayout},
    {"help", 'h', kNothing, kUnneeded, kClient},
    {"hint", 0, kValue, kUnneeded, kLayout},
    {"hold", 'H', kNothing, kRefused, kLater},
    {"ignore-pbs", 0, kNothing, kUnneeded, kClient},
    {"input", 'i', kValue},
    {"job-name", 'J', kValue},
    {"kill-on-invalid-dep", 0, kValue, kUnneeded, kOrder},
    {"licenses", 'L', kValue, kRefused, kLicenses},
    {"mail-type", 0, kValue, kUnneeded, kMail},
    {"mail-user", 0, kValue, kUnneeded, kMail},
    {"mcs-label", 0, kValue, kRefused, kWho},
    {"mem", 0, kValue},
    {"mem-bind", 0, kValue, kUnneeded, kLayout},
    {"mem-per-cpu", 0, kValue},
    {"mem-per-gpu", 0, kValue},
    {"mincpus", 0, kValue, kRefused, "Say --ntasks-per-node and --cpus-per-task instead."},
    {"network", 0, kValue, kRefused, kNode},
    {"nice", 0, kMaybe, kUnneeded, kOrder},
    {"no-kill", 'k', kMaybe, kRefused, "A job ends when one of its nodes fails."},
    {"no-requeue", 0, kNothing, kUnneeded, kOnce},
    {"nodefile", 'F', kValue, kRefused, kNodes},
    {"nodelist", 'w', kValue, kRefused, kNodes},
    {"nodes", 'N', kValue},
    {"ntasks", 'n', kValue},
    {"ntasks-per-core", 0, kValue, kUnneeded, kLayout},
    {"ntasks-per-gpu", 0, kValue, kRefused, "Say --ntasks and --gpus instead."},
    {"ntasks-per-node", 0, kValue},
    {"ntasks-per-socket", 0, kValue, kUnneeded, kLayout},
    {"oom-kill-step", 0, kMaybe, kUnneeded, kLayout},
    {"open-mode", 0, kValue, kUnneeded, kOutput},
    {"output", 'o', kValue, kUnneeded, kOutput},
    {"overcommit", 'O', kNothing, kRefused, "A task has a core of its own at least: say fewer tasks, or start more of them in the script."},
    {"oversubscribe", 's', kNothing, kUnneeded, kPlace},
    {"parsable", 0, kNothing, kUnneeded, kClient},
    {"partition", 'p', kValue, kUnneeded, "The market chooses the pool by what the job needs; partitions are called otherwise at every center."},
    {"power", 0, kValue, kUnneeded, kWish},
    {"prefer", 0, kValue, kUnneeded, kWish},
    {"priority", 0, kValue, kUnneeded, kOrder},
    {"profile", 0, kValue, kUnneeded, kAccounting},
    {"propagate", 0, kMaybe, kUnneeded, "Limits of the submitting shell are not passed on."},
    {"qos", 'q', kValue},
    {"quiet", 'Q', kNothing, kUnneeded, kClient},
    {"reboot", 0, kNothing, kRefused, kNode},
    {"requeue", 0, kNothing, kUnneeded, kOnce},
    {"reservation", 0, kValue, kRefused, kReservation},
    {"segment", 0, kValue, kUnneeded, kWish},
    {"signal", 0, kValue, kRefused, kSignal},
    {"sockets-per-node", 0, kValue, kUnneeded, kLayout},
    {"spread-job", 0, kNothing, kUnneeded, kWish},
    {"spread-segments", 0, kNothing, kUnneeded, kWish},
    {"stepmgr", 0, kNothing, kUnneeded, kWish},
    {"switches", 0, kValue, kUnneeded, kWish},
    {"test-only", 0, kNothing, kUnneeded, kClient},
    {"thread-spec", 0, kValue, kRefused, kNode},
    {"threads-per-core", 0, kValue, kUnneeded, kLayout},
    {"time", 't', kValue},
    {"time-min", 0, kValue, kUnneeded, "The market takes the whole of --time, and charges what is used."},
    {"tmp", 0, kValue, kRefused, "The market doesn't know how much local disk nodes have."},
    {"tres-bind", 0, kValue, kUnneeded, kLayout},
    {"tres-per-task", 0, kValue, kRefused, "Say --cpus-per-task and --gpus-per-task instead."},
    {"uid", 0, kValue, kRefused, kWho},
    {"usage", 0, kNothing, kUnneeded, kClient},
    {"use-min-nodes", 0, kNothing, kUnneeded, kWish},
    {"verbose", 'v', kNothing, kUnneeded, kClient},
    {"version", 'V', kNothing, kUnneeded, kClient},
    {"wait", 'W', kNothing, kUnneeded, kClient},
    {"wait-all-nodes", 0, kValue, kUnneeded, kPlace},
    {"wckey", 0, kValue},
    {"wrap", 0, kValue, kUnneeded, kClient},
    {"x11", 0, kMaybe, kRefused, "Jobs have no display."},
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
