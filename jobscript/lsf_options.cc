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
#include "jobscript/lsf_options.inc"
});

}  // namespace

std::span<const Option> lsf_options() { return kLsfOptions; }

}  // namespace bourse::jobscript
