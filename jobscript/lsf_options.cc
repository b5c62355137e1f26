#include <array>

#include "jobscript/options.h"
#include "jobscript/sentences.h"

namespace bourse::jobscript {
namespace {

constexpr std::string_view kLimits = "Limits of single processes are not set; memory and time of the job are.";
constexpr std::string_view kProfile = "It names a cluster's own setting, which other centers don't have.";
constexpr std::string_view kAround = "Only the script itself is run: put it in there.";
constexpr std::string_view kTerminal = "A batch job has no terminal and no display.";
constexpr std::string_view kFiles = "Files are not copied with the job yet.";

// What bsub of LSF 10.1 takes.
constexpr auto kLsfOptions = std::to_array<Option>({
    {"n", 0, kValue},
    {"W", 0, kValue},
    {"M", 0, kValue},
    {"R", 0, kValue, Fate::used, {}, true},
    {"gpu", 0, kValue},
    {"J", 0, kValue},
    {"P", 0, kValue},
    {"i", 0, kValue},
    {"is", 0, kValue},
    {"env", 0, kValue},
    {"q", 0, kValue, kUnneeded, "The market chooses the pool by what the job needs; queues are called otherwise at every center."},
    {"o", 0, kValue, kUnneeded, kOutput},
    {"oo", 0, kValue, kUnneeded, kOutput},
    {"e", 0, kValue, kUnneeded, kOutput},
    {"eo", 0, kValue, kUnneeded, kOutput},
    {"outdir", 0, kValue, kUnneeded, kOutput},
    {"u", 0, kValue, kUnneeded, kMail},
    {"N", 0, kNothing, kUnneeded, kMail},
    {"Ne", 0, kNothing, kUnneeded, kMail},
    {"B", 0, kNothing, kUnneeded, kMail},
    {"notify", 0, kValue, kUnneeded, kMail},
    {"K", 0, kNothing, kUnneeded, kClient},
    {"tty", 0, kNothing, kUnneeded, kClient},
    {"V", 0, kNothing, kUnneeded, kClient},
    {"h", 0, kNothing, kUnneeded, kClient},
    {"G", 0, kValue, kUnneeded, kAccounting},
    {"g", 0, kValue, kUnneeded, kAccounting},
    {"Jd", 0, kValue, kUnneeded, kAccounting},
    {"sla", 0, kValue, kUnneeded, kOrder},
    {"sp", 0, kValue, kUnneeded, kOrder},
    {"We", 0, kValue, kUnneeded, "The market takes -W; --expected at 'bourse submit' improves its prediction."},
    {"c", 0, kValue, kUnneeded, kLimits},
    {"C", 0, kValue, kUnneeded, kLimits},
    {"D", 0, kValue, kUnneeded, kLimits},
    {"F", 0, kValue, kUnneeded, kLimits},
    {"p", 0, kValue, kUnneeded, kLimits},
    {"S", 0, kValue, kUnneeded, kLimits},
    {"T", 0, kValue, kUnneeded, kLimits},
    {"v", 0, kValue, kUnneeded, kLimits},
    {"ul", 0, kNothing, kUnneeded, kLimits},
    {"hl", 0, kNothing, kUnneeded, kLimits},
    {"r", 0, kNothing, kUnneeded, kOnce},
    {"rn", 0, kNothing, kUnneeded, kOnce},
    {"mig", 0, kValue, kUnneeded, kOnce},
    {"clusters", 0, kValue, kUnneeded, kCenter},
    {"freq", 0, kValue, kRefused, kNode},
    {"Zs", 0, kNothing, kUnneeded, kClient},
    {"ptl", 0, kValue, kUnneeded, kOrder},
    {"eptl", 0, kValue, kUnneeded, kOrder},
    {"x", 0, kNothing, kRefused, kWholeNodes},
    {"w", 0, kValue, kRefused, kAfterOthers},
    {"ti", 0, kNothing, kRefused, kAfterOthers},
    {"b", 0, kValue, kRefused, kLater},
    {"t", 0, kValue, kRefused, kLater},
    {"H", 0, kNothing, kRefused, kLater},
    {"m", 0, kValue, kRefused, "Particular hosts can't be asked for: the market knows cores, memory and cards."},
    {"U", 0, kValue, kRefused, kReservation},
    {"a", 0, kValue, kRefused, kProfile},
    {"app", 0, kValue, kRefused, kProfile},
    {"csm", 0, kValue, kRefused, kProfile},
    {"ext", 0, kValue, kRefused, kProfile},
    {"extsched", 0, kValue, kRefused, kProfile},
    {"network", 0, kValue, kRefused, kProfile},
    {"Lp", 0, kValue, kRefused, kLicenses},
    {"cwd", 0, kValue, kRefused, kFolder},
    {"L", 0, kValue, kRefused, kSetting},
    {"E", 0, kValue, kRefused, kAround},
    {"Ep", 0, kValue, kRefused, kAround},
    {"pack", 0, kValue, kRefused, kAround},
    {"f", 0, kValue, kRefused, kFiles},
    {"data", 0, kValue, kRefused, kFiles},
    {"stage", 0, kValue, kRefused, kFiles},
    {"k", 0, kValue, kRefused, "Checkpoints are the script's own to make."},
    {"Q", 0, kValue, kRefused, kOnce},
    {"s", 0, kValue, kRefused, kSignal},
    {"wa", 0, kValue, kRefused, kSignal},
    {"wt", 0, kValue, kRefused, kSignal},
    {"ar", 0, kNothing, kRefused, "A running job keeps the nodes it has."},
    {"rnc", 0, kValue, kRefused, "A running job keeps the nodes it has."},
    {"I", 0, kNothing, kRefused, kTerminal},
    {"Ip", 0, kNothing, kRefused, kTerminal},
    {"Is", 0, kNothing, kRefused, kTerminal},
    {"IS", 0, kNothing, kRefused, kTerminal},
    {"ISp", 0, kNothing, kRefused, kTerminal},
    {"ISs", 0, kNothing, kRefused, kTerminal},
    {"IX", 0, kNothing, kRefused, kTerminal},
    {"X", 0, kNothing, kRefused, kTerminal},
    {"XF", 0, kNothing, kRefused, kTerminal},
});

}  // namespace

std::span<const Option> lsf_options() { return kLsfOptions; }

}  // namespace bourse::jobscript
